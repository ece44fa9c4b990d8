"""The boards that QEMU emulates, as targets share them. Addresses and sizes are those of QEMU 7.2's sources."""

from __future__ import annotations

from compiler.targets.base import KiB, Machine, MHz, MiB, Qemu, Region, Timer

# MPS2 with the images AN385 (Cortex-M3), AN386 (M4) and AN500 (M7): zero-wait SSRAM, and slower PSRAM.
MPS2_MEMORY = (
    Region("flash", at=0x0000_0000, size=KiB(4096)),
    Region("ram", at=0x2000_0000, size=KiB(4096)),
    Region("more", at=0x2100_0000, size=MiB(16)),
)
MPS2_TIMER = Timer(at=0x4000_0000, hertz=MHz(25), icount_shift=6)

# MPS2 with AN505 (Cortex-M33), which starts in the secure state: secure addresses.
AN505_MEMORY = (
    Region("flash", at=0x1000_0000, size=KiB(4096)),
    Region("ram", at=0x3800_0000, size=KiB(4096)),
    Region("more", at=0x8000_0000, size=MiB(16)),
)
AN505_TIMER = Timer(at=0x5000_0000, hertz=MHz(20), icount_shift=6)

# MPS3 with AN547 (Cortex-M55, Corstone-300): tightly coupled memories, and DRAM.
AN547_MEMORY = (
    Region("flash", at=0x0000_0000, size=KiB(512)),
    Region("ram", at=0x3000_0000, size=KiB(512)),
    Region("more", at=0x7000_0000, size=MiB(16)),
)

# The BBC micro:bit (nRF51822): the only Cortex-M0 board, with as little RAM as such boards have.
MICROBIT = Machine(
    memory=(Region("flash", at=0x0000_0000, size=KiB(256)), Region("ram", at=0x2000_0000, size=KiB(16))),
    emulator=Qemu("qemu-system-arm", "microbit", "cortex-m0", start_up="cortex_m"),
    stack=KiB(1),
)

# The RISC-V board "virt" has only RAM; a part of it stands for flash. The core starts at the first byte.
VIRT_MEMORY = (
    Region("flash", at=0x8000_0000, size=MiB(4)),
    Region("ram", at=0x8040_0000, size=MiB(4)),
    Region("more", at=0x8100_0000, size=MiB(16)),
)
INSTRUCTION_COUNTER = Timer(at=None, hertz=MHz(1000), icount_shift=0)


def cortex_m(machine: str, cpu: str, timer: Timer | None = None) -> Qemu:
    return Qemu("qemu-system-arm", machine, cpu, start_up="cortex_m", timer=timer)


def riscv(bits: int, extensions: str) -> Qemu:
    """`extensions` are QEMU's switches, e.g. "d=false": the core is to trap on what the target lacks."""
    cpu = f"rv{bits},{extensions}" if extensions else f"rv{bits}"
    return Qemu(f"qemu-system-riscv{bits}", "virt", cpu, start_up="riscv", timer=INSTRUCTION_COUNTER)

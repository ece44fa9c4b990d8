"""Arm Cortex-M4F: single-precision FPU, DSP instructions, emulated on the MPS2 AN386 board."""

from compiler.targets.base import Clang, Gcc, KiB, Llvm, MHz, MiB, Qemu, Region, Target, Timer

TARGET = Target(
    name="cortex-m4",
    title="Arm Cortex-M4F",
    llvm=Llvm(
        triple="thumbv7em-unknown-none-eabihf",
        cpu="cortex-m4",
        features=("+vfp4d16sp",),
    ),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    clang=Clang("-mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    prefer="gcc",
    memory=(
        Region("flash", at=0x0000_0000, size=KiB(4096)),
        Region("ram", at=0x2000_0000, size=KiB(4096)),
        Region("more", at=0x2100_0000, size=MiB(16)),
    ),
    emulator=Qemu(
        program="qemu-system-arm",
        machine="mps2-an386",
        cpu="cortex-m4",
        start_up="cortex_m",
        timer=Timer(at=0x4000_0000, hertz=MHz(25), icount_shift=6),
    ),
    cycles="cortex_m4",
    features=("fpu32", "dsp"),
)

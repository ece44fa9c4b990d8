"""RISC-V of 64 bits with FPU, emulated bare metal on the board virt."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import VIRT_MEMORY, riscv

TARGET = Target(
    name="rv64gc",
    title="RISC-V RV64GC",
    family="RISC-V",
    description="64 bits, double-precision FPU, compressed instructions; JH7110, FU740, K210, TH1520",
    llvm=Llvm(
        triple="riscv64-unknown-none-elf",
        cpu="generic-rv64",
        features=(
            "+m",
            "+a",
            "+f",
            "+d",
            "+c",
        ),
        abi="lp64d",
        # LLVM 22 orders the products of a tile first and then spills them: kws 12.1 M instructions instead of 7.1 M.
        options=("-enable-misched=false",),
        code_model="medium",
    ),
    gcc=Gcc("riscv64-unknown-elf", "-ffreestanding -march=rv64gc -mabi=lp64d -mcmodel=medany", libc=False),
    clang=Clang("-ffreestanding -march=rv64gc -mabi=lp64d -mcmodel=medany"),
    prefer="gcc",
    clock_mhz=1500,
    clock_of="VisionFive 2 (JH7110)",
    memory=VIRT_MEMORY,
    emulator=riscv(64, ""),
    float_unit="double",
    features=("fpu32",),
)

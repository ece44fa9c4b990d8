"""RISC-V of 32 bits with the single-precision FPU, emulated on the board virt."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import VIRT_MEMORY, riscv

TARGET = Target(
    name="rv32imafc",
    title="RISC-V RV32IMAFC",
    family="RISC-V",
    description="multiply, atomics, single-precision FPU, compressed instructions; ESP32-P4, CH32V307",
    llvm=Llvm(
        triple="riscv32-unknown-none-elf",
        cpu="generic-rv32",
        features=(
            "+m",
            "+a",
            "+f",
            "+c",
        ),
        abi="ilp32f",
        # LLVM 22 orders the products of a tile first and then spills them: kws 12.4 M instructions instead of 7.4 M.
        options=("-enable-misched=false",),
    ),
    gcc=Gcc("riscv64-unknown-elf", "-ffreestanding -march=rv32imafc -mabi=ilp32f", libc=False),
    clang=Clang("-ffreestanding -march=rv32imafc -mabi=ilp32f"),
    prefer="gcc",
    clock_mhz=360,
    clock_of="ESP32-P4-Function-EV-Board (ESP32-P4)",
    memory=VIRT_MEMORY,
    emulator=riscv(32, "d=false"),
    float_unit="single",
    cycles="rv32",
    features=("fpu32",),
)

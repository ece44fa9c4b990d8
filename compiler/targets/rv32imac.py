"""RISC-V of 32 bits without FPU, emulated on the board virt."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import VIRT_MEMORY, riscv

TARGET = Target(
    name="rv32imac",
    title="RISC-V RV32IMAC",
    family="RISC-V",
    description="multiply, atomics, compressed instructions, no FPU; ESP32-C6, ESP32-H2, GD32VF103, FE310",
    llvm=Llvm(
        triple="riscv32-unknown-none-elf",
        cpu="generic-rv32",
        features=(
            "+m",
            "+a",
            "+c",
        ),
        abi="ilp32",
    ),
    gcc=Gcc("riscv64-unknown-elf", "-ffreestanding -march=rv32imac -mabi=ilp32", libc=False),
    clang=Clang("-ffreestanding -march=rv32imac -mabi=ilp32"),
    prefer="gcc",
    clock_mhz=160,
    clock_of="ESP32-C6-DevKitC-1 (ESP32-C6)",
    memory=VIRT_MEMORY,
    emulator=riscv(32, "f=false,d=false"),
    float_unit="none",
    cycles="rv32",
)

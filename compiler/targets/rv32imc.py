"""RISC-V of 32 bits without FPU and atomics, emulated on the board virt."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import VIRT_MEMORY, riscv

TARGET = Target(
    name="rv32imc",
    title="RISC-V RV32IMC",
    family="RISC-V",
    description="multiply, compressed instructions, no FPU, no atomics; ESP32-C2, ESP32-C3, CH32V, Ibex, X-HEEP",
    llvm=Llvm(
        triple="riscv32-unknown-none-elf",
        cpu="generic-rv32",
        features=(
            "+m",
            "+c",
        ),
        abi="ilp32",
    ),
    gcc=Gcc("riscv64-unknown-elf", "-ffreestanding -march=rv32imc -mabi=ilp32", libc=False),
    clang=Clang("-ffreestanding -march=rv32imc -mabi=ilp32"),
    prefer="gcc",
    clock_mhz=160,
    clock_of="ESP32-C3-DevKitC-02 (ESP32-C3)",
    memory=VIRT_MEMORY,
    emulator=riscv(32, "a=false,f=false,d=false"),
    float_unit="none",
    cycles="rv32",
)

"""RISC-V of 64 bits with vectors, built by clang: gcc 12 does not know the vector extension 1.0 well enough."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import VIRT_MEMORY, riscv

TARGET = Target(
    name="rv64gcv",
    title="RISC-V RV64GCV (vectors)",
    family="RISC-V",
    description="64 bits, double-precision FPU, vector extension 1.0; SpacemiT K1, C908, SiFive X280",
    llvm=Llvm(
        triple="riscv64-unknown-none-elf",
        cpu="generic-rv64",
        features=(
            "+m",
            "+a",
            "+f",
            "+d",
            "+c",
            "+v",
        ),
        abi="lp64d",
        code_model="medium",
    ),
    gcc=Gcc(
        "riscv64-unknown-elf", "-ffreestanding -march=rv64gc -mabi=lp64d -mcmodel=medany", libc=False, links_only=True
    ),
    clang=Clang("-ffreestanding -march=rv64gcv -mabi=lp64d -mcmodel=medany"),
    prefer="clang",
    clock_mhz=1600,
    clock_of="Banana Pi BPI-F3 (SpacemiT K1)",
    memory=VIRT_MEMORY,
    emulator=riscv(64, "v=true,vlen=128"),
    float_unit="double",
    features=("simd128", "vregs32", "fpu32"),
)

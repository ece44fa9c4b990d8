"""x86-64 with AVX2 and FMA; runs as a Linux process under user-mode QEMU."""

from compiler.targets.base import Clang, Gcc, Llvm, QemuUser, Target

TARGET = Target(
    name="x86-64-v3",
    title="x86-64-v3 (AVX2, FMA)",
    family="x86-64",
    description="Intel since Haswell, AMD since Excavator: vectors of 256 bits, fused multiply-add",
    llvm=Llvm(triple="x86_64-unknown-linux-gnu", cpu="x86-64-v3"),
    gcc=Gcc("x86_64-linux-gnu", "-march=x86-64-v3 -fno-stack-protector"),
    clang=Clang("-march=x86-64-v3 -fno-stack-protector"),
    prefer="clang",
    clock_mhz=2300,
    clock_of="UDOO BOLT V3 (AMD Ryzen Embedded V1202B), base clock",
    emulator=QemuUser("qemu-x86_64", "max", start_up="linux"),
    float_unit="double",
    features=("simd256",),
    aliases=("avx2",),
)

"""x86-64 with AVX-512; runs on this computer where it has that: QEMU 7.2 has no AVX-512."""

from compiler.targets.base import Clang, Gcc, Llvm, Native, Target

TARGET = Target(
    name="x86-64-v4",
    title="x86-64-v4 (AVX-512)",
    family="x86-64",
    description="Intel Xeon since Skylake, AMD since Zen 4: 32 vector registers of 512 bits",
    llvm=Llvm(triple="x86_64-unknown-linux-gnu", cpu="x86-64-v4"),
    gcc=Gcc("x86_64-linux-gnu", "-march=x86-64-v4 -fno-stack-protector"),
    clang=Clang("-march=x86-64-v4 -fno-stack-protector"),
    prefer="clang",
    clock_mhz=2000,
    clock_of="Intel Xeon Gold 6330, base clock",
    emulator=Native(start_up="linux", flags=("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
    float_unit="double",
    features=("simd512", "vregs32"),
    aliases=("avx512",),
)

"""x86-64 as it was at first, with SSE2; runs as a Linux process under user-mode QEMU."""

from compiler.targets.base import Clang, Gcc, Llvm, QemuUser, Target

TARGET = Target(
    name="x86-64",
    title="x86-64 (SSE2)",
    family="x86-64",
    description="every x86-64 processor: 16 vector registers of 128 bits",
    llvm=Llvm(triple="x86_64-unknown-linux-gnu", cpu="x86-64"),
    gcc=Gcc("x86_64-linux-gnu", "-march=x86-64 -fno-stack-protector"),
    clang=Clang("-march=x86-64 -fno-stack-protector"),
    prefer="clang",
    clock_mhz=1440,
    clock_of="UP Board (Intel Atom x5-Z8350)",
    emulator=QemuUser("qemu-x86_64", "qemu64", start_up="linux"),
    float_unit="double",
    features=("simd128",),
    aliases=("sse",),
)

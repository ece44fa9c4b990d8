"""Arm AArch64 with NEON; runs as a Linux process under user-mode QEMU."""

from compiler.targets.base import Clang, Gcc, Llvm, QemuUser, Target

TARGET = Target(
    name="aarch64",
    title="Arm AArch64 (NEON)",
    family="AArch64",
    description="Armv8-A: 32 vector registers of 128 bits; Raspberry Pi 3 to 5, Jetson, i.MX 8, phones",
    llvm=Llvm(triple="aarch64-unknown-linux-gnu", cpu="generic", features=("+neon",)),
    gcc=Gcc("aarch64-linux-gnu", "-march=armv8-a -fno-stack-protector"),
    clang=Clang("-march=armv8-a -fno-stack-protector"),
    prefer="clang",
    clock_mhz=1500,
    clock_of="Raspberry Pi 4 (BCM2711)",
    emulator=QemuUser("qemu-aarch64", "cortex-a53", start_up="linux"),
    float_unit="double",
    features=("simd128", "vregs32", "fpu32"),
    aliases=("neon",),
)

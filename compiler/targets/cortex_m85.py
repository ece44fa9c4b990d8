"""Arm Cortex-M85 with Helium. Built by clang, not run: gcc 12 does not know it, QEMU 7.2 does not emulate it."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import AN547_MEMORY

TARGET = Target(
    name="cortex-m85",
    title="Arm Cortex-M85 (Helium)",
    family="Arm Cortex-M",
    description="Armv8.1-M, Helium (vectors of 128 bits), double-precision FPU; RA8M1, RA8D1",
    llvm=Llvm(triple="thumbv8.1m.main-unknown-none-eabihf", cpu="cortex-m85", features=("+mve.fp",)),
    gcc=Gcc("arm-none-eabi", "-march=armv8.1-m.main+mve.fp+fp.dp -mthumb -mfloat-abi=hard", links_only=True),
    # clang 19 scatters to wrong addresses (llvm-project issue 120993).
    clang=Clang("-mfloat-abi=hard -mllvm -enable-arm-maskedgatscat=false"),
    prefer="clang",
    clock_mhz=480,
    clock_of="EK-RA8M1 (RA8M1)",
    memory=AN547_MEMORY,
    float_unit="double",
    features=(
        "simd128",
        "vregs8",
        "fpu32",
        "dsp",
    ),
)

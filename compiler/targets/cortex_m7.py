"""Arm Cortex-M7 with the single-precision FPU, emulated on the MPS2 AN500 board."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import MPS2_MEMORY, MPS2_TIMER, cortex_m

TARGET = Target(
    name="cortex-m7",
    title="Arm Cortex-M7F (single precision)",
    family="Arm Cortex-M",
    description="Armv7E-M, dual issue, single-precision FPU, DSP, caches; STM32F745, F746, F756",
    llvm=Llvm(triple="thumbv7em-unknown-none-eabihf", cpu="cortex-m7", features=("-fp64",)),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    clang=Clang("-mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    prefer="clang",
    clock_mhz=216,
    clock_of="32F746GDISCOVERY (STM32F746)",
    memory=MPS2_MEMORY,
    emulator=cortex_m("mps2-an500", "cortex-m7", MPS2_TIMER),
    float_unit="single",
    cycles="cortex_m7",
    features=(
        "fpu32",
        "dsp",
    ),
)

"""Arm Cortex-M3: Thumb-2 without an FPU, emulated on the MPS2 AN385 board."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import MPS2_MEMORY, MPS2_TIMER, cortex_m

TARGET = Target(
    name="cortex-m3",
    title="Arm Cortex-M3",
    family="Arm Cortex-M",
    description="Armv7-M, divide, no FPU; STM32F1, STM32F2, LPC17, SAM3X",
    llvm=Llvm(triple="thumbv7m-unknown-none-eabi", cpu="cortex-m3"),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m3 -mthumb -mfloat-abi=soft"),
    clang=Clang("-mfloat-abi=soft"),
    prefer="gcc",
    clock_mhz=72,
    clock_of="STM32F103 (Blue Pill)",
    memory=MPS2_MEMORY,
    emulator=cortex_m("mps2-an385", "cortex-m3", MPS2_TIMER),
    float_unit="none",
    cycles="cortex_m3",
)

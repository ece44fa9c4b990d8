"""Arm Cortex-M4 without its optional FPU, emulated on the MPS2 AN386 board."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import MPS2_MEMORY, MPS2_TIMER, cortex_m

TARGET = Target(
    name="cortex-m4-soft",
    title="Arm Cortex-M4 without FPU",
    family="Arm Cortex-M",
    description="Armv7E-M, DSP, no FPU; STM32WL, nRF52810, and firmware that leaves the FPU off",
    llvm=Llvm(triple="thumbv7em-unknown-none-eabi", cpu="cortex-m4", features=("-fpregs",)),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft"),
    clang=Clang("-mfloat-abi=soft"),
    prefer="gcc",
    clock_mhz=48,
    clock_of="NUCLEO-WL55JC (STM32WL55)",
    memory=MPS2_MEMORY,
    emulator=cortex_m("mps2-an386", "cortex-m4", MPS2_TIMER),
    float_unit="none",
    cycles="cortex_m4",
    features=("dsp",),
)

"""Arm Cortex-M33 with FPU and DSP instructions, emulated on the MPS2 AN505 board."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import AN505_MEMORY, AN505_TIMER, cortex_m

TARGET = Target(
    name="cortex-m33",
    title="Arm Cortex-M33F",
    family="Arm Cortex-M",
    description="Armv8-M, single-precision FPU, DSP; STM32L5, U5, H5, nRF5340, nRF9160, RP2350, LPC55S6x, RA6M4",
    llvm=Llvm(triple="thumbv8m.main-unknown-none-eabihf", cpu="cortex-m33"),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m33 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    clang=Clang("-mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    prefer="gcc",
    clock_mhz=160,
    clock_of="NUCLEO-U575ZI-Q (STM32U575)",
    memory=AN505_MEMORY,
    emulator=cortex_m("mps2-an505", "cortex-m33", AN505_TIMER),
    float_unit="single",
    cycles="cortex_m33",
    features=(
        "fpu32",
        "dsp",
    ),
)

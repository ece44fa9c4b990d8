"""Arm Cortex-M4F: single-precision FPU, DSP instructions, emulated on the MPS2 AN386 board."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import MPS2_MEMORY, MPS2_TIMER, cortex_m

TARGET = Target(
    name="cortex-m4",
    title="Arm Cortex-M4F",
    family="Arm Cortex-M",
    description="Armv7E-M, single-precision FPU, DSP; STM32F3, F4, G4, L4, WB, nRF52832, nRF52840, SAMD51, Apollo3",
    llvm=Llvm(
        triple="thumbv7em-unknown-none-eabihf",
        cpu="cortex-m4",
        features=("+vfp4d16sp",),
        # LLVM 22's model of this core puts sums right behind their products, where each waits a cycle. With the order
        # for Cortex-M7, less its double precision and FPv5 instructions and with the M4's slow fused ones, estimated
        # cycles fall from 10.4 M to 9.5 M (kws), 47.6 to 44.3 (ic), 30.2 to 26.4 (vww).
        ordered_for=(
            "cortex-m7",
            ("-fp64", "-fp-armv8", "-fp-armv8d16", "-fp-armv8d16sp", "+vfp4d16sp", "+slowfpvmlx", "+slowfpvfmx"),
        ),
    ),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    clang=Clang("-mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    prefer="gcc",
    clock_mhz=120,
    clock_of="NUCLEO-L4R5ZI (STM32L4R5)",
    memory=MPS2_MEMORY,
    emulator=cortex_m("mps2-an386", "cortex-m4", MPS2_TIMER),
    float_unit="single",
    cycles="cortex_m4",
    features=(
        "fpu32",
        "dsp",
    ),
)

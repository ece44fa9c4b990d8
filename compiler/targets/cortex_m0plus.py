"""Arm Cortex-M0+: the instruction set of the M0, which runs in its place: QEMU 7.2 has no M0+."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import MICROBIT, MPS2_MEMORY, MPS2_TIMER, cortex_m

TARGET = Target(
    name="cortex-m0plus",
    title="Arm Cortex-M0+",
    family="Arm Cortex-M",
    description="Armv6-M, 2-stage pipeline, no FPU, no unaligned access; RP2040, SAMD21, STM32G0, STM32L0",
    llvm=Llvm(triple="thumbv6m-unknown-none-eabi", cpu="cortex-m0plus"),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m0plus -mthumb -mfloat-abi=soft"),
    clang=Clang("-mfloat-abi=soft"),
    prefer="gcc",
    clock_mhz=200,
    clock_of="Raspberry Pi Pico (RP2040)",
    memory=MPS2_MEMORY,
    emulator=cortex_m("mps2-an385", "cortex-m3", MPS2_TIMER),
    smaller=MICROBIT,
    float_unit="none",
    cycles="cortex_m0plus",
)

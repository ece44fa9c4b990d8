"""Arm Cortex-M0: runs on the micro:bit when it fits, else on a Cortex-M3 that traps on unaligned access."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import MICROBIT, MPS2_MEMORY, MPS2_TIMER, cortex_m

TARGET = Target(
    name="cortex-m0",
    title="Arm Cortex-M0",
    family="Arm Cortex-M",
    description="Armv6-M, 32-bit multiply, no FPU, no unaligned access; nRF51, STM32F0, LPC11",
    llvm=Llvm(triple="thumbv6m-unknown-none-eabi", cpu="cortex-m0"),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m0 -mthumb -mfloat-abi=soft"),
    clang=Clang("-mfloat-abi=soft"),
    prefer="gcc",
    clock_mhz=16,
    clock_of="BBC micro:bit (nRF51822)",
    memory=MPS2_MEMORY,
    emulator=cortex_m("mps2-an385", "cortex-m3", MPS2_TIMER),
    smaller=MICROBIT,
    float_unit="none",
    cycles="cortex_m0",
)

"""Arm Cortex-M55 with Helium (MVE, integer and float), emulated on the MPS3 AN547 board."""

from compiler.targets.base import Clang, Gcc, Llvm, Target
from compiler.targets.machines import AN547_MEMORY, cortex_m

TARGET = Target(
    name="cortex-m55",
    title="Arm Cortex-M55 (Helium)",
    family="Arm Cortex-M",
    description="Armv8.1-M, Helium (vectors of 128 bits), double-precision FPU; STM32N6, Alif Ensemble, Corstone-300",
    llvm=Llvm(triple="thumbv8.1m.main-unknown-none-eabihf", cpu="cortex-m55", features=("+mve.fp",)),
    gcc=Gcc("arm-none-eabi", "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard"),
    # clang 19 scatters to wrong addresses (llvm-project issue 120993).
    clang=Clang("-mfloat-abi=hard -mllvm -enable-arm-maskedgatscat=false"),
    prefer="clang",
    clock_mhz=800,
    clock_of="NUCLEO-N657X0-Q (STM32N657)",
    memory=AN547_MEMORY,
    emulator=cortex_m("mps3-an547", "cortex-m55"),
    float_unit="double",
    cycles="cortex_m55",
    features=(
        "simd128",
        "vregs8",
        "fpu32",
        "dsp",
    ),
)

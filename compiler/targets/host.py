"""This computer, with the vectors it has, by its own gcc or clang: no emulator, but sanitizers and quick tests."""

from compiler.targets.base import Clang, Gcc, Llvm, Native, Target
from compiler.targets.computer import clock_mhz, cpu_flags, machine

_V3 = frozenset("avx avx2 bmi1 bmi2 f16c fma abm movbe".split())
_V4 = _V3 | frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())


def _vectors(name: str, flags: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """The compilers' option and the features for a processor, as Linux names it and its flags."""
    if name == "x86_64":
        if flags >= _V4:
            return "-march=x86-64-v4", ("simd512", "vregs32")
        return ("-march=x86-64-v3", ("simd256",)) if flags >= _V3 else ("", ("simd128",))
    return "", ("simd128", "vregs32", "fpu32") if name in ("aarch64", "arm64") else ()


_OPTION, _FEATURES = _vectors(machine(), cpu_flags())

TARGET = Target(
    name="host",
    title="This computer",
    family="This computer",
    description="the processor that DeepMetal itself runs on",
    llvm=Llvm(triple="", cpu=""),
    gcc=Gcc("", _OPTION),
    clang=Clang(_OPTION),
    prefer="gcc",
    clock_mhz=clock_mhz(),
    clock_of="as the operating system reports it",
    emulator=Native(start_up="host"),
    float_unit="double",
    features=_FEATURES,
)

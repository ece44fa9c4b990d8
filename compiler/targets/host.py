"""This computer, with the vectors it has, by its own gcc or clang: no emulator, but sanitizers and quick tests."""

import platform
from pathlib import Path

from compiler.targets.base import Clang, Gcc, Llvm, Native, Target

_V3 = frozenset("avx avx2 bmi1 bmi2 f16c fma abm movbe".split())
_V4 = _V3 | frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())


def _vectors(machine: str, flags: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """The compilers' option and the features for a machine, as Linux names it and its flags."""
    if machine == "x86_64":
        if flags >= _V4:
            return "-march=x86-64-v4", ("simd512", "vregs32")
        return ("-march=x86-64-v3", ("simd256",)) if flags >= _V3 else ("", ("simd128",))
    return "", ("simd128", "vregs32", "fpu32") if machine in ("aarch64", "arm64") else ()


def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())


_OPTION, _FEATURES = _vectors(platform.machine(), _cpu_flags())

TARGET = Target(
    name="host",
    title="This computer",
    family="This computer",
    description="the processor that DeepMetal itself runs on",
    llvm=Llvm(triple="", cpu=""),
    gcc=Gcc("", _OPTION),
    clang=Clang(_OPTION),
    prefer="gcc",
    clock_mhz=None,
    clock_of="as the operating system reports it",
    emulator=Native(start_up="host"),
    float_unit="double",
    features=_FEATURES,
)

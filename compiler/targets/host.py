"""This computer, by its own gcc or clang: no emulator, but sanitizers and quick tests."""

from compiler.targets.base import Clang, Gcc, Llvm, Native, Target

TARGET = Target(
    name="host",
    title="This computer",
    family="This computer",
    description="the processor that DeepMetal itself runs on",
    llvm=Llvm(triple="", cpu=""),
    gcc=Gcc(""),
    clang=Clang(),
    prefer="gcc",
    clock_mhz=None,
    clock_of="as the operating system reports it",
    emulator=Native(start_up="host"),
    float_unit="double",
)

"""This computer, by its own gcc or clang: no emulator, no instruction counts, but sanitizers and quick tests."""

from compiler.targets.base import Clang, Gcc, Llvm, Target

TARGET = Target(
    name="host",
    title="This computer",
    llvm=Llvm(triple="", cpu=""),
    gcc=Gcc(""),
    clang=Clang(),
    prefer="gcc",
)

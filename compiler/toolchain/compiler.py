"""A compiler for C and C++ set up for a target: the flags that make its objects ours, and a call to compile a file.

Objects are reproducible: tools run in the work folder on relative names, so no path of this machine gets in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compiler.options import CompileOptions, Objective
from compiler.targets.base import CompilerName
from compiler.toolchain.find import Tool, require
from compiler.toolchain.run import Limits, run_tool

# What every compiler gets. No contraction: fused multiply-adds would make compilers disagree in the last bits.
# No errno: the generated code calls no libm. One section per function and constant: linkers drop what is unused,
# and the report can tell what each of them costs.
COMMON = (
    "-ffp-contract=off",
    "-fno-math-errno",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)
C = ("-std=c99",)
CPP = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")
DEBUG = ("-O0", "-g")

LIMITS = Limits(seconds=600)  # of one compilation: optimisers are slow on large functions


@dataclass(frozen=True)
class Compiler:
    """`machine` selects the processor, `optimize` the level for each objective; `cpp` is the name of the C++ driver."""

    kind: CompilerName
    tool: Tool
    machine: tuple[str, ...]
    optimize: dict[Objective, tuple[str, ...]]
    cpp: str

    @property
    def label(self) -> str:
        """The name for the report, e.g. "arm-none-eabi-gcc"."""
        return self.tool.name

    @property
    def cpp_label(self) -> str:
        return self.cpp

    def flags(self, options: CompileOptions) -> tuple[str, ...]:
        """Everything that decides the object's bytes, in the order of the command line; the language is C."""
        return (*self.machine, *self._level(options), *C, *COMMON)

    def cpp_flags(self, options: CompileOptions) -> tuple[str, ...]:
        return (*self.machine, *self._level(options), *CPP, *COMMON)

    def _level(self, options: CompileOptions) -> tuple[str, ...]:
        level, *others = DEBUG if options.debug else self.optimize[options.optimize]
        return (level if options.opt_level == "auto" else f"-O{options.opt_level}", *others)


def compile_c(
    compiler: Compiler,
    source: str,
    output: str,
    *,
    flags: tuple[str, ...],
    workdir: Path,
    include: tuple[str, ...] = (),
) -> Path:
    """Compile one C or assembly file; `source`, `output` and `include` are relative to `workdir`."""
    return _compile(compiler.tool, source, output, flags, workdir, include)


def compile_cpp(
    compiler: Compiler,
    source: str,
    output: str,
    *,
    flags: tuple[str, ...],
    workdir: Path,
    include: tuple[str, ...] = (),
) -> Path:
    """The same for a C++ file."""
    return _compile(require(compiler.cpp, "compiling C++"), source, output, flags, workdir, include)


def _compile(
    tool: Tool, source: str, output: str, flags: tuple[str, ...], workdir: Path, include: tuple[str, ...]
) -> Path:
    (workdir / output).parent.mkdir(parents=True, exist_ok=True)
    folders = [f"-I{folder}" for folder in include]
    if "-g" in flags:  # debug information names the folder that it was made in
        folders.append(f"-fdebug-prefix-map={workdir.resolve()}=.")
    run_tool([tool.path, *flags, *folders, "-c", source, "-o", output], cwd=workdir, limits=LIMITS)
    return workdir / output

"""A C compiler set up for a target: the flags that make its objects ours, and one call to compile a file.

Objects are reproducible: tools run in the work folder on relative names, so no path of this machine gets in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compiler.options import Objective
from compiler.targets.base import CompilerName
from compiler.toolchain.find import Tool
from compiler.toolchain.run import Limits, run_tool

# What every compiler gets. No contraction: fused multiply-adds would make compilers disagree in the last bits.
# No errno: the generated code calls no libm. One section per function and constant: linkers drop what is unused,
# and the report can tell what each of them costs.
COMMON = (
    "-std=c99",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)

LIMITS = Limits(seconds=600)  # of one compilation: optimisers are slow on large functions


@dataclass(frozen=True)
class Compiler:
    """`machine` selects the processor, `optimize` the level for each objective."""

    kind: CompilerName
    tool: Tool
    machine: tuple[str, ...]
    optimize: dict[Objective, tuple[str, ...]]

    @property
    def label(self) -> str:
        """The name for the report, e.g. "arm-none-eabi-gcc"."""
        return self.tool.name

    def flags(self, objective: Objective) -> tuple[str, ...]:
        """Everything that decides the object's bytes, in the order of the command line."""
        return (*self.machine, *self.optimize[objective], *COMMON)


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
    (workdir / output).parent.mkdir(parents=True, exist_ok=True)
    folders = [f"-I{folder}" for folder in include]
    run_tool([compiler.tool.path, *flags, *folders, "-c", source, "-o", output], cwd=workdir, limits=LIMITS)
    return workdir / output

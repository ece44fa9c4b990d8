"""Link a program for a target: by its gcc, whose C library then serves, else by lld with what we bring ourselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from compiler.errors import ModelError, ToolError
from compiler.targets.base import Qemu, Target
from compiler.toolchain.compiler import Compiler
from compiler.toolchain.find import path_of, require
from compiler.toolchain.run import FAILED, Limits, run_tool

DOES_NOT_FIT = "E0502"
STATIC = ("-static", "-no-pie")  # fixed addresses
_OVERFLOW = re.compile(r"region [`']?(\w+)'? overflowed(?: by (\d+) bytes)?")


def link(
    target: Target,
    compiler: Compiler,
    objects: Sequence[str],
    output: str,
    *,
    workdir: Path,
    script: str = "",
    flags: Sequence[str] = (),
    last: Sequence[str] = (),
) -> Path:
    """Link `objects`, what the target's C library adds, then `last`; names are relative to `workdir`."""
    try:
        run_tool(
            [*_linker(target, compiler, script), *flags, *objects, *_libraries(target), *last, "-o", output],
            cwd=workdir,
            limits=Limits(seconds=300, memory=None),
        )
    except ToolError as error:
        said = error.facts.get("it said", "")
        if error.code == FAILED and (overflow := _OVERFLOW.search(said)):
            raise _does_not_fit(target, overflow) from error
        raise
    return workdir / output


def _linker(target: Target, compiler: Compiler, script: str) -> list[str | Path]:
    if hosted(target):
        return [compiler.tool.path, *compiler.machine]
    layout = [f"-T{script}"] if script else []
    driver = path_of(target.gcc.program("gcc"))
    if driver is not None:
        machine = target.gcc.machine.split()
        return [driver, *machine, "-nostdlib", "-nostartfiles", *STATIC, "-Wl,--gc-sections", *layout]
    if target.float_unit == "none":
        require(target.gcc.program("gcc"), f"its library, for floating point without an FPU on {target.name}")
    return [require("ld.lld", f"linking for {target.name}").path, "-static", "--gc-sections", *layout]


def hosted(target: Target) -> bool:
    """This computer's driver links, with its C library; everything else is linked with what we bring."""
    return not target.llvm.triple


def _libraries(target: Target) -> list[str]:
    if hosted(target) or path_of(target.gcc.program("gcc")) is None:
        return []  # this computer's driver knows; lld has none to offer
    bare = bool(target.memory)
    return ["-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group"] if bare and target.gcc.libc else ["-lgcc"]


def _does_not_fit(target: Target, overflow: re.Match[str]) -> ModelError:
    region = target.region(overflow[1])
    facts = {"region": overflow[1]}
    if region is not None:
        facts["size"] = f"{region.size} bytes"
    if overflow[2]:
        facts["missing"] = f"{overflow[2]} bytes"
    machine = target.emulator.machine if isinstance(target.emulator, Qemu) else target.name
    return ModelError(
        DOES_NOT_FIT,
        f"the program does not fit the memory of the emulated board {machine}",
        where=f"--target {target.name}",
        facts=facts,
        help="--no-run compiles without running on the emulator",
    )

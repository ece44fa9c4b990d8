"""Link a program for a target: by its gcc, whose C library then serves, else by lld with what we bring ourselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from compiler.errors import ModelError, ToolError
from compiler.targets.base import Target
from compiler.toolchain.compiler import Compiler
from compiler.toolchain.find import path_of, require
from compiler.toolchain.run import FAILED, Limits, run_tool

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
    if not script:
        return [compiler.tool.path, *compiler.machine]
    driver = path_of(target.gcc.program("gcc"))
    if driver is not None:
        return [driver, *target.gcc.machine.split(), "-nostdlib", "-nostartfiles", "-Wl,--gc-sections", f"-T{script}"]
    return [require("ld.lld", f"linking for {target.name}").path, "--gc-sections", f"-T{script}"]


def _libraries(target: Target) -> list[str]:
    if not target.memory or path_of(target.gcc.program("gcc")) is None:
        return []  # this computer's driver knows; lld has none to offer
    return ["-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group"] if target.gcc.libc else ["-lgcc"]


def _does_not_fit(target: Target, overflow: re.Match[str]) -> ModelError:
    region = target.region(overflow[1])
    facts = {"region": overflow[1]}
    if region is not None:
        facts["size"] = f"{region.size} bytes"
    if overflow[2]:
        facts["missing"] = f"{overflow[2]} bytes"
    machine = target.emulator.machine if target.emulator else target.name
    return ModelError(
        "E0502",
        f"the program does not fit the memory of the emulated board {machine}",
        where=f"--target {target.name}",
        facts=facts,
        help="--no-run compiles without running on the emulator",
    )

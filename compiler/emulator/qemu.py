"""Run a firmware on QEMU, within limits: the emulator is a tool like the others, and the firmware may hang."""

from __future__ import annotations

import struct
from pathlib import Path

from compiler.errors import CompilerBug, ToolError
from compiler.targets.base import Qemu
from compiler.toolchain.find import require
from compiler.toolchain.run import FAILED, TIME_LIMIT, Limits, Outcome, failure, run_tool
from compiler.toolchain.sizes import Symbol, read_symbols

HUNG, CRASHED = "E0802", "E0803"
FAULT_STATUS, BAD_FILE_STATUS = 3, 4


def run_firmware(
    qemu: Qemu,
    elf: Path,
    rundir: Path,
    *,
    plugin: str | None = None,
    icount: bool = False,
    seconds: float = 120.0,
    check: bool = True,
) -> Outcome:
    """Run until the firmware ends itself; files that it opens are in `rundir`."""
    tool = require(qemu.program, "running the compiled code")
    command: list[str | Path] = [tool.path, "-M", qemu.machine, "-cpu", qemu.cpu, "-nodefaults"]
    command += ["-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native"]
    if plugin is not None:
        command += ["-plugin", plugin]
    if icount:
        assert qemu.timer is not None
        command += ["-icount", f"shift={qemu.timer.icount_shift},sleep=off"]
    try:
        outcome = run_tool([*command, "-kernel", elf], cwd=rundir, limits=Limits(seconds=seconds), check=False)
    except ToolError as error:
        if error.code == TIME_LIMIT:
            raise ToolError(HUNG, f"the compiled code did not end within {seconds:g} s on {qemu.machine}") from error
        raise
    if check and outcome.status != 0:
        raise _failure(qemu, elf, rundir, outcome)
    return outcome


def _failure(qemu: Qemu, elf: Path, rundir: Path, outcome: Outcome) -> ToolError | CompilerBug:
    fault = rundir / "fault.bin"
    if outcome.status == FAULT_STATUS and fault.is_file():
        _, pc = struct.unpack("<II", fault.read_bytes().ljust(8, b"\0")[:8])
        symbols, _ = read_symbols(elf)
        return CompilerBug(
            CRASHED,
            f"the compiled code crashed on {qemu.machine}",
            facts={"function": function_at(symbols, pc), "address": f"{pc:#010x}"},
        )
    if outcome.status == BAD_FILE_STATUS:
        return ToolError(FAILED, f"the firmware on {qemu.machine} could not read or write its files")
    return failure(qemu.program, outcome)


def function_at(symbols: list[Symbol], address: int) -> str:
    """The function that holds an address, or "?"."""
    for symbol in symbols:
        if symbol.kind == "function" and symbol.address <= address < symbol.address + symbol.size:
            return symbol.name
    return "?"

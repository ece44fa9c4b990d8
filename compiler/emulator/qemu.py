"""Run a firmware on QEMU, within limits: the emulator is a tool like the others, and the firmware may hang."""

from __future__ import annotations

import struct
from pathlib import Path

from compiler.errors import CompilerBug, ToolError
from compiler.targets.base import Emulator, Native, Qemu, QemuUser
from compiler.toolchain.find import require
from compiler.toolchain.run import FAILED, TIME_LIMIT, Limits, Outcome, failure, run_tool
from compiler.toolchain.sizes import Symbol, read_symbols

HUNG, CRASHED = "E0802", "E0803"
FAULT_STATUS, BAD_FILE_STATUS = 3, 4


def run_firmware(
    emulator: Emulator,
    elf: Path,
    rundir: Path,
    *,
    plugin: str | None = None,
    icount: bool = False,
    seconds: float = 120.0,
    check: bool = True,
) -> Outcome:
    """Run until the firmware ends itself; files that it opens are in `rundir`."""
    command = [*_emulated(emulator, plugin, icount), elf]
    where = _where(emulator)
    memory = (
        None if isinstance(emulator, Native | QemuUser) else Limits.memory
    )  # these reserve addresses by the terabyte
    try:
        outcome = run_tool(command, cwd=rundir, limits=Limits(seconds=seconds, memory=memory), check=False)
    except ToolError as error:
        if error.code == TIME_LIMIT:
            raise ToolError(HUNG, f"the compiled code did not end within {seconds:g} s on {where}") from error
        raise
    if check and outcome.status != 0:
        raise _failure(where, elf, rundir, outcome)
    return outcome


def _emulated(emulator: Emulator, plugin: str | None, icount: bool) -> list[str | Path]:
    """The command in front of the program."""
    if isinstance(emulator, Native):
        return []
    tool = require(emulator.program, "running the compiled code")
    plugins = ["-plugin", plugin] if plugin is not None else []
    if isinstance(emulator, QemuUser):
        return [tool.path, "-cpu", emulator.cpu, *plugins]
    command: list[str | Path] = [tool.path, "-M", emulator.machine, "-cpu", emulator.cpu, "-nodefaults"]
    if emulator.start_up == "riscv":
        command += ["-bios", "none"]
    command += ["-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", *plugins]
    if icount:
        assert emulator.timer is not None
        command += ["-icount", f"shift={emulator.timer.icount_shift},sleep=off"]
    return [*command, "-kernel"]


def _where(emulator: Emulator) -> str:
    if isinstance(emulator, Native):
        return "this computer"
    return emulator.machine if isinstance(emulator, Qemu) else emulator.program


def _failure(where: str, elf: Path, rundir: Path, outcome: Outcome) -> ToolError | CompilerBug:
    fault = rundir / "fault.bin"
    if outcome.status == FAULT_STATUS and fault.is_file():
        (pc,) = struct.unpack("<Q", fault.read_bytes().ljust(8, b"\0")[:8])
        symbols, _ = read_symbols(elf)
        return CompilerBug(
            CRASHED,
            f"the compiled code crashed on {where}",
            facts={"function": function_at(symbols, pc), "address": f"{pc:#010x}"},
        )
    if outcome.status == BAD_FILE_STATUS:
        return ToolError(FAILED, f"the firmware on {where} could not read or write its files")
    return failure(elf.name if where == "this computer" else where, outcome)


def function_at(symbols: list[Symbol], address: int) -> str:
    """The function that holds an address, or "?"."""
    for symbol in symbols:
        if symbol.kind == "function" and symbol.address <= address < symbol.address + symbol.size:
            return symbol.name
    return "?"

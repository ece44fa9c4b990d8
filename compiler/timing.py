"""Estimated time of a run: cycles by a model of the core, milliseconds at a board's clock, how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.emulator.build import Build
from compiler.emulator.cycles import FAST, Core, Run, core, read_run, worst_error
from compiler.emulator.measure import Measurement
from compiler.errors import ToolError
from compiler.targets.base import FlashTiming, Target
from compiler.targets.boards import Board, boards
from compiler.toolchain.run import MISSING


@dataclass(frozen=True)
class Timing:
    """Cycles of one inference. `layers` is None where kernels cannot be told apart."""

    cycles: int
    layers: tuple[int, ...] | None
    addresses: Mapping[int, int]  # address in the harness -> cycles, without waits for flash
    clock_mhz: float | None
    memory_known: bool  # False: a board was asked for whose flash nobody described, so cycles are for a faster memory
    error_percent: float | None  # the model's worst error on its references; None: it has none
    model: str
    waiting_for_code: float  # share of the cycles in which the core waits for instructions from flash
    run: Run  # for other boards with the same core

    @property
    def milliseconds(self) -> float | None:
        return self.in_milliseconds(self.cycles)

    def in_milliseconds(self, cycles: int) -> float | None:
        """None without a clock, and for a board whose flash is not known: it would be an understatement."""
        return None if self.clock_mhz is None or not self.memory_known else cycles / self.clock_mhz / 1000


def time_run(built: Build, measured: Measurement, target: Target, board: Board | None = None) -> Timing | None:
    """None where the core has no model, the counting plugin could not run, or nothing here reads the machine code.

    Without a board it is the one that the target has its clock from, as far as its flash is known.
    """
    board = board or usual_board(target)
    model = core_of(target)
    if model is None or measured.histogram is None or built.harness is None:
        return None
    parts = measured.layer_histograms or (measured.histogram,)
    try:
        run = read_run(built.harness, built.target, parts, model.name)
    except ToolError as error:
        if error.code == MISSING:
            return None
        raise
    flash = board.timing if board is not None else None
    estimate = run.estimate(flash or FAST)
    return Timing(
        cycles=estimate.cycles,
        layers=estimate.layers if measured.layer_histograms else None,
        addresses=estimate.addresses,
        clock_mhz=board.clock_mhz if board is not None else target.clock_mhz,
        memory_known=board is None or flash is not None,
        error_percent=worst_error(model.name),
        model=describe(model, flash, board),
        waiting_for_code=estimate.fetch_stalls / max(1, estimate.cycles),
        run=run,
    )


def core_of(target: Target) -> Core | None:
    """The pipeline model of a target's core."""
    return core(target.cycles) if target.cycles else None


def usual_board(target: Target) -> Board | None:
    """The board that `clock_of` names, when the table knows it with that clock and how it reads its flash."""
    for board in boards().values():
        named = target.clock_of.startswith((f"{board.title} ", f"{board.title},")) or target.clock_of == board.title
        if named and board.target == target.name and board.clock_mhz == target.clock_mhz and board.timing is not None:
            return board
    return None


def describe(model: Core, flash: FlashTiming | None, board: Board | None = None) -> str:
    """What the cycles are for: core, memory, and whether the model was ever held against a measurement."""
    if flash is not None and flash.wait_states:
        memory = f"flash with {flash.wait_states} wait states per {flash.line_bytes} bytes"
        memory += ", prefetch" if flash.prefetch else ""
        memory += ", cache" if flash.icache_bytes else ""
    elif flash is not None or board is None:
        memory = "memory without wait states"
    else:
        memory = "memory without wait states, since this board's are not known (so no latency)"
    where = f" on {board.title}" if board is not None else ""
    sure = "" if worst_error(model.name) is not None else "; uncalibrated"
    return f"{model.title}{where}, {memory}{sure}"

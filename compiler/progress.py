"""Progress of a compilation on standard error: a live display on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from compiler.pack.text import plain
from compiler.trace import STAGES, Event, Stage

TITLES: dict[Stage, str] = {
    "import": "Read the model",
    "optimize": "Optimise the graph",
    "plan": "Plan memory",
    "generate": "Generate code",
    "build": "Build",
    "emulate": "Run on the emulator",
    "validate": "Compare with the model",
    "report": "Write report and zip",
}


class Display(Protocol):
    """A listener of `compiler.trace.Trace`."""

    def __call__(self, event: Event) -> None: ...


@contextmanager
def display(stream: TextIO | None = None) -> Iterator[Display]:
    """A display for one compilation; on leaving, the terminal is as it was."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    console = Console(file=stream)  # honours NO_COLOR and TERM=dumb
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Live(progress)


class Lines:
    """`[3/8] Plan memory: 0.12 s`, one line when a stage is done, and the log between them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        line = _log_line(event) if event.kind == "log" else _done_line(event) if event.kind == "stage_done" else ""
        if line:
            print(line, file=self._stream, flush=True)


class Live:
    """A spinner for the stage that runs; finished stages scroll up with their time."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task(TITLES["import"], total=None)

    def __call__(self, event: Event) -> None:
        if event.kind == "stage" and event.stage is not None:
            self._progress.reset(self._task, description=TITLES[event.stage])
        elif event.kind == "stage_done":
            self._progress.console.print(Text("✓ ", "green") + Text(_done_line(event)))
        elif event.kind == "log":
            self._progress.console.print(Text(_log_line(event), "dim"))


def _done_line(event: Event) -> str:
    stage = event.stage or STAGES[0]
    return f"[{STAGES.index(stage) + 1}/{len(STAGES)}] {TITLES[stage]}: {event.seconds or 0.0:.2f} s"


def _log_line(event: Event) -> str:
    return "      " + plain(event.message, 200)

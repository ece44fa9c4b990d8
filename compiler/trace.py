"""Events of a running compilation: stages with their seconds, log lines, progress.

The pipeline writes to a `Trace`; the command line turns the events into a progress display, the worker into
rows that the browser follows. The compiler knows neither.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Stage = Literal["import", "optimize", "plan", "generate", "build", "emulate", "validate", "report"]
STAGES: tuple[Stage, ...] = ("import", "optimize", "plan", "generate", "build", "emulate", "validate", "report")

log = logging.getLogger("deepmetal")


@dataclass(frozen=True)
class Event:
    """One thing that happened; `to_json` is what crosses the process border, one object per line."""

    kind: Literal["stage", "stage_done", "log"]
    stage: Stage | None
    message: str = ""
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "stage": self.stage, "message": self.message, "seconds": self.seconds}


@dataclass
class Trace:
    """Collects stage times and passes every event on to a listener."""

    listener: Callable[[Event], None] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    current: Stage | None = None

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time a stage. An exception passes through; the stage then has no `stage_done` event."""
        self.current = name
        self._emit(Event("stage", name))
        start = time.perf_counter()
        yield
        spent = time.perf_counter() - start
        self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)
        self._emit(Event("stage_done", name, seconds=round(spent, 3)))

    def log(self, message: str) -> None:
        """One line for the user's log; never contains machine paths."""
        self._emit(Event("log", self.current, message))

    def _emit(self, event: Event) -> None:
        if debug_level() >= 1:
            log.info("%s %s %s", event.kind, event.stage or "", event.message or event.seconds or "")
        if self.listener is not None:
            self.listener(event)


def log_to_stderr() -> None:
    """Show what `DEEPMETAL_DEBUG` asks for; the library itself never configures logging."""
    if debug_level() >= 1:
        logging.basicConfig(format="%(message)s")
        log.setLevel(logging.INFO)


def debug_level() -> int:
    """`DEEPMETAL_DEBUG`; each level adds: 1 events, 2 plan, 3 graphs after passes, 4 source, 5 rules with reasons."""
    value = os.environ.get("DEEPMETAL_DEBUG", "0")
    return int(value) if value.isdigit() else 0

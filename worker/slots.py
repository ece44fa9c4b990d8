"""How many jobs at once: slots for anything, and one more for inspections, since somebody waits for those."""

from __future__ import annotations

import threading
from dataclasses import dataclass

ANY = ("inspect", "compile")
INSPECT = ("inspect",)


@dataclass(frozen=True)
class Slot:
    kinds: tuple[str, ...]


class Slots:
    """Thread-safe counters."""

    def __init__(self, general: int) -> None:
        self.total = general + 1
        self._general = general
        self._reserved = 1
        self._lock = threading.Lock()

    def take(self) -> Slot | None:
        """A free slot, the most useful first; None when all are busy."""
        with self._lock:
            if self._general:
                self._general -= 1
                return Slot(ANY)
            if self._reserved:
                self._reserved -= 1
                return Slot(INSPECT)
            return None

    def give(self, slot: Slot) -> None:
        with self._lock:
            if slot.kinds == ANY:
                self._general += 1
            else:
                self._reserved += 1

    @property
    def free_kinds(self) -> tuple[str, ...]:
        """What could be begun right now."""
        with self._lock:
            return ANY if self._general else INSPECT if self._reserved else ()

    @property
    def busy(self) -> int:
        with self._lock:
            return self.total - self._general - self._reserved

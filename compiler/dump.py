"""`DEEPMETAL_DUMP=FOLDER`: what every stage made, as numbered files in the order in which they came to be."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def no_dumps() -> Iterator[None]:
    """For graphs beside the line: those that the quantiser measures are nobody's stages."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


def dump(name: str, content: Callable[[], str | bytes]) -> None:
    """Write the next file; `content` is only called when somebody wants to see it. Files of earlier runs stay."""
    folder = os.environ.get("DEEPMETAL_DUMP")
    if not folder or _quiet.get():
        return
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    taken = [int(f.name[:3]) for f in place.iterdir() if re.match(r"\d{3}-", f.name)]
    made = content()
    file = place / f"{max(taken, default=-1) + 1:03}-{name}"
    file.write_bytes(made if isinstance(made, bytes) else made.encode())

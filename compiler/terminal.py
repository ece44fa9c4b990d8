"""What people see on a terminal: errors, tables, progress. All of it goes to standard error or is asked for.

Text from models passes through `plain`, so that no file can move the cursor or rewrite a line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from compiler.errors import DeepMetalError
from compiler.pack.text import plain

_MOST_LINES = 40
_LONGEST_ROW = 1000  # a command to repeat must not be cut


def error_text(error: DeepMetalError) -> str:
    """Like `str(error)`, with whatever a model or a tool put into it made visible."""
    width = min(max((len(plain(name, 32)) for name in error.facts), default=0), 32)
    lines = [f"error[{plain(error.code, 8)}]: {plain(error.title, 400)}"]
    if error.where:
        lines.append(f"  --> {plain(error.where, 200)}")
    for name, value in error.facts.items():
        label = plain(name, 32)
        for row in str(value).splitlines()[:_MOST_LINES] or [""]:
            lines.append(f"   | {label:<{width}}  {plain(row, _LONGEST_ROW)}")
            label = ""
    if error.help:
        lines.append(f"   = help: {plain(error.help, 400)}")
    return "\n".join(lines)


def show_error(error: DeepMetalError, stream: TextIO | None = None) -> None:
    stream = stream or sys.stderr
    text = error_text(error)
    if colour(stream):
        first, *rest = text.split("\n")
        head, _, title = first.partition(":")
        text = "\n".join([f"\x1b[1;31m{head}:\x1b[0m\x1b[1m{title}\x1b[0m", *rest])
    print(text, file=stream)


def colour(stream: TextIO) -> bool:
    """https://no-color.org: any value of NO_COLOR that is not empty turns colour off."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns as wide as their cells; those in `right` are aligned there. The last column is not padded."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        padded = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)

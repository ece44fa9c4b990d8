"""The error catalogue: `compiler/errors_catalog/E0203.md`, one file per code.

A file begins with `# E0203: title` and then says what the error means, its usual cause, and what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from compiler.errors import ModelError
from compiler.pack.text import plain

UNKNOWN = "E1007"
RANGES = {
    "E01": "Reading a model",
    "E02": "Operators",
    "E03": "Shapes and types",
    "E04": "Quantisation",
    "E05": "Does not fit",
    "E06": "Generating code",
    "E07": "Building",
    "E08": "Running and comparing",
    "E09": "The service",
    "E10": "Options",
    "E99": "Bugs",
}
_TITLE = re.compile(r"# (E\d{4}): (.+)\n")


@dataclass(frozen=True)
class Entry:
    code: str
    title: str
    text: str  # the whole file

    @property
    def body(self) -> str:
        """The text below the title."""
        return self.text.partition("\n")[2].strip()


@cache
def entries() -> tuple[Entry, ...]:
    """All entries by code."""
    found = []
    for file in (files("compiler") / "errors_catalog").iterdir():
        if re.fullmatch(r"E\d{4}\.md", file.name):
            text = file.read_text("utf-8")
            title = _TITLE.match(text)
            if title is None or title[1] != file.name[:5]:
                raise ValueError(f"{file.name} must begin with '# {file.name[:5]}: title'")
            found.append(Entry(title[1], title[2], text.strip()))
    return tuple(sorted(found, key=lambda e: e.code))


def entry(code: str) -> Entry:
    """The entry of a code, in either case and with or without the E; an unknown one is the user's error."""
    wanted = code.strip().upper()
    wanted = wanted if wanted.startswith("E") else "E" + wanted
    known = {e.code: e for e in entries()}
    if wanted in known:
        return known[wanted]
    near = [other for other in known if other[:3] == wanted[:3]][:6]
    raise ModelError(
        UNKNOWN,
        f"there is no error code '{plain(code, 16)}'",
        facts={"near it": ", ".join(near)} if near else {},
        help="`deepmetal explain` lists all codes",
    )

"""Where a function is written in a generated source, whatever the language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_COMMENT = re.compile(r"\s*(/\*|\*|//|;)")


@dataclass(frozen=True)
class Definition:
    """Lines from 1, both inclusive; the comment above the function belongs to it."""

    first: int
    last: int


def definitions(source: str, names: Sequence[str]) -> dict[str, Definition]:
    """The definitions of `names` in C, C++ or LLVM IR as the emitters print them: the closing brace stands alone."""
    lines = source.splitlines()
    wanted = set(names)
    found: dict[str, Definition] = {}
    for at, name in _openings(lines, wanted):
        indent = re.match(r"\s*", lines[at])
        closing = (indent[0] if indent else "") + "}"
        last = next((i for i in range(at + 1, len(lines)) if lines[i].rstrip() == closing), None)
        if last is not None and name not in found:
            found[name] = Definition(_with_comment(lines, at) + 1, last + 1)
    return found


def _with_comment(lines: Sequence[str], at: int) -> int:
    while at and (lines[at - 1].endswith("*/") or _COMMENT.match(lines[at - 1])):
        at -= 1
        while at and lines[at].endswith("*/") and "/*" not in lines[at]:
            at = max(i for i in range(at) if i == 0 or "/*" in lines[i])
    return at


def _openings(lines: Sequence[str], wanted: set[str]) -> Iterator[tuple[int, str]]:
    """Lines that begin a definition: a wanted name before a parenthesis, and a brace before any semicolon."""
    for at, line in enumerate(lines):
        if line[:1].isspace() or _COMMENT.match(line) or line.startswith("#"):
            continue
        match = re.search(r"([\w$.]+)\"?\s*\(", line)
        if match and match[1] in wanted and _opens(lines[at : at + 40]):
            yield at, match[1]


def _opens(lines: Sequence[str]) -> bool:
    for line in lines:
        for char in line:
            if char in ";{":
                return char == "{"
    return False

"""The boards and chips that people own: what `boards.toml` says about each, and where every figure was read.

Facts only, and only those that somebody looked up: a key that is left out is unknown, and stays unknown.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from compiler.errors import ModelError
from compiler.targets.base import FlashTiming, KiB

UNKNOWN_BOARD = "E1020"
TABLE = Path(__file__).with_name("boards.toml")

Purpose = Literal["main", "tcm", "ccm", "itcm", "backup"]
Fpu = Literal["none", "single", "double"]
# Where the arena may lie: instruction memory and memory for standby are no place for it.
FOR_DATA: tuple[Purpose, ...] = ("main", "tcm", "ccm")
# What a board must have a source for to count as verified.
CHECKED = ("core", "clock", "flash", "ram")
FIGURES = (*CHECKED, "read")
UNVERIFIED = "unverified"

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_READ = {"wait_states": int, "line_bytes": int, "prefetch": bool, "icache_bytes": int, "dcache_bytes": int}
_KEYS: dict[str, Any] = {
    **dict.fromkeys(("name", "title", "vendor", "chip", "core", "target", "fpu", "flash_kind", "note"), str),
    "dsp": bool,
    "clock_mhz": (int, float),
    "flash_kib": int,
    "ram": list,
    "read": dict,
    "source": dict,
}
_NEEDED = ("name", "title", "vendor", "chip", "core", "source")
_REGION = {"name": str, "kib": (int, float), "at": int, "purpose": str}


@dataclass(frozen=True)
class Source:
    """A place in a document that was really opened."""

    title: str
    revision: str
    place: str

    def __str__(self) -> str:
        return f"{self.title} ({self.revision}), {self.place}"


@dataclass(frozen=True)
class RamRegion:
    """`at` is where it begins, for regions that join; None where it is not known."""

    name: str
    size: int
    at: int | None = None
    purpose: Purpose = "main"


@dataclass(frozen=True)
class Span:
    """RAM without a gap: one region, or several that follow each other."""

    name: str
    size: int


@dataclass(frozen=True)
class Board:
    """A board or a chip. `target` is None where we compile for no such core; sizes are bytes, None is unknown.

    `clock_mhz` is the highest that its maker allows, and `wait_states` belongs to that clock. `timing` is None when
    part of it is unknown: then no latency is computed.
    """

    name: str
    title: str
    vendor: str
    chip: str
    core: str
    target: str | None = None
    fpu: Fpu | None = None
    dsp: bool | None = None
    clock_mhz: float | None = None
    flash: int | None = None
    external_flash: bool = False
    ram: tuple[RamRegion, ...] = ()
    wait_states: int | None = None
    timing: FlashTiming | None = None
    note: str = ""
    sources: tuple[tuple[str, tuple[Source, ...]], ...] = ()  # figure -> where it was read

    def source(self, figure: str) -> tuple[Source, ...]:
        """Empty when nobody checked this figure."""
        return dict(self.sources).get(figure, ())

    @property
    def verified(self) -> bool:
        return all(self.source(figure) for figure in CHECKED)

    @property
    def spans(self) -> tuple[Span, ...]:
        """RAM that can hold the arena, regions that follow each other joined; the largest first."""
        usable = sorted((r for r in self.ram if r.purpose in FOR_DATA), key=lambda r: (r.at is None, r.at or 0))
        joined: list[list[RamRegion]] = []
        for region in usable:
            last = joined[-1][-1] if joined else None
            if last is not None and last.at is not None and region.at == last.at + last.size:
                joined[-1].append(region)
            else:
                joined.append([region])
        spans = [Span("+".join(r.name for r in group), sum(r.size for r in group)) for group in joined]
        return tuple(sorted(spans, key=lambda s: -s.size))

    @property
    def ram_bytes(self) -> int | None:
        """All RAM that can hold data."""
        return sum(span.size for span in self.spans) if self.ram else None


@cache
def boards() -> dict[str, Board]:
    """All boards by name, in the order of the table."""
    return read(tomllib.loads(TABLE.read_text("utf-8")))


def board(name: str) -> Board:
    """The board of this name; an unknown name is the user's error and gets similar ones."""
    known = boards()
    if name in known:
        return known[name]
    wanted = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
    chips = {b.chip.lower(): b.name for b in known.values()}
    close = difflib.get_close_matches(wanted, [*known, *chips], n=3, cutoff=0.5)
    close += [n for n in known if wanted and wanted in n]
    near = list(dict.fromkeys(chips.get(n, n) for n in close))[:4]
    raise ModelError(
        UNKNOWN_BOARD,
        f"unknown board '{name[:80]}'",
        where="--board",
        facts={"similar": ", ".join(near)} if near else {},
        help=f"did you mean '{near[0]}'?" if near else "`deepmetal boards` lists them all",
    )


def read(table: Mapping[str, Any]) -> dict[str, Board]:
    """The boards of a parsed table. Raises ValueError that names row and key for whatever is wrong with it."""
    documents = {key: _document(key, entry) for key, entry in table.get("document", {}).items()}
    found: dict[str, Board] = {}
    for row in table.get("board", []):
        name = row.get("name", "?")
        try:
            made = _board(row, documents)
        except ValueError as error:
            raise ValueError(f"boards.toml, {name}: {error}") from error
        if made.name in found:
            raise ValueError(f"boards.toml: two boards are called {made.name}")
        found[made.name] = made
    return found


def _document(key: str, entry: object) -> tuple[str, str]:
    if not isinstance(entry, dict) or set(entry) != {"title", "revision"} or not all(entry.values()):
        raise ValueError(f"boards.toml: the document {key} needs a title and a revision")
    return str(entry["title"]), str(entry["revision"])


def _board(row: Mapping[str, Any], documents: Mapping[str, tuple[str, str]]) -> Board:
    _typed(row, _KEYS)
    if missing := [key for key in _NEEDED if not row.get(key)]:
        raise ValueError(f"{', '.join(missing)} missing")
    if not _NAME.match(row["name"]):
        raise ValueError("the name must be lower case with hyphens")
    for key, allowed in (("fpu", get_args(Fpu)), ("flash_kind", ("internal", "external"))):
        if key in row and row[key] not in allowed:
            raise ValueError(f"{key} is one of {', '.join(allowed)}")
    reading = dict(row.get("read", {}))
    _typed(reading, _READ)
    sources = _sources(row, documents)
    for figure, key in (("clock", "clock_mhz"), ("flash", "flash_kib"), ("ram", "ram"), ("read", "read")):
        if (key in row) != (figure in sources):
            raise ValueError(f"{key} and its source come together")
    if bad := [key for key in ("clock_mhz", "flash_kib") if key in row and row[key] <= 0]:
        raise ValueError(f"{bad[0]} must be positive")
    return Board(
        **{key: row[key] for key in ("name", "title", "vendor", "chip", "core")},
        target=row.get("target"),
        fpu=row.get("fpu"),
        dsp=row.get("dsp"),
        clock_mhz=float(row["clock_mhz"]) if "clock_mhz" in row else None,
        flash=KiB(row["flash_kib"]) if "flash_kib" in row else None,
        external_flash=row.get("flash_kind") == "external",
        ram=tuple(_region(region) for region in row.get("ram", [])),
        wait_states=reading.get("wait_states"),
        timing=FlashTiming(**reading) if set(reading) == set(_READ) else None,
        note=row.get("note", ""),
        sources=tuple((figure, sources[figure]) for figure in FIGURES if figure in sources),
    )


def _typed(row: Mapping[str, Any], keys: Mapping[str, Any]) -> None:
    for key, value in row.items():
        if key not in keys:
            raise ValueError(f"unknown key {key}")
        wanted = keys[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise ValueError(f"{key} has the wrong type")
        if isinstance(value, (int, float)) and value < 0:
            raise ValueError(f"{key} is negative")


def _region(region: Mapping[str, Any]) -> RamRegion:
    _typed(region, _REGION)
    if not region.get("name") or not region.get("kib"):
        raise ValueError("a region of RAM needs a name and kib")
    purpose = region.get("purpose", "main")
    if purpose not in get_args(Purpose):
        raise ValueError(f"the purpose of RAM is one of {', '.join(get_args(Purpose))}")
    return RamRegion(region["name"], round(region["kib"] * 1024), region.get("at"), purpose)


def _sources(row: Mapping[str, Any], documents: Mapping[str, tuple[str, str]]) -> dict[str, tuple[Source, ...]]:
    """`"core clock" = "document: place; another: place"` -> a source for each figure; "unverified" is none."""
    found: dict[str, tuple[Source, ...]] = {}
    for figures, text in row["source"].items():
        places = () if text == UNVERIFIED else tuple(_place(part, documents) for part in str(text).split("; "))
        for figure in figures.split():
            if figure not in FIGURES:
                raise ValueError(f"a source for {figure}, which is none of {', '.join(FIGURES)}")
            if figure in found:
                raise ValueError(f"two sources for {figure}; join them with '; '")
            found[figure] = places
    if "core" not in found:
        raise ValueError("core has no source")
    return found


def _place(text: str, documents: Mapping[str, tuple[str, str]]) -> Source:
    key, _, place = text.partition(": ")
    if key not in documents or not place:
        raise ValueError(f"the source '{text}' is not 'document: place' with a document of the table")
    return Source(*documents[key], place)

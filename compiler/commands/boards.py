"""`deepmetal boards`: the boards and chips that are known; `--fits REPORT...`: which of them a compiled model fits."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.arguments import must_exist
from compiler.errors import ModelError
from compiler.pack.figures import NONE, size
from compiler.pack.text import plain
from compiler.terminal import table

if TYPE_CHECKING:
    from compiler.catalog import BoardInfo
    from compiler.report import BoardFit, Report

NO_REPORT = "E1023"
NOT_VERIFIED = "?"
LARGEST = 64 * 1024 * 1024  # of a report.json that is read
MARK = f"{NOT_VERIFIED} after a name: not every figure of this board has a checked source"


def register(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "boards",
        help="the boards and chips that are known, and which of them a model fits",
        description="List boards with core, clock, flash and RAM. With --fits, say which of them a compiled model fits "
        "and how much flash and RAM is left, those with most room first.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("--target", metavar="NAME", help="only boards that run code for this target")
    parser.add_argument("--vendor", metavar="TEXT", help="only boards of makers whose name contains this")
    parser.add_argument(
        "--fits",
        metavar="REPORT",
        type=Path,
        nargs="+",
        help="report.json of a compilation, or the folder that it wrote; several for several targets",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def command(args: argparse.Namespace) -> int:
    from compiler.targets import target

    wanted = target(args.target).name if args.target else None
    return _fits(args, wanted) if args.fits else _list(args, wanted)


def _list(args: argparse.Namespace, target: str | None) -> int:
    from compiler.catalog import boards

    found = [b for b in boards() if (not target or b.target == target) and _made_by(args, b.vendor)]
    if args.json:
        print(json.dumps([b.model_dump() for b in found], indent=1))
        return 0
    print(_table(found))
    return 0


def _table(found: Sequence[BoardInfo]) -> str:
    head = ("board", "", "core", "target", "MHz", "wait states", "flash", "RAM", "largest region", "maker")
    rows = [
        (
            b.name,
            "" if b.verified else NOT_VERIFIED,
            b.core,
            b.target or NONE,
            _number(b.clock_mhz),
            _number(b.wait_states),
            size(b.flash) + (" ext." if b.external_flash and b.flash else ""),
            size(b.ram),
            size(b.ram_largest),
            b.vendor,
        )
        for b in found
    ]
    verified = sum(b.verified for b in found)
    return f"{table(head, rows, right=(4, 5, 6, 7, 8))}\n{len(found)} boards, {verified} verified; {MARK}"


def _fits(args: argparse.Namespace, target: str | None) -> int:
    from compiler.fits import by_headroom

    reports = [(name, read_report(path)) for path, name in _names(args.fits)]
    rows: list[tuple[str, Report, BoardFit]] = []
    for name, report in reports:
        if target and report.options.get("target") != target:
            continue
        rows += [(name, report, fit) for fit in _of(report) if _made_by(args, fit.vendor)]
    places = {id(fit): i for i, fit in enumerate(by_headroom(fit for _, _, fit in rows))}
    rows.sort(key=lambda row: places[id(row[2])])
    if args.json:
        found = [{"report": name, "target": _target(report), **fit.model_dump()} for name, report, fit in rows]
        print(json.dumps(found, indent=1))
        return 0
    several = len(reports) > 1
    head = ("board", "", "target", "fits", "flash left", "RAM left", "arena in", "latency", "MHz")
    lines = [
        (
            plain(fit.name, 60),
            "" if fit.verified else NOT_VERIFIED,
            _target(report),
            {True: "yes", False: "NO", None: "unknown"}[fit.fits],
            size(fit.flash_free),
            size(fit.ram_free),
            plain(fit.arena_in or NONE, 40),
            f"{fit.latency_ms:.3g} ms" if fit.latency_ms is not None else NONE,
            _number(fit.clock_mhz),
            *((name,) if several else ()),
        )
        for name, report, fit in rows
    ]
    print(table((*head, "report") if several else head, lines, right=(4, 5, 7, 8)))
    yes = sum(fit.fits is True for _, _, fit in rows)
    print(f"fits {yes} of {len(rows)} boards that run this code; {MARK}")
    return 0


def _of(report: Report) -> list[BoardFit]:
    """As the compilation computed it, with latencies; of an older report computed now, without."""
    from compiler.fits import fits

    return report.boards or fits(_target(report), report.totals.flash, report.totals.ram)


def _target(report: Report) -> str:
    return plain(report.options.get("target") or "", 40)


def read_report(path: Path) -> Report:
    """A report.json, or the one in an artifact's folder."""
    from pydantic import ValidationError

    from compiler.report import Report

    must_exist(path, "report")
    path = path / "report.json" if path.is_dir() else path
    must_exist(path, "report")
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"larger than {LARGEST} bytes")
        return Report.model_validate_json(path.read_bytes())
    except (ValidationError, ValueError, OSError) as error:
        problem = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        at = ".".join(map(str, problem["loc"])) or "the file"
        raise ModelError(
            NO_REPORT,
            f"{path.name} is no report of a compilation",
            where=str(path),
            facts={at[:80]: str(problem["msg"])[:200]},
            help="give report.json, as `deepmetal compile -o OUT` writes it into OUT/",
        ) from error


def _names(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each path with what tells it from the others: the folder, or the file."""
    return [(path, plain(path.parent if path.name == "report.json" else path, 60)) for path in paths]


def _made_by(args: argparse.Namespace, vendor: str) -> bool:
    return not args.vendor or args.vendor.lower() in vendor.lower()


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:g}"

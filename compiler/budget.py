"""`--budget flash=256KiB,ram=64KiB,latency=20ms`: reading it, and holding a report against it."""

from __future__ import annotations

import re

from compiler.errors import BudgetExceeded, ModelError
from compiler.fits import describe_spans, fit
from compiler.options import CompileOptions
from compiler.report import Report
from compiler.targets import target
from compiler.targets.boards import Board, board
from compiler.timing import core_of

EXCEEDED = "E0501"
UNCHECKABLE = "E1005"

_BYTES: dict[str, float] = {
    "": 1,
    "b": 1,
    "kib": 1024,
    "mib": 1024**2,
    "k": 1024,
    "m": 1024**2,
    "kb": 1000,
    "mb": 1000**2,
}
_MILLISECONDS = {"ms": 1.0, "us": 0.001, "s": 1000.0, "": 1.0}
_NAMES = {"flash": "flash", "ram": "RAM"}
_UNITS = {"flash": _BYTES, "ram": _BYTES, "latency": _MILLISECONDS}
_LIMIT = re.compile(r"\s*([a-z]+)\s*=\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*\Z")


def parse_budget(text: str) -> dict[str, float]:
    """Bytes for flash and ram, milliseconds for latency. Ki and Mi (also K and M) count in 1024, kB and MB in 1000."""
    limits: dict[str, float] = {}
    for part in text.split(","):
        match = _LIMIT.match(part)
        units = _UNITS.get(match[1]) if match else None
        if match is None or units is None:
            raise ValueError(f"'{part.strip()}' is not a budget; write flash=256KiB,ram=64KiB,latency=20ms")
        name, number, unit = match.groups()
        if unit.lower() not in units:
            known = ", ".join(sorted(u for u in units if u))
            raise ValueError(f"'{unit}' is no unit for {name}; there are {known}")
        if name in limits:
            raise ValueError(f"two budgets for {name}")
        limits[name] = float(number) * units[unit.lower()]
    return limits


def refuse_uncheckable(options: CompileOptions) -> None:
    """Before any work: a budget for a number that this compilation will not measure is an error, not a pass."""
    if "latency" in options.budget and core_of(target(options.target)) is None:
        raise _uncheckable("latency", "cycles are not modelled for this target, and instructions are no time")
    if "latency" in options.budget and not options.run:
        raise _uncheckable("latency", "cycles are estimated from what is executed, and --no-run was given")
    if "ram" in options.budget and not options.run:
        raise _uncheckable("ram", "the stack is measured by running, and --no-run was given")


def check_budget(report: Report, options: CompileOptions) -> None:
    """Raise `BudgetExceeded` with every limit, what was used of it and by what, when one of them does not hold.

    A board's flash and RAM are limits as well, unless a budget for them was given; but only as far as measured.
    """
    totals = report.totals
    used = {"flash": totals.flash.total, "ram": totals.ram.total, "latency": totals.latency_ms}
    facts: dict[str, str] = {}
    over: list[str] = []
    for name, limit in sorted(options.budget.items()):
        value = used[name]
        if value is None:
            raise _uncheckable(name, "it was not measured")
        if value > limit:
            over.append(name)
        facts[name] = _row(name, value, limit)
    where = board(options.board) if options.board else None
    beyond = _beyond(where, report, options) if where is not None else {}
    said = [f"the budget for {' and '.join(over)} is exceeded"] if over else []
    help = "report.html shows which layers need most; `--optimize size` or `--optimize ram` may help"
    if where is not None and beyond:
        said.append(f"{where.title} has too little {' and '.join(_NAMES[name] for name in beyond)}")
        help += "; `deepmetal boards --fits` shows boards with more room"
    if said:
        facts = {**facts, **beyond, **_needs(report, [*over, *beyond])}
        raise BudgetExceeded(EXCEEDED, "; ".join(said), where=report.model.name, facts=facts, help=help)


def _beyond(where: Board, report: Report, options: CompileOptions) -> dict[str, str]:
    """flash or ram -> by how much the board is too small, unless a budget of the user says something else."""
    flash, ram = report.totals.flash, report.totals.ram
    found = fit(where, flash, ram)
    rows = {}
    if found.flash_free is not None and found.flash_free < 0:
        rows["flash"] = _row("flash", flash.total or 0, where.flash or 0)
    if found.ram_free is not None and found.ram_free < 0:
        need, there = ram.total or 0, where.ram_bytes or 0
        rows["ram"] = _row("ram", need, there)
        if need <= there:
            regions = describe_spans(where)
            rows["ram"] = f"{need:,} bytes do not fit into the regions {regions}: {-found.ram_free:,} too many"
    elif found.ram_free is None and found.arena_in is None and where.spans:  # the stack is not known, and not needed
        rows["ram"] = f"an arena of {ram.arena:,} bytes does not fit into the regions {describe_spans(where)}"
    return {name: row for name, row in rows.items() if name not in options.budget}


def _needs(report: Report, over: list[str]) -> dict[str, str]:
    """Who needs what of the flash or RAM that is exceeded, the largest first."""
    flash, ram = report.totals.flash, report.totals.ram
    parts: dict[str, dict[str, int | None]] = {
        "flash": {"weights": flash.weights, "code": flash.code, "start-up and libc": flash.other},
        "ram": {"arena": ram.arena, "static": ram.static, "stack": ram.stack},
    }
    facts = {}
    for name in over:
        needed = sorted(((size, what) for what, size in parts.get(name, {}).items() if size), reverse=True)
        if needed:
            facts[f"{name} needs"] = ", ".join(f"{what} {size:,}" for size, what in needed)
    return facts


def _row(name: str, value: float, limit: float) -> str:
    unit = "ms" if name == "latency" else "bytes"
    number = "{:,.3g}" if name == "latency" else "{:,.0f}"
    used, allowed, rest = (number.format(n) for n in (value, limit, abs(limit - value)))
    return f"{used} of {allowed} {unit}, {rest} {'too many' if value > limit else 'left'}"


def _uncheckable(name: str, why: str) -> ModelError:
    return ModelError(
        UNCHECKABLE,
        f"the budget for {name} cannot be checked",
        where="--budget",
        facts={"reason": why},
        help=f"leave {name} out of the budget",
    )

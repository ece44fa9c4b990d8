"""`deepmetal targets`, `ops`, `explain CODE`, `doctor`: what there is, what an error means, what is installed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from compiler.pack.figures import size
from compiler.terminal import table

if TYPE_CHECKING:
    from compiler.catalog import OperatorInfo


def register(subparsers: Any) -> None:
    _add(subparsers, "targets", targets, "the processors to compile for")
    _add(subparsers, "ops", operators, "the operators that can be compiled")
    _add(subparsers, "doctor", doctor, "is this computer ready: tools, versions, what fails without them")
    parser = _add(subparsers, "explain", explain, "what an error code means and what to do")
    parser.add_argument("code", metavar="CODE", nargs="?", help="for instance E0203; without it, all codes are listed")


def _add(
    subparsers: Any, name: str, command: Callable[[argparse.Namespace], int], help: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + "."
    )
    parser.set_defaults(command=command)
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    return parser


def targets(args: argparse.Namespace) -> int:
    from compiler.catalog import targets as known

    rows = [
        (t.name, t.title, f"{t.clock_mhz:g}" if t.clock_mhz else "–", size(t.flash), size(t.ram), t.runs_on)
        for t in known()
    ]
    return _show(args, known(), ("target", "processor", "MHz", "flash", "RAM", "runs on"), rows)


def operators(args: argparse.Namespace) -> int:
    from compiler.catalog import operators as known

    rows = [(o.name, *cells(o), o.notes) for o in known()]
    return _show(args, known(), ("ONNX operator", "precisions", "types", "kernels", "cases", "what it does"), rows)


def cells(o: OperatorInfo) -> tuple[str, str, str, str]:
    """Precisions, types of passed cases, kernels, and how many of the ONNX project's cases pass."""
    kernels = ["generic", *(["with the layer before"] if o.fused else []), *(f"tuned: {f}" for f in _short(o.tuned))]
    cases = "–" if o.cases is None else f"{o.passed} of {o.cases}"
    return ", ".join(o.precisions), ", ".join(o.dtypes) or "–", ", ".join(kernels), cases


def _short(families: Sequence[str]) -> list[str]:
    return [", ".join(families)] if families else []


def _show(args: argparse.Namespace, items: Sequence[Any], head: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    print(json.dumps([item.model_dump() for item in items], indent=1) if args.json else table(head, rows))
    return 0


def explain(args: argparse.Namespace) -> int:
    from compiler.explain import entries, entry

    if args.code is None:
        known = entries()
        if args.json:
            print(json.dumps({e.code: e.title for e in known}, indent=1))
        else:
            print(table(("code", "meaning"), [(e.code, e.title) for e in known]))
        return 0
    found = entry(args.code)
    print(json.dumps({"code": found.code, "title": found.title, "text": found.text}) if args.json else found.text)
    return 0


def doctor(args: argparse.Namespace) -> int:
    from compiler import doctor as doctor_

    checks = doctor_.run()
    print(json.dumps(doctor_.to_json(checks), indent=1) if args.json else doctor_.text(checks))
    return 0 if doctor_.ready(checks) else 5

"""`deepmetal compile MODEL -o OUT`: the whole pipeline."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from compiler.arguments import (
    Setting,
    checked,
    must_exist,
    parse_class_args,
    parse_shape,
    read_architecture,
    read_source,
    shapes_from,
    typed,
)
from compiler.budget import parse_budget
from compiler.errors import BudgetExceeded, Mismatch
from compiler.later import OPTIONS, VALUES, refuse_later
from compiler.options import CompileOptions, Objective
from compiler.pack.text import plain
from compiler.targets.choice import with_board

if TYPE_CHECKING:
    from compiler.report import Report

# Options of the command line that are no options of a compilation.
_OURS = frozenset({"model", "out", "json", "keep_build", "vectors", "kernel_dir", "command", "no_run", "verb"})


def register(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "compile",
        help="compile a model, run it on the emulator, compare, and write OUT/ and OUT.zip",
        description="Compile a model, run it on the target's emulator, compare it with the original, and write the "
        "result to OUT/ and OUT.zip.",
        epilog="Exit status: 0 done, 1 the model or an option is at fault, 2 usage, 3 a budget is exceeded, "
        "4 the compiled code disagrees with the model, 5 a tool is unavailable, 70 a bug of ours.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model file; its content decides what it is")
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder to write; OUT.zip as well")
    parser.add_argument("--json", action="store_true", help="print report.json on standard output, and nothing else")
    parser.add_argument("--keep-build", action="store_true", help="keep the build folder, and say where it is")
    add_options(parser)
    add_later(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """One flag per field of `CompileOptions`; the help is the field's description."""
    fields = CompileOptions.model_fields

    def flag(name: str, **changes: Any) -> None:
        text = fields[name].description or ""
        default = fields[name].default
        shown = f" (default: {default})" if isinstance(default, (str, int)) and not isinstance(default, bool) else ""
        later = [value for option, value in VALUES if option == name]
        shown += f" (later: {', '.join(later)})" if later else ""
        parser.add_argument("--" + name.replace("_", "-"), default=None, help=(text + shown), **changes)

    flag("target", metavar="NAME")
    flag("board", metavar="NAME")
    flag("emit", choices=("c", "cpp", "llvm"))
    flag("precision", choices=("float32", "int8", "int8-weights"))
    flag("optimize", choices=get_args(Objective))
    flag("name", metavar="NAME")
    flag("shape", metavar="[NAME=]1,3,32,32", action="append", type=typed(parse_shape))
    flag("architecture", metavar="FILE.json", type=Path)
    flag("source", metavar="model.py", type=Path)
    flag("class_name", metavar="NAME")
    flag("class_args", metavar="JSON", type=typed(parse_class_args))
    flag("io_layout", choices=("source", "native"))
    flag("arena", choices=("static", "caller"))
    flag("weights", choices=("auto", "array", "incbin"))
    flag("compiler", choices=("auto", "gcc", "clang"))
    flag("opt_level", choices=("auto", "0", "1", "2", "3", "s"))
    flag("debug", action="store_true")
    flag("threads", metavar="N", type=int)
    flag("pack", metavar="FORMAT")
    flag("budget", metavar="flash=256KiB,ram=64KiB,latency=20ms", type=typed(parse_budget))
    flag("softmax", action="store_true")
    parser.add_argument("--vectors", metavar="FILE.npz", type=Path, help="validate with these inputs, by input name")
    parser.add_argument(
        "--kernel-dir", metavar="DIR", type=Path, help="C kernels of your own that replace ours by name"
    )
    parser.add_argument("--vector-count", metavar="N", type=int, help=fields["vectors"].description)
    parser.add_argument("--no-run", action="store_true", help="build only: nothing is run, counted or compared")


def add_later(parser: argparse.ArgumentParser) -> None:
    """What the contract names for later versions; giving one is an error with a code, not a typing error."""
    group = parser.add_argument_group("options of later versions, refused now")
    shapes: dict[str, Setting] = {
        "calibration": {"metavar": "FILE"},
        "labels": {"metavar": "FILE"},
        "rounding": {"choices": ("single", "double")},
    }
    for name, shape in shapes.items():
        group.add_argument("--" + name.replace("_", "-"), help=f"later: {OPTIONS[name]}", **shape)


def options_from(args: argparse.Namespace) -> CompileOptions:
    """The options, checked. Raises E1010 for a later version's, E1002 for a bad value."""
    given: Setting = {k: v for k, v in vars(args).items() if k not in _OURS and v is not None}
    given["softmax"] = bool(given.get("softmax"))
    given["debug"] = bool(given.get("debug"))
    refuse_later(given)
    given = {name: value for name, value in given.items() if name not in OPTIONS}
    if "shape" in given:
        given["shape"] = shapes_from(given["shape"])
    if "architecture" in given:
        given["architecture"] = read_architecture(given["architecture"])
    if "source" in given:
        given["source"] = read_source(given["source"])
    if "vector_count" in given:
        given["vectors"] = given.pop("vector_count")
    given["run"] = not args.no_run
    return with_board(checked(given))


def command(args: argparse.Namespace) -> int:
    options = options_from(args)
    must_exist(args.model, "model")
    if args.vectors is not None:
        must_exist(args.vectors, "vectors")
    if args.kernel_dir is not None:
        must_exist(args.kernel_dir, "kernel folder")
    if args.keep_build:
        os.environ["DEEPMETAL_KEEP"] = "1"

    from compiler.pipeline import compile_model
    from compiler.progress import display
    from compiler.trace import Trace

    started = time.time()
    try:
        with display() as listener:
            artifact = compile_model(
                args.model, options, args.out, trace=Trace(listener), vectors=args.vectors, kernel_dir=args.kernel_dir
            )
    except (Mismatch, BudgetExceeded):
        # The artifact was written first: it shows what is wrong. Programs that asked for the report get it too.
        _print_written_report(args, started)
        raise
    if args.json:
        print(artifact.report.to_json(), end="")
    _summary(artifact.report, args.out)
    return 0


def _print_written_report(args: argparse.Namespace, started: float) -> None:
    path: Path = args.out / "report.json"
    if args.json and path.is_file() and path.stat().st_mtime >= started - 2:
        print(path.read_text("utf-8"), end="")


def _summary(report: Report, out: Path) -> None:
    from compiler.pack.figures import short, size
    from compiler.pack.verdict import verdict

    said = verdict(report)
    totals = report.totals
    print(f"{said.headline}. {said.sentence}", file=sys.stderr)
    details = [f"code {size(totals.flash.code)}", f"weights {size(totals.flash.weights)}"]
    details += [f"arena {size(totals.ram.arena)}", f"stack {size(totals.ram.stack)}"]
    details += [f"{short(totals.instructions)} instructions", f"{short(totals.macs)} MACs"]
    print("  " + ", ".join(details), file=sys.stderr)
    if totals.cycles is not None:
        print(f"  {_time(report)}", file=sys.stderr)
    print(f"  {plain(out, 300)}/ and {plain(out, 300)}.zip; open {plain(out, 300)}/report.html", file=sys.stderr)


def _time(report: Report) -> str:
    """Estimated cycles and latency, how sure they are, and what they are for."""
    from compiler.pack.figures import short

    totals = report.totals
    error = totals.cycles_error_percent
    sure = "error unknown" if error is None else f"±{error:g} %"
    text = f"about {short(totals.cycles)} cycles ({sure})"
    if totals.latency_ms is not None and totals.clock_mhz is not None:
        text += f", {totals.latency_ms:.3g} ms at {totals.clock_mhz:g} MHz"
    return f"{text}: {totals.cycles_model}"

"""`deepmetal compile MODEL -o OUT`: the whole pipeline."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from compiler.arguments import (
    Setting,
    checked,
    must_exist,
    parse_class_args,
    parse_keep,
    parse_shape,
    read_architecture,
    read_source,
    shapes_from,
    typed,
)
from compiler.budget import parse_budget
from compiler.errors import BudgetExceeded, Mismatch
from compiler.options import CompileOptions, Objective, Precision
from compiler.pack.text import plain
from compiler.targets.choice import with_board

if TYPE_CHECKING:
    from compiler.report import Report

# Options of the command line that are no options of a compilation.
_OURS = frozenset({"model", "out", "json", "keep_build", "vectors", "kernel_dir", "command", "no_run", "verb",
     "calibration", "labels", "samples"}
)  # fmt: skip


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


def add_options(parser: argparse.ArgumentParser) -> None:
    """One flag per field of `CompileOptions`; the help is the field's description."""
    fields = CompileOptions.model_fields

    def flag(name: str, **changes: Any) -> None:
        text = fields[name].description or ""
        default = fields[name].default
        shown = f" (default: {default})" if isinstance(default, (str, int)) and not isinstance(default, bool) else ""
        parser.add_argument("--" + name.replace("_", "-"), default=None, help=(text + shown), **changes)

    flag("target", metavar="NAME")
    flag("board", metavar="NAME")
    flag("emit", choices=("c", "cpp", "llvm"))
    flag("precision", choices=get_args(Precision))
    flag("rounding", choices=("single", "double"))
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
    add_quantization(parser, flag)
    parser.add_argument("--vectors", metavar="FILE.npz", type=Path, help="validate with these inputs, by input name")
    parser.add_argument(
        "--kernel-dir", metavar="DIR", type=Path, help="C kernels of your own that replace ours by name"
    )
    parser.add_argument("--vector-count", metavar="N", type=int, help=fields["vectors"].description)
    parser.add_argument("--no-run", action="store_true", help="build only: nothing is run, counted or compared")


def add_quantization(parser: argparse.ArgumentParser, flag: Callable[..., None]) -> None:
    """What belongs to --precision int8, and the files that it and accuracy are measured with."""
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        type=Path,
        help="typical inputs for int8: NPZ or NPY with a leading axis that counts them, or a folder or ZIP of PNG, "
        "JPEG, BMP, WAV or NPY files",
    )
    parser.add_argument(
        "--labels", metavar="FILE.npy", type=Path, help="the class of each sample: accuracy goes into the report"
    )
    parser.add_argument(
        "--samples", metavar="FILE", type=Path, help="the inputs of --labels, as for --calibration (default: those)"
    )
    flag("preprocess", metavar="scale=1/255,mean=0.5,...")
    flag("quantizer", choices=("quick", "standard", "thorough"))
    flag("observer", choices=("auto", "minmax", "percentile", "mse", "entropy"))
    flag("io", choices=("source", "int8"))
    flag("keep", metavar="LAYER=int16|float32", action="append", type=typed(parse_keep))
    flag("accuracy_budget", metavar="POINTS|25dB")
    flag("mixed", choices=("int16", "float32"))


def options_from(args: argparse.Namespace) -> CompileOptions:
    """The options, checked. Raises E1002 for a bad value."""
    given: Setting = {k: v for k, v in vars(args).items() if k not in _OURS and v is not None}
    given["softmax"] = bool(given.get("softmax"))
    given["debug"] = bool(given.get("debug"))
    if "shape" in given:
        given["shape"] = shapes_from(given["shape"])
    if "keep" in given:
        given["keep"] = dict(given["keep"])
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
    for role in ("calibration", "labels", "samples"):
        if getattr(args, role) is not None:
            must_exist(getattr(args, role), role)
    if args.keep_build:
        os.environ["DEEPMETAL_KEEP"] = "1"

    from compiler.pipeline import compile_model
    from compiler.progress import display
    from compiler.trace import Trace

    started = time.time()
    try:
        with display() as listener:
            artifact = compile_model(
                args.model,
                options,
                args.out,
                trace=Trace(listener),
                vectors=args.vectors,
                kernel_dir=args.kernel_dir,
                calibration=args.calibration,
                labels=args.labels,
                samples=args.samples,
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
    from compiler.pack.quantization import quantized
    from compiler.pack.verdict import verdict

    said = verdict(report)
    totals = report.totals
    print(f"{said.headline}. {said.sentence}", file=sys.stderr)
    details = [f"code {size(totals.flash.code)}", f"weights {size(totals.flash.weights)}"]
    details += [f"arena {size(totals.ram.arena)}", f"stack {size(totals.ram.stack)}"]
    details += [f"{short(totals.instructions)} instructions", f"{short(totals.macs)} MACs"]
    print("  " + ", ".join(details), file=sys.stderr)
    for line in quantized(report):
        print(f"  {plain(line, 1000)}", file=sys.stderr)
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

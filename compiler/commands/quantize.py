"""`deepmetal quantize MODEL [-o M.graph.json] [--export-torch FILE.py]`: the quantised model as files, not compiled."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.arguments import checked, must_exist, parse_shape, shapes_from, typed
from compiler.commands.compile import add_quantization
from compiler.commands.convert import outputs, say_written
from compiler.options import CompileOptions

if TYPE_CHECKING:
    from compiler.quant.stage import Staged

NO_FILE, NO_SUCH_FORM = "E0462", "E0463"
_FORMS = (".graph.json", ".graph.zip", ".json", ".zip")
_SETTINGS = ("precision", "rounding", "preprocess", "quantizer", "observer", "io", "accuracy_budget", "mixed")


def register(subparsers: Any) -> None:
    fields = CompileOptions.model_fields
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "quantize",
        help="quantise a model and write it as a graph file, or as a torch module that computes what the image does",
        description="Quantise a float model as `deepmetal compile --precision int8` does, and write the result. What "
        "is quantised already is taken as it is. The graph file is a model for `deepmetal compile`, `inspect`, `run` "
        "and `verify`.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model file; its content decides what it is")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="M.graph.json, and M.weights.bin where its name is to be another; or M.graph.zip for both in one",
    )
    parser.add_argument(
        "--export-torch",
        metavar="FILE.py",
        type=Path,
        help="a torch module, with its constants in FILE.npz, that computes exactly what the int8 image computes",
    )

    def flag(name: str, **changes: Any) -> None:
        text, default = fields[name].description or "", fields[name].default
        shown = f" (default: {default})" if default and isinstance(default, str) else ""
        parser.add_argument("--" + name.replace("_", "-"), default=None, help=text + shown, **changes)

    parser.add_argument("--precision", choices=("int8", "int8-weights"), default="int8", help="what becomes int8")
    flag("rounding", choices=("single", "double"))
    flag("shape", metavar="[NAME=]1,3,32,32", action="append", type=typed(parse_shape))
    flag("softmax", action="store_true")
    add_quantization(parser, flag)


def command(args: argparse.Namespace) -> int:
    from compiler.errors import ModelError

    given: dict[str, Any] = {n: v for n in _SETTINGS if (v := getattr(args, n)) is not None}
    given |= {"shape": shapes_from(args.shape or []), "keep": dict(args.keep or []), "softmax": bool(args.softmax)}
    options = checked(given)
    must_exist(args.model, "model")
    for name in ("calibration", "labels", "samples"):
        if getattr(args, name) is not None:
            must_exist(getattr(args, name), name)
    if not args.out and not args.export_torch:
        raise ModelError(
            NO_FILE,
            "there is nothing to write",
            where="deepmetal quantize",
            help="give -o M.graph.json for the quantised model, --export-torch FILE.py for a torch module, or both",
        )
    if args.out and not args.out[0].name.endswith(_FORMS):
        raise ModelError(
            NO_SUCH_FORM,
            f"a quantised model cannot be written as {args.out[0].name[:80]!r}",
            where="-o",
            help="give a name that ends in .graph.json or .graph.zip",
        )

    from compiler.graph.disk import Stored
    from compiler.passes.order import optimize
    from compiler.quant.export_torch import export_torch
    from compiler.quant.stage import Files, stage
    from compiler.save_graph import save_graph
    from compiler.source import load
    from compiler.trace import Trace

    source = load(args.model, options)
    staged = stage(source.graph, options, Files(args.calibration, args.labels, args.samples), Trace())
    _say(staged)
    if args.out:
        out, weights = outputs(args)
        say_written(save_graph(Stored(staged.graph), out, weights))
    if args.export_torch:
        say_written(export_torch(optimize(staged.graph, rounding=options.rounding).graph, args.export_torch))
    return 0


def _say(staged: Staged) -> None:
    """What was done, and what it cost."""
    for note in staged.notes:
        print(f"note: {note}", file=sys.stderr)
    for step in staged.passes:
        print(f"{step.name}: {step.effect}", file=sys.stderr)
    if (found := staged.accuracy) is not None:
        shares = {"float32": found.float32, "quantized": found.quantized}
        text = ", ".join(f"{name} {100 * share:.2f} %" for name, share in shares.items() if share is not None)
        print(f"accuracy on {found.samples:,} samples: {text}", file=sys.stderr)

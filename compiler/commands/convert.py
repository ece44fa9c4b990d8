"""`deepmetal convert MODEL -o M.graph.json [M.weights.bin]`: the imported graph as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from compiler.arguments import checked, must_exist, parse_shape, shapes_from, typed
from compiler.options import CompileOptions
from compiler.pack.text import plain


def register(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "convert",
        help="write a model's graph as a file, as the importer made it",
        description="Import a model of any format and write its graph: JSON to read and compare, and the weights as "
        "bytes beside it. `deepmetal optimize` runs passes on it, `compile`, `inspect`, `run` and `verify` take it as "
        "a model.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model file; its content decides what it is")
    add_output(parser)
    add_shape(parser)
    parser.add_argument("--softmax", action="store_true", help=CompileOptions.model_fields["softmax"].description)
    parser.add_argument("--text", action="store_true", help="print the graph as text on standard output as well")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        nargs="+",
        type=Path,
        required=True,
        help="M.graph.json, and M.weights.bin where its name is to be another; or M.graph.zip for both in one",
    )


def add_shape(parser: argparse.ArgumentParser) -> None:
    shape = parser.add_argument("--shape", metavar="[NAME=]1,3,32,32", action="append", type=typed(parse_shape))
    shape.help = CompileOptions.model_fields["shape"].description


def outputs(args: argparse.Namespace) -> tuple[Path, Path | None]:
    """Where graph and weights go."""
    from compiler.errors import ModelError

    if len(args.out) > 2 or (len(args.out) == 2 and args.out[0].suffix == ".zip"):
        raise ModelError("E1002", "-o takes a graph file and perhaps a weights file, or one zip", where="-o")
    return args.out[0], args.out[1] if len(args.out) == 2 else None


def command(args: argparse.Namespace) -> int:
    options = checked({"shape": shapes_from(args.shape or []), "softmax": args.softmax})
    must_exist(args.model, "model")
    out, weights = outputs(args)

    from compiler.graph.text import text
    from compiler.save_graph import save_graph
    from compiler.stages import open_stored

    stored = open_stored(args.model, options)
    written = save_graph(stored, out, weights)
    if args.text:
        print(text(stored.graph), end="")
    say_written(written)
    return 0


def say_written(paths: tuple[Path, ...]) -> None:
    for path in paths:
        print(f"{plain(path, 300)}: {path.stat().st_size:,} bytes", file=sys.stderr)

"""`deepmetal optimize M.graph.json --passes LIST -o FILE`: passes on a graph file, one by one if need be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from compiler.arguments import checked, must_exist, shapes_from
from compiler.commands.convert import add_output, add_shape, outputs, say_written
from compiler.options import CompileOptions
from compiler.pack.figures import count, size
from compiler.terminal import table


def register(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "optimize",
        help="run passes on a graph file and write the result",
        description="Run passes on a graph, or on a model of any format, and write the graph that results. The table "
        "says what each pass did.",
        epilog="Exit status 4 when --verify finds a pass that changes what the graph computes.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a graph file, or any other model file")
    parser.add_argument(
        "--passes", metavar="LIST", default="all", help="names with commas, in this order; or all (default), or none"
    )
    add_output(parser)
    add_shape(parser)
    parser.add_argument(
        "--io-layout", choices=("source", "native"), help=CompileOptions.model_fields["io_layout"].description
    )
    parser.add_argument("--verify", action="store_true", help="compare what the graph computes after every pass")
    parser.add_argument(
        "--stages", metavar="DIR", type=Path, help="write the graph after every pass that changed it, too"
    )
    parser.add_argument("--text", action="store_true", help="print the resulting graph as text as well")


def command(args: argparse.Namespace) -> int:
    options = checked({"shape": shapes_from(args.shape or []), "io_layout": args.io_layout or "source"})
    must_exist(args.model, "model")
    out, weights = outputs(args)

    from compiler.graph.disk import Stored
    from compiler.graph.text import text
    from compiler.same_function import Expected, passes_one_by_one, vectors_for
    from compiler.save_graph import save_graph
    from compiler.stages import open_stored, pass_names

    names = pass_names(args.passes)
    stored = open_stored(args.model, options)
    expected = Expected.of(stored.graph, vectors_for(stored.graph, None, options.vectors)) if args.verify else None
    if args.stages:
        save_graph(stored, args.stages / "00-import.graph.json")
    rows = []
    for number, step in enumerate(passes_one_by_one(stored.graph, names, options.io_layout == "native", expected), 1):
        info = step.info
        stored = Stored(step.graph, (*stored.passes, step.name))
        if info is None:
            rows.append((step.name, "nothing to do", "", "", ""))
            continue
        rows.append((step.name, info.effect, count(info.macs_saved), size(info.flash_saved), size(info.ram_saved)))
        if args.stages:
            save_graph(stored, args.stages / f"{number:02}-{step.name}.graph.json")
    print(table(("pass", "effect", "MACs saved", "weights", "tensors"), rows, right=(2, 3, 4)))
    if args.verify:
        print("each pass was checked: the graph computes the same after it")
    if args.text:
        print(text(stored.graph), end="")
    say_written(save_graph(stored, out, weights))
    return 0

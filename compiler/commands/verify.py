"""`deepmetal verify A B`: do two models compute the same? `verify A`: does any pass change what it computes?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from compiler.arguments import checked, must_exist, shapes_from
from compiler.commands.convert import add_shape
from compiler.compare import IRRECONCILABLE
from compiler.pack.text import plain
from compiler.terminal import table


def register(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "verify",
        help="do two graph files, or models of any format, compute the same?",
        description="Run two models on the same inputs with numpy and compare their outputs, in order. With one model, "
        "run the passes on it and find the first that changes what it computes.",
        epilog="Exit status: 0 the same up to rounding, 4 different, 1 a file or an option is at fault.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("a", metavar="A", type=Path, help="a graph file, or any other model file")
    parser.add_argument("b", metavar="B", type=Path, nargs="?", help="what is compared with it")
    parser.add_argument("--passes", metavar="LIST", help="without B: these passes instead of all, by name with commas")
    parser.add_argument("--vectors", metavar="FILE.npz", type=Path, help="compare on these inputs, by A's input names")
    parser.add_argument(
        "--vector-count", metavar="N", type=int, default=4, help="how many inputs are drawn (default: 4)"
    )
    parser.add_argument(
        "--jit", action="store_true", help="also run the compiled kernels of B (or of A) in this process"
    )
    add_shape(parser)


def command(args: argparse.Namespace) -> int:
    options = checked({"shape": shapes_from(args.shape or []), "vectors": args.vector_count})
    for path, role in ((args.a, "model"), (args.b, "model"), (args.vectors, "vectors")):
        if path is not None:
            must_exist(path, role)

    from compiler.errors import ModelError
    from compiler.same_function import (
        DIFFERENT,
        Expected,
        expect_same_ends,
        passes_one_by_one,
        require_same,
        vectors_for,
    )  # fmt: skip
    from compiler.stages import open_stored, pass_names

    if args.b is not None and args.passes is not None:
        raise ModelError("E1004", "--passes is for one model; two are given", where="--passes")
    a = open_stored(args.a, options).graph
    expected = Expected.of(a, vectors_for(a, args.vectors, options.vectors))
    last = a
    if args.b is None:
        for step in passes_one_by_one(a, pass_names(args.passes or "all"), False, expected):
            print(f"{step.name}: {step.info.effect if step.info else 'nothing to do'}")
            last = step.graph
    else:
        last = open_stored(args.b, options).graph
        expect_same_ends(a, last, (args.a.name, args.b.name))
    checks = [("numpy", expected.compare(last))]
    if args.jit:
        checks.append(("compiled", expected.compare_compiled(last)))
    rows = [
        (plain(o.name, 60), how, _number(o.difference.max_abs), _number(o.difference.relative),
         "yes" if o.difference.bit_exact else "no", "yes" if o.difference.passed else "NO")
        for how, outputs in checks
        for o in outputs
    ]  # fmt: skip
    print(table(("output", "run by", "largest difference", "share of range", "bit-exact", "same"), rows, right=(2, 3)))
    where = f"{plain(args.a.name, 100)} and {plain((args.b or args.a).name, 100)}"
    for how, outputs in checks:
        require_same(outputs, DIFFERENT, f"the two compute different results (run by {how})", where)
    print(f"the same on {len(expected.vectors)} vectors")
    return 0


def _number(value: float) -> str:
    return "infinite" if value >= IRRECONCILABLE else f"{value:.3g}"

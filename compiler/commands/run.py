"""`deepmetal run MODEL --input FILE.npz -o OUT.npz`: the compiled kernels on this computer, in this process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

from compiler.arguments import checked, must_exist, parse_shape, shapes_from, typed
from compiler.options import CompileOptions, Objective
from compiler.pack.text import plain


def register(subparsers: Any) -> None:
    fields = CompileOptions.model_fields
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "run",
        help="run a model's compiled kernels on this computer: no compiler, no emulator",
        description="Compile a model in memory and run it on this computer. The kernels are the target's, and so are "
        "the numbers, bit for bit. Arrays with N in place of a batch axis of 1 are N runs.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model file; its content decides what it is")
    parser.add_argument(
        "--input", metavar="FILE.npz", type=Path, required=True, help="arrays by input name; or FILE.npy for one input"
    )
    parser.add_argument(
        "-o", "--out", metavar="OUT.npz", type=Path, required=True, help="file to write: arrays by output name"
    )
    parser.add_argument("--target", metavar="NAME", help=fields["target"].description)
    shape = parser.add_argument("--shape", metavar="[NAME=]1,3,32,32", action="append", type=typed(parse_shape))
    shape.help = fields["shape"].description
    parser.add_argument("--rounding", choices=("single", "double"), help=fields["rounding"].description)
    parser.add_argument("--optimize", choices=get_args(Objective), help=fields["optimize"].description)
    parser.add_argument("--io-layout", choices=("source", "native"), help=fields["io_layout"].description)
    parser.add_argument("--softmax", action="store_true", help=fields["softmax"].description)


def command(args: argparse.Namespace) -> int:
    given: dict[str, Any] = {"shape": shapes_from(args.shape or []), "softmax": args.softmax}
    given |= {
        name: value
        for name in ("target", "rounding", "optimize", "io_layout")
        if (value := getattr(args, name)) is not None
    }
    options = checked(given)
    must_exist(args.model, "model")
    must_exist(args.input, "input")

    from compiler.inputs import joined, load_inputs, save
    from compiler.jit import Jitted
    from compiler.pipeline import lower_model

    program = lower_model(args.model, options)
    runs = load_inputs(args.input, program.inputs)
    model = Jitted(program, options)
    results = joined([model.run(inputs) for inputs in runs], program.outputs)
    save(args.out, results)
    for name, array in results.items():
        shape = "×".join(map(str, array.shape)) or "scalar"
        print(f"{plain(args.out, 300)}: {plain(name)}, {array.dtype} {shape}", file=sys.stderr)
    return 0

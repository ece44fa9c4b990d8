"""`deepmetal inspect MODEL`: what is in it and what of it is supported, before compiling."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from compiler.arguments import checked, must_exist, parse_shape, read_architecture, shapes_from, typed
from compiler.errors import ModelError
from compiler.layer_table import layer_list
from compiler.options import CompileOptions
from compiler.pack.figures import count, size
from compiler.pack.text import plain
from compiler.terminal import table

if TYPE_CHECKING:
    from compiler.analysis import Analysis
    from compiler.inspection import Inspection, KernelUse, OpenTensor

UNSUPPORTED_STATUS = 1
CANNOT_WRITE = "E1009"
ASKED = ("target", "board", "precision", "optimize")


def register(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "inspect",
        help="inputs, outputs, operators, and what is supported, before compiling",
        description="List a model's inputs, outputs and operators, and everything that cannot be compiled with the "
        "reason. Exit status 1 when the model cannot be compiled.",
    )
    parser.set_defaults(command=command)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model file; its content decides what it is")
    for option, metavar in (("target", "NAME"), ("board", "NAME"), ("precision", None), ("optimize", None)):
        about = CompileOptions.model_fields[option]
        choices = None if metavar else get_args(about.annotation)
        parser.add_argument(f"--{option}", metavar=metavar, choices=choices, help=about.description)
    shape = parser.add_argument("--shape", metavar="[NAME=]1,3,32,32", action="append", type=typed(parse_shape))
    shape.help = CompileOptions.model_fields["shape"].description
    layers = parser.add_argument("--architecture", metavar="FILE.json", type=Path)
    layers.help = CompileOptions.model_fields["architecture"].description
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.add_argument(
        "--graph", metavar="FILE.json", type=Path, help="write the graph before and after optimisation, without weights"
    )
    parser.add_argument(
        "--analyse",
        action="store_true",
        help="also each layer's pattern, strides and reuse of data, and how long tensors live",
    )


def command(args: argparse.Namespace) -> int:
    given: dict[str, Any] = {"shape": shapes_from(args.shape or [])}
    given |= {name: value for name in ASKED if (value := getattr(args, name)) is not None}
    if args.architecture:
        given["architecture"] = read_architecture(args.architecture)
    options = checked(given)
    must_exist(args.model, "model")

    from compiler.pipeline import inspect_model

    found = inspect_model(args.model, options)
    if args.graph:
        write_graphs(args.graph, found)
    analysed = None
    if args.analyse and found.compilable:
        from compiler.analysis import analyse

        analysed = analyse(args.model, options)
    if args.json:
        content = found.model_dump(mode="json", exclude={"graphs"})
        print(json.dumps(content | ({"analysis": analysed.model_dump(mode="json")} if analysed else {}), indent=1))
    else:
        print("\n".join(text(found)))
        if analysed:
            print("\n".join(analysis_text(analysed)))
    return 0 if found.compilable else UNSUPPORTED_STATUS


def write_graphs(path: Path, found: Inspection) -> None:
    """The file has `before`, `after` and why one of them is missing."""
    content = "{}" if found.graphs is None else found.graphs.model_dump_json(indent=1)
    try:
        path.write_text(content + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(
            CANNOT_WRITE,
            f"cannot write {path}: {error.strerror or type(error).__name__}",
            where="--graph",
            help="Choose a file in a folder that exists and can be written to.",
        ) from error


def text(found: Inspection) -> Iterator[str]:
    yield f"{plain(found.name)}: {plain(found.format, 24)}, {size(found.size)}, sha256 {plain(found.sha256, 64)}"
    macs = count(found.macs) if found.macs is not None else "unknown while a shape is open"
    yield f"{count(found.parameters)} parameters, multiply-accumulates: {macs}"
    yield ""
    tensors = [*_tensors("input", found.inputs), *_tensors("output", found.outputs)]
    yield table(("", "name", "type", "shape"), tensors)
    yield ""
    yield from _operators(found)
    if found.notes:
        yield ""
    for note in found.notes:
        yield f"note: {plain(note, 300)}"
    if found.unsupported:
        yield ""
        yield f"{len(found.unsupported)} {'node' if len(found.unsupported) == 1 else 'nodes'} cannot be compiled:"
        for node in found.unsupported:
            yield f"  {plain(node.node)} ({plain(node.op, 40)}): {plain(node.reason, 300)} [{plain(node.code, 8)}]"
            if node.help:
                yield f"    help: {plain(node.help, 300)}"
    for name, proposal in found.shape_needed.items():
        shape = ",".join("?" if d is None else str(d) for d in proposal)
        yield ""
        yield f"the shape of the input {plain(name)} is open; give it with --shape {plain(name)}={shape or '...'}"
    if found.architecture and not found.compilable:
        yield from layer_list(found.architecture)
    yield ""
    yield "can be compiled" if found.compilable else "cannot be compiled as it is"
    if found.estimate:
        needs = found.estimate
        yield (
            f"needs {size(needs.weights)} of flash for weights and {size(needs.arena)} of RAM for the arena on "
            f"{needs.target}; code and stack come on top"
        )
        yield from _kernels(found)
    elif found.compilable:
        yield f"no estimate of flash and RAM: {plain(found.no_estimate, 200)}"


def _operators(found: Inspection) -> Iterator[str]:
    """Counts by the source's operators, with the kernels they get where that is known."""
    runs: dict[str, list[str]] = {}
    for use in found.support[0].operators if found.support else ():
        runs.setdefault(use.op, []).append(f"{use.nodes} {_kind(use)}")
    head = ("operator", "nodes", "supported", *(("runs as",) if runs else ()))
    rows = [
        (
            plain(o.op, 40),
            str(o.count),
            "yes" if o.supported else "NO",
            *((", ".join(runs.get(o.op, ())),) if runs else ()),
        )
        for o in found.operators
    ]
    yield table(head, rows, right=(1,))


def _kernels(found: Inspection) -> Iterator[str]:
    """What will run, after optimisation."""
    chosen = found.support[0]
    rows = [(plain(x.op, 40), str(x.nodes), count(x.macs), _kind(x)) for x in chosen.layers]
    yield ""
    yield table(("layers after optimisation", "nodes", "MACs", "kernel"), rows, right=(1, 2))


def _kind(use: KernelUse) -> str:
    return f"tuned for {use.family}" if use.kind == "tuned" else use.kind


def analysis_text(found: Analysis) -> Iterator[str]:
    """Layers, what each walks through, and tensors; every number is one of the JSON's."""
    yield ""
    yield f"analysed for {found.target}; loads and stores as the kernels' source writes them, before any compiler"
    yield ""
    head = ("layer", "pattern", "kernel runs as", "MACs", "loaded", "stored", "MACs/B loaded", "MACs/B")
    rows = [
        (plain(x.name, 40), x.pattern, plain(x.schedule, 24), count(x.macs), size(x.loaded), size(x.stored),
         _number(x.macs_per_byte_loaded), _number(x.macs_per_byte))
        for x in found.layers
    ]  # fmt: skip
    yield table(head, rows, right=(3, 4, 5, 6, 7))
    yield ""
    uses = [
        (plain(x.name, 40), o.parameter, o.role, plain(o.name, 40), size(o.bytes), size(o.loaded), size(o.stored),
         "varies" if o.stride is None else str(o.stride), f"{o.stride_share:.0%}", _number(o.reuse))
        for x in found.layers
        for o in x.operands
    ]  # fmt: skip
    columns = ("layer", "", "role", "buffer", "size", "loaded", "stored", "stride", "of accesses", "reuse")
    yield table(columns, uses, right=(4, 5, 6, 7, 8, 9))
    yield ""
    lives = [(plain(t.name, 40), size(t.bytes), str(t.offset), str(t.first), str(t.last)) for t in found.tensors]
    yield table(("tensor", "size", "offset", "first layer", "last layer"), lives, right=(1, 2, 3, 4))
    yield f"arena {size(found.arena_bytes)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _tensors(role: str, tensors: list[OpenTensor]) -> Iterator[tuple[str, str, str, str]]:
    for t in tensors:
        dims = "×".join("?" if d is None else str(d) for d in t.shape)
        yield role, plain(t.name), plain(t.dtype, 16), dims or "scalar"

"""A graph as a torch module that computes what the compiled image computes, to judge a whole test set on CPU or GPU.

Two files: `NAME.py` to read, to run and to import, one line for each layer, and `NAME.npz` with its constants.
Integers are computed in integers, so an int8 graph gives the image's bytes; floats agree up to rounding.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Node, Value
from compiler.inputs import save
from compiler.quant.torch_layer import Layer, Module
from compiler.quant.torch_scalars import NoSpelling, docstring, torch_name
from compiler.quant.torch_spellings import spelled

CANNOT_EXPORT, CANNOT_WRITE = "E0460", "E0461"
_HELPERS = Path(__file__).with_name("torch_arithmetic.py")
_FRAME = Path(__file__).with_name("templates") / "torch_module.py.txt"


@dataclass(frozen=True)
class Exported:
    """The module's text and its constants by name."""

    text: str
    constants: dict[str, object]


def export_torch(graph: Graph, out: Path) -> tuple[Path, Path]:
    """Write `out` (a .py file) and the .npz file beside it."""
    if out.suffix != ".py":
        raise ModelError(
            CANNOT_WRITE,
            f"the torch module cannot be written as {out.name[:80]!r}",
            where="--export-torch",
            help="give the name of a .py file; its constants go into an .npz file beside it",
        )
    module, text = torch_module(graph, out.with_suffix(".npz").name)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
    except OSError as error:
        raise ModelError(
            CANNOT_WRITE, f"cannot write {out.name!r}: {error.strerror or error}", where="--export-torch"
        ) from error
    save(out.with_suffix(".npz"), module.constants)
    return out, out.with_suffix(".npz")


def torch_module(graph: Graph, weights: str) -> tuple[Module, str]:
    """The module's parts and its text; `weights` is what the constants' file will be called."""
    module = Module(graph)
    problems: dict[str, str] = {}
    lines = [line for node in graph.nodes for line in _lines(module, node, problems)]
    if problems:
        raise ModelError(
            CANNOT_EXPORT,
            "the model has operators that the torch export cannot express",
            facts=dict(list(problems.items())[:20]),
            help="compile it as it is, and judge it with `deepmetal compile ... --labels`",
        )
    return module, _text(graph, module, lines, weights)


def _lines(module: Module, node: Node, problems: dict[str, str]) -> list[str]:
    """A comment, and one line or a few."""
    layer = Layer(module, node, f"{type(node.op).__name__.lower()}{len(module.names)}")
    names = [layer.name] if len(node.outputs) == 1 else [f"{layer.name}_{i}" for i in range(len(node.outputs))]
    module.names.update((v.name, n) for v, n in zip(node.outputs, names, strict=True))
    try:
        for v in module.graph.inputs:
            module.names.setdefault(v.name, f"in{module.graph.inputs.index(v)}")
        text = spelled(layer)
        kind = torch_name(node.output.type.dtype)
    except NoSpelling as problem:
        problems[docstring(node.name)[:80] or layer.name] = str(problem)
        return []
    shape = "x".join(map(str, node.output.shape)) or "scalar"
    sources = docstring(", ".join(node.sources) or node.name)[:80]
    about = f"# {sources}: {kind.removeprefix('torch.')} {shape}"
    return [about, *layer.before, f"{', '.join(names)} = {text}"]


def _text(graph: Graph, module: Module, lines: list[str], weights: str) -> str:
    functions = module.functions
    used = _with_needed(functions.helpers)
    helpers = "\n\n\n".join(text.rstrip() for text in used)
    scalars = "\n\n\n".join(text.rstrip() for text in functions.texts.values())

    def outcome(v: Value) -> str:
        array = module.graph.constant(v)
        if array is not None:
            return Layer(module, graph.nodes[0], "result").constant(array, str(len(module.constants)))
        return module.names[v.name]

    for i, v in enumerate(graph.inputs):
        module.names.setdefault(v.name, f"in{i}")
    results = [outcome(v) for v in graph.outputs]
    tensors = [*graph.inputs, *graph.outputs]
    fields = {
        "name": docstring(graph.name)[:80],
        "weights": repr(weights),
        "functions": "\n\n\n".join(part for part in (helpers, scalars) if part),
        "inputs": repr(tuple((v.type.dtype, tuple(v.shape)) for v in graph.inputs)),
        "leading": repr(all(v.shape[:1] == (1,) for v in tensors)),
        "parameters": ", ".join(f"in{i}" for i in range(len(graph.inputs))),
        "body": "\n".join(f"        {line}" for line in lines),
        "results": f"({', '.join(results)},)",
    }
    frame = _FRAME.read_text("utf-8")
    return re.sub(r"@(\w+)@", lambda m: fields[m.group(1)], frame)


def _with_needed(names: set[str]) -> list[str]:
    """Sources of functions of torch_arithmetic.py and of those that they call, in the file's order."""
    source = _HELPERS.read_text("utf-8")
    found = {f.name: f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef)}
    wanted, left = set[str](), sorted(names)
    while left:
        name = left.pop()
        if name not in wanted:
            wanted.add(name)
            left += [n.id for n in ast.walk(found[name]) if isinstance(n, ast.Name) and n.id in found]
    return [ast.get_source_segment(source, f) or "" for f in found.values() if f.name in wanted]

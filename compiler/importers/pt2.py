"""Programs of torch.export (`.pt2`): the nodes of the JSON one after the other, as calls of ATen operators.

    pt2_file.py    the archive
    pt2_values.py  arguments of a node
    torch_fx.py    the graph

Shapes that the file notes of its values are not used: PyTorch's own shape functions compute them anew.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.errors import ModelError
from compiler.importers.aten import listed, output_names, why_not, writes
from compiler.importers.aten_shapes import macs
from compiler.importers.pt2_file import ExportFile, Meta, Weight, damaged, is_symbol, open_export, part
from compiler.importers.pt2_values import Arguments, SubGraph
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_fast_paths import FAST_PATHS, spelled_out
from compiler.importers.torch_fx import Builder, Misfit, Program, Scope, unlisted
from compiler.importers.torch_pickle import shown
from compiler.importers.torchscript_names import given_shapes

_ATEN = "torch.ops.aten."
_QUANTIZED = ("torch.ops.quantized_decomposed.", "torch.ops.torchao.")
_IGNORED = frozenset(
    "_assert_scalar _assert_async _assert_tensor_metadata sym_constrain_range sym_constrain_range_for_size".split()
)
_WRAPPERS = ("torch.ops.higher_order.wrap_with_set_grad_enabled", "torch.ops.higher_order.wrap_with_autocast")
MAX_NESTING = 20
# Arithmetic on sizes that are known here, since shapes are.
_NUMBERS: dict[str, Callable[..., Any]] = {
    "_operator.add": operator.add, "_operator.sub": operator.sub, "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv, "_operator.mod": operator.mod, "_operator.neg": operator.neg,
    "_operator.truediv": operator.truediv, "_operator.eq": operator.eq, "_operator.ne": operator.ne,
    "_operator.lt": operator.lt, "_operator.le": operator.le, "_operator.gt": operator.gt, "_operator.ge": operator.ge,
    "math.ceil": math.ceil, "math.floor": math.floor, "math.trunc": math.trunc, "torch.sym_max": max,
    "torch.sym_min": min, "torch.sym_float": float, "torch.sym_int": int,
}  # fmt: skip


@dataclass(frozen=True)
class ProgramInput:
    """An input of the program: an open dimension is None in `shape`; `example` is what it was exported with."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    example: tuple[int | None, ...]
    symbols: tuple[str | None, ...]


@dataclass
class ExportLook:
    """What a glance at the program finds."""

    inputs: list[ProgramInput]
    shapes: dict[str, Shape]  # of the inputs whose shape is known
    outputs: list[Meta | None]
    operators: Counter[str] = field(default_factory=Counter)
    unlisted: dict[str, str] = field(default_factory=dict)
    parameters: int = 0
    macs: int | None = 0

    @property
    def output_names(self) -> list[str]:
        return output_names(len(self.outputs))


def load_export(path: Path, shapes: Mapping[str, Shape], where: str) -> Program:
    """The program of a file, for these shapes of the inputs that it leaves open. Raises ModelError."""
    file = open_export(path, where)
    found = look_at(file, shapes)
    if found.unlisted:
        raise unlisted(found.unlisted, where)
    missing = [i for i in found.inputs if i.name not in found.shapes]
    if missing:
        raise question(missing, where)
    try:
        return _Reader(file, found).program()
    except Misfit as reason:
        given = " ".join(f"{shown(n)}={','.join(map(str, s))}" for n, s in found.shapes.items())
        raise ModelError(
            "E0132", f"The input shape does not fit: {reason}", where=where, facts={"shapes": given},
            help="Give the shape that the program was exported with, or export it again.",
        ) from None  # fmt: skip


def look_at(file: ExportFile, shapes: Mapping[str, Shape]) -> ExportLook:
    """Inputs, outputs and operators, without PyTorch."""
    inputs = _inputs(file)
    known = _known(inputs, shapes, file.where)
    found = ExportLook(inputs, known, [file.meta(name) for name in _outputs(file)])
    found.parameters = _trained(file)
    for node in _all_nodes(file.graph["nodes"], file.where):
        _look_at_node(file, node, found)
    return found


def question(missing: Sequence[ProgramInput], where: str) -> ModelError:
    """E0131: more than the batch is open."""
    texts = {i.name: ",".join("?" if n is None else str(n) for n in i.example) for i in missing}
    return ModelError(
        "E0131",
        "How large is the input? The program leaves it open",
        where=where,
        facts={shown(name): text for name, text in texts.items()},
        help="Add " + " ".join(f"--shape {shown(name)}={text}" for name, text in texts.items()) + ".",
    )


class _Reader:
    """Follows the nodes of one file."""

    def __init__(self, file: ExportFile, found: ExportLook) -> None:
        self.file = file
        self.found = found
        self.where = file.where
        self.builder = Builder(file.where)
        self._records: dict[str, Any] = {}
        self._tensors: dict[tuple[str, Meta], Any] = {}

    def program(self) -> Program:
        values: dict[str, Any] = {}
        user = iter(self.found.inputs)
        for spec in part(self.file.signature, "input_specs", list, self.where):
            self._bind(spec, user, values)
        self._run(self.file.graph["nodes"], values, 0)
        names = _outputs(self.file)
        if not names or len(names) > 256:
            damaged("it has no outputs, or far too many", self.where)
        found = [Arguments(values, self.where).tensor(name) for name in names]
        return self.builder.finish(list(zip(output_names(len(found)), found, strict=True)))

    def _bind(self, spec: Any, user: Any, values: dict[str, Any]) -> None:
        """A weight or an input gets its value."""
        kind, content = _only(spec, self.where)
        if kind == "user_input":
            name = _tensor_name(part(content, "arg", dict, self.where))
            if name is not None:
                given = next(user)
                values[name] = self.builder.input(given.name, self.found.shapes[given.name], given.dtype)
            return
        if kind == "constant_input":
            _, value = _only(part(content, "value", dict, self.where), self.where)
            values[part(content, "name", str, self.where)] = value
            return
        fields = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
        if kind not in fields:
            raise ModelError(
                "E0144", f"The program needs an object of a kind that cannot be compiled: {shown(kind)}",
                where=self.where, help="Only tensors can be inputs and weights of a compiled model.",
            )  # fmt: skip
        key = part(content, fields[kind], str, self.where)
        name = part(part(content, "arg", dict, self.where), "name", str, self.where)
        weight = self.file.weights.get(key)
        if weight is None:
            damaged(f"the weight '{shown(key)}' is missing", self.where)
        identity = (weight.record, weight.meta)
        if identity not in self._tensors:
            self._tensors[identity] = self.builder.weight(key, self._tensor(weight))
        values[name] = self._tensors[identity]

    def _tensor(self, weight: Weight) -> Any:
        torch = import_torch()
        dtype, shape = getattr(torch, weight.meta.dtype), weight.meta.shape or ()
        if not weight.elements:
            return torch.empty(shape, dtype=dtype)
        if weight.record not in self._records:
            self._records[weight.record] = torch.frombuffer(self.file.archive.read(weight.record), dtype=torch.uint8)
        data = self._records[weight.record]
        flat = data[: len(data) // dtype.itemsize * dtype.itemsize].view(dtype)
        return torch.as_strided(flat, shape, weight.meta.strides, weight.meta.offset).contiguous()

    def _run(self, nodes: Sequence[Any], values: dict[str, Any], depth: int) -> None:
        if depth > MAX_NESTING:
            damaged("programs lie in programs without end", self.where)
        for node in nodes:
            target = part(node, "target", str, self.where)
            self.builder.scope = _scope(node)
            arguments = Arguments(values, self.where)
            positional, keywords = arguments.of(part(node, "inputs", list, self.where))
            if target in _WRAPPERS:
                results = self._wrapped([*positional, *keywords.values()], depth)
            elif target in _NUMBERS:
                results = _computed(_NUMBERS[target], positional, self.where)
            else:
                results = self._call(target, positional, keywords)
            arguments.keep(part(node, "outputs", list, self.where), results)

    def _call(self, target: str, positional: list[Any], keywords: dict[str, Any]) -> Any:
        name, overload = _called(target)
        if name in _IGNORED:
            return None
        if name == "sym_size":
            x, dim = positional
            return x.shape[dim]
        if name == "sym_numel":
            return math.prod(positional[0].shape)
        if name in FAST_PATHS:
            return spelled_out(self.builder.call, name, positional, keywords, self.where)
        return self.builder.call(name, positional, keywords, overload)

    def _wrapped(self, arguments: list[Any], depth: int) -> Any:
        """A part of the program that ran without gradients, or with other settings: it computes the same here."""
        at = next((i for i, a in enumerate(arguments) if isinstance(a, SubGraph)), None)
        if at is None:
            damaged("a part of the program is missing", self.where)
        inner = arguments[at].graph
        names = [_tensor_name(a) for a in part(inner, "inputs", list, self.where)]
        values = {n: v for n, v in zip(names, arguments[at + 1 :], strict=False) if n is not None}
        self._run(part(inner, "nodes", list, self.where), values, depth + 1)
        outputs = [_tensor_name(a) for a in part(inner, "outputs", list, self.where)]
        return [Arguments(values, self.where).tensor(n) for n in outputs if n is not None]


def _called(target: str) -> tuple[str, str]:
    """The operator as aten.py lists it, and its variant."""
    if target.startswith(_QUANTIZED):
        library, name, overload = (*target.removeprefix("torch.ops.").split("."), "", "")[:3]
        return f"{library}.{name}", overload
    name, _, overload = target.removeprefix(_ATEN).partition(".")
    return name, overload


def _computed(function: Callable[..., Any], arguments: list[Any], where: str) -> Any:
    if not all(isinstance(a, (int, float)) and abs(a) < 1 << 62 for a in arguments):
        raise ModelError(
            "E0142", "The program computes a size from the values of a tensor", where=where,
            help="Export the model with shapes that depend on its inputs' shapes only.",
        )  # fmt: skip
    try:
        return function(*arguments)
    except (ArithmeticError, TypeError, ValueError):
        damaged("it computes a size from numbers that have none", where)


def _only(table: Any, where: str) -> tuple[str, Any]:
    """The key and value of an object that has one of each: how the format writes 'one of'."""
    if not isinstance(table, dict) or len(table) != 1:
        damaged("something that is one of several is none, or several", where)
    return next(iter(table.items()))


def _tensor_name(argument: Any) -> str | None:
    tensor = argument.get("as_tensor") if isinstance(argument, dict) else None
    name = tensor.get("name") if isinstance(tensor, dict) else None
    return name if isinstance(name, str) else None


def _scope(node: Mapping[str, Any]) -> Scope:
    """The module that a node was traced in: the last of its stack, written `key,path,class;...`."""
    metadata = node.get("metadata")
    stack = metadata.get("nn_module_stack") if isinstance(metadata, dict) else None
    if not isinstance(stack, str):
        return Scope()
    last = stack.rpartition(";")[2].split(",")
    return Scope(last[1], last[2]) if len(last) == 3 else Scope()


def _inputs(file: ExportFile) -> list[ProgramInput]:
    found = []
    for spec in part(file.signature, "input_specs", list, file.where):
        kind, content = _only(spec, file.where)
        if kind != "user_input":
            continue
        argument = part(content, "arg", dict, file.where)
        name = _tensor_name(argument)
        if name is None:
            if set(argument) <= {"as_none", "as_int", "as_float", "as_bool", "as_string"}:
                continue  # a constant of the export
            damaged("an input is no tensor", file.where)
        meta = file.meta(name)
        if meta is None or not meta.dtype or any(isinstance(n, str) and not is_symbol(n) for n in meta.sizes):
            damaged(f"the input '{shown(name)}' has no size that is a number or a symbol", file.where)
        shape = tuple(n if isinstance(n, int) else None for n in meta.sizes)
        example = tuple(h if n is None else n for n, h in zip(shape, meta.hints, strict=True))
        symbols = tuple(n if isinstance(n, str) else None for n in meta.sizes)
        found.append(ProgramInput(name, meta.dtype, shape, example, symbols))
    if not 1 <= len(found) <= 64:
        damaged("it has no inputs, or far too many", file.where)
    return found


def _trained(file: ExportFile) -> int:
    """How many numbers were trained; weights that share their bytes count once."""
    distinct = {}
    for spec in part(file.signature, "input_specs", list, file.where):
        kind, content = _only(spec, file.where)
        weight = file.weights.get(part(content, "parameter_name", str, file.where)) if kind == "parameter" else None
        if weight is not None:
            distinct[weight.record, weight.meta] = weight.elements
    return sum(distinct.values())


def _known(inputs: Sequence[ProgramInput], shapes: Mapping[str, Shape], where: str) -> dict[str, Shape]:
    """The inputs' shapes: of the file, of the user; an open batch is 1 when it is all that is open."""
    given = given_shapes([i.name for i in inputs], shapes, where)
    sizes: dict[str, int] = {}
    for i in inputs:
        shape = given.get(i.name)
        if shape is None:
            continue
        if len(shape) != len(i.shape) or any(n is not None and n != s for n, s in zip(i.shape, shape, strict=True)):
            text = ",".join("?" if n is None else str(n) for n in i.example)
            raise ModelError(
                "E0132", f"The input shape does not fit: '{shown(i.name)}' was exported with other sizes", where=where,
                facts={"given": ",".join(map(str, shape)), "exported": text},
                help="Give sizes only for the dimensions that the export left open (dynamic_shapes).",
            )  # fmt: skip
        sizes |= {s: n for s, n in zip(i.symbols, shape, strict=True) if s is not None}
    open_symbols = {s for i in inputs for s in i.symbols if s is not None and s not in sizes}
    batches = {i.symbols[0] for i in inputs if i.symbols and i.symbols[0] is not None}
    if (
        len(open_symbols) == 1
        and open_symbols <= batches
        and not any(s in open_symbols for i in inputs for s in i.symbols[1:])
    ):
        sizes |= dict.fromkeys(open_symbols, 1)
    known = {}
    for i in inputs:
        shape = tuple(n if n is not None else sizes.get(s or "", 0) for n, s in zip(i.shape, i.symbols, strict=True))
        if all(s is None or s in sizes for s in i.symbols):
            known[i.name] = shape
    return known


def _outputs(file: ExportFile) -> list[str]:
    names = []
    for spec in part(file.signature, "output_specs", list, file.where):
        kind, content = _only(spec, file.where)
        if kind != "user_output":
            raise ModelError(
                "E0142", f"The program keeps state between calls ({shown(kind)})", where=file.where,
                help="Export the model in evaluation mode; make the state an input and an output.",
            )  # fmt: skip
        name = _tensor_name(part(content, "arg", dict, file.where))
        if name is not None:
            names.append(name)
    return names


def _all_nodes(nodes: Sequence[Any], where: str, depth: int = 0) -> list[Any]:
    """The nodes, with those of the parts that only wrap others."""
    found = []
    for node in nodes:
        found.append(node)
        if depth < MAX_NESTING and part(node, "target", str, where) in _WRAPPERS:
            for each in part(node, "inputs", list, where):
                graph = part(each, "arg", dict, where).get("as_graph")
                if isinstance(graph, dict):
                    found += _all_nodes(part(part(graph, "graph", dict, where), "nodes", list, where), where, depth + 1)
    return found


def _look_at_node(file: ExportFile, node: Any, found: ExportLook) -> None:
    target = part(node, "target", str, file.where)
    if target in _NUMBERS or target in _WRAPPERS:
        return
    name, _ = _called(target)
    if target.startswith(_ATEN) and (name in _IGNORED or name.startswith("sym_")):
        return
    if not target.startswith((_ATEN, *_QUANTIZED)):
        found.operators[target] += 1
        found.unlisted[target] = "it is not one of PyTorch's own operators on tensors"
        return
    found.operators[name] += 1
    if not listed(name):
        found.unlisted[name] = why_not(name)
        return
    if found.macs is not None:
        shapes = [_noted(file, each) for each in part(node, "inputs", list, file.where)]
        results = [_noted(file, {"arg": each}) for each in part(node, "outputs", list, file.where)]
        known = results and all(isinstance(s, (tuple, list)) for s in results) and "open" not in shapes
        plain = name[:-1] if writes(name) else name
        try:
            found.macs = (
                found.macs + macs(plain, shapes, results if len(results) > 1 else results[0]) if known else None
            )
        except (TypeError, IndexError, ValueError):
            found.macs = None


def _noted(file: ExportFile, argument: Any) -> Any:
    """The shape that the file notes of an argument, its value when it is none, "open" when it is open."""
    kind, value = _only(part(argument, "arg", dict, file.where), file.where)
    if kind == "as_tensor":
        meta = file.meta(part(value, "name", str, file.where))
        return "open" if meta is None or meta.shape is None else meta.shape
    if kind == "as_tensors" and isinstance(value, list):
        return [_noted(file, {"arg": {"as_tensor": each}}) for each in value]
    return value

"""A TensorFlow Lite file as plain data: tensors, operators with their options, subgraphs. Nothing is converted yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.flatbuffer import Buffer, Table, damaged
from compiler.importers.tflite_schema import CUSTOM, ELEMENT_NAMES, ELEMENTS, OPERATORS, OPTIONS

MAX_TENSORS = 100_000
MAX_OPERATORS = 50_000
MAX_SUBGRAPHS = 1_000
MAX_RANK = 8
MAX_ENDS = 4_096  # inputs or outputs of one operator
MAX_ELEMENTS = 1 << 31


@dataclass(frozen=True)
class Quantization:
    """real = scale * (stored - zero_point), per tensor or along `axis`."""

    scale: Array
    zero_point: Array
    axis: int


@dataclass(frozen=True)
class Tensor:
    name: str
    dtype: str
    shape: tuple[int, ...]
    free: tuple[bool, ...]  # which dimensions the model leaves open; `shape` has 1 there
    data: Array | None  # a view of the file; None: computed or given at run time
    quantization: Quantization | None
    variable: bool  # keeps its value from one inference to the next


@dataclass(frozen=True)
class Operator:
    kind: str  # "CONV_2D"; a custom operator's own name
    custom: bool
    inputs: tuple[int, ...]  # -1: absent
    outputs: tuple[int, ...]
    options: Mapping[str, int | float | tuple[int, ...]]


@dataclass(frozen=True)
class Subgraph:
    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True)
class TfliteModel:
    version: int
    description: str
    subgraphs: tuple[Subgraph, ...]

    @property
    def main(self) -> Subgraph:
        return self.subgraphs[0]


def read(path: Path) -> TfliteModel:
    """E0160 for a damaged file, E0164 for one that is too large to be meant."""
    data = path.read_bytes()
    if len(data) < 8 or data[4:8] != b"TFL3":
        damaged("its signature is missing")
    root = Buffer(data).root()
    codes = [_code(t) for t in root.tables(1, MAX_TENSORS)]
    buffers = root.tables(4, MAX_TENSORS)
    graphs = root.tables(2, MAX_SUBGRAPHS)
    if not graphs:
        damaged("it holds no graph")
    subgraphs = tuple(_subgraph(t, codes, buffers) for t in graphs)
    return TfliteModel(root.integer(0, "u32"), root.text(3), subgraphs)


def _code(table: Table) -> tuple[int, str]:
    """The number of a builtin operator, or CUSTOM with its name. Old files have the number in one byte."""
    number = max(table.integer(0, "i8"), table.integer(3, "i32"))
    return number, table.text(1)


def _subgraph(table: Table, codes: Sequence[tuple[int, str]], buffers: Sequence[Table]) -> Subgraph:
    tensors = tuple(_tensor(t, buffers) for t in table.tables(0, MAX_TENSORS))
    inputs = _indices(table.integers(1, MAX_ENDS), len(tensors))
    outputs = _indices(table.integers(2, MAX_ENDS), len(tensors))
    if -1 in inputs or -1 in outputs:
        damaged("an input or output of the graph is no tensor")
    operators = tuple(_operator(t, codes, len(tensors)) for t in table.tables(3, MAX_OPERATORS))
    return Subgraph(table.text(4), tensors, inputs, outputs, operators)


def _indices(found: tuple[int, ...], count: int) -> tuple[int, ...]:
    if any(not -1 <= i < count for i in found):
        damaged("an operator refers to a tensor that is not there")
    return found


def _operator(table: Table, codes: Sequence[tuple[int, str]], tensors: int) -> Operator:
    index = table.integer(0, "u32")
    if index >= len(codes):
        damaged("an operator is of a kind that the file does not list")
    number, name = codes[index]
    custom = number == CUSTOM
    if custom:
        kind = name or "CUSTOM"
    else:
        kind = OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"
    found = table.table(4)
    options = {o.name: _option(found, o.slot, o.kind, o.default) for o in OPTIONS.get(kind, ()) if not custom}
    inputs = _indices(table.integers(1, MAX_ENDS), tensors)
    outputs = _indices(table.integers(2, MAX_ENDS), tensors)
    return Operator(kind, custom, inputs, outputs, options)


def _option(table: Table | None, slot: int, kind: str, default: int | float) -> int | float | tuple[int, ...]:
    if kind == "ints":
        return () if table is None else table.integers(slot, MAX_RANK)
    value = default if table is None else table.scalar(slot, kind, default)
    if kind == "f32" and not np.isfinite(value):
        damaged("an option of an operator is not a finite number")
    return value


def _tensor(table: Table, buffers: Sequence[Table]) -> Tensor:
    name, number = table.text(3), table.integer(1, "i8")
    shape = table.integers(0, MAX_RANK)
    signature = table.integers(7, MAX_RANK)
    if any(n < 0 for n in shape) or prod(shape) > MAX_ELEMENTS:
        damaged(f"tensor '{name[:80]}' has the impossible shape {list(shape)}")
    dtype = ELEMENTS[number] if 0 <= number < len(ELEMENTS) else ""
    free = tuple(n == -1 for n in signature) if len(signature) == len(shape) else (False,) * len(shape)
    index = table.integer(2, "u32")
    if index >= len(buffers) and index:
        damaged(f"the data of tensor '{name[:80]}' is not there")
    stored = buffers[index] if index < len(buffers) else None
    return Tensor(
        name,
        dtype or ELEMENT_NAMES.get(number, f"type {number}"),
        shape,
        free,
        None if stored is None or index == 0 else _data(stored, dtype, shape, name),
        _quantization(table.table(4), shape),
        bool(table.scalar(5, "bool", False)),
    )


def _data(buffer: Table, dtype: str, shape: tuple[int, ...], name: str) -> Array | None:
    """The elements; None for a tensor that is computed at run time, which has an empty buffer."""
    if buffer.integer(1, "u64") > 1:
        raise ModelError(
            "E0161",
            f"the data of tensor '{name[:80]}' lies behind the end of the model's structure",
            help="Convert the model again without offloaded buffers (files below 2 GB need none).",
        )
    data = buffer.numbers(0, "uint8", 1 << 31)
    if data.size == 0:
        return None
    if dtype in ("int4", "int2", "uint4", "bfloat16", ""):
        return data  # told apart by the importer, which refuses them by name
    wanted = np.dtype(dtype).newbyteorder("<")
    if data.nbytes != prod(shape) * wanted.itemsize:
        damaged(f"tensor '{name[:80]}' holds {data.nbytes} bytes for {list(shape)} of {dtype}")
    return data.view(wanted).reshape(shape)


def _quantization(table: Table | None, shape: tuple[int, ...]) -> Quantization | None:
    if table is None:
        return None
    scale = table.numbers(2, "float32", 1 << 20)
    zero = table.numbers(3, "int64", 1 << 20)
    if scale.size == 0:
        return None
    axis = table.integer(6)
    if zero.size == 0:
        zero = np.zeros(scale.size, np.int64)
    along = scale.size > 1
    if zero.size not in (1, scale.size) or (along and not (0 <= axis < len(shape) and shape[axis] == scale.size)):
        damaged("scales and zero points do not fit their tensor")
    return Quantization(scale, np.broadcast_to(zero, scale.shape), axis)

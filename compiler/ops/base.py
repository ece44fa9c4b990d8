"""What an operator is: one class that says how to read, type, compute, lower and price it.

A new file in this folder is found by itself; see README.md.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import DTYPES, Array, Shape, TensorType
from compiler.loop.nodes import U8, Type

if TYPE_CHECKING:
    from compiler.graph.graph import Graph, Value
    from compiler.loop.builder import Kernel, View

LayoutRule = Literal["channels_last", "same", "row_major", "view"]


class Reader(Protocol):
    """A node of the source model, as `Op.from_onnx` sees it (importers/onnx_node.py implements it)."""

    op_type: str
    opset: int  # of the operator's domain
    name: str
    inputs: list[Value | None]
    output_count: int  # outputs that are named
    wanted: tuple[bool, ...]  # is this output named?

    def attr(self, name: str, default: Any = None) -> Any:
        """An attribute as int, float, str, list or array."""

    def type(self, index: int = 0) -> TensorType:
        """The type of an input that must be there."""

    def value(self, index: int = 0) -> Value:
        """An input that must be there."""

    def has(self, index: int) -> bool:
        """Is this optional input given?"""

    def constant(self, index: int) -> Array:
        """An input whose value must be known at compile time; otherwise the node is unsupported."""

    def known(self, index: int) -> Array | None:
        """An input's value if it is known at compile time."""

    def add(self, op: Op, *inputs: Value | None) -> Value:
        """A node with one output."""

    def add_many(self, op: Op, *inputs: Value | None) -> tuple[Value, ...]:
        """A node with several outputs."""

    def const(self, array: Array, hint: str = "const") -> Value:
        """A constant."""

    def counted(self, count: Value, *values: Value, axis: int = 0) -> tuple[Value, ...]:
        """Results of which only the first `count` along `axis` mean something: the count becomes an output of the
        model, too. Where all of it is known, they get that size instead."""

    def inline(self, body: Any, inputs: Sequence[Value]) -> tuple[Value, ...]:
        """The nodes of a sub-graph attribute, as if they stood here: its outputs. Names of outer scopes are seen."""

    def subgraph(self, body: Any, types: Sequence[TensorType]) -> tuple[Graph, tuple[Value, ...]]:
        """A sub-graph attribute as a graph: inputs of these types, then the values of outer scopes that it reads."""

    def unsupported(self, reason: str, help: str = "", code: str = "E0202") -> ModelError:
        """The error to raise when this node cannot be expressed."""


@dataclass(frozen=True)
class Op:
    """An operator's attributes are its dataclass fields; operands and results have logical axis order."""

    onnx: ClassVar[tuple[str, ...]] = ()  # "Relu", or with its domain "ai.onnx.ml:Binarizer"
    # ONNX name -> operands that decide shapes: their values must be known when the model is compiled
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    layout_rule: ClassVar[LayoutRule] = "row_major"
    in_order: ClassVar[bool] = True  # generic loops go through memory once and upwards, as far as `in_place` matters
    dtypes: ClassVar[frozenset[str]] = frozenset(DTYPES)  # of the first operand
    folds: ClassVar[bool] = True  # computed as the model is read when all operands are constants

    def infer(self, *types: Any) -> TensorType | tuple[TensorType, ...]:
        """Result types (layout row-major); raises ModelError E03xx when operands do not fit."""
        raise NotImplementedError(type(self).__name__)

    def reference(self, *arrays: Any) -> Array | tuple[Array, ...]:
        """The meaning, in numpy."""
        raise NotImplementedError(type(self).__name__)

    def lower(self, k: Kernel, *views: Any) -> None:
        """Generic loops: present inputs first (absent ones None), then outputs."""
        raise NotImplementedError(type(self).__name__)

    def scratch(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> tuple[Type, int]:
        """Elements of working memory that `lower` gets as a last view; none when it is 0."""
        return U8, 0

    def scratches(
        self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]
    ) -> tuple[tuple[Type, int], ...]:
        """The same for operators that work in several types."""
        kind, count = self.scratch(inputs, outputs)
        return ((kind, count),) if count else ()

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        """Multiply-accumulates of one execution."""
        return 0

    def in_place(self) -> tuple[int, ...]:
        """Inputs over which the output may be written when generic loops run: same element read, then written."""
        return ()

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        """Read an ONNX node; raise `r.unsupported(...)` for what has no lowering."""
        return r.add(cls(), *r.inputs)


class Spelling(Op):
    """A spelling of the source format that is read as other operators or as constants; never a node of a graph."""


@cache
def registry() -> tuple[type[Op], ...]:
    """Every operator class of this package, by name."""
    import compiler.ops as package

    found: dict[str, type[Op]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"compiler.ops.{info.name}")
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Op) and item.__module__ == module.__name__:
                found[item.__name__] = item
    return tuple(found[name] for name in sorted(found))


@cache
def onnx_readers() -> Mapping[str, Callable[[Reader], Any]]:
    """ONNX operator name -> its reader."""
    return {name: cls.from_onnx for cls in registry() for name in cls.onnx}


@cache
def compile_time_operands() -> Mapping[str, tuple[int, ...]]:
    """ONNX operator name -> the operands whose values must be known when the model is compiled."""
    return {name: operands for cls in registry() for name, operands in cls.compile_time_inputs.items()}


def expect(condition: bool, code: str, title: str) -> None:
    if not condition:
        raise ModelError(code, title)


def broadcast(*shapes: Shape) -> Shape:
    """numpy's broadcasting rule; E0302 when the shapes do not fit."""
    try:
        return tuple(int(n) for n in np.broadcast_shapes(*shapes))
    except ValueError:
        raise ModelError("E0302", f"shapes {', '.join(map(str, shapes))} cannot be broadcast together") from None


def aligned(view: View, shape: Shape) -> tuple[int, ...]:
    """Strides of `view` seen with the broadcast `shape`: 0 along repeated axes."""
    missing = len(shape) - len(view.shape)
    own = tuple(0 if n == 1 else s for n, s in zip(view.shape, view.strides, strict=True))
    return (0,) * missing + own


def normal_axis(axis: int, rank: int) -> int:
    expect(-rank <= axis < max(rank, 1), "E0303", f"axis {axis} is outside a tensor of rank {rank}")
    return axis % max(rank, 1)

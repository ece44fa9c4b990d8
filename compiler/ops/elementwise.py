"""Elementwise operators, and `Map`: a chain of them computed element by element in one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from compiler.graph.types import Array, Layout, TensorType
from compiler.loop.nodes import Expr
from compiler.ops.base import Op, Reader, aligned, broadcast, expect

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Elementwise(Op):
    """An operator that is a scalar expression of its operands, with numpy's broadcasting."""

    layout_rule = "same"
    arity: ClassVar[int] = 1

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        """One element of the result."""
        raise NotImplementedError(type(self).__name__)

    def reference(self, *arrays: Any) -> Array:
        raise NotImplementedError(type(self).__name__)

    def infer(self, *types: TensorType) -> TensorType:
        expect(len(types) == self.arity, "E0304", f"{type(self).__name__} takes {self.arity} operands")
        kinds = {t.dtype for t in types}
        expect(len(kinds) == 1, "E0305", f"operands of {type(self).__name__} have types {', '.join(sorted(kinds))}")
        return types[0].with_shape(broadcast(*(t.shape for t in types)))

    def lower(self, k: Kernel, *views: View) -> None:
        lower_elementwise(k, self.scalar, views[:-1], views[-1])

    def in_place(self) -> tuple[int, ...]:
        return tuple(range(self.arity))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.type().dtype != "float32":
            raise r.unsupported(f"{r.op_type} of {r.type().dtype} has no kernel", "cast the input to float32")
        return r.add(cls(), *r.inputs)


@dataclass(frozen=True)
class Step:
    """One operator of a `Map`; `args` index the map's operands and, after them, the earlier steps."""

    op: Elementwise
    args: tuple[int, ...]

    def __str__(self) -> str:
        return f"{type(self.op).__name__}{self.args}"

    __repr__ = __str__


@dataclass(frozen=True)
class Map(Op):
    """The last step's result for every element; operands are broadcast."""

    operands: int = 1
    steps: tuple[Step, ...] = ()
    layout_rule = "same"

    def infer(self, *types: TensorType) -> TensorType:
        expect(len(types) == self.operands, "E0304", f"the fused chain takes {self.operands} operands")
        values = list(types)
        for step in self.steps:
            values.append(step.op.infer(*(values[i] for i in step.args)))
        return values[-1]

    def reference(self, *arrays: Array) -> Array:
        values = list(arrays)
        for step in self.steps:
            values.append(step.op.reference(*(values[i] for i in step.args)))
        return values[-1]

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        values = list(x)
        for step in self.steps:
            values.append(k.let("t", step.op.scalar(k, *(values[i] for i in step.args))))
        return values[-1]

    def lower(self, k: Kernel, *views: View) -> None:
        lower_elementwise(k, self.scalar, views[:-1], views[-1])

    def in_place(self) -> tuple[int, ...]:
        return tuple(range(self.operands))

    def __str__(self) -> str:
        return "+".join(type(s.op).__name__ for s in self.steps)


def lower_elementwise(k: Kernel, scalar: Any, operands: tuple[View, ...], y: View) -> None:
    """One flat loop where all operands lie alike, else one loop for each axis of the result."""
    strides = [aligned(v, y.shape) for v in operands]
    flat = all(
        v.buffer is None or v.size == 1 or (s == y.strides and v.shape == y.shape)
        for v, s in zip(operands, strides, strict=True)
    )
    if flat:
        with k.loop(y.size, "i") as i:
            args = [k.let("x", v.at(i if v.size > 1 or y.size == 1 else 0)) for v in operands]
            k.store_at(y, i, scalar(k, *args))
        return
    with k.over(y) as at:
        args = []
        for v, stride in zip(operands, strides, strict=True):
            offset: Expr = sum((i * s for i, s in zip(at, stride, strict=True) if s), start=y.base * 0)
            args.append(k.let("x", v.at(offset)))
        k.store(y, at, scalar(k, *args))


def layout_of(types: tuple[TensorType, ...], shape: tuple[int, ...]) -> Layout:
    """The result takes the layout of the first operand of its own shape."""
    for t in types:
        if t.shape == shape:
            return t.layout
    return Layout.row_major(len(shape))

"""Elementwise operators, and `Map`: a chain of them computed element by element in one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from compiler.graph.types import FLOATS, Array, Layout, TensorType
from compiler.loop.nodes import Expr
from compiler.loop.storage import compute_type, is_plain
from compiler.ops.base import Op, Reader, aligned, broadcast, expect, normal_axis
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Elementwise(Op):
    """An operator that is a scalar expression of its operands, with numpy's broadcasting.

    `scalar` sees the operands as kernels compute with them (float16 as float32), and its result is rounded once as it
    is stored. `reference` is called the same way: small floats arrive as float32.
    """

    layout_rule = "same"
    arity: ClassVar[int] = 1
    dtypes: ClassVar[frozenset[str]] = FLOATS

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "reference" in vars(cls):
            cls.reference = _widened(cls.reference)  # type: ignore[method-assign]

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        """One element of the result."""
        raise NotImplementedError(type(self).__name__)

    def reference(self, *arrays: Any) -> Array:
        raise NotImplementedError(type(self).__name__)

    def result(self, *dtypes: str) -> str:
        """The type of the result; E0305 for operands whose types do not fit."""
        kinds = sorted(set(dtypes))
        expect(len(kinds) == 1, "E0305", f"operands of {type(self).__name__} have types {', '.join(kinds)}")
        return dtypes[0]

    def infer(self, *types: TensorType) -> TensorType:
        expect(len(types) == self.arity, "E0304", f"{type(self).__name__} takes {self.arity} operands")
        return TensorType.of(self.result(*(t.dtype for t in types)), broadcast(*(t.shape for t in types)))

    def lower(self, k: Kernel, *views: View) -> None:
        lower_elementwise(k, self.scalar, views[:-1], views[-1])

    def in_place(self) -> tuple[int, ...]:
        return tuple(range(self.arity))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        cls.check(r)
        return r.add(cls(), *aligned_operands(r))

    @classmethod
    def check(cls, r: Reader) -> None:
        """Refuse types that the operator has no meaning for."""
        for index in range(len(r.inputs)):
            if r.has(index) and r.type(index).dtype not in cls.dtypes:
                raise r.unsupported(f"{r.op_type} of {r.type(index).dtype} has no meaning", "cast the operand")


def aligned_operands(r: Reader) -> list[Value | None]:
    """The operands as numpy broadcasts them. Before opset 7 the second one was placed by `axis`, and only if asked."""
    if r.opset >= 7 or len(r.inputs) != 2 or not r.attr("broadcast", 0):
        return list(r.inputs)
    x, y = r.type(0), r.type(1)
    axis = r.attr("axis")
    if axis is None or y.rank == 0:
        return list(r.inputs)
    start = normal_axis(int(axis), x.rank)
    expect(start + y.rank <= x.rank, "E0302", f"{y} does not fit into {x} from axis {start} on")
    shape = (*y.shape, *(1,) * (x.rank - start - y.rank))
    return [r.inputs[0], r.add(Reshape(shape), r.inputs[1])]


def _widened(reference: Any) -> Any:
    """The same with small floats as float32; the result of theirs goes back to what it came from."""

    @wraps(reference)
    def wide(self: Elementwise, *arrays: Array) -> Array:
        kinds = [str(a.dtype) for a in arrays]
        if all(map(is_plain, kinds)):
            return np.asarray(reference(self, *arrays))
        with np.errstate(all="ignore"):
            y = np.asarray(
                reference(self, *(a.astype(compute_type(d).numpy) for a, d in zip(arrays, kinds, strict=True)))
            )
            return y.astype(self.result(*kinds))

    return wide


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

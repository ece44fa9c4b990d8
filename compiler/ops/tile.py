"""Repetition: Tile, and Expand, which repeats axes of length one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.ops.base import Op, Reader, Spelling, broadcast, expect
from compiler.ops.indexing import as_stored
from compiler.ops.shaping import Identity, Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Tile(Op):
    """y[i, ..] = x[i mod n, ..]: the whole tensor, `repeats` times along each axis."""

    repeats: tuple[int, ...] = ()
    onnx = ("Tile",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Tile": (1,)}
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        fits = len(self.repeats) == x.rank and min(self.repeats, default=0) >= 0
        expect(fits, "E0307", f"{x} repeated {self.repeats} times")
        return x.with_shape(tuple(n * c for n, c in zip(x.shape, self.repeats, strict=True)))

    def reference(self, x: Array) -> Array:
        return np.tile(x, self.repeats)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        x, y = as_stored(x, y)
        order = sorted(range(len(y.shape)), key=lambda a: -y.strides[a])
        with k.grid([n for a in order for n in (self.repeats[a], x.shape[a])], "aibjckdlemfngohp" * 2) as at:
            source = {a: at[2 * place + 1] for place, a in enumerate(order)}
            target = {a: at[2 * place] * x.shape[a] + source[a] for place, a in enumerate(order)}
            axes = range(len(order))
            k.store(y, tuple(target[a] for a in axes), x[tuple(source[a] for a in axes)])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        given = [int(n) for n in r.constant(1).reshape(-1)]
        if r.opset < 6:  # one number, for one axis
            axis = int(r.constant(2).reshape(-1)[0])
            given = [given[0] if a == axis else 1 for a in range(x.rank)]
        return repeated(r, r.value(), tuple(given))


@dataclass(frozen=True)
class Expand(Spelling):
    """Broadcast to a shape, or to what the shape and the operand's own broadcast to."""

    onnx = ("Expand",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Expand": (1,)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        wanted = tuple(int(n) for n in r.constant(1).reshape(-1))
        expect(min(wanted, default=0) >= 0, "E0307", f"Expand of {r.type()} to {wanted}")
        return expanded(r, r.value(), broadcast(r.type().shape, wanted))


def repeated(r: Reader, x: Value, repeats: tuple[int, ...]) -> Value:
    return r.add(Identity() if all(n == 1 for n in repeats) else Tile(repeats), x)


def expanded(r: Reader, x: Value, shape: tuple[int, ...]) -> Value:
    """`x` broadcast to a shape it broadcasts to."""
    own = (1,) * (len(shape) - x.type.rank) + x.shape
    if own != x.shape:
        x = r.add(Reshape(own), x)
    if prod(shape) == 0:  # nothing can be repeated into an axis of length zero
        return r.add(Tile(tuple(1 if n == m else m for n, m in zip(own, shape, strict=True))), x)
    return repeated(r, x, tuple(m // n for n, m in zip(own, shape, strict=True)))

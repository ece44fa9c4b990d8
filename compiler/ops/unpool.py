"""The inverse of windows: MaxUnpool puts maxima back, Col2Im adds blocks up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import Array, TensorType, fill
from compiler.loop.nodes import Const, Expr, const
from compiler.ops.base import Op, Reader, Spelling, expect
from compiler.ops.index_map import Pad
from compiler.ops.numbers import rounded, wide
from compiler.ops.scatter import ScatterElements
from compiler.ops.shaping import Reshape
from compiler.ops.window import output_sizes

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class MaxUnpool(Spelling):
    """Zeros, but for the elements of x at their indices into the flat result; a larger result is zero behind it."""

    onnx = ("MaxUnpool",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"MaxUnpool": (2,)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, kernel = r.type(), tuple(r.attr("kernel_shape"))
        n = len(kernel)
        strides, pads = tuple(r.attr("strides") or (1,) * n), tuple(r.attr("pads") or (0,) * (2 * n))
        fits = x.rank == n + 2 and len(strides) == n and len(pads) == 2 * n and r.type(1).shape == x.shape
        expect(fits, "E0301", f"MaxUnpool of {x} by a window {kernel}")
        sizes = tuple((x.shape[2 + a] - 1) * strides[a] - pads[a] - pads[n + a] + kernel[a] for a in range(n))
        expect(min(sizes) > 0, "E0306", f"MaxUnpool of {x} by a window {kernel} gives {sizes}")
        inferred = (*x.shape[:2], *sizes)
        zeros = r.const(fill(0, x.dtype, (prod(inferred),)))
        values, indices = (r.add(Reshape((x.elements,)), r.value(i)) for i in (0, 1))
        y = r.add(Reshape(inferred), r.add(ScatterElements(), zeros, indices, values))
        if not r.has(2):
            return y
        wanted = [int(m) for m in r.constant(2).reshape(-1)]
        fits = len(wanted) == x.rank and all(m >= s for m, s in zip(wanted, inferred, strict=True))
        expect(fits, "E0307", f"MaxUnpool to {wanted}, where {inferred} is inferred")
        ends = tuple(m - s for m, s in zip(wanted, inferred, strict=True))
        return r.add(Pad((*(0,) * x.rank, *ends)), y) if any(ends) else y


@dataclass(frozen=True)
class Col2Im(Op):
    """(N, C*block.., blocks) -> (N, C, image..): blocks slide over the image, and each element is the sum of theirs."""

    image: tuple[int, ...] = ()
    block: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    onnx = ("Col2Im",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Col2Im": (1, 2)}

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many blocks fit along each axis."""
        return output_sizes(self.image, self.block, self.strides, self.dilations, self.pads)

    def infer(self, x: TensorType) -> TensorType:
        fits = x.rank == 3 and min((*self.image, *self.block, *self.strides, *self.dilations), default=0) > 0
        fits = fits and x.shape[1] % prod(self.block) == 0 and x.shape[2] == prod(max(b, 0) for b in self.blocks)
        expect(fits, "E0301", f"Col2Im of {x} into an image {self.image} by blocks {self.block}")
        return x.with_shape((x.shape[0], x.shape[1] // prod(self.block), *self.image))

    def reference(self, x: Array) -> Array:
        n, channels = len(self.image), x.shape[1] // prod(self.block)
        parts = wide(x).reshape(x.shape[0], channels, *self.block, *self.blocks)
        y = np.zeros((x.shape[0], parts.shape[1], *self.image), parts.dtype)
        for q in np.ndindex(self.block):
            for b in np.ndindex(self.blocks):
                at = [b[a] * self.strides[a] + q[a] * self.dilations[a] - self.pads[a] for a in range(n)]
                if all(0 <= p < m for p, m in zip(at, self.image, strict=True)):
                    y[(slice(None), slice(None), *at)] += parts[(slice(None), slice(None), *q, *b)]
        return rounded(y, str(x.dtype))

    def lower(self, k: Kernel, x: View, y: View) -> None:
        """For each element of the image, the blocks that hold it."""
        n, blocks = len(self.image), self.blocks
        with k.grid(y.shape[:2], "nc") as (i, c), k.grid(self.image, "zyxw"[-n:] if n <= 4 else "abcdefgh") as p:
            acc = k.sum(const(0, x.type))
            with k.grid(self.block, "rstuvw") as q:
                place: Expr = Const(0)
                row, condition = c, None
                for a in range(n):
                    start = k.let("o", p[a] + self.pads[a] - q[a] * self.dilations[a])
                    b = k.let("b", start // self.strides[a])
                    inside = (start >= 0) & (b < blocks[a])
                    if self.strides[a] > 1:
                        inside = inside & (start % self.strides[a]).eq(0)
                    condition = inside if condition is None else condition & inside
                    place = place * blocks[a] + b
                    row = row * self.block[a] + q[a]
                assert condition is not None
                with k.when(condition):
                    acc += x[i, row, place]
            k.store(y, (i, c, *p), acc.value)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        image, block = (tuple(int(m) for m in r.constant(i).reshape(-1)) for i in (1, 2))
        n = len(image)
        strides, dilations = (tuple(r.attr(name) or (1,) * n) for name in ("strides", "dilations"))
        pads = tuple(r.attr("pads") or (0,) * (2 * n))
        fits = n > 0 and len(block) == len(strides) == len(dilations) == n and len(pads) == 2 * n
        expect(fits, "E0301", f"Col2Im into an image {image} by blocks {block}")
        return r.add(cls(image, block, strides, pads, dilations), r.inputs[0])

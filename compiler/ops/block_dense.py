"""A dense layer whose weights are small integers with a scale for each block of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, const, minimum
from compiler.ops.arithmetic import Add
from compiler.ops.base import Op, Reader, Spelling, expect
from compiler.ops.conv import INTEGER_WEIGHTS
from compiler.ops.numbers import converted, require

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class BlockDense(Op):
    """y[..., o] = sum over i of x[..., i] * (w[o, i] - zero[o, i // block]) * scale[o, i // block].

    Operands: x (float32), w (O, I) of integers, scale (O, blocks), zero (O, blocks) of float32 or None. The last block
    may be shorter. Each block is summed on its own and scaled once.
    """

    block: int = 32
    dtypes = frozenset({"float32"})

    def infer(self, x: TensorType, w: TensorType, scale: TensorType, zero: TensorType | None = None) -> TensorType:
        fits = x.rank >= 1 and w.rank == 2 and x.shape[-1:] == w.shape[1:] and self.block > 0
        expect(fits and w.dtype in INTEGER_WEIGHTS, "E0301", f"BlockDense of {x} with weights {w}")
        wanted = (w.shape[0], -(-w.shape[1] // self.block))
        for each in (scale, zero):
            fits = each is None or (each.shape == wanted and each.dtype == "float32")
            expect(fits, "E0301", f"{each} for weights {w} in blocks of {self.block}")
        return x.with_shape((*x.shape[:-1], w.shape[0]))

    def reference(self, x: Array, w: Array, scale: Array, zero: Array | None = None) -> Array:
        blocks = range(0, w.shape[1], self.block)
        y = np.zeros((*x.shape[:-1], w.shape[0]), np.float64)
        for b, start in enumerate(blocks):
            part = w[:, start : start + self.block].astype(np.float64)
            part = part if zero is None else part - zero[:, b : b + 1]
            y += x[..., start : start + self.block].astype(np.float64) @ part.T * scale[:, b]
        return y.astype(np.float32)

    def lower(self, k: Kernel, x: View, w: View, scale: View, zero: View | None, y: View) -> None:
        inputs, even = w.shape[1], w.shape[1] % self.block == 0
        with k.grid(y.shape[:-1], "nmpqr") as at, k.loop(y.shape[-1], "o") as o:
            acc = k.sum(const(0.0, F32))
            with k.loop(scale.shape[1], "b") as b:
                start = k.let("start", b * self.block)
                less = None if zero is None else k.let("z", zero[o, b])
                part = k.sum(const(0.0, F32))
                with k.loop(self.block if even else minimum(inputs - start, self.block), "i") as i:
                    weight = converted(w[o, start + i], F32)
                    part += x[(*at, start + i)] * (weight if less is None else weight - less)
                acc += part.value * scale[o, b]
            k.store(y, (*at, o), acc.value)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        w = inputs[1]
        assert w is not None
        return outputs[0].type.elements * w.shape[1]


def of_blocks(r: Reader, x: Value, w: Array, bits: int, scale: Array, zero: Array | None, block: int) -> Value:
    """The layer for unsigned weights (O, I) of so many bits. A zero point in the middle makes them signed."""
    middle = 1 << (bits - 1)
    if zero is None or (zero == middle).all():
        w, kind, zero = w.astype(np.int16) - middle, f"int{bits}", None
    else:
        kind = f"uint{bits}"
    operands = [r.const(w.astype(np.dtype(kind)), "w"), r.const(scale.astype(np.float32), "scale")]
    return r.add(BlockDense(block), x, *operands, None if zero is None else r.const(zero.astype(np.float32), "zero"))


class MatMulNBits(Spelling):
    """x times weights of 2, 4 or 8 bits that lie packed, with a scale for each block of inputs; plus a bias."""

    onnx = ("com.microsoft:MatMulNBits",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, ("float32",))
        bits, block = int(r.attr("bits", 4)), int(r.attr("block_size", 0))
        outputs, inputs = int(r.attr("N", 0)), int(r.attr("K", 0))
        if bits not in (2, 4, 8) or block < 1 or r.attr("weight_prepacked", 0):
            raise r.unsupported(f"{bits} bits in blocks of {block}", "quantise to 4 or 8 bits, not prepacked", "E0421")
        packed, scale = r.constant(1), r.constant(2)
        blocks = -(-inputs // block)
        sizes = packed.size == outputs * blocks * (block * bits // 8) and scale.size == outputs * blocks
        expect(bool(sizes and packed.dtype == np.uint8), "E0420", f"weights {r.type(1)} for {outputs} x {inputs}")
        if r.has(4) and not np.array_equal(r.constant(4), np.arange(inputs) // block):
            raise r.unsupported("the inputs are in another order than their groups", "quantise without g_idx", "E0421")
        w = unpacked(packed.reshape(outputs, -1), bits)[:, :inputs]
        zero = _zeros(r, bits, (outputs, blocks)) if r.has(3) else None
        y = of_blocks(r, r.value(0), w, bits, scale.reshape(outputs, blocks), zero, block)
        return r.add(Add(), y, r.value(5)) if r.has(5) else y


def _zeros(r: Reader, bits: int, shape: tuple[int, int]) -> Array:
    """One zero point for each block: packed like the weights, or floats."""
    given = r.constant(3)
    if given.dtype != np.uint8:
        expect(
            given.size == shape[0] * shape[1], "E0420", f"zero points {r.type(3)} for {shape[0]} x {shape[1]} blocks"
        )
        return given.reshape(shape)
    each = -(-shape[1] * bits // 8)
    expect(given.size == shape[0] * each, "E0420", f"zero points {r.type(3)} for {shape[0]} x {shape[1]} blocks")
    return unpacked(given.reshape(shape[0], each), bits)[:, : shape[1]]


def unpacked(packed: Array, bits: int) -> Array:
    """Bytes along the last axis as the numbers in them, the low bits first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    numbers = (packed[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return np.asarray(numbers.reshape(*packed.shape[:-1], -1), np.uint8)

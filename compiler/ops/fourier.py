"""The discrete Fourier transform of any length, and of the frames of a signal (STFT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import Const, Expr, Operand, Type, const
from compiler.loop.storage import compute_type
from compiler.ops.arithmetic import Mul
from compiler.ops.base import Op, Reader, Spelling, expect, normal_axis
from compiler.ops.gather import Gather
from compiler.ops.numbers import require, rounded
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

    Complex = tuple[Expr, Expr]
    Place = Callable[[Operand, int], tuple[Operand, ...]]


@dataclass(frozen=True)
class Fourier(Op):
    """y[k] = sum over t of x[t] * exp(-2 pi i k t / length) along an axis; `inverse`: +2 pi i, divided by the length.

    The last axis of x holds real numbers (length 1) or real and imaginary parts (length 2). x is cut, or filled up with
    zeros. `onesided`: of a real signal only k up to length/2; the inverse takes such a half and gives real numbers.
    The second operand are cosine and sine of 2 pi t / length, (length, 2). The length is split into its prime factors
    (Stockham's order, which needs no reversal of bits): the work is the length times their sum, not its square.
    """

    axis: int = 0
    length: int = 1
    inverse: bool = False
    onesided: bool = False
    dtypes = FLOATS

    def infer(self, x: TensorType, table: TensorType) -> TensorType:
        expect(0 <= self.axis < x.rank - 1, "E0303", f"a Fourier transform along axis {self.axis} of {x}")
        expect(
            x.shape[-1] in (1, 2) and self.length > 0, "E0301", f"a Fourier transform of length {self.length} of {x}"
        )
        expect(table.shape == (self.length, 2), "E0301", f"cosines and sines {table} for the length {self.length}")
        half = self.onesided and not self.inverse
        expect(x.shape[-1] == 2 or not self.onesided or half, "E0301", f"half a spectrum of real numbers: {x}")
        expect(not half or x.shape[-1] == 1, "E0301", f"a onesided Fourier transform of complex numbers: {x}")
        shape = list(x.shape)
        shape[self.axis] = self.length // 2 + 1 if half else self.length
        shape[-1] = 1 if self.onesided and self.inverse else 2
        return x.with_shape(tuple(shape))

    def scratch(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> tuple[Type, int]:
        return compute_type(outputs[0].dtype), 4 * self.length

    def reference(self, x: Array, table: Array) -> Array:
        parts = x.astype(np.float64)
        signal = parts[..., 0] + (1j * parts[..., 1] if x.shape[-1] == 2 else 0.0)
        if self.onesided and self.inverse:
            y = np.fft.irfft(signal, self.length, axis=self.axis)[..., None]
        else:
            result = (np.fft.ifft if self.inverse else np.fft.fft)(signal, self.length, axis=self.axis)
            if self.onesided:
                result = np.take(result, range(self.length // 2 + 1), axis=self.axis)
            y = np.stack([result.real, result.imag], axis=-1)
        return rounded(y, str(x.dtype))

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        x = inputs[0]
        assert x is not None
        signals = prod(n for a, n in enumerate(x.shape[:-1]) if a != self.axis)
        return signals * self.length * sum(2 if p == 2 else p + 3 for p in factors(self.length))

    def lower(self, k: Kernel, x: View, table: View, y: View, scratch: View) -> None:
        n = self.length
        here, there = (replace(scratch, shape=(n, 2), strides=(2, 1), base=Const(start)) for start in (0, 2 * n))
        with k.grid([m for a, m in enumerate(x.shape[:-1]) if a != self.axis]) as rest:

            def place(t: Operand, part: int) -> tuple[Operand, ...]:
                return (*rest[: self.axis], t, *rest[self.axis :], part)

            self._read(k, x, place, here)
            done = 1
            for p in factors(n):
                (self._halves if p == 2 else self._parts)(k, here, there, table, done, p)
                here, there, done = there, here, done * p
            self._write(k, here, y, place, real=x.shape[-1] == 1)

    def _read(self, k: Kernel, x: View, place: Place, to: View) -> None:
        """The signal, filled up with zeros; of half a spectrum the other half, too."""
        zero = const(0.0, to.type)
        mirrored = self.onesided and self.inverse
        stop = self.length // 2 + 1 if mirrored else self.length
        given = min(x.shape[self.axis], stop)

        def imaginary(t: Expr) -> Expr:
            return x[place(t, 1)] if x.shape[-1] == 2 else zero

        with k.loop(given, "t") as t:
            k.store(to, (t, 0), x[place(t, 0)])
            k.store(to, (t, 1), imaginary(t))
        with k.loop(self.length, "t", start=given) as t:
            k.store(to, (t, 0), zero)
            k.store(to, (t, 1), zero)
        if mirrored:
            with k.loop(min(given, (self.length + 1) // 2), "t", start=1) as t:
                k.store(to, (self.length - t, 0), to[t, 0])
                k.store(to, (self.length - t, 1), -to[t, 1])

    def _write(self, k: Kernel, here: View, y: View, place: Place, real: bool) -> None:
        """The result. That of a real signal is symmetric: its second half mirrors the first, its ends are real."""
        count = y.shape[self.axis]
        half = self.length // 2 + 1 if real else count

        def final(value: Expr) -> Expr:
            return value * (1.0 / self.length) if self.inverse else value

        with k.loop(half, "t") as t:
            k.store(y, place(t, 0), final(here[t, 0]))
            if y.shape[-1] == 2:
                k.store(y, place(t, 1), final(here[t, 1]))
        if real:
            for end in (0,) if self.length % 2 else (0, self.length // 2):
                k.store(y, place(end, 1), const(0.0, y.type))
            with k.loop(count, "t", start=half) as t:
                k.store(y, place(t, 0), final(here[self.length - t, 0]))
                k.store(y, place(t, 1), final(-here[self.length - t, 1]))

    def _turned(self, k: Kernel, value: Complex, table: View, turn: Expr) -> Complex:
        """A complex number, turned by so many parts of the circle: backwards, or forwards for the inverse."""
        c, s = k.let("c", table[turn, 0]), k.let("s", table[turn, 1])
        a, b = value
        return (a * c - b * s, b * c + a * s) if self.inverse else (a * c + b * s, b * c - a * s)

    def _halves(self, k: Kernel, x: View, y: View, table: View, done: int, _: int) -> None:
        """From `done` sums over m elements, each one step before a transform, to twice as many over m/2."""
        m = self.length // (2 * done)
        with k.loop(done, "u") as u, k.loop(m, "j") as j:
            a, b = self._loaded(k, x, u * (2 * m) + j)
            c, d = self._loaded(k, x, u * (2 * m) + (j + m))
            self._store(k, y, u * m + j, (a + c, b + d))
            self._store(k, y, (u + done) * m + j, self._turned(k, (a - c, b - d), table, j * done))

    def _parts(self, k: Kernel, x: View, y: View, table: View, done: int, p: int) -> None:
        """The same for an odd p. Elements q and p - q share their products, and so do results v and p - v."""
        m, half, n = self.length // (p * done), p // 2, self.length

        with k.loop(done, "u") as u, k.loop(m, "j") as j:
            start = k.let("start", u * (p * m) + j)
            a, b = self._loaded(k, x, start)

            def pair(q: Expr) -> tuple[Complex, Complex]:
                (c, d), (e, f) = (self._loaded(k, x, start + i * m) for i in (q, p - q))
                return (c + e, d + f), (c - e, d - f)

            total = k.sum(a, "re"), k.sum(b, "im")
            with k.loop(half + 1, "q", start=1) as q:
                for cell, value in zip(total, pair(q)[0], strict=True):
                    cell += value
            self._store(k, y, u * m + j, (total[0].value, total[1].value))
            with k.loop(half + 1, "v", start=1) as v:
                even = k.sum(a, "re"), k.sum(b, "im")
                odd = k.sum(const(0.0, x.type), "re"), k.sum(const(0.0, x.type), "im")
                with k.loop(half + 1, "q", start=1) as q:
                    turn = k.let("turn", ((q * v) % p) * (n // p))
                    c, s = k.let("c", table[turn, 0]), k.let("s", table[turn, 1])
                    sums, differences = pair(q)
                    for cell, value in zip((*even, *odd), (*sums, *differences), strict=True):
                        cell += value * (c if cell in even else s)
                left = even[0].value + odd[1].value, even[1].value - odd[0].value
                right = even[0].value - odd[1].value, even[1].value + odd[0].value
                first, second = (right, left) if self.inverse else (left, right)
                for row, result in ((v, first), (p - v, second)):
                    turned = self._turned(k, result, table, k.let("turn", j * done * row))
                    self._store(k, y, (u + row * done) * m + j, turned)

    @staticmethod
    def _loaded(k: Kernel, x: View, at: Expr) -> Complex:
        return k.let("a", x[at, 0]), k.let("b", x[at, 1])

    @staticmethod
    def _store(k: Kernel, y: View, at: Expr, value: Complex) -> None:
        for part in (0, 1):
            k.store(y, (at, part), value[part])


def factors(n: int) -> list[int]:
    """Prime factors, the smallest first."""
    found, p = [], 2
    while n > 1:
        while n % p == 0:
            found.append(p)
            n //= p
        p = p + 1 if p * p <= n else n
    return found


def transform(r: Reader, x: Value, axis: int, length: int, inverse: bool, onesided: bool) -> Value:
    """A Fourier node and its table."""
    expect(0 < length * max(factors(length), default=1) < 2**31, "E0311", f"a Fourier transform of length {length}")
    angles = 2 * np.pi * np.arange(length) / length
    table = np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(compute_type(x.type.dtype).numpy)
    return r.add(Fourier(axis, length, inverse, onesided), x, r.const(table, "circle"))


class Dft(Spelling):
    """Before opset 20 the axis is an attribute."""

    onnx = ("DFT",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"DFT": (1, 2)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        x = r.type()
        given = int(r.constant(2).item()) if r.has(2) else -2
        axis = normal_axis(int(r.attr("axis", 1)) if r.opset < 20 else given, x.rank)
        inverse, onesided = bool(r.attr("inverse", 0)), bool(r.attr("onesided", 0))
        length = 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]
        length = int(r.constant(1).item()) if r.has(1) else length
        return transform(r, r.value(), axis, length, inverse, onesided)


class Stft(Spelling):
    """Frames of the signal, each multiplied by the window and transformed."""

    onnx = ("STFT",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"STFT": (1, 3)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        x, step = r.type(), int(r.constant(1).item())
        expect(x.rank == 3 and step > 0, "E0301", f"STFT of {x} in steps of {step}")
        length = x.shape[1]
        if r.has(2):
            length = r.type(2).elements
        elif r.has(3):
            length = int(r.constant(3).item())
        expect(0 < length <= x.shape[1], "E0301", f"STFT of {x} in frames of {length}")
        starts = np.arange(0, x.shape[1] - length + 1, step)
        frames = r.add(Gather(1), r.value(0), r.const((starts[:, None] + np.arange(length)).astype(np.int32), "frames"))
        if r.has(2):
            frames = r.add(Mul(), frames, r.add(Reshape((length, 1)), r.value(2)))
        onesided = bool(r.attr("onesided", 1)) and x.shape[2] == 1
        return transform(r, frames, 2, length, False, onesided)

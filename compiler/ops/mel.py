"""MelWeightMatrix: triangular filters, evenly spaced on the mel scale, over the bins of a Fourier transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array, TensorType
from compiler.loop import math, rounding
from compiler.loop.nodes import F64, I32, Cast, Expr, const, maximum, minimum
from compiler.loop.storage import compute_type
from compiler.ops.base import Op, Reader, expect
from compiler.ops.cast import dtype_named
from compiler.ops.numbers import converted

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

_MEL = 2595 / log(10)  # mel = _MEL * ln(1 + hertz / 700)
_MOST = 2**24


@dataclass(frozen=True)
class MelWeightMatrix(Op):
    """(bins of the spectrum, mel bins); operands: sample rate, lowest and highest frequency. Computed in float64."""

    bands: int = 1
    length: int = 1
    dtype: str = "float32"
    onnx = ("MelWeightMatrix",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"MelWeightMatrix": (0, 1)}

    @property
    def bins(self) -> int:
        return self.length // 2 + 1

    def infer(self, *operands: TensorType) -> TensorType:
        legal = len(operands) == 3 and all(t.elements == 1 for t in operands)
        legal = legal and self.bands >= 0 and self.length >= 0 and self.bands * self.bins <= _MOST
        expect(legal, "E0303", f"a mel matrix of {self.bands} bands for {self.length} samples")
        return TensorType.of(self.dtype, (self.bins, self.bands))

    def reference(self, rate: Array, low: Array, high: Array) -> Array:
        first, last = (_MEL * np.log(float(f.reshape(())) / 700 + 1) for f in (low, high))
        step = (last - first) / (self.bands + 2)
        hertz = 700 * (np.exp((first + np.arange(self.bands + 2) * step) / _MEL) - 1)
        places = np.floor(np.nan_to_num((self.length + 1) * hertz / float(rate.reshape(()))))
        edges = np.clip(places, 0, self.bins - 1).astype(np.int64)
        y = np.zeros((self.bins, self.bands))
        for i, (left, middle, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
            if left == middle:
                y[middle, i] = 1
            for j in range(left, middle + 1):
                if middle > left:
                    y[j, i] = (j - left) / (middle - left)
            for j in range(middle, right):
                y[j, i] = (right - j) / (right - middle)
        return y.astype(self.dtype)

    def lower(self, k: Kernel, rate: View, low: View, high: View, y: View) -> None:
        if y.size == 0:
            return
        first, last = (k.let("mel", math.log_(converted(v.at(0), F64) / 700.0 + 1.0) * _MEL) for v in (low, high))
        step = k.let("step", (last - first) / float(self.bands + 2))
        scale = k.let("scale", const(float(self.length + 1), F64) / converted(rate.at(0), F64))
        with k.loop(self.bands, "i") as i:
            left, middle, right = (k.let("edge", self._edge(first, step, scale, i + n)) for n in range(3))
            with k.loop(self.bins, "j") as j:
                k.store(y, (j, i), const(0, y.type))
            with k.loop(middle + 1, "j", start=left) as j:
                k.store(y, (j, i), self._part(j - left, middle - left, y))
            with k.when(left.eq(middle)):
                k.store(y, (middle, i), const(1, y.type))
            with k.loop(right, "j", start=middle) as j:
                k.store(y, (j, i), self._part(right - j, right - middle, y))

    def _part(self, some: Expr, all_: Expr, y: View) -> Expr:
        return converted(converted(some, F64) / converted(all_, F64), y.type)

    def _edge(self, first: Expr, step: Expr, scale: Expr, i: Expr) -> Expr:
        hertz = (math.exp((first + converted(i, F64) * step) / _MEL) - 1.0) * 700.0
        place = Cast(rounding.floor(hertz * scale), I32)
        return maximum(minimum(place, self.bins - 1), 0)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        bands, length = (int(r.constant(i).reshape(-1)[0]) for i in (0, 1))
        dtype = dtype_named(r, r.attr("output_datatype", 1))
        if dtype not in FLOATS | INTEGERS or compute_type(dtype).bits < 8:
            raise r.unsupported(f"MelWeightMatrix of {dtype}")
        return r.add(cls(bands, length, dtype), *r.inputs[2:5])

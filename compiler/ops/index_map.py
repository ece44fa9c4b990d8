"""Operators that only move elements: Concat, Slice (Split is slices), Pad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import Expr, Select, Unary, const, maximum, minimum
from compiler.ops.base import Op, Reader, expect, normal_axis
from compiler.ops.indexing import as_stored

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Concat(Op):
    axis: int = 0
    onnx = ("Concat",)
    layout_rule = "same"

    def infer(self, *types: TensorType) -> TensorType:
        first = types[0]
        expect(0 <= self.axis < first.rank, "E0303", f"Concat along axis {self.axis} of {first}")
        for t in types:
            fits = t.dtype == first.dtype and t.rank == first.rank
            fits = fits and all(t.shape[a] == first.shape[a] for a in range(first.rank) if a != self.axis)
            expect(fits, "E0301", f"Concat of {first} and {t} along axis {self.axis}")
        total = sum(t.shape[self.axis] for t in types)
        return first.with_shape((*first.shape[: self.axis], total, *first.shape[self.axis + 1 :]))

    def reference(self, *arrays: Array) -> Array:
        return np.concatenate(arrays, axis=self.axis)

    def lower(self, k: Kernel, *views: View) -> None:
        *operands, y = as_stored(*views)
        start = 0
        for x in operands:
            with k.over(x) as at:
                moved = [i + start if a == self.axis else i for a, i in enumerate(at)]
                k.store(y, tuple(moved), x[at])
            start += x.shape[self.axis]

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(normal_axis(int(r.attr("axis", 1)), r.type().rank)), *r.inputs)


@dataclass(frozen=True)
class Slice(Op):
    """y[i, ...] = x[starts[0] + i*steps[0], ...]; y has `shape`."""

    starts: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    onnx = ("Slice", "Split")
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Slice": (1, 2, 3, 4), "Split": (1,)}
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        for n, start, step, size in zip(x.shape, self.starts, self.steps, self.shape, strict=True):
            last = start + (size - 1) * step
            expect(size == 0 or (0 <= start < n and 0 <= last < n), "E0303", f"the slice leaves {x}")
        return x.with_shape(self.shape)

    def reference(self, x: Array) -> Array:
        rows = [s + np.arange(n) * d for s, d, n in zip(self.starts, self.steps, self.shape, strict=True)]
        return x[np.ix_(*rows)] if rows else x

    def lower(self, k: Kernel, x: View, y: View) -> None:
        x, y = as_stored(x, y)
        with k.over(y) as at:
            source = [i * d + s for i, d, s in zip(at, self.steps, self.starts, strict=True)]
            k.store(y, at, x[tuple(source)])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return _split(r) if r.op_type == "Split" else _slice(r)


def _slice(r: Reader) -> Value:
    x = r.type()
    if r.opset < 10:
        starts, ends, axes, steps = list(r.attr("starts")), list(r.attr("ends")), r.attr("axes"), None
    else:
        starts, ends = (r.constant(i).reshape(-1).tolist() for i in (1, 2))
        axes = r.constant(3).reshape(-1).tolist() if r.has(3) else None
        steps = r.constant(4).reshape(-1).tolist() if r.has(4) else None
    axes = [normal_axis(int(a), x.rank) for a in (axes if axes is not None else range(len(starts)))]
    begin, step, size = [0] * x.rank, [1] * x.rank, list(x.shape)
    for i, a in enumerate(axes):
        stride = int(steps[i]) if steps else 1
        expect(stride != 0, "E0303", "a slice step is 0")
        chosen = range(x.shape[a])[slice(_clip(starts[i]), _clip(ends[i]), stride)]
        begin[a], step[a], size[a] = (chosen.start if chosen else 0), stride, len(chosen)
    return r.add(Slice(tuple(begin), tuple(step), tuple(size)), r.inputs[0])


def _clip(value: int) -> int:
    return max(-(2**31), min(2**31, int(value)))


def _split(r: Reader) -> tuple[Value, ...]:
    x = r.type()
    axis = normal_axis(int(r.attr("axis", 0)), x.rank)
    sizes = r.attr("split") if r.opset < 13 else None
    if r.has(1):  # opset 1 allows both
        sizes = r.constant(1).reshape(-1).tolist()
    if sizes is None:
        count = int(r.attr("num_outputs", len(r.wanted)))
        expect(
            1 <= count <= max(len(r.wanted), 1),
            "E0303",
            f"Split into {count} parts, of which {len(r.wanted)} are named",
        )
        chunk = -(-x.shape[axis] // count)
        sizes = [max(0, min(chunk, x.shape[axis] - i * chunk)) for i in range(count)]
    expect(sum(sizes) == x.shape[axis], "E0303", f"Split of {x} into {list(sizes)} along axis {axis}")
    results, start = [], 0
    for n in sizes:
        begin = tuple(start if a == axis else 0 for a in range(x.rank))
        shape = tuple(int(n) if a == axis else m for a, m in enumerate(x.shape))
        results.append(r.add(Slice(begin if n else (0,) * x.rank, (1,) * x.rank, shape), r.inputs[0]))
        start += int(n)
    return tuple(results)


Mode = Literal["constant", "reflect", "edge", "wrap"]


@dataclass(frozen=True)
class Pad(Op):
    """`pads` are the begins of all axes, then the ends; negative ones crop.

    `value` is None when it is known at run time only: then it is the second operand.
    """

    pads: tuple[int, ...] = ()
    mode: Mode = "constant"
    value: float | None = 0.0
    onnx = ("Pad",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Pad": (1, 3)}
    layout_rule = "same"

    def infer(self, x: TensorType, *value: TensorType) -> TensorType:
        n = x.rank
        fits = len(value) == (self.value is None) and all(v.elements == 1 and v.dtype == x.dtype for v in value)
        expect(fits, "E0305", f"Pad of {x} with {', '.join(map(str, value)) or 'no value'}")
        expect(len(self.pads) == 2 * n, "E0303", f"Pad of {x} by {self.pads}")
        shape = tuple(x.shape[a] + self.pads[a] + self.pads[n + a] for a in range(n))
        expect(all(s >= 0 for s in shape), "E0303", f"Pad of {x} by {self.pads}")
        if self.mode in ("edge", "wrap"):
            fits = all(x.shape[a] or not (self.pads[a] or self.pads[n + a]) for a in range(n))
            expect(fits, "E0303", f"Pad of {x} by {self.pads} with elements of it")
        if self.mode == "reflect":
            fits = all(max(self.pads[a], self.pads[n + a]) < max(x.shape[a], 1) for a in range(n))
            expect(fits, "E0303", f"reflecting {x} by {self.pads}")
        return x.with_shape(shape)

    def reference(self, x: Array, *value: Array) -> Array:
        n = x.ndim
        if n == 0:
            return x
        crop = tuple(slice(max(0, -self.pads[a]), x.shape[a] - max(0, -self.pads[n + a])) for a in range(n))
        widths = [(max(0, self.pads[a]), max(0, self.pads[n + a])) for a in range(n)]
        if self.mode == "constant":
            outside = value[0].reshape(()) if value else np.asarray(self.value, x.dtype)
            return np.pad(x[crop], widths, constant_values=outside)
        return np.pad(x[crop], widths, mode=self.mode)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *values, y = rest
        given = k.let("value", values[0].at(0)) if values else const(self.value or 0, x.type)
        with k.over(y) as at:
            source, outside = [], None
            for a, i in enumerate(at):
                n, p = x.shape[a], i - self.pads[a]
                if self.pads[a] <= 0 and self.pads[len(at) + a] <= 0:
                    source.append(p)
                    continue
                match self.mode:
                    case "constant":
                        test = (p < 0) | (p >= n)
                        outside = test if outside is None else outside | test
                        source.append(minimum(maximum(p, 0), n - 1))
                    case "edge":
                        source.append(minimum(maximum(p, 0), n - 1))
                    case "reflect":
                        source.append((n - 1) - _abs((n - 1) - _abs(p)))
                    case "wrap":
                        source.append((p + n * (1 + max(0, self.pads[a]) // n)) % n)
            value = x[tuple(source)] if x.size else given
            if outside is not None and x.size:
                value = Select(outside, given, value)
            k.store(y, at, value)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        value: Any = 0
        if r.opset < 11:
            pads = [int(p) for p in r.attr("pads" if r.opset > 1 else "paddings")]
            value = r.attr("value", 0.0)
        else:
            pads = [int(p) for p in r.constant(1).reshape(-1)]
            if r.has(2):
                known = r.known(2)
                value = None if known is None else known.reshape(-1)[0].item()
        if r.has(3):
            axes = [normal_axis(int(a), x.rank) for a in r.constant(3).reshape(-1)]
            expect(len(pads) == 2 * len(axes), "E0303", f"Pad of axes {axes} by {pads}")
            wide = [0] * (2 * x.rank)
            for i, a in enumerate(axes):
                wide[a], wide[x.rank + a] = pads[i], pads[len(axes) + i]
            pads = wide
        mode = r.attr("mode", "constant")
        if mode not in get_args(Mode):
            raise r.unsupported(f"the padding mode '{str(mode)[:40]}'")
        if mode == "constant":
            return r.add(cls(tuple(pads), mode, value), r.inputs[0], *([r.inputs[2]] if value is None else []))
        return r.add(cls(tuple(max(p, 0) for p in pads), mode), _cropped(r, pads))


def _cropped(r: Reader, pads: list[int]) -> Value:
    """The operand without what negative pads take away."""
    x = r.type()
    starts = tuple(max(0, -p) for p in pads[: x.rank])
    shape = tuple(n - s - max(0, -p) for n, s, p in zip(x.shape, starts, pads[x.rank :], strict=True))
    expect(min(shape, default=0) >= 0, "E0303", f"Pad of {x} by {pads}")
    return r.value() if shape == x.shape else r.add(Slice(starts, (1,) * x.rank, shape), r.value())


def _abs(e: Expr) -> Expr:
    return Unary("abs", e)

"""Resize and Upsample: coordinates are known when the model is compiled, so each axis becomes a table of taps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor, prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, F64, Const, Expr, Type, const
from compiler.ops.base import Op, Reader, Spelling, expect, normal_axis
from compiler.ops.crop_resize import CropResize
from compiler.ops.indexing import as_stored
from compiler.ops.numbers import converted, rounded
from compiler.ops.sampling import Mode, Nearest, cubic, inside, taps
from compiler.ops.shaping import Identity

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

_UNROLLED = 16  # taps that are written out
_MOST = 2**26  # elements of a result


def _kind(dtype: str) -> Type:
    return F64 if dtype == "float64" else F32


@dataclass(frozen=True)
class Resample(Op):
    """y[.., i, ..] = sum over taps t of weights[i, t] * x[.., places[i, t], ..], along all `axes` at once.

    Operands: x, then for each axis its places (results, taps) and, where `weighted`, its weights. Integers are
    computed in float32 and truncated.
    """

    axes: tuple[int, ...] = ()
    weighted: bool = True
    layout_rule = "same"

    def infer(self, x: TensorType, *tables: TensorType) -> TensorType:
        shape = list(x.shape)
        for axis, table in zip(self.axes, tables[:: 1 + self.weighted], strict=True):
            shape[axis] = table.shape[0]
        return x.with_shape(tuple(shape))

    def reference(self, x: Array, *tables: Array) -> Array:
        y = x.astype(_kind(str(x.dtype)).numpy) if self.weighted else x
        for place, axis in enumerate(self.axes):
            places = tables[place * (1 + self.weighted)]
            if not self.weighted:
                y = np.take(y, places[:, 0], axis)
                continue
            weights = tables[2 * place + 1]
            rows = np.moveaxis(y, axis, -1)
            y = np.moveaxis((rows[..., places] * weights).sum(axis=-1, dtype=rows.dtype), -1, axis)
        return rounded(y, str(x.dtype))

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *tables, y = rest
        if not self.weighted:
            x, y = as_stored(x, y)
        places = dict(zip(self.axes, tables[:: 1 + self.weighted], strict=True))
        counts = [v.shape[1] for v in places.values()]
        with k.over(y) as at:
            if not self.weighted:
                source = [places[a][i, 0] if a in places else i for a, i in enumerate(at)]
                k.store(y, at, x[tuple(source)])
                return
            weights = dict(zip(self.axes, tables[1::2], strict=True))
            acc = k.cell("acc", const(0.0, weights[self.axes[0]].type))

            def add(chosen: tuple[Expr, ...]) -> None:
                tap = dict(zip(self.axes, chosen, strict=True))
                weight: Expr | None = None
                for a in self.axes:
                    w = weights[a][at[a], tap[a]]
                    weight = w if weight is None else weight * w
                assert weight is not None
                source = [places[a][i, tap[a]] if a in places else i for a, i in enumerate(at)]
                acc.set(acc.value + converted(x[tuple(source)], weight.type) * weight)

            if prod(counts) <= _UNROLLED:
                for chosen in product(*map(range, counts)):
                    add(tuple(map(Const, chosen)))
            else:
                with k.grid(counts, "rstuvw") as inner:
                    add(inner)
            k.store(y, at, converted(acc.value, y.type))

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        taps_of = [v.shape[1] for v in inputs[1::2] if v is not None]
        return outputs[0].type.elements * prod(taps_of) if self.weighted else 0


@dataclass(frozen=True)
class Plan:
    """How one axis is resized: the result's length, and the scale, which its length need not obey exactly."""

    size: int
    result: int
    scale: float
    exact: float  # the result's length before it was rounded

    @property
    def unchanged(self) -> bool:
        return self.size == self.result and self.scale == 1


@dataclass(frozen=True)
class Resize(Spelling):
    """All modes of interpolation and of coordinates; tf_crop_and_resize reads its region at run time."""

    onnx = ("Resize", "Upsample")
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Resize": (2, 3), "Upsample": (1,)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        axes = [normal_axis(int(a), x.rank) for a in (r.attr("axes") or range(x.rank))]
        plans = dict(zip(axes, _plans(r, x, axes), strict=True))
        expect(all(p.result == 0 or p.size > 0 for p in plans.values()), "E0303", f"Resize of {x}, which is empty")
        expect(prod(p.result for p in plans.values()) <= _MOST, "E0310", f"Resize of {x} to more than {_MOST} elements")
        mode, coordinates = r.attr("mode", "nearest"), r.attr("coordinate_transformation_mode", "half_pixel")
        mode = {"bilinear": "linear"}.get(mode, mode)
        if r.op_type == "Upsample" or r.opset < 11:
            coordinates = "asymmetric"
        nearest: Any = (
            r.attr("nearest_mode", "round_prefer_floor") if r.op_type == "Resize" and r.opset >= 11 else "floor"
        )
        known = mode in ("nearest", "linear", "cubic") and nearest in (
            "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"
        )  # fmt: skip
        if not known or (coordinates not in _COORDINATES and coordinates != "tf_crop_and_resize"):
            raise r.unsupported(f"{r.op_type} with {str(mode)[:20]}, {str(nearest)[:20]}, {str(coordinates)[:40]}")
        if coordinates == "tf_crop_and_resize":
            return CropResize.read(r, axes, [plans[a].result for a in axes], mode, nearest)
        changed = tuple(sorted(a for a, p in plans.items() if not p.unchanged))
        if not changed:
            return r.add(Identity(), r.inputs[0])
        tables: list[Value] = []
        for a in changed:
            places, weights = _table(r, plans[a], mode, nearest, coordinates)
            tables.append(r.const(places.astype(np.int32), "places"))
            if mode != "nearest":
                tables.append(r.const(weights.astype(_kind(x.dtype).numpy), "weights"))
        return r.add(Resample(changed, mode != "nearest"), r.inputs[0], *tables)


_COORDINATES = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
)  # fmt: skip


def _plans(r: Reader, x: TensorType, axes: list[int]) -> list[Plan]:
    sizes = [x.shape[a] for a in axes]
    if r.op_type == "Upsample":
        if r.opset < 7:
            given = [1.0, 1.0, float(r.attr("height_scale")), float(r.attr("width_scale"))]
        else:
            given = [float(s) for s in (r.attr("scales") if r.opset < 9 else r.constant(1).reshape(-1))]
    elif r.opset < 11:
        given = [float(s) for s in r.constant(1).reshape(-1)]
    elif r.has(3) and r.type(3).elements:
        return _by_sizes(r, sizes, [int(n) for n in r.constant(3).reshape(-1)])
    else:
        given = [float(s) for s in r.constant(2).reshape(-1)]
    expect(len(given) == len(sizes) and all(0 < s < _MOST for s in given), "E0303", f"{r.op_type} of {x} by {given}")
    return [Plan(n, floor(n * s), s, n * s) for n, s in zip(sizes, given, strict=True)]


def _by_sizes(r: Reader, sizes: list[int], wanted: list[int]) -> list[Plan]:
    fits = len(wanted) == len(sizes) and min(wanted, default=0) >= 0
    expect(fits, "E0303", f"Resize of {r.type()} to {wanted}")
    policy = r.attr("keep_aspect_ratio_policy", "stretch")
    scales = [m / n if n else 1.0 for n, m in zip(sizes, wanted, strict=True)]
    if policy == "stretch":
        return [Plan(n, m, s, float(m)) for n, m, s in zip(sizes, wanted, scales, strict=True)]
    common = min(scales) if policy == "not_larger" else max(scales)
    return [Plan(n, floor(common * n + 0.5), common, common * n) for n in sizes]


def _table(r: Reader, p: Plan, mode: Mode, nearest: Nearest, coordinates: str) -> tuple[Array, Array]:
    """Places within the axis and weights, for each result."""
    at = _coordinate(p, coordinates)
    a = float(r.attr("cubic_coeff_a", -0.75))
    stretch = min(p.scale, 1.0) if r.attr("antialias", 0) and mode != "nearest" else 1.0
    if stretch < 1:
        reach = int(min(np.ceil((1 if mode == "linear" else 2) / stretch), 2 * p.size + 2))  # the rest is outside
        places = np.floor(at)[:, None] + np.arange(1 - reach, reach + 1)
        away = (places - at[:, None]) * stretch
        weights = np.maximum(1 - np.abs(away), 0) if mode == "linear" else cubic(away, a)
        weights = weights / weights.sum(axis=1, keepdims=True)
        used = np.abs(weights).max(axis=0, initial=0) > 0
        places, weights = places[:, used].astype(np.int64), weights[:, used]
    else:
        places, weights = taps(at, mode, nearest, a)
    if r.attr("exclude_outside", 0) and mode != "nearest":
        weights = np.where((places >= 0) & (places < p.size), weights, 0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    return inside(places, p.size, "edge")[0], weights


def _coordinate(p: Plan, mode: str) -> Array:
    """Where each result lies in the operand."""
    i = np.arange(p.result, dtype=np.float64)
    match mode:
        case "align_corners":
            return i * ((p.size - 1) / (p.exact - 1)) if p.exact != 1 else i * 0
        case "asymmetric":
            return i / p.scale
        case "tf_half_pixel_for_nn":
            return (i + 0.5) / p.scale
        case "pytorch_half_pixel" if p.exact == 1:
            return i * 0 - 0.5
        case "half_pixel_symmetric":
            return p.size / 2 * (1 - p.result / p.exact) + (i + 0.5) / p.scale - 0.5
    return (i + 0.5) / p.scale - 0.5

"""Reading a tensor between its elements: which elements count with which weight, and what lies outside.

Everything is here twice: in numpy, for what is known when a model is compiled, and as loop code for what is not.
Borders need no treatment of coordinates: the element beside a place outside is taken, by `Border`, from inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compiler.graph.types import Array
from compiler.loop import rounding
from compiler.loop.nodes import I32, Cast, Expr, const, maximum, minimum, select

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View

Mode = Literal["nearest", "linear", "cubic"]
Nearest = Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "even"]
Border = Literal["zeros", "edge", "reflect", "mirror"]
"""Outside lie zeros, the last element, or the tensor itself, reflected behind its last element or (mirror) at it."""

_FARTHEST = 1e9  # coordinates are limited to this, so that they fit into an int32
_ROUND: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5), "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor, "ceil": np.ceil, "even": np.rint,
}  # fmt: skip
_ROUND_CODE: dict[str, Callable[[Expr], Expr]] = {
    "round_prefer_floor": lambda x: rounding.ceil(x - 0.5), "round_prefer_ceil": lambda x: rounding.floor(x + 0.5),
    "floor": rounding.floor, "ceil": rounding.ceil, "even": rounding.rint,
}  # fmt: skip


def cubic(distance: Array, a: float) -> Array:
    """Keys' kernel: 1 at 0, 0 at the other whole numbers, nothing from 2 on."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def taps(x: Array, mode: Mode, nearest: Nearest = "even", a: float = -0.75) -> tuple[Array, Array]:
    """For every coordinate the places that count (a new last axis), wherever they lie, and their weights."""
    x = np.nan_to_num(np.clip(x, -_FARTHEST, _FARTHEST))
    if mode == "nearest":
        return _ROUND[nearest](x)[..., None].astype(np.int64), np.ones((*x.shape, 1), x.dtype)
    first = np.floor(x)
    steps = np.arange(2) if mode == "linear" else np.arange(-1, 3)
    places = first[..., None] + steps
    away = places - x[..., None]
    weights = 1 - np.abs(away) if mode == "linear" else cubic(away, a)
    return places.astype(np.int64), weights.astype(x.dtype)


def inside(places: Array, size: int, border: Border) -> tuple[Array, Array]:
    """Places within an axis, and which of them count."""
    counts = (places >= 0) & (places < size) if border == "zeros" else np.ones(places.shape, bool)
    match border:
        case "reflect":
            around = places % (2 * size)
            places = np.where(around < size, around, 2 * size - 1 - around)
        case "mirror":
            around = places % max(2 * (size - 1), 1)
            places = np.where(around < size, around, 2 * (size - 1) - around)
    return np.clip(places, 0, size - 1), counts


def sampled(x: Array, axes: Sequence[tuple[Array, Array, Array]]) -> Array:
    """The weighted sum of x[.., places of each axis]; (places, weights, counts) have the taps as their last axis.

    Without that axis they broadcast to the result's own axes.
    """
    total: Array | None = None
    for chosen in product(*(range(p.shape[-1]) for p, _, _ in axes)):
        at: tuple[Any, ...] = tuple(p[..., t] for (p, _, _), t in zip(axes, chosen, strict=True))
        weight = np.ones((), x.dtype)
        for (_, w, counts), t in zip(axes, chosen, strict=True):
            weight = weight * np.where(counts[..., t], w[..., t], 0).astype(x.dtype)
        part = np.where(weight != 0, weight * x[(Ellipsis, *at)], 0)
        total = part if total is None else total + part
    assert total is not None
    return total


def tap_code(
    k: Kernel, x: Expr, mode: Mode, nearest: Nearest = "even", a: float = -0.75
) -> list[tuple[Expr, Expr | None]]:
    """`taps` as loop code: places as int32 and their weights; None is one."""
    x = k.let("x", maximum(minimum(x, _FARTHEST), -_FARTHEST))
    if mode == "nearest":
        return [(k.let("i", Cast(_ROUND_CODE[nearest](x), I32)), None)]
    low = k.let("f", rounding.floor(x))
    first, r = k.let("i", Cast(low, I32)), k.let("r", x - low)
    if mode == "linear":
        return [(first, 1.0 - r), (first + 1, r)]
    s = k.let("s", 1.0 - r)
    weights = [_far(r + 1.0, a), _near(r, a), _near(s, a), _far(s + 1.0, a)]
    return [(first + (t - 1), k.let("w", w)) for t, w in enumerate(weights)]


def _near(d: Expr, a: float) -> Expr:
    return (d * (a + 2) - (a + 3)) * d * d + 1.0


def _far(d: Expr, a: float) -> Expr:
    return ((d * a - 5 * a) * d + 8 * a) * d - 4 * a


def inside_code(k: Kernel, place: Expr, size: int, border: Border) -> tuple[Expr, Expr | None]:
    """`inside` as loop code; None is true."""
    counts = (place >= 0) & (place < size) if border == "zeros" else None
    period = {"reflect": 2 * size, "mirror": max(2 * (size - 1), 1)}.get(border)
    if period is not None:
        rest = k.let("m", place % period)
        around = k.let("m", select(rest < 0, rest + period, rest))
        last = 2 * size - 1 if border == "reflect" else 2 * (size - 1)
        place = k.let("m", select(around < size, around, last - around))
    return k.let("p", maximum(minimum(place, size - 1), 0)), counts


Taps = Sequence[tuple[Expr, Expr | None, Expr | None]]


def sample_code(k: Kernel, x: View, lead: Sequence[Expr], axes: Sequence[Taps]) -> Expr:
    """The weighted sum at (*lead, place of each axis) over all combinations of taps (place, weight, counts)."""
    total: Expr | None = None
    for chosen in product(*axes):
        value: Expr = x[(*lead, *(place for place, _, _ in chosen))]
        tests = [c for _, _, c in chosen if c is not None]
        weights = [w for _, w, _ in chosen if w is not None]
        if weights and value.type != weights[0].type:
            value = Cast(value, weights[0].type)
        for w in weights[1:]:
            weights[0] = weights[0] * w
        if weights:
            value = value * weights[0]
        for test in tests[1:]:
            tests[0] = tests[0] & test
        if tests:
            value = select(tests[0], value, const(0, value.type))
        value = k.let("v", value)
        total = value if total is None else k.let("sum", total + value)
    assert total is not None
    return total

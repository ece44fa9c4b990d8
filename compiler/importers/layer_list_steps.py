"""Steps of an architecture that are no layers of torch.nn: joins, reductions, and the reshaping between layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from compiler.importers.torch_checks import Check, Options, Shape, Unfit, count, flag, number, optional, whole
from compiler.importers.torch_kind import Kind
from compiler.importers.torch_shapes import axis, broadcast

MOST_JOINED = 64


@dataclass(frozen=True)
class Step(Kind):
    """`run` is its meaning in PyTorch: (torch, options, *tensors) -> tensor."""

    run: Callable[..., Any] = field(default=lambda *_: None)
    defaults: tuple[tuple[str, Any], ...] = ()
    least: int = 1  # inputs
    most: int = 1


def _numbers(value: Any) -> tuple[int, ...]:
    values = value if isinstance(value, tuple) else (value,)
    if not 1 <= len(values) <= 8:
        raise Unfit("must be one whole number or several")
    return tuple(whole(v) for v in values)


def _joined(o: Options, *xs: Shape) -> Shape:
    return broadcast(*xs)


def _concatenated(o: Options, *xs: Shape) -> Shape:
    at = axis(o["dim"], len(xs[0]))
    if any(len(x) != len(xs[0]) or (*x[:at], 0, *x[at + 1 :]) != (*xs[0][:at], 0, *xs[0][at + 1 :]) for x in xs):
        raise Unfit(f"cannot concatenate {' and '.join(str(list(x)) for x in xs)} along dimension {o['dim']}")
    return (*xs[0][:at], sum(x[at] for x in xs), *xs[0][at + 1 :])


def _selected(o: Options, x: Shape) -> Shape:
    at = axis(o["dim"], len(x))
    if not -x[at] <= o["index"] < x[at]:
        raise Unfit(f"selects {o['index']} of dimension {o['dim']}, which has {x[at]}")
    return (*x[:at], *x[at + 1 :])


def _sliced(o: Options, x: Shape) -> Shape:
    at = axis(o["dim"], len(x))
    return (*x[:at], len(range(*slice(o["start"], o["end"]).indices(x[at]))), *x[at + 1 :])


def _reduced(o: Options, x: Shape) -> Shape:
    axes = {axis(d, len(x)) for d in o["dim"]}
    if o["keepdim"]:
        return tuple(1 if i in axes else n for i, n in enumerate(x))
    return tuple(n for i, n in enumerate(x) if i not in axes)


def _permuted(o: Options, x: Shape) -> Shape:
    order = [axis(d, len(x)) for d in o["dims"]]
    if sorted(order) != list(range(len(x))):
        raise Unfit(f"orders {len(order)} dimensions of an input that has {len(x)}")
    return tuple(x[i] for i in order)


def _reshaped(o: Options, x: Shape) -> Shape:
    shape, size = o["shape"], math.prod(x)
    known = math.prod(n for n in shape if n != -1)
    if (
        any(n < -1 or n == 0 for n in shape)
        or shape.count(-1) > 1
        or size % known
        or (-1 not in shape and size != known)
    ):
        raise Unfit(f"cannot make {list(shape)} of {list(x)}")
    return tuple(size // known if n == -1 else n for n in shape)


def _squeezed(o: Options, x: Shape) -> Shape:
    at = axis(o["dim"], len(x))
    if x[at] != 1:
        raise Unfit(f"removes dimension {o['dim']}, which has {x[at]} entries")
    return (*x[:at], *x[at + 1 :])


def _unsqueezed(o: Options, x: Shape) -> Shape:
    at = axis(o["dim"], len(x) + 1)
    return (*x[:at], 1, *x[at:])


def _multiplied(o: Options, a: Shape, b: Shape) -> Shape:
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise Unfit(f"cannot multiply matrices of {list(a)} and {list(b)}")
    return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])


def _attended(o: Options, q: Shape, k: Shape, v: Shape) -> Shape:
    if not len(q) == len(k) == len(v) >= 3 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise Unfit(f"cannot attend with {list(q)}, {list(k)} and {list(v)}")
    return (*broadcast(q[:-2], k[:-2], v[:-2]), q[-2], v[-1])


def _join(name: str, run: Callable[[Any, Any], Any], most: int = MOST_JOINED) -> Step:
    def joined(torch: Any, o: Options, *xs: Any) -> Any:
        y = xs[0]
        for x in xs[1:]:
            y = run(y, x)
        return y

    return Step(name, {}, _joined, run=joined, least=2, most=most)


def _reduction(name: str, function: str) -> Step:
    arguments: dict[str, Check] = {"dim": _numbers, "keepdim": flag}

    def run(torch: Any, o: Options, x: Any) -> Any:
        return getattr(torch, function)(x, dim=o["dim"], keepdim=o["keepdim"])

    return Step(name, arguments, _reduced, run=run, defaults=(("keepdim", False),))


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        _join("Add", lambda a, b: a + b),
        _join("Multiply", lambda a, b: a * b),
        _join("Subtract", lambda a, b: a - b, most=2),
        _join("Divide", lambda a, b: a / b, most=2),
        Step(
            "MatMul",
            {},
            _multiplied,
            lambda o, a, b, y: math.prod(y) * a[-1],
            run=lambda torch, o, a, b: torch.matmul(a, b),
            least=2,
            most=2,
        ),
        Step(
            "Attention",
            {"is_causal": flag, "scale": optional(number)},
            _attended,
            lambda o, q, k, v, y: math.prod(q) * k[-2] + math.prod(y) * k[-2],
            run=lambda torch, o, *qkv: torch.nn.functional.scaled_dot_product_attention(*qkv, **o),
            defaults=(("is_causal", False), ("scale", None)),
            least=3,
            most=3,
        ),
        Step(
            "Concatenate",
            {"dim": whole},
            _concatenated,
            run=lambda torch, o, *xs: torch.cat(xs, dim=o["dim"]),
            defaults=(("dim", 1),),
            least=2,
            most=MOST_JOINED,
        ),
        Step(
            "Select",
            {"dim": whole, "index": whole},
            _selected,
            run=lambda torch, o, x: x.select(o["dim"], o["index"]),
        ),
        Step(
            "Slice",
            {"dim": whole, "start": optional(whole), "end": optional(whole)},
            _sliced,
            run=lambda torch, o, x: x[(slice(None),) * (o["dim"] % x.dim()) + (slice(o["start"], o["end"]),)],
            defaults=(("start", None), ("end", None)),
        ),
        _reduction("Mean", "mean"),
        _reduction("Sum", "sum"),
        _reduction("Max", "amax"),
        Step("Permute", {"dims": _numbers}, _permuted, run=lambda torch, o, x: x.permute(o["dims"])),
        Step("Reshape", {"shape": _numbers}, _reshaped, run=lambda torch, o, x: x.reshape(o["shape"])),
        Step("Squeeze", {"dim": whole}, _squeezed, run=lambda torch, o, x: x.squeeze(o["dim"])),
        Step("Unsqueeze", {"dim": whole}, _unsqueezed, run=lambda torch, o, x: x.unsqueeze(o["dim"])),
        Step("Scale", {"by": number, "add": number}, run=lambda torch, o, x: x * o["by"] + o["add"],
             defaults=(("by", 1.0), ("add", 0.0))),
        Step("Parameter", {"shape": lambda value: tuple(map(count, value))}, lambda o: o["shape"], least=0, most=0),
    )
}  # fmt: skip

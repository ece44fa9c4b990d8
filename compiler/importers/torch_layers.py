"""The stock `torch.nn` modules that can be imported: one entry each.

An entry says which attributes of the pickled object are the constructor's arguments (torch.nn keeps them under the
argument's own name) and what a valid value is, the shape that comes out, and the multiplications done. The module
itself is made by its own constructor from these values alone; `torch_build.py` then compares every attribute of the
file with that fresh module, so what is not listed here cannot hide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Shape = tuple[int, ...]
Options = Mapping[str, Any]
Check = Callable[[Any], Any]

MAX_ELEMENTS = 1 << 26  # of one activation: 256 MiB of float32, far more than any target has


class Unfit(Exception):
    """A shape or an option does not fit; the text says how."""


# -- what a valid argument is ------------------------------------------------------------------------------------


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31:
        raise Unfit("must be a positive number")
    return value


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
        raise Unfit("must be a whole number")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e30:
        raise Unfit("must be a finite number")
    return value


def optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def only(*allowed: Any) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, (str, int, bool, type(None))) or value not in allowed:
            raise Unfit("must be " + " or ".join(map(repr, allowed)))
        return value

    return check


def ints(rank: int, least: int = 1) -> Check:
    """One whole number, or one per spatial axis."""

    def check(value: Any) -> Any:
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(value, tuple) and len(value) != rank:
            raise Unfit(f"must have {rank} entries")
        if any(whole(v) < least for v in values):
            raise Unfit(f"must be at least {least}")
        return value

    return check


def sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not 1 <= len(value) <= 6 or any(whole(v) < -1 or v == 0 for v in value):
        raise Unfit("must be a list of sizes")
    return value


def padding_of_conv(rank: int) -> Check:
    amounts = ints(rank, 0)
    return lambda value: only("same", "valid")(value) if isinstance(value, str) else amounts(value)


def smooth_threshold(value: Any) -> float:
    if number(value) < 15:
        raise Unfit("is supported from 15 on, where switching to a straight line changes nothing in float32")
    return float(value)


# -- shapes -------------------------------------------------------------------------------------------------------


def each(value: Any, rank: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * rank


def spatial(x: Shape, rank: int) -> Shape:
    if len(x) != rank + 2:
        raise Unfit(f"needs an input with {rank + 2} dimensions, batch and channels first, and gets {list(x)}")
    return x[2:]


def slid(size: int, kernel: int, stride: int, pad: int, dilation: int = 1, ceil: bool = False) -> int:
    """How many windows fit; with `ceil` a last one may hang over, but must start inside or in the left padding."""
    room = size + pad - dilation * (kernel - 1) - 1
    if room < 0:
        raise Unfit(f"its window of {dilation * (kernel - 1) + 1} is larger than its input of {size + pad}")
    fits = (-(-room // stride) if ceil else room // stride) + 1
    return fits - 1 if ceil and (fits - 1) * stride >= size + pad // 2 else fits


def same(o: Options, x: Shape) -> Shape:
    return x


def linear(o: Options, x: Shape) -> Shape:
    if len(x) < 2 or x[-1] != o["in_features"]:
        raise Unfit(f"needs {o['in_features']} features and gets {list(x)}")
    return (*x[:-1], o["out_features"])


def conv(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        if x[1] != o["in_channels"]:
            raise Unfit(f"needs {o['in_channels']} channels and gets {x[1]}")
        kernel, stride, dilation = (each(o[k], rank) for k in ("kernel_size", "stride", "dilation"))
        if o["padding"] == "same":
            if any(s != 1 for s in stride):
                raise Unfit("cannot have padding 'same' with a stride")
            return (x[0], o["out_channels"], *space)
        pads = each(0 if o["padding"] == "valid" else o["padding"], rank)
        out = (slid(n, k, s, 2 * p, d) for n, k, s, p, d in zip(space, kernel, stride, pads, dilation, strict=True))
        return (x[0], o["out_channels"], *out)

    return shape


def pool(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        kernel, stride, pads = (each(o[k], rank) for k in ("kernel_size", "stride", "padding"))
        dilation = each(o.get("dilation", 1), rank)
        if any(p > k // 2 for k, p in zip(kernel, pads, strict=True)):
            raise Unfit("must not pad by more than half of its window")
        out = (
            slid(n, k, s, 2 * p, d, o["ceil_mode"])
            for n, k, s, p, d in zip(space, kernel, stride, pads, dilation, strict=True)
        )
        return (*x[:2], *out)

    return shape


def adaptive(rank: int, divisible: bool = True) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        wanted = each(o["output_size"], rank)
        out = tuple(n if w is None else w for n, w in zip(space, wanted, strict=True))
        if any(n % w for n, w in zip(space, out, strict=True)):
            raise Unfit(f"can make {list(out)} only from a multiple of it, and gets {list(space)}")
        if not divisible and any(w != 1 for w in out):
            raise Unfit("is supported with one output")
        return (*x[:2], *out)

    return shape


def output_sizes(rank: int) -> Check:
    one = optional(count)

    def check(value: Any) -> Any:
        if not isinstance(value, tuple):
            return count(value)
        if len(value) != rank:
            raise Unfit(f"must have {rank} entries")
        return tuple(one(v) for v in value)

    return check


def channels(*ranks: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        if len(x) not in ranks:
            raise Unfit(f"needs an input with {' or '.join(map(str, ranks))} dimensions and gets {list(x)}")
        if x[1] != o["num_features"]:
            raise Unfit(f"needs {o['num_features']} channels and gets {x[1]}")
        return x

    return shape


def prelu(o: Options, x: Shape) -> Shape:
    if o["num_parameters"] != 1 and (len(x) < 2 or x[1] != o["num_parameters"]):
        raise Unfit(f"needs {o['num_parameters']} channels and gets {list(x)}")
    return x


def axis(value: int, rank: int) -> int:
    if not -rank <= value < rank:
        raise Unfit(f"works on dimension {value} of an input that has {rank}")
    return value % rank


def along(o: Options, x: Shape) -> Shape:
    axis(o["dim"], len(x))
    return x


def flatten(o: Options, x: Shape) -> Shape:
    first, last = axis(o["start_dim"], len(x)), axis(o["end_dim"], len(x))
    if first > last:
        raise Unfit(f"flattens dimensions {first} to {last}, which are none")
    return (*x[:first], math.prod(x[first : last + 1]), *x[last + 1 :])


def unflatten(o: Options, x: Shape) -> Shape:
    at, parts = axis(o["dim"], len(x)), o["unflattened_size"]
    known = math.prod(p for p in parts if p > 0)
    open_parts = parts.count(-1)
    if open_parts > 1 or x[at] % known or (not open_parts and known != x[at]):
        raise Unfit(f"cannot split {x[at]} into {list(parts)}")
    return (*x[:at], *(x[at] // known if p == -1 else p for p in parts), *x[at + 1 :])


def pad(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        amounts = each(o["padding"], 2 * rank)  # last axis first: left, right, top, bottom
        pairs = [(amounts[2 * i], amounts[2 * i + 1]) for i in reversed(range(rank))]
        return (*x[:2], *(n + before + after for n, (before, after) in zip(space, pairs, strict=True)))

    return shape


# -- multiplications ----------------------------------------------------------------------------------------------


def no_macs(o: Options, x: Shape, y: Shape) -> int:
    return 0


def linear_macs(o: Options, x: Shape, y: Shape) -> int:
    return math.prod(y) * int(o["in_features"])


def conv_macs(o: Options, x: Shape, y: Shape) -> int:
    taps = math.prod(each(o["kernel_size"], len(x) - 2))
    return math.prod(y) * int(o["in_channels"] // o["groups"]) * taps


# -- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A module class of torch.nn: `name` is both the class and the end of its pickled name."""

    name: str
    arguments: Mapping[str, Check]
    shape: Callable[[Options, Shape], Shape] = same
    macs: Callable[[Options, Shape, Shape], int] = no_macs
    has_bias: bool = False  # `bias=` is an argument, but no attribute: the parameter is there or not
    input: tuple[Literal["features", "channels", "parts"], int] | None = None  # what it tells about its input, its rank
    added: frozenset[str] = frozenset()  # attributes that older versions of PyTorch did not write

    def output(self, options: Options, x: Shape) -> Shape:
        """The output shape. Raises `Unfit`, also when the result would be absurdly large or empty."""
        y = self.shape(options, x)
        if not all(n > 0 for n in y) or math.prod(y) > MAX_ELEMENTS:
            raise Unfit(f"would give an output of {'x'.join(map(str, y))}")
        return y


def _conv(rank: int) -> Kind:
    return Kind(
        f"Conv{rank}d",
        {
            "in_channels": count,
            "out_channels": count,
            "kernel_size": ints(rank),
            "stride": ints(rank),
            "padding": padding_of_conv(rank),
            "dilation": ints(rank),
            "groups": count,
            "padding_mode": only("zeros"),
        },
        conv(rank),
        conv_macs,
        has_bias=True,
        input=("channels", rank + 2),
    )


def _batch_norm(rank: int, *ranks: int) -> Kind:
    return Kind(
        f"BatchNorm{rank}d",
        {
            "num_features": count,
            "eps": number,
            "momentum": optional(number),
            "affine": flag,
            "track_running_stats": only(True),
        },
        channels(*ranks),
        has_bias=True,
        input=("channels", ranks[0]),
    )


def _max_pool(rank: int) -> Kind:
    return Kind(
        f"MaxPool{rank}d",
        {
            "kernel_size": ints(rank),
            "stride": ints(rank),
            "padding": ints(rank, 0),
            "dilation": ints(rank),
            "return_indices": only(False),
            "ceil_mode": flag,
        },
        pool(rank),
    )


def _avg_pool(rank: int) -> Kind:
    window = {
        "kernel_size": ints(rank),
        "stride": ints(rank),
        "padding": ints(rank, 0),
        "ceil_mode": flag,
        "count_include_pad": flag,
    }
    return Kind(f"AvgPool{rank}d", window | ({"divisor_override": only(None)} if rank > 1 else {}), pool(rank))


def _padding(rank: int) -> tuple[Kind, Kind]:
    amounts = {"padding": ints(2 * rank, -(1 << 20))}
    return (
        Kind(f"ZeroPad{rank}d", amounts, pad(rank)),
        Kind(f"ConstantPad{rank}d", amounts | {"value": number}, pad(rank)),
    )


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "Linear",
            {"in_features": count, "out_features": count},
            linear,
            linear_macs,
            has_bias=True,
            input=("features", 2),
        ),
        _conv(1),
        _conv(2),
        _batch_norm(1, 2, 3),
        _batch_norm(2, 4),
        *(Kind(name, {}) for name in ("ReLU", "ReLU6", "Hardsigmoid", "Hardswish", "SiLU", "Mish", "SELU")),
        *(Kind(name, {}) for name in ("Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "Identity")),
        Kind("LeakyReLU", {"negative_slope": number}),
        Kind("PReLU", {"num_parameters": count, "init": number}, prelu, added=frozenset({"init"})),
        Kind("Hardtanh", {"min_val": number, "max_val": number}),
        Kind("ELU", {"alpha": number}),
        Kind("CELU", {"alpha": number}),
        Kind("GELU", {"approximate": only("none", "tanh")}, added=frozenset({"approximate"})),
        Kind("Softplus", {"beta": number, "threshold": smooth_threshold}),
        Kind("Softmax", {"dim": whole}, along),
        Kind("Softmin", {"dim": whole}, along),
        Kind("LogSoftmax", {"dim": whole}, along),
        _max_pool(1),
        _max_pool(2),
        _avg_pool(1),
        _avg_pool(2),
        Kind("AdaptiveAvgPool1d", {"output_size": output_sizes(1)}, adaptive(1)),
        Kind("AdaptiveAvgPool2d", {"output_size": output_sizes(2)}, adaptive(2)),
        Kind("AdaptiveMaxPool2d", {"output_size": output_sizes(2)}, adaptive(2, divisible=False)),
        Kind("Flatten", {"start_dim": whole, "end_dim": whole}, flatten),
        Kind("Unflatten", {"dim": whole, "unflattened_size": sizes}, unflatten, input=("parts", 2)),
        *(
            Kind(name, {"p": number})
            for name in ("Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout")
        ),
        *_padding(1),
        *_padding(2),
    )
}

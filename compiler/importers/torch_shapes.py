"""The shape that comes out of a layer, and its multiplications, from its arguments and the shape that goes in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from compiler.importers.torch_checks import Check, Options, Shape, Unfit, count, optional

MAX_ELEMENTS = 1 << 26  # of one activation: 256 MiB of float32, far more than any target has


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
        if o["padding_mode"] == "reflect" and any(p >= n for p, n in zip(pads, space, strict=True)):
            raise Unfit(f"cannot pad {list(space)} by {list(pads)} with its own reflection")
        if o["padding_mode"] == "circular" and any(p > n for p, n in zip(pads, space, strict=True)):
            raise Unfit(f"cannot pad {list(space)} by {list(pads)} with itself")
        out = (slid(n, k, s, 2 * p, d) for n, k, s, p, d in zip(space, kernel, stride, pads, dilation, strict=True))
        return (x[0], o["out_channels"], *out)

    return shape


def conv_transpose(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        if x[1] != o["in_channels"]:
            raise Unfit(f"needs {o['in_channels']} channels and gets {x[1]}")
        names = ("kernel_size", "stride", "padding", "output_padding", "dilation")
        kernel, stride, pads, more, dilation = (each(o[name], rank) for name in names)
        if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
            raise Unfit("must have an output_padding smaller than stride or dilation")
        out = (
            (n - 1) * s - 2 * p + d * (k - 1) + m + 1
            for n, k, s, p, m, d in zip(space, kernel, stride, pads, more, dilation, strict=True)
        )
        return (x[0], o["out_channels"], *out)

    return shape


def pool(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        kernel, pads = each(o["kernel_size"], rank), each(o.get("padding", 0), rank)
        stride = kernel if o["stride"] is None else each(o["stride"], rank)
        dilation = each(o.get("dilation", 1), rank)
        if any(p > k // 2 for k, p in zip(kernel, pads, strict=True)):
            raise Unfit("must not pad by more than half of its window")
        if o.get("divisor_override") is not None and o["ceil_mode"]:
            raise Unfit("is supported with divisor_override or with ceil_mode, not with both")
        out = (
            slid(n, k, s, 2 * p, d, o["ceil_mode"])
            for n, k, s, p, d in zip(space, kernel, stride, pads, dilation, strict=True)
        )
        return (*x[:2], *out)

    return shape


def adaptive(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        wanted = each(o["output_size"], rank)
        out = (n if w is None else w for n, w in zip(space, wanted, strict=True))
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


def pad(rank: int, most: Callable[[int], int] | None = None) -> Callable[[Options, Shape], Shape]:
    """`most`: how far an axis of that size can be padded, where the values come from the axis itself."""

    def shape(o: Options, x: Shape) -> Shape:
        space = spatial(x, rank)
        amounts = each(o["padding"], 2 * rank)  # last axis first: left, right, top, bottom
        pairs = [(amounts[2 * i], amounts[2 * i + 1]) for i in reversed(range(rank))]
        if most and any(max(pair) > most(n) for n, pair in zip(space, pairs, strict=True)):
            raise Unfit(f"cannot pad {list(space)} by {list(amounts)} with its own values")
        return (*x[:2], *(n + before + after for n, (before, after) in zip(space, pairs, strict=True)))

    return shape


def normalized(o: Options, x: Shape) -> Shape:
    shape = o["normalized_shape"]
    if x[-len(shape) :] != tuple(shape) or len(x) < len(shape):
        raise Unfit(f"normalises the last dimensions {list(shape)} and gets {list(x)}")
    return x


def grouped(o: Options, x: Shape) -> Shape:
    if len(x) < 2 or x[1] != o["num_channels"]:
        raise Unfit(f"needs {o['num_channels']} channels and gets {list(x)}")
    return x


def at_least(rank: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        if len(x) < rank:
            raise Unfit(f"needs an input with at least {rank} dimensions and gets {list(x)}")
        return x

    return shape


def ranked(*ranks: int) -> Callable[[Options, Shape], Shape]:
    def shape(o: Options, x: Shape) -> Shape:
        if len(x) not in ranks:
            raise Unfit(f"needs an input with {' or '.join(map(str, ranks))} dimensions and gets {list(x)}")
        return x

    return shape


def halved(o: Options, x: Shape) -> Shape:
    at = axis(o["dim"], len(x))
    if x[at] % 2:
        raise Unfit(f"halves dimension {o['dim']}, which has {x[at]}")
    return (*x[:at], x[at] // 2, *x[at + 1 :])


def upsampled(o: Options, x: Shape) -> Shape:
    rank = len(x) - 2
    ranks = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}.get(o.get("mode", ""), (1, 2, 3))
    if rank not in ranks:
        raise Unfit(f"cannot enlarge an input with {len(x)} dimensions in mode {o.get('mode', 'nearest')!r}")
    if (o["size"] is None) == (o["scale_factor"] is None):
        raise Unfit("needs either a size or a scale_factor")
    if o["size"] is not None:
        return (*x[:2], *_per_axis(o["size"], rank))
    return (*x[:2], *(int(n * factor) for n, factor in zip(x[2:], _per_axis(o["scale_factor"], rank), strict=True)))


def _per_axis(value: Any, rank: int) -> tuple[Any, ...]:
    values = value if isinstance(value, tuple) else (value,) * rank
    if len(values) != rank:
        raise Unfit(f"has sizes for {len(values)} axes and gets an input with {rank}")
    return values


def shuffled(o: Options, x: Shape) -> Shape:
    r = o["upscale_factor"]
    if len(x) < 3 or x[-3] % (r * r):
        raise Unfit(f"needs a multiple of {r * r} channels and gets {list(x)}")
    return (*x[:-3], x[-3] // (r * r), x[-2] * r, x[-1] * r)


def unshuffled(o: Options, x: Shape) -> Shape:
    r = o["downscale_factor"]
    if len(x) < 3 or x[-2] % r or x[-1] % r:
        raise Unfit(f"needs height and width that are multiples of {r} and gets {list(x)}")
    return (*x[:-3], x[-3] * r * r, x[-2] // r, x[-1] // r)


def channel_groups(o: Options, x: Shape) -> Shape:
    if len(x) < 3 or x[1] % o["groups"]:
        raise Unfit(f"splits its channels into {o['groups']} groups and gets {list(x)}")
    return x


def _blocks(o: Options, space: Sequence[int]) -> list[int]:
    names = ("kernel_size", "stride", "padding", "dilation")
    kernel, stride, pads, dilation = (each(o[name], 2) for name in names)
    return [slid(n, k, s, 2 * p, d) for n, k, s, p, d in zip(space, kernel, stride, pads, dilation, strict=True)]


def unfolded(o: Options, x: Shape) -> Shape:
    blocks = _blocks(o, spatial(x, 2))
    return (x[0], x[1] * math.prod(each(o["kernel_size"], 2)), math.prod(blocks))


def folded(o: Options, x: Shape) -> Shape:
    size, taps = each(o["output_size"], 2), math.prod(each(o["kernel_size"], 2))
    blocks = math.prod(_blocks(o, size))
    if len(x) != 3 or x[1] % taps or x[2] != blocks:
        raise Unfit(f"needs {blocks} blocks of a multiple of {taps} values and gets {list(x)}")
    return (x[0], x[1] // taps, *size)


def broadcast(*shapes: Shape) -> Shape:
    """The shape that they have together."""
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)
    result = []
    for sizes in columns:
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            raise Unfit(f"cannot bring the shapes {' and '.join(str(list(s)) for s in shapes)} together")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def cosine(o: Options, a: Shape, b: Shape) -> Shape:
    shape = broadcast(a, b)
    at = axis(o["dim"], len(shape))
    return (*shape[:at], *shape[at + 1 :])


def distance(o: Options, a: Shape, b: Shape) -> Shape:
    shape = broadcast(a, b)
    return (*shape[:-1], 1) if o["keepdim"] else shape[:-1]


def bilinear(o: Options, a: Shape, b: Shape) -> Shape:
    if len(a) < 2 or a[:-1] != b[:-1] or (a[-1], b[-1]) != (o["in1_features"], o["in2_features"]):
        raise Unfit(f"needs {o['in1_features']} and {o['in2_features']} features, and gets {list(a)} and {list(b)}")
    return (*a[:-1], o["out_features"])


# -- multiplications ----------------------------------------------------------------------------------------------


def no_macs(o: Options, *_: Shape) -> int:
    return 0


def linear_macs(o: Options, x: Shape, y: Shape) -> int:
    return math.prod(y) * int(o["in_features"])


def conv_macs(o: Options, x: Shape, y: Shape) -> int:
    taps = math.prod(each(o["kernel_size"], len(x) - 2))
    return math.prod(y) * int(o["in_channels"] // o["groups"]) * taps


def conv_transpose_macs(o: Options, x: Shape, y: Shape) -> int:
    taps = math.prod(each(o["kernel_size"], len(x) - 2))
    return math.prod(x) * int(o["out_channels"] // o["groups"]) * taps


def bilinear_macs(o: Options, a: Shape, b: Shape, y: Shape) -> int:
    return math.prod(y) * int(o["in1_features"]) * (int(o["in2_features"]) + 1)

"""Shapes of ATen operators' results, and the multiplications they do, without PyTorch: for a quick look at a file.

A function gets the operator's arguments in PyTorch's order; a tensor is given as its shape, None where that is not
known. It returns a shape, a list of shapes, or None. What is not here has a shape that only PyTorch tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from compiler.importers.torch_checks import Shape, Unfit

Rule = Callable[..., Any]


def whole(value: Any, rank: int) -> tuple[int, ...]:
    """A number or a list of them, one per spatial axis."""
    if isinstance(value, int):
        return (value,) * rank
    values = tuple(value)
    return values * rank if len(values) == 1 else values


def axis(dim: int, rank: int) -> int:
    if not -max(rank, 1) <= dim < max(rank, 1):
        raise Unfit(f"has no dimension {dim}")
    return dim % max(rank, 1)


def broadcast(*shapes: Shape) -> Shape:
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            raise Unfit(f"cannot combine {' and '.join(str(list(s)) for s in shapes)}")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def slid(n: int, kernel: int, stride: int, pad: int, dilation: int, ceil: bool = False) -> int:
    room = n + 2 * pad - dilation * (kernel - 1) - 1
    if room < 0:
        raise Unfit(f"has a window of {dilation * (kernel - 1) + 1} on an input of {n + 2 * pad}")
    count = (-(-room // stride) if ceil else room // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= n + pad else count


def conv(rank: int) -> Rule:
    def rule(
        x: Shape, w: Shape, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
    ) -> Shape:
        _needs(x, rank)
        if x[-rank - 1] != w[1] * groups:
            raise Unfit(f"needs {w[1] * groups} channels and gets {x[-rank - 1]}")
        space = x[-rank:]
        if padding == "same":
            return (*x[: -rank - 1], w[0], *space)
        pads = (0,) * rank if padding == "valid" else whole(padding, rank)
        windows = zip(space, w[2:], whole(stride, rank), pads, whole(dilation, rank), strict=True)
        return (*x[: -rank - 1], w[0], *(slid(*window) for window in windows))

    return rule


def pool(rank: int, maximum: bool) -> Rule:
    def rule(x: Shape, kernel: Any, stride: Any = None, padding: Any = 0, *more: Any, **named: Any) -> Shape:
        _needs(x, rank)
        values = dict(zip(("dilation", "ceil_mode") if maximum else ("ceil_mode",), more, strict=False)) | named
        sizes = whole(kernel, rank)
        windows = zip(
            x[-rank:], sizes, whole(stride, rank) if stride else sizes, whole(padding, rank),
            whole(values.get("dilation", 1), rank), strict=True,
        )  # fmt: skip
        return (*x[:-rank], *(slid(*window, bool(values.get("ceil_mode", False))) for window in windows))

    return rule


def adaptive(rank: int) -> Rule:
    def rule(x: Shape, sizes: Any) -> Shape:
        _needs(x, rank)
        wanted = [sizes] * rank if sizes is None or isinstance(sizes, int) else list(sizes)
        return (*x[:-rank], *(n if s is None else s for n, s in zip(x[-rank:], wanted, strict=True)))

    return rule


def _needs(x: Shape, rank: int) -> None:
    if len(x) not in (rank + 1, rank + 2):
        raise Unfit(f"needs an input with {rank + 2} dimensions, batch and channels first, and gets {list(x)}")


def linear(x: Shape, w: Shape, b: Any = None) -> Shape:
    if not x or x[-1] != w[-1]:
        raise Unfit(f"needs {w[-1]} features and gets {list(x)}")
    return (*x[:-1], *w[:-1])


def normed(x: Shape, w: Any = None, *more: Any) -> Shape:
    if w and (len(x) < 2 or x[1] != w[0]):
        raise Unfit(f"needs {w[0]} channels and gets {list(x)}")
    return x


def layer_normed(x: Shape, sizes: Sequence[int], *more: Any) -> Shape:
    if tuple(x[-len(sizes) :]) != tuple(sizes):
        raise Unfit(f"needs {list(sizes)} at the end and gets {list(x)}")
    return x


def matmul(a: Shape, b: Shape) -> Shape | None:
    if len(a) < 2 or len(b) < 2:
        return None
    if a[-1] != b[-2]:
        raise Unfit(f"cannot multiply {list(a)} by {list(b)}")
    return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1]) if len(a) > 2 or len(b) > 2 else (a[-2], b[-1])


def flatten(x: Shape, start: int = 0, end: int = -1) -> Shape:
    first, last = axis(start, len(x)), axis(end, len(x))
    return (*x[:first], math.prod(x[first : last + 1]), *x[last + 1 :])


def reshape(x: Shape, sizes: Any) -> Shape:
    wanted, total = list(sizes), math.prod(x)
    if -1 in wanted:
        rest = math.prod(n for n in wanted if n != -1)
        if not rest or total % rest:
            raise Unfit(f"cannot become {wanted} from {list(x)}")
        wanted[wanted.index(-1)] = total // rest
    if math.prod(wanted) != total:
        raise Unfit(f"cannot become {wanted} from {list(x)}")
    return tuple(wanted)


def transpose(x: Shape, a: int, b: int) -> Shape:
    sizes = list(x)
    i, j = axis(a, len(x)), axis(b, len(x))
    sizes[i], sizes[j] = sizes[j], sizes[i]
    return tuple(sizes)


def permute(x: Shape, dims: Sequence[int]) -> Shape:
    return tuple(x[axis(d, len(x))] for d in dims)


def unsqueeze(x: Shape, dim: int) -> Shape:
    at = axis(dim, len(x) + 1)
    return (*x[:at], 1, *x[at:])


def squeeze(x: Shape, dims: Any = None) -> Shape:
    chosen = range(len(x)) if dims is None else [axis(d, len(x)) for d in ([dims] if isinstance(dims, int) else dims)]
    return tuple(n for i, n in enumerate(x) if n != 1 or i not in chosen)


def select(x: Shape, dim: int, index: Any) -> Shape:
    at = axis(dim, len(x))
    return (*x[:at], *x[at + 1 :])


def sliced(x: Shape, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Shape:
    at = axis(dim, len(x))
    return (*x[:at], len(range(*slice(start, end, step).indices(x[at]))), *x[at + 1 :])


def unbind(x: Shape, dim: int = 0) -> list[Shape]:
    return [select(x, dim, 0)] * x[axis(dim, len(x))]


def split(x: Shape, sizes: Any, dim: int = 0) -> list[Shape]:
    at = axis(dim, len(x))
    parts = (
        sizes if isinstance(sizes, (list, tuple)) else [min(sizes, x[at] - i) for i in range(0, x[at], max(sizes, 1))]
    )
    return [(*x[:at], n, *x[at + 1 :]) for n in parts]


def chunk(x: Shape, count: int, dim: int = 0) -> list[Shape]:
    return split(x, -(-x[axis(dim, len(x))] // count), dim)


def cat(parts: Sequence[Shape], dim: int = 0) -> Shape:
    at = axis(dim, len(parts[0]))
    return (*parts[0][:at], sum(p[at] for p in parts), *parts[0][at + 1 :])


def stack(parts: Sequence[Shape], dim: int = 0) -> Shape:
    at = axis(dim, len(parts[0]) + 1)
    return (*parts[0][:at], len(parts), *parts[0][at:])


def reduced(x: Shape, dims: Any = None, keep: Any = False, **more: Any) -> Shape:
    keep = more.get("keepdim", keep)
    if dims is None or dims == []:
        return ()
    chosen = {axis(d, len(x)) for d in ([dims] if isinstance(dims, int) else dims)}
    return tuple(1 if i in chosen else n for i, n in enumerate(x) if keep is True or i not in chosen)


def expand(x: Shape, sizes: Sequence[int], **more: Any) -> Shape:
    padded = (1,) * (len(sizes) - len(x)) + tuple(x)
    return tuple(n if s == -1 else s for n, s in zip(padded, sizes, strict=True))


def pad(x: Shape, pads: Sequence[int], *more: Any) -> Shape:
    sizes = list(x)
    for i in range(len(pads) // 2):
        sizes[-1 - i] += pads[2 * i] + pads[2 * i + 1]
    if min(sizes, default=0) < 0:
        raise Unfit("pads to less than nothing")
    return tuple(sizes)


def recurrent(states: int, gates: int) -> Rule:
    def rule(
        x: Shape, hx: Any, weights: Sequence[Shape], biases: bool, layers: int, dropout: float, train: bool,
        bidirectional: bool, batch_first: bool,
    ) -> list[Shape]:  # fmt: skip
        hidden, directions = weights[0][0] // gates, 2 if bidirectional else 1
        if x[-1] != weights[0][1]:
            raise Unfit(f"needs {weights[0][1]} features and gets {list(x)}")
        batch = (x[0 if batch_first else 1],) if len(x) == 3 else ()
        state: Shape = (layers * directions, *batch, hidden)
        return [(*x[:-1], hidden * directions), *[state] * states]

    return rule


def embedding(w: Shape, x: Shape, *more: Any) -> Shape:
    return (*x, w[1])


def attended(q: Shape, k: Shape, v: Shape, *more: Any) -> Shape:
    return (*q[:-1], v[-1])


def filled(sizes: Any, *more: Any, **named: Any) -> Shape | None:
    return tuple(sizes) if isinstance(sizes, (list, tuple)) else None


def _same(x: Shape, *more: Any, **named: Any) -> Shape:
    return x


def _paired(a: Any, b: Any, *more: Any, **named: Any) -> Shape:
    return broadcast(*(s for s in (a, b, *more) if isinstance(s, tuple)))


_SAME = """
    relu relu6 sigmoid tanh gelu silu mish hardswish hardsigmoid hardtanh leaky_relu elu celu selu softplus log_sigmoid
    softmax log_softmax dropout alpha_dropout feature_dropout feature_alpha_dropout contiguous clone detach alias abs
    neg exp log sqrt rsqrt sin cos erf clamp clamp_min clamp_max to _to_copy type_as square reciprocal group_norm
    instance_norm flip roll cumsum hardshrink softshrink threshold round floor ceil logical_not zeros_like ones_like
    full_like prelu channel_shuffle masked_fill tril triu _transformer_encoder_layer_fwd rms_norm
"""
_PAIRED = """
    add sub mul div pow maximum minimum rsub eq ne lt le gt ge floor_divide remainder fmod atan2 where logical_and
    logical_or logical_xor lerp addcmul addcdiv true_divide subtract multiply divide
"""
_REDUCED = "mean sum amax amin prod all any argmax argmin std var logsumexp norm"

RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_PAIRED.split(), _paired),
    **dict.fromkeys(_REDUCED.split(), reduced),
    **{f"conv{r}d": conv(r) for r in (1, 2, 3)},
    **{f"avg_pool{r}d": pool(r, False) for r in (1, 2, 3)},
    **{f"max_pool{r}d": pool(r, True) for r in (1, 2, 3)},
    **{f"adaptive_avg_pool{r}d": adaptive(r) for r in (1, 2, 3)},
    **dict.fromkeys(("view", "reshape"), reshape),
    **dict.fromkeys(("cat", "concat"), cat),
    **dict.fromkeys(("zeros", "ones", "empty", "full"), filled),
    **dict.fromkeys(("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad2d"), pad),
    **dict.fromkeys(("matmul", "mm", "bmm"), matmul),
    **dict.fromkeys(("split", "split_with_sizes"), split),
    "linear": linear,
    "batch_norm": normed,
    "layer_norm": layer_normed,
    "flatten": flatten,
    "transpose": transpose,
    "t": lambda x: tuple(reversed(x)),
    "permute": permute,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "select": select,
    "slice": sliced,
    "unbind": unbind,
    "chunk": chunk,
    "stack": stack,
    "expand": expand,
    "lstm": recurrent(2, 4),
    "gru": recurrent(1, 3),
    "rnn_tanh": recurrent(1, 1),
    "rnn_relu": recurrent(1, 1),
    "embedding": embedding,
    "scaled_dot_product_attention": attended,
    "unflatten": lambda x, dim, sizes: (
        *x[: axis(dim, len(x))], *reshape((x[axis(dim, len(x))],), sizes), *x[axis(dim, len(x)) + 1 :],
    ),
}  # fmt: skip
# Operators whose result is several tensors: a shape that is not known is not one tensor.
SEVERAL = frozenset(
    "unbind chunk split split_with_sizes tensor_split lstm gru rnn_tanh rnn_relu topk sort std_mean var_mean aminmax "
    "cummax cummin max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices meshgrid broadcast_tensors "
    "native_batch_norm native_layer_norm native_group_norm _native_multi_head_attention".split()
)


def macs(name: str, shapes: Sequence[Any], result: Any) -> int:
    """Multiply-accumulates of a call whose shapes are known; 0 for what has none worth counting."""
    first: Shape = result[0] if isinstance(result, list) else result
    count = 0
    if name.startswith("conv_transpose"):
        count = math.prod(shapes[0]) * math.prod(shapes[1][1:])
    elif name in ("conv1d", "conv2d", "conv3d"):
        count = math.prod(first) * math.prod(shapes[1][1:])
    elif name == "linear":
        count = math.prod(first) * shapes[1][-1]
    elif name in ("matmul", "mm", "bmm"):
        count = math.prod(first) * shapes[0][-1]
    elif name == "scaled_dot_product_attention":
        count = (math.prod(shapes[0]) + math.prod(first)) * shapes[1][-2]
    elif name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        count = math.prod(shapes[0][:-1]) * sum(math.prod(w) for w in shapes[2] if len(w) == 2)
    elif name == "_transformer_encoder_layer_fwd":
        batch, steps, width = shapes[0]
        weights = sum(math.prod(w) for w in shapes[1:] if isinstance(w, tuple) and len(w) == 2)
        count = batch * steps * (weights + 2 * steps * width)
    return count

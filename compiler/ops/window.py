"""What convolutions and pools share: output sizes, padding modes, and testing for the padded border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from compiler.loop.nodes import Const, Expr
from compiler.ops.base import expect

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel
    from compiler.ops.base import Reader


def output_size(size: int, kernel: int, stride: int, dilation: int, begin: int, end: int, ceil: bool = False) -> int:
    """Windows along one axis. With `ceil`, a last partial window counts if it starts inside the input or begin pad."""
    span = size + begin + end - ((kernel - 1) * dilation + 1)
    if not ceil:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + begin else count


def output_sizes(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    ceil: bool = False,
) -> tuple[int, ...]:
    """Windows along every axis; `pads` are the begins of all axes, then the ends."""
    expect(min((*kernel, *strides, *dilations), default=1) >= 1, "E0306", "sizes, strides and dilations are at least 1")
    axes = zip(size, kernel, strides, dilations, pads[: len(size)], pads[len(size) :], strict=True)
    return tuple(output_size(n, k, s, d, begin, end, ceil) for n, k, s, d, begin, end in axes)


_PADDING_MODES = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


def padding_mode(r: Reader, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> str:
    """The node's `auto_pad`; refuses geometry that makes no sense."""
    mode = str(r.attr("auto_pad", "NOTSET") or "NOTSET")
    if min((*kernel, *strides, *dilations), default=1) < 1 or mode not in _PADDING_MODES:
        raise r.unsupported(f"kernel {kernel}, strides {strides}, dilations {dilations}, padding {mode[:20]!r}")
    return mode


def resolve_padding(
    r: Reader, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """`pads` or `auto_pad` of an ONNX node as begins, then ends."""
    n = len(size)
    mode = padding_mode(r, kernel, strides, dilations)
    if mode in ("NOTSET", "VALID"):
        return tuple(r.attr("pads") or (0,) * (2 * n)) if mode == "NOTSET" else (0,) * (2 * n)
    begins, ends = [], []
    for i in range(n):
        out = -(-size[i] // strides[i])
        total = max(0, (out - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size[i])
        small, large = total // 2, total - total // 2
        begins.append(small if mode == "SAME_UPPER" else large)
        ends.append(large if mode == "SAME_UPPER" else small)
    return (*begins, *ends)


@contextmanager
def inside(k: Kernel, at: Sequence[Expr], size: Sequence[int], pads: Sequence[int]) -> Iterator[None]:
    """Run the block where every coordinate lies in the input; no test along axes without padding."""
    condition: Expr | None = None
    for i, p in enumerate(at):
        for test in ([p >= 0] if pads[i] else []) + ([p < size[i]] if pads[len(size) + i] else []):
            condition = test if condition is None else condition & test
    if condition is None or isinstance(condition, Const):
        yield
        return
    with k.when(condition):
        yield

"""Integer arithmetic in torch: the functions of which an exported module takes those that it calls, as source text.

Sums of products are exact: integers go through float64, or through float32 where the exporter knows that every partial
sum stays below 2**24 (`dtype`), which matrix products of CPUs and GPUs keep whole. The rest is int64 and int32. Tensors
have the shapes of one sample; the module maps them over a batch.
"""

# The functions are for a file that stands alone and reads well: without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from itertools import product
from math import prod

import torch
from torch.nn import functional


def padded(x, pads, value=0):
    """`pads`: the begins of the last axes, then their ends."""
    n = len(pads) // 2
    if not any(pads):
        return x
    return functional.pad(x, [p for i in reversed(range(n)) for p in (pads[i], pads[n + i])], value=value)


def taps(x, kernel, strides, dilations, sizes):
    """For each place in the window: the place, and the elements of x under it, one for each window."""
    for at in product(*(range(k) for k in kernel)):
        steps = zip(at, dilations, strides, sizes, strict=True)
        yield at, x[(..., *(slice(q * d, q * d + (n - 1) * s + 1, s) for q, d, s, n in steps))]


def conv_sums(x, w, b, *, zero=0, strides, pads, dilations, groups, sizes, dtype, to):
    """b + sum of (x - zero) * w over each window, in integers; padding adds nothing."""
    x = padded(x.to(dtype) - zero, pads)
    rows = w.to(dtype).reshape(groups, w.shape[0] // groups, -1)
    kernel, depthwise = w.shape[2:], w.shape[1] == 1 and w.shape[0] == groups
    if depthwise:
        places = rows.reshape(-1, *kernel)
        parts = taps(x, kernel, strides, dilations, sizes)
        total = sum(v * places[(..., *at)].reshape(-1, *[1] * len(sizes)) for at, v in parts)
    else:
        total = rows @ columns(x, kernel, strides, dilations, sizes, groups)
    total = total.to(to).reshape(x.shape[0], -1, *sizes)
    return total if b is None else total + b.reshape(-1, *[1] * len(sizes))


def columns(x, kernel, strides, dilations, sizes, groups):
    """The elements under each window as a column, for each group of channels."""
    if len(kernel) == 2:
        flat = functional.unfold(x, kernel, dilation=dilations, stride=strides)
    else:
        flat = torch.stack([v for _, v in taps(x, kernel, strides, dilations, sizes)], 2)
    return flat.reshape(x.shape[0], groups, -1, prod(sizes))


def dense_sums(x, w, b, *, dtype, to):
    """x @ w.T + b in integers."""
    total = (x.to(dtype) @ w.to(dtype).T).to(to)
    return total if b is None else total + b


def product_sums(x, y, *, dtype, to):
    """x @ y in integers."""
    return (x.to(dtype) @ y.to(dtype)).to(to)


def conv(x, w, b, *, strides, pads, dilations, groups):
    """A convolution of floats; the weights may be integers, whose scale is applied to the result."""
    call = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[x.dim() - 2]
    return call(padded(x, pads), w.to(x.dtype), b, stride=strides, dilation=dilations, groups=groups)


def conv_transpose(x, w, b, *, strides, dilations, groups, ends):
    """A transposed convolution; `ends` are what is to be added to the whole result at its begins and ends."""
    call = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}[x.dim() - 2]
    y = padded(call(x, w, stride=strides, dilation=dilations, groups=groups), ends)
    return y if b is None else y + b.reshape(-1, *[1] * (x.dim() - 2))


def dense(x, w, b):
    return functional.linear(x, w.to(x.dtype), b)


def scaled_single(sums, multiplier, shift):
    """round(sums * multiplier * 2**(shift - 31)), rounded once, half up."""
    total = 31 - shift.to(torch.int64)
    return (sums.to(torch.int64) * multiplier + (torch.ones_like(total) << (total - 1))) >> total


def scaled_double(sums, multiplier, shift):
    """The same rounded twice, as gemmlowp does: the doubled product's high half, then a division by a power of two."""
    left = (sums.to(torch.int64) << shift.clamp(min=0)).to(torch.int32).to(torch.int64)
    high = ((left * multiplier + (1 << 30)) >> 31).clamp(-(2**31), 2**31 - 1)
    right = (-shift).clamp(min=0).to(torch.int64)
    mask = (torch.ones_like(right) << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0).to(torch.int64)).to(torch.int64)


def scaled_long(sums, multiplier, shift):
    """Sums of 16-bit activations: the multiplier has 16 bits, and there is one rounding."""
    reduced = torch.where(multiplier < 0x7FFF0000, (multiplier.to(torch.int64) + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - shift.to(torch.int64)
    return (sums * reduced + (torch.ones_like(total) << (total - 1))) >> total


def stored(x, zero, low, high, to):
    """clamp(x + zero) in the type that is stored; the sum wraps to 32 bits, as on the processor."""
    return (x.to(torch.int32) + zero).clamp(low, high).to(to)


def quantized(x, scale, zero, low, high, to):
    """round(x / scale) + zero, ties to even, saturated."""
    whole = torch.nan_to_num((x.to(torch.float32) / scale).round(), nan=-70000.0).clamp(-70000, 70000)
    return (whole.to(torch.int32) + zero.to(torch.int32)).clamp(low, high).to(to)


def dequantized(x, scale, zero, to):
    return ((x.to(torch.int32) - zero.to(torch.int32)).to(torch.float32) * scale).to(to)


def looked_up(x, table, low):
    """One of 256 answers, by the stored number."""
    return table[x.to(torch.int64) - low]


def fixed_softmax(x, axis, powers, terms, shares, units, reach, outside):
    """Softmax in fixed point, of functions of single numbers; what is further below the maximum counts as nothing."""
    apart = x.to(torch.int32) - x.to(torch.int32).amax(axis, keepdim=True)
    power = torch.where(apart >= -reach, powers(apart.clamp(min=-reach)), 0)
    total = terms(power).sum(axis, keepdim=True, dtype=torch.int32)
    room = 32 - torch.frexp(total.to(torch.float64))[1].to(torch.int32)  # leading zeros
    result = units(shares(total, room), power, room)
    return torch.where(apart >= -reach, result, outside).to(result.dtype)


def moved(x, places, shape):
    """The elements of x at these places; it only moves data."""
    return x.reshape(-1)[places].reshape(shape)


def largest(x, *, kernel, strides, pads, dilations, sizes, lowest):
    """The largest element of each window; padding does not count."""
    return torch.stack([v for _, v in taps(padded(x, pads, lowest), kernel, strides, dilations, sizes)]).amax(0)


def window_sums(x, *, zero=0, kernel, strides, pads, dilations, sizes, to):
    """The sum of x - zero over each window; padding adds nothing."""
    return sum(v for _, v in taps(padded(x.to(to) - zero, pads), kernel, strides, dilations, sizes))


def axis_sums(x, axes, *, zero, to):
    """The sum of x - zero along axes, which stay."""
    return (x.to(to) - zero).sum(axes, keepdim=True, dtype=to)


def standardized(x, scale, bias, *, axes, eps, center):
    """(x - mean) / sqrt(variance + eps) * scale + bias."""
    apart = x - x.mean(axes, keepdim=True) if center else x
    y = apart / ((apart * apart).mean(axes, keepdim=True) + eps).sqrt()
    y = y if scale is None else y * scale
    return y if bias is None else y + bias


def nearest(total, count, to):
    """The whole number nearest to total / count, halves away from zero."""
    half = torch.where(total > 0, count // 2, -(count // 2))
    return torch.div(total + half, count, rounding_mode="trunc").to(to)


def floored(x, to):
    """A float as an integer: without its fraction, saturated, 0 for NaN."""
    limits = torch.iinfo(to)
    inside = torch.nan_to_num(x.to(torch.float64), nan=0.0).trunc()
    low, high = inside <= limits.min, inside >= limits.max
    middle = torch.where(low | high, 0.0, inside).to(to)
    return torch.where(low, limits.min, torch.where(high, limits.max, middle)).to(to)


def divided(x, y):
    """Integer division, truncating; 0 for a divisor of 0."""
    safe = torch.where(y == 0, torch.ones_like(y), y)
    return torch.where(y == 0, torch.zeros_like(x), torch.div(x, safe, rounding_mode="trunc"))

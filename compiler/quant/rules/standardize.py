"""Layer, RMS, instance and group normalisation of quantised tensors become integer arithmetic."""

from __future__ import annotations

from dataclasses import replace
from math import frexp

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.quantize import Quantize
from compiler.ops.standardize import Standardize
from compiler.ops.standardize_integer import FRACTION, LONGEST, StandardizeInteger
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.real import constant, real
from compiler.quant.rules.pattern import stored, target

_GAIN_BITS = 30


@rule(Quantize, effect="normalised with integers")
def integer_standardize(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Standardize(Dequantize(x), scale, bias))  becomes  StandardizeInteger(x)."""
    found = target(g, node, Standardize)
    if isinstance(found, Skip):
        return found
    op, x = found.node.op, stored(g, found.node.inputs[0], StandardizeInteger.dtypes)
    assert isinstance(op, Standardize)
    if x is None or op.statistics or found.to == "int16":
        return Skip("the operand or the result has no 8-bit numbers with one scale, or statistics are wanted")
    n = int(np.prod([x.value.shape[a] for a in op.axes], dtype=np.int64))
    gain, bias = (_known(g, found.node, i) for i in (1, 2))
    if gain is None or bias is None or not 0 < n <= LONGEST:
        return Skip(f"scale or bias are computed at run time, or more than {LONGEST} numbers share a mean")
    eps = round(op.eps * n * n / x.scale**2)
    largest = float(np.abs(gain).max(initial=0.0)) / found.scale
    bits = _GAIN_BITS - frexp(largest)[1] if largest else _GAIN_BITS
    bits = min(bits, 40)
    offset = bias / found.scale * 2.0 ** (bits + FRACTION)
    if eps >= 2**60 or bits + FRACTION < 1 or not (np.abs(offset) < 2.0**61).all():
        return Skip("scale, bias or epsilon are out of range")
    made = StandardizeInteger(
        op.axes, op.center, 0 if op.center else x.zero, max(eps, 1), bits + FRACTION,
        found.to, found.zero, found.low, found.high,
    )  # fmt: skip
    factors, first = constant(f"{node.output.name}:gain", np.rint(gain / found.scale * 2.0**bits).astype(np.int32))
    offsets, second = constant(f"{node.output.name}:offset", np.rint(offset).astype(np.int64))
    node = replace(node, op=made, inputs=(x.value, factors, offsets), sources=merged(node, *found.replaced))
    return Swap(nodes=(node,), constants=first | second, removed=found.replaced)


def _known(g: Graph, node: Node, index: int) -> Array | None:
    """Scale (1) or bias (2) as float64; one number where there is none; None when it is computed at run time."""
    value: Value | None = node.inputs[index] if index < len(node.inputs) else None
    if value is None:
        return np.asarray(2.0 - index)
    known = g.constant(value)
    if known is None and (found := real(g, value)) is not None and (whole := g.constant(found.stored)) is not None:
        known = (whole.astype(np.int64) - found.zero) * found.scale
    return None if known is None or not np.isfinite(known).all() else known.astype(np.float64)


BEFORE_FUSION: tuple[Rule, ...] = (integer_standardize,)

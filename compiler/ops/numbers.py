"""In which type operators compute that add up: float16 and smaller in float32, everything else in its own type."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import Cast, Expr, Type
from compiler.loop.storage import compute_type

if TYPE_CHECKING:
    from compiler.ops.base import Reader


def wide(x: Array) -> Array:
    """The array as kernels see its elements."""
    return x.astype(compute_type(str(x.dtype)).numpy, copy=False)


def rounded(x: Array, dtype: str) -> Array:
    """The array as it is stored."""
    with np.errstate(all="ignore"):
        return x.astype(dtype, copy=False)


def sum_type(dtype: str) -> str:
    """In which type products of integers are added up."""
    return "int64" if compute_type(dtype).bits > 8 else "int32"


def exact(x: Array) -> Array:
    """Integers of up to 16 bits as float64, whose sums of products are exact and fast with BLAS; else as it is."""
    return x.astype(np.float64) if compute_type(str(x.dtype)).numpy in ("int8", "uint8", "int16", "uint16") else wide(x)


def converted(x: Expr, kind: Type) -> Expr:
    return x if x.type == kind else Cast(x, kind)


def lowest(kind: Type) -> float | int:
    """What every number of the type is at least."""
    return -np.inf if kind.is_float else int(np.iinfo(kind.numpy).min)


def require(r: Reader, dtypes: Collection[str], *operands: int) -> None:
    """Refuse types that the operator has no meaning for; looks at the first operand unless told."""
    for index in operands or (0,):
        if r.has(index) and r.type(index).dtype not in dtypes:
            raise r.unsupported(f"{r.op_type} of {r.type(index).dtype} has no meaning", "cast the operand")

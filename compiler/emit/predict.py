"""How `predict` gives floats to a model whose input is quantised. The C and C++ text; LLVM's is in llvm_predict.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from compiler.emit.literals import C_TYPES, number
from compiler.graph.types import Quant
from compiler.program import Program, Slot

FAR = 65536.0  # beyond the range of every quantised type: floats are brought below it before they become integers
_QUANTISED = frozenset({"int8", "uint8", "int16", "uint16"})
Cast = Callable[[str, str], str]  # type, expression


@dataclass(frozen=True)
class QuantisedInput:
    """stored = clamp(round(real / scale) + zero), halves away from zero."""

    dtype: str
    elements: int
    scale: float
    zero: int
    low: int
    high: int


def quantised_input(program: Program) -> QuantisedInput | None:
    """What must become of the caller's floats; None when the model takes floats."""
    x = program.inputs[0]
    if x.quant is None or x.dtype not in _QUANTISED:
        return None
    info = np.iinfo(x.dtype)
    return QuantisedInput(x.dtype, prod(x.shape), x.quant.scale[0], x.quant.zero_point[0], int(info.min), int(info.max))


def takes_floats(slot: Slot) -> bool:
    """Can floats become this input?"""
    return slot.dtype == "float32" or (slot.dtype in _QUANTISED and one_scale(slot.quant))


def comparable(slot: Slot) -> bool:
    """Is the largest element of this output the largest number?"""
    return slot.dtype == "float32" or (slot.dtype in _QUANTISED and one_scale(slot.quant))


def one_scale(quant: Quant | None) -> bool:
    return quant is not None and len(quant.scale) == 1 and quant.scale[0] > 0


def quantise_lines(x: QuantisedInput, name: str, place: str, const_first: bool, cast: Cast) -> list[str]:
    """Statements that fill the input at `place` from the floats `input`; macros of the header are the numbers."""
    kind, far = C_TYPES[x.dtype], number(FAR, "float32")
    pointer = f"{kind} *const x" if const_first else f"{kind}* const x"
    upper = name.upper()
    whole = cast("int32_t", "far < 0.0f ? far - 0.5f : far + 0.5f")
    return [
        f"    {pointer} = {place};",
        f"    for (int32_t i = 0; i < {x.elements}; i++) {{",
        f"        const float v = input[i] / {upper}_INPUT_0_SCALE;",
        f"        const float far = v > -{far} ? (v < {far} ? v : {far}) : -{far};",
        f"        const int32_t q = {upper}_INPUT_0_ZERO_POINT + {whole};",
        f"        x[i] = {cast(kind, f'q < {x.low} ? {x.low} : q > {x.high} ? {x.high} : q')};",
        "    }",
    ]

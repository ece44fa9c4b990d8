"""Which layers of a model of integers still compute with floats, and what that costs."""

from __future__ import annotations

from compiler.exactness import has_integers
from compiler.program import Program
from compiler.report import Layer

_NAMED = 6
_CONVERSIONS = ("Quantize", "Dequantize")


def float_layers_note(program: Program, layers: list[Layer]) -> str | None:
    """A sentence for the report; None where nothing but the model's borders touches floats."""
    if not has_integers(program):
        return None
    borders = {s.name for s in (*program.inputs, *program.outputs)}
    floats, conversions, spent = [], 0, 0
    for layer, made in zip(layers, program.layers, strict=True):
        if not any(s.dtype.startswith("float") for s in (*made.inputs, *made.outputs)):
            continue
        if borders & {s.name for s in made.outputs}:
            continue  # who asks for floats gets them
        if layer.op in _CONVERSIONS:
            if borders & {s.name for s in made.inputs if s.dtype.startswith("float")}:
                continue
            conversions += 1
        else:
            floats.append(f"{layer.name} ({layer.op})")
        spent += layer.instructions or 0
    if not floats:
        return None
    shown = ", ".join(floats[:_NAMED]) + (f" and {len(floats) - _NAMED} more" if len(floats) > _NAMED else "")
    total = sum(layer.instructions or 0 for layer in layers)
    price = f", {spent:,} instructions in all ({spent / total:.0%} of the model)" if spent and total else ""
    converting = f" with {conversions} conversion{'s' if conversions > 1 else ''} around them" if conversions else ""
    return f"No integer form: {shown} compute{'s' if len(floats) == 1 else ''} with floats{converting}{price}."

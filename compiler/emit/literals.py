"""Numbers and strings as C text that reads back as the very same bits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from compiler.graph.types import DTYPES, Array
from compiler.loop.nodes import Type
from compiler.loop.storage import memory_type

C_TYPES = {
    "bool": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t",
    "uint8": "uint8_t", "uint16": "uint16_t", "uint32": "uint32_t", "uint64": "uint64_t",
    "float32": "float", "float64": "double",
}  # fmt: skip
# small types are handed over as their bits
C_TYPES |= {d: C_TYPES[memory_type(d).numpy] for d in DTYPES if d not in C_TYPES}
_LONGEST_STRING = 200
_SUFFIX = {"uint32": "u", "int64": "LL", "uint64": "ULL"}


def c_type(kind: Type) -> str:
    return C_TYPES[kind.numpy]


def number(value: float | int | np.generic, dtype: str) -> str:
    """A C literal; infinities and NaN, which C99 has no literal for, come back as text for `special`."""
    if dtype.startswith("float"):
        exact = np.dtype(dtype).type(value)
        if not np.isfinite(exact):
            return "NAN" if np.isnan(exact) else "INFINITY" if exact > 0 else "-INFINITY"
        text = np.format_float_scientific(exact, unique=True, trim="0", exp_digits=1)
        plain = np.format_float_positional(exact, unique=True, trim="0")
        text = plain if len(plain) <= len(text) + 2 else text
        return text + ("f" if dtype == "float32" else "")
    integer = int(value)
    if integer == -(2**31) and dtype == "int32":
        return "INT32_MIN"
    if integer == -(2**63) and dtype == "int64":
        return "INT64_MIN"
    return str(integer) + _SUFFIX.get(dtype, "")


def _texts(flat: Array, special: Mapping[str, str] | None) -> list[str]:
    """One literal for each element. numpy prints floats with the fewest digits that read back as the same bits."""
    dtype = str(flat.dtype)
    if dtype not in ("float32", "float64"):
        return [number(v, dtype) for v in flat]
    suffix = "f" if dtype == "float32" else ""
    texts = [t + suffix for t in flat.astype("U32").tolist()]
    if not np.isfinite(flat).all():  # an initializer cannot call a helper
        spelled = special or {"nan": f"(0.0{suffix} / 0.0{suffix})", "inf": f"(1.0{suffix} / 0.0{suffix})"}
        for i in np.flatnonzero(~np.isfinite(flat)):
            texts[i] = "-" * bool(flat[i] < 0) + spelled["nan" if np.isnan(flat[i]) else "inf"]
    return texts


def rows(
    array: Array, indent: str = "    ", width: int = 112, special: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The elements of an array, comma separated, as many on a line as fit.

    `special` spells "nan" and "inf" where a division by zero is none of the language's constants.
    """
    line = indent
    for text in _texts(array.reshape(-1), special):
        item = text + ","
        if len(line) + len(item) + 1 > width and line != indent:
            yield line.rstrip()
            line = indent
        line += item + " "
    if line != indent:
        yield line.rstrip()


def quoted(text: str) -> str:
    """A string literal for any text: ASCII as it is, everything else as octal escapes; long ones are cut."""
    text = text if len(text) <= _LONGEST_STRING else text[:_LONGEST_STRING] + "..."
    data = text.encode("utf-8", "replace")
    plain = re.compile(rb"[A-Za-z0-9 !#$%&'()*+,\-./:;<=>@\[\]^_`{|}~]")
    return '"' + "".join(chr(b) if plain.match(bytes([b])) else f"\\{b:03o}" for b in data) + '"'

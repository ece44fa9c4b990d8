"""test/ of the artifact: a few vectors as C data, and the program that runs them anywhere C runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.compare import FLOOR, SHARE_OF_ALL, tolerance
from compiler.emit.literals import C_TYPES, rows
from compiler.graph.types import Array
from compiler.options import CompileOptions
from compiler.pack.artifact import Vector
from compiler.pack.render import render

MOST_VECTORS = 2
MOST_ELEMENTS = 100_000  # of all vectors together, unless a single one has more


@dataclass(frozen=True)
class SelfCheck:
    files: dict[str, bytes]
    vectors: int


def selfcheck(vectors: Sequence[Vector], options: CompileOptions, header: str) -> SelfCheck:
    """The program and its data; `header` is the generated one, which says whether there is a predict function."""
    chosen = _few(vectors)
    kinds = sorted({a.dtype.name for v in chosen for a in (*v.inputs, *v.outputs)})
    program = render(
        "selfcheck.c.j2",
        name=options.name,
        upper=options.name.upper(),
        caller_arena=options.arena == "caller",
        predict=f"{options.name.upper()}_PREDICT_HEIGHT" in header and chosen[0].inputs[0].dtype == np.float32,
        kinds=[_kind(k) for k in kinds],
        c_types={_kind(k): C_TYPES[k] for k in kinds},
    )
    data = "\n".join(_vectors_h(chosen)) + "\n"
    return SelfCheck({"test/selfcheck.c": program.encode(), "test/vectors.h": data.encode()}, len(chosen))


def _few(vectors: Sequence[Vector]) -> list[Vector]:
    chosen: list[Vector] = []
    room = MOST_ELEMENTS
    for vector in vectors[:MOST_VECTORS]:
        room -= sum(a.size for a in (*vector.inputs, *vector.outputs))
        if chosen and room < 0:
            break
        chosen.append(vector)
    return chosen


def _kind(dtype: str) -> str:
    return dtype.upper()


def _vectors_h(vectors: Sequence[Vector]) -> Iterator[str]:
    first = vectors[0]
    yield "/* Input vectors, and what the original model answers. Floats are printed exactly. */"
    yield f"#define VECTORS {len(vectors)}"
    yield f"#define INPUTS {len(first.inputs)}"
    yield f"#define OUTPUTS {len(first.outputs)}"
    yield f"#define LARGEST_OUTPUT {max(1, *(a.nbytes for a in first.outputs))}"
    yield ""
    for v, vector in enumerate(vectors):
        for role, arrays in (("input", vector.inputs), ("expected", vector.outputs)):
            for i, array in enumerate(arrays):
                yield from _array(f"{role}_{v}_{i}", array)
    yield from _table("inputs", "input", "INPUTS", [v.inputs for v in vectors])
    yield from _table("expected", "expected", "OUTPUTS", [v.outputs for v in vectors])
    yield "/* The largest difference that passes, for each output of each vector. */"
    yield "static const double allowed[VECTORS][OUTPUTS] = {"
    for v in range(len(vectors)):
        yield f"    {{{', '.join(repr(_allowed(vectors, v, o)) for o in range(len(first.outputs)))}}},"
    yield "};"


def _allowed(vectors: Sequence[Vector], v: int, o: int) -> float:
    """What the validation allowed; else a share of the vector's range, or of a part of all vectors' range."""
    if vectors[v].allowed:
        return float(f"{vectors[v].allowed[o]:.6g}")
    extents = [_extent([vector.outputs[o]]) for vector in vectors]
    least = max(FLOOR, SHARE_OF_ALL * _extent([vector.outputs[o] for vector in vectors]))
    return float(f"{tolerance(vectors[v].outputs[o].dtype.name) * max(extents[v], least):.6g}")


def _extent(arrays: Sequence[Array]) -> float:
    """From the smallest to the largest finite value; zero belongs to every range."""
    finite = [a[np.isfinite(a)] for array in arrays for a in [array.astype(np.float64).ravel()]]
    low = min((a.min(initial=0.0) for a in finite), default=0.0)
    high = max((a.max(initial=0.0) for a in finite), default=0.0)
    return float(high - low)


def _array(name: str, array: Array) -> Iterator[str]:
    if array.size == 0:
        return  # C has no arrays of size zero
    flat = np.ascontiguousarray(array)
    data = flat.astype(np.uint8) if array.dtype == np.bool_ else flat
    yield f"static const {C_TYPES[array.dtype.name]} {name}[{array.size}] = {{"
    yield from rows(data)
    yield "};"
    yield ""


def _table(name: str, role: str, count: str, vectors: Sequence[tuple[Array, ...]]) -> Iterator[str]:
    yield f"static const struct tensor {name}[VECTORS][{count}] = {{"
    for v, arrays in enumerate(vectors):
        entries = ", ".join(_entry(f"{role}_{v}_{i}", a) for i, a in enumerate(arrays))
        yield f"    {{{entries}}},"
    yield "};"
    yield ""


def _entry(name: str, array: Array) -> str:
    return f"{{{name if array.size else '0'}, {array.size}, {array.nbytes}, {_kind(array.dtype.name)}}}"

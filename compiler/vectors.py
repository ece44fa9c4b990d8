"""Input vectors for validation: drawn from a seed, or the user's own from an NPZ file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError

if TYPE_CHECKING:
    from compiler.program import Slot

Array = NDArray[np.generic]
Vector = Mapping[str, Array]  # input name -> array in source axis order
Range = tuple[float, float]

BAD_VECTORS = "E1008"
LARGEST_FILE = 2**30  # bytes, unpacked
# What a damaged or hostile file makes zipfile, zlib and numpy raise.
_BROKEN = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
NORMAL_REACH = 4.0  # ends of the range of an input that declares none: four standard deviations


class Input(Protocol):
    """What of an input matters here; a `Slot` is one."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


def whole_ranges(inputs: Iterable[Slot]) -> dict[str, Range]:
    """Integers with a scale may be any of their type; others are counts or places, and small."""
    limits = {each.name: np.iinfo(each.dtype) for each in inputs if each.quant is not None}
    return {name: (float(limit.min), float(limit.max)) for name, limit in limits.items()}


def draw_vectors(
    inputs: Sequence[Input], count: int, *, seed: int = 0, ranges: Mapping[str, Range] | None = None
) -> list[dict[str, Array]]:
    """`count` vectors that span each input's range; vector k does not depend on `count`.

    In this order: a bell curve, uniform, constant at the low end (0 without a declared range), every element at one
    of both ends, constant at the high end (1 without a declared range); then bell curves and uniform ones.
    """
    known = ranges or {}
    return [
        {
            each.name: _draw(each, k, np.random.default_rng([seed, position, k]), known.get(each.name))
            for position, each in enumerate(inputs)
        }
        for k in range(count)
    ]


def _draw(each: Input, k: int, rng: np.random.Generator, declared: Range | None) -> Array:
    dtype, shape = np.dtype(each.dtype), each.shape
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if declared is None:
        declared = (0.0, 7.0) if dtype.kind in "iu" else None
    low, high = declared or (-NORMAL_REACH, NORMAL_REACH)
    middle, spread = (low + high) / 2, (high - low) / (2 * NORMAL_REACH)
    values: NDArray[np.float64]
    if k == 2:
        values = np.full(shape, low if declared else 0.0)
    elif k == 3:
        values = rng.choice([low, high], shape)
    elif k == 4:
        values = np.full(shape, high if declared else 1.0)
    elif k % 2 == 0:
        values = np.clip(middle + spread * rng.standard_normal(shape), low, high)
    else:
        values = rng.uniform(low, high, shape) if declared else rng.uniform(-1.0, 1.0, shape)
    return np.asarray(np.rint(values) if dtype.kind in "iu" else values).astype(dtype)


def load_vectors(path: Path, inputs: Sequence[Input], *, most: int = 1000) -> list[dict[str, Array]]:
    """Vectors from an NPZ file: one array per input, under its name, the first axis counting the vectors.

    An array may leave out the model's own batch axis when that is 1. Everything wrong with the file is one error.
    """
    stored = read_arrays(path, BAD_VECTORS, "the test vectors")
    if "" in stored and len(inputs) == 1:
        stored = {inputs[0].name: stored[""]}
    held = ", ".join(sorted(stored)) or "nothing"
    problems: dict[str, str] = {}
    columns: dict[str, Array] = {}
    for each in inputs:
        if each.name not in stored:
            problems[each.name] = f"is missing; the file holds {held}"
            continue
        array = stored.pop(each.name)
        whole, short = each.shape, each.shape[1:] if each.shape[:1] == (1,) else None
        if array.shape[1:] not in (whole, short) or array.ndim == 0:
            problems[each.name] = f"has shape {list(array.shape)}, needed is {['N', *(short or whole)]}".replace(
                "'", ""
            )
        elif not np.can_cast(array.dtype, np.dtype(each.dtype), "same_kind"):
            problems[each.name] = f"is of type {array.dtype}, needed is {each.dtype}"
        else:
            columns[each.name] = array.astype(each.dtype).reshape(array.shape[0], *whole)
    for name in stored:
        problems[name] = "is no input of the model"
    counts = {name: column.shape[0] for name, column in columns.items()}
    if not problems and (len(set(counts.values())) != 1 or not 1 <= next(iter(counts.values())) <= most):
        problems = {name: f"holds {count} vectors" for name, count in counts.items()}
        problems["needed"] = f"the same number for each input, 1 to {most}"
    if problems:
        raise ModelError(BAD_VECTORS, "the test vectors do not fit the model's inputs", path.name, problems)
    count = next(iter(counts.values()), 0)
    return [{name: column[k] for name, column in columns.items()} for k in range(count)]


def read_arrays(path: Path, code: str, what: str) -> dict[str, Array]:
    """All arrays of an NPZ file; the one of an NPY file has no name. Nothing is ever unpickled.

    `code` and `what` ("the test vectors") are those of the error for a file that cannot be read.
    """
    try:
        if not zipfile.is_zipfile(path):
            return {"": _array(path)}
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE:
                raise ModelError(code, f"{what} are larger than {LARGEST_FILE} bytes", path.name)
        with np.load(path, allow_pickle=False) as stored:
            loaded: dict[str, Any] = {name: stored[name] for name in stored.files}
        if other := [name for name, value in loaded.items() if not isinstance(value, np.ndarray)]:
            raise ValueError(f"{other[0]} is no array")
        return loaded
    except _BROKEN as error:
        raise ModelError(
            code,
            f"{what} cannot be read",
            path.name,
            {
                "reason": str(error).splitlines()[0].replace(str(path), path.name)
                if str(error)
                else type(error).__name__
            },
            help="save them with numpy.savez(file, input_name=array)",
        ) from error


def _array(path: Path) -> Array:
    with path.open("rb") as file:
        if file.seek(0, 2) > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
        file.seek(0)
        if file.read(6) != b"\x93NUMPY":
            raise ValueError("it is neither an NPZ nor an NPY file")
        file.seek(0)
        loaded: Array = np.load(file, allow_pickle=False)
    return loaded

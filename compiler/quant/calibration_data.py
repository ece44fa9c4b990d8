"""Typical inputs and their labels: NPZ and NPY files, and folders or ZIP archives of pictures, sounds and arrays.

Whatever is read may be hostile: nothing is unpickled or written to disk, and sizes are limited before memory is taken.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from compiler.errors import ModelError
from compiler.graph.graph import Value
from compiler.graph.types import Array
from compiler.quant.media import DOES_NOT_FIT, ENDINGS, LARGEST_FILE, UNREADABLE, decode
from compiler.quant.preprocess import Preprocess
from compiler.vectors import read_arrays

LABELS = "E0433"
MOST_SAMPLES = 100_000
MOST_BYTES = 2 << 30  # of all samples together, as they are read and as the model sees them
_WHAT = "the calibration data"


@dataclass(frozen=True)
class Samples:
    """`arrays`: for each input of the model, its values, the first axis counting samples. `origin`: where from."""

    arrays: Mapping[str, Array]
    origin: str

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def one(self, index: int) -> dict[str, Array]:
        return {name: array[index] for name, array in self.arrays.items()}

    def some(self, most: int) -> list[dict[str, Array]]:
        """At most so many samples, evenly spread over all."""
        count = len(self)
        chosen = range(count) if count <= most else (i * count // most for i in range(most))
        return [self.one(i) for i in chosen]


def read_samples(path: Path, inputs: Sequence[Value], preprocess: Preprocess) -> Samples:
    """Raises E0430 for what cannot be read, E0431 for what does not fit the model."""
    if path.is_dir():
        return _files(_of_folder(path), inputs, preprocess, f"files in the folder {path.name}")
    if zipfile.is_zipfile(path) and not _is_npz(path):
        return _files(_of_zip(path), inputs, preprocess, f"files in {path.name}")
    stored = read_arrays(path, UNREADABLE, _WHAT)
    if set(stored) - {v.name for v in inputs} and len(stored) == len(inputs) == 1:
        stored = {inputs[0].name: next(iter(stored.values()))}  # the only array is meant for the only input
    return _columns(stored, inputs, preprocess, path.name)


def read_labels(path: Path, count: int) -> Array:
    """The class of each sample as int64. Raises E0433."""
    stored = read_arrays(path, LABELS, "the labels")
    if len(stored) != 1:
        raise ModelError(LABELS, f"the labels are {len(stored)} arrays, one is needed", where=path.name)
    labels = next(iter(stored.values()))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    problem = ""
    if labels.dtype.kind not in "iu":
        problem = f"they are of type {labels.dtype}, needed are integers: the index of the right class"
    elif labels.shape != (count,):
        problem = f"they have shape {list(labels.shape)}, there are {count} samples"
    elif labels.size and (int(labels.min()) < 0 or int(labels.max()) > 2**31):
        problem = "a class is negative, or too large"
    if problem:
        raise ModelError(
            LABELS, "the labels do not fit the samples", path.name, {"problem": problem},
            help="--samples gives the inputs that labels belong to; without it, they belong to --calibration",
        )  # fmt: skip
    return labels.astype(np.int64)


def _columns(stored: Mapping[str, Array], inputs: Sequence[Value], preprocess: Preprocess, origin: str) -> Samples:
    problems: dict[str, str] = {}
    columns: dict[str, Array] = {}
    for v in inputs:
        if v.name not in stored:
            problems[v.name] = f"is missing; the file holds {', '.join(sorted(stored)) or 'nothing'}"[:300]
            continue
        array, whole = stored[v.name], v.shape
        short = whole[1:] if whole[:1] == (1,) else None
        if array.ndim == 0 or array.shape[1:] not in (whole, short):
            problems[v.name] = f"has shape {list(array.shape)}, needed is N × {list(short or whole)}"
        elif array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            problems[v.name] = f"is of type {array.dtype}"
        elif v.type.dtype not in ("float32", "float64", "float16") and preprocess.changes_numbers:
            problems[v.name] = f"is {v.type.dtype}: there is nothing to preprocess"
        else:
            columns[v.name] = _typed(array.reshape(array.shape[0], *whole), v, preprocess)
    for name in sorted(set(stored) - {v.name for v in inputs}):
        problems[name or "(no name)"] = "is no input of the model"
    counts = {name: len(column) for name, column in columns.items()}
    if not problems and (len(set(counts.values())) != 1 or not 1 <= min(counts.values()) <= MOST_SAMPLES):
        problems = {name: f"holds {count} samples" for name, count in counts.items()}
        problems["needed"] = f"the same number for each input, 1 to {MOST_SAMPLES}"
    if problems:
        raise ModelError(
            DOES_NOT_FIT, f"{_WHAT} do not fit the model's inputs", origin, problems,
            help="save one array for each input under its name, the first axis counting samples",
        )  # fmt: skip
    return Samples(columns, origin)


def _typed(array: Array, v: Value, preprocess: Preprocess) -> Array:
    if preprocess.changes_numbers and v.type.dtype.startswith("float"):
        array = preprocess.numbers(array, preprocess.channel_axis(v.shape) if v.type.rank > 2 else -1)
    found = array.astype(v.type.dtype)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ModelError(DOES_NOT_FIT, f"{_WHAT} hold a NaN or an infinity", where=v.name)
    return found


def _files(files: Iterator[tuple[str, bytes]], inputs: Sequence[Value], preprocess: Preprocess, origin: str) -> Samples:
    """One sample for each file, in the order of their names; for models with one input."""
    if len(inputs) != 1 or inputs[0].type.dtype != "float32":
        raise ModelError(
            DOES_NOT_FIT,
            "a folder or archive of single files is for models with one float32 input",
            facts={"inputs": ", ".join(str(v.type) for v in inputs)[:300]},
            help="save an NPZ file with one array for each input",
        )
    (v,) = inputs
    found: list[Array] = []
    read = 0
    for name, content in files:
        read += len(content)
        if max((len(found) + 1) * v.type.bytes, read) > MOST_BYTES or len(found) >= MOST_SAMPLES:
            raise ModelError(UNREADABLE, f"{_WHAT} are too large: {len(found)} files are enough", where=origin)
        sample = decode(name, content, v.shape, preprocess)
        found.append(_typed(sample, v, Preprocess()))
    if not found:
        raise ModelError(
            UNREADABLE, f"{_WHAT} hold no files that can be used", where=origin,
            facts={"endings": ", ".join(ENDINGS)},
        )  # fmt: skip
    return Samples({v.name: np.stack(found)}, f"{len(found)} {origin}")


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files in the folder and in folders inside of it; links are not followed."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS):
        if path.is_symlink() or not stat.S_ISREG(path.stat().st_mode) or path.name.startswith("."):
            continue
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(UNREADABLE, f"a calibration file has more than {LARGEST_FILE} bytes", where=path.name)
        yield path.name, path.read_bytes()


def _of_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir() and e.filename.lower().endswith(ENDINGS)]
            if len(entries) > MOST_SAMPLES:
                raise ModelError(UNREADABLE, f"the archive has more than {MOST_SAMPLES} files", where=path.name)
            for entry in sorted(entries, key=lambda e: e.filename):
                name = entry.filename.rpartition("/")[2]
                if name.startswith("."):
                    continue
                with archive.open(entry) as file:
                    yield name, _limited(file, name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(UNREADABLE, "the calibration archive cannot be read", path.name, {"reason": reason}) from error


def _limited(file: IO[bytes], name: str) -> bytes:
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ModelError(UNREADABLE, f"a calibration file has more than {LARGEST_FILE} bytes", where=name)
    return content


def _is_npz(path: Path) -> bool:
    """Arrays beside each other at the top; an archive of single samples has them in a folder or other files, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [e.filename for e in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError):
        return True  # the reader of arrays says what is wrong
    return bool(names) and all(n.endswith(".npy") and "/" not in n for n in names)

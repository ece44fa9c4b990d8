"""Input files of `deepmetal run` become arrays that fit the model, and results become a file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.program import Slot
from compiler.vectors import read_arrays

BAD_INPUT, CANNOT_WRITE = "E1016", "E1009"
MOST_RUNS = 100_000
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal results are equal files


def load_inputs(path: Path, inputs: Sequence[Slot]) -> list[dict[str, Array]]:
    """The inputs of each run. An array may leave out a batch axis of 1, or have N there: then the model runs N times.

    NPZ files hold one array under each input's name; an NPY file serves a model with one input.
    """
    stored = read_arrays(path, BAD_INPUT, "the inputs")
    if "" in stored:
        stored = {inputs[0].name: stored[""]} if len(inputs) == 1 else {}
    problems = {name: "is no input of the model" for name in stored if name not in {s.name for s in inputs}}
    batches: dict[str, Array] = {}
    for slot in inputs:
        array = stored.get(slot.name)
        if array is None:
            problems[slot.name] = (
                f"is missing; the file holds {', '.join(sorted(stored)) or 'one array without a name'}"
            )
        elif (batch := _batch(array, slot)) is None:
            problems[slot.name] = f"has shape {list(array.shape)}, needed is {list(slot.shape)}"
        elif not np.can_cast(array.dtype, np.dtype(slot.dtype), "same_kind"):
            problems[slot.name] = f"is of type {array.dtype}, needed is {slot.dtype}"
        else:
            batches[slot.name] = batch.astype(slot.dtype)
    counts = {name: len(batch) for name, batch in batches.items()}
    if not problems and (len(set(counts.values())) > 1 or not 1 <= max(counts.values(), default=1) <= MOST_RUNS):
        problems = {name: f"is for {count} runs" for name, count in counts.items()}
        problems["needed"] = f"the same number for each input, 1 to {MOST_RUNS}"
    if problems:
        raise ModelError(
            BAD_INPUT,
            "the file does not fit the model's inputs",
            path.name,
            problems,
            help="`deepmetal inspect MODEL` lists inputs with type and shape; save them with numpy.savez",
        )
    runs = next(iter(counts.values()), 1)
    return [{name: batch[k] for name, batch in batches.items()} for k in range(runs)]


def _batch(array: Array, slot: Slot) -> Array | None:
    """The array with an axis in front that counts runs."""
    if array.shape == slot.shape:
        return array.reshape(1, *slot.shape)
    if slot.shape[:1] == (1,):
        if array.shape == slot.shape[1:]:
            return array.reshape(1, *slot.shape)
        if array.shape[1:] == slot.shape[1:] and array.ndim == len(slot.shape):
            return array.reshape(-1, *slot.shape)
    return None


def joined(results: Sequence[Mapping[str, Array]], outputs: Sequence[Slot]) -> dict[str, Array]:
    """The results of all runs, one after the other along the first axis; those of a single run as they are."""
    if len(results) == 1:
        return dict(results[0])

    def together(slot: Slot) -> Array:
        parts = [result[slot.name] for result in results]
        return np.concatenate(parts) if slot.shape[:1] == (1,) else np.stack(parts)

    return {slot.name: together(slot) for slot in outputs}


def save(path: Path, arrays: Mapping[str, Array]) -> None:
    """An NPZ file, as `numpy.savez` would write it but for any name."""
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    except OSError as error:
        title = f"cannot write {path.name!r}: {error.strerror or error}"
        raise ModelError(CANNOT_WRITE, title, where="-o") from error

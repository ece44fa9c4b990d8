"""What a Keras file holds: the configuration as plain data, and the weights. Nothing of it is executed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.errors import ModelError
from compiler.importers.archive import PACKED, open_archive
from compiler.importers.hdf5 import Group, open_hdf5
from compiler.importers.keras_weights import Weights, of_h5, of_zip

_MAX_CONFIG = 32 << 20
_MAX_WEIGHTS = 1 << 30
_MAX_DEPTH = 200


@dataclass(frozen=True)
class KerasFile:
    config: Mapping[str, Any]  # {"class_name": "Functional", "config": {...}}
    weights: Weights
    version: int  # 2 or 3


def read(path: Path, where: str) -> KerasFile:
    """E0165 for a configuration that cannot be read, E0167 for the HDF5 part, E0193 for the zip."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    return _zip(path, where) if zipped else _h5(path, where)


def _zip(path: Path, where: str) -> KerasFile:
    archive = open_archive(path, where, compressed=lambda _: True, rules=PACKED)
    for name in ("config.json", "model.weights.h5"):
        if name not in archive.members:
            raise ModelError(
                "E0165", f"the Keras file has no '{name}'", where=where,
                help="Save the whole model: model.save('model.keras').",
            )  # fmt: skip
    config = _json(bytes(archive.read("config.json", _MAX_CONFIG)), where)
    metadata = _json(bytes(archive.read("metadata.json", 1 << 20)), where) if "metadata.json" in archive.members else {}
    root = open_hdf5(archive.read("model.weights.h5", _MAX_WEIGHTS), where)
    return KerasFile(config, of_zip(root), _version(metadata.get("keras_version"), 3))


def _h5(path: Path, where: str) -> KerasFile:
    if path.stat().st_size > _MAX_WEIGHTS:
        raise ModelError("E0164", "the file is larger than 1 GiB", where=where, help="No small processor holds that.")
    root = open_hdf5(path.read_bytes(), where)
    text = root.attributes.get("model_config")
    if not isinstance(text, str):
        raise ModelError(
            "E0165", "the HDF5 file holds weights alone, without a model's configuration", where=where,
            help="Save the whole model: model.save('model.h5'), not model.save_weights(...).",
        )  # fmt: skip
    return KerasFile(_json(text.encode(), where), of_h5(root), _version(_stated(root), 2))


def _stated(root: Group) -> object:
    return root.attributes.get("keras_version")


def _version(text: object, default: int) -> int:
    return int(text[0]) if isinstance(text, str) and text[:2] in ("2.", "3.") else default


def _json(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is no JSON text", where) from error
    if not isinstance(found, dict):
        raise _unreadable("it is not an object", where)
    if any(depth > _MAX_DEPTH for depth in _depths(found)):
        raise _unreadable("it is nested too deeply", where)
    return found


def _depths(found: object) -> Iterator[int]:
    """The depth of every part, without recursion."""
    stack: list[tuple[object, int]] = [(found, 0)]
    while stack:
        item, depth = stack.pop()
        yield depth
        if isinstance(item, dict):
            stack += [(child, depth + 1) for child in item.values()]
        elif isinstance(item, list):
            stack += [(child, depth + 1) for child in item]


def _unreadable(finding: str, where: str) -> ModelError:
    return ModelError(
        "E0165", f"the configuration of the Keras model cannot be read: {finding}", where=where,
        help="Save the model again with model.save(...).",
    )  # fmt: skip

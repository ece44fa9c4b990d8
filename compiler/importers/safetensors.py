"""safetensors: a length, a JSON header of names, types, shapes and offsets, then the bytes. Read by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError
from compiler.importers.torch_build import as_float32, wrong_numbers
from compiler.importers.torch_pickle import MAX_RANK, shown

MAX_HEADER_BYTES = 16 << 20
MAX_TENSORS = 20_000
MAX_NAME = 500

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # the upper half of a float32
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
# Known, but nothing that a layer can compute with; bits of an element.
_OTHER_BITS = {"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "C64": 64, "C128": 128}


@dataclass(frozen=True, eq=False)
class SafeTensor:
    """A run of bytes, proved to lie inside the file and to belong to no other tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    bytes: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class SafeStore:
    path: Path
    where: str

    def array(self, ref: SafeTensor) -> NDArray[Any]:
        dtype = _DTYPES.get(ref.dtype)
        if dtype is None:
            raise wrong_numbers(ref.dtype, self.where)
        with self.path.open("rb") as file:
            file.seek(ref.start)
            data = file.read(ref.bytes)
        if len(data) != ref.bytes:
            _refuse(self.where, "it ends inside a tensor", tensor=shown(ref.name))
        return as_float32(np.frombuffer(data, dtype).reshape(ref.shape).copy(), ref.dtype == "BF16", self.where)


def open_safetensors(path: Path, where: str) -> tuple[dict[str, SafeTensor], SafeStore]:
    """The tensors in the order of their bytes. Raises E0150 for a header that is not what it must be."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
            _refuse(where, "its header does not fit into it", header=length, file=size, limit=MAX_HEADER_BYTES)
        header = _parsed(file.read(length), where)
    found = [_tensor(name, entry, 8 + length, size, where) for name, entry in header.items()]
    found.sort(key=lambda tensor: (tensor.start, tensor.bytes))
    position = 8 + length
    for tensor in found:
        if tensor.start != position:
            what = "overlap" if tensor.start < position else "leave hidden bytes between them"
            _refuse(where, f"its tensors {what}", tensor=shown(tensor.name))
        position += tensor.bytes
    if position != size:
        _refuse(where, f"there are {size - position} bytes behind its last tensor")
    return {tensor.name: tensor for tensor in found}, SafeStore(path, where)


def _parsed(raw: bytes, where: str) -> Mapping[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a name appears twice")
        return dict(pairs)

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        _refuse(where, f"its header is not JSON: {str(error)[:100]}")
    if not isinstance(header, dict):
        _refuse(where, "its header is not a table")
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        _refuse(where, "it has far too many tensors", tensors=len(header), limit=MAX_TENSORS)
    return header


def _tensor(name: str, entry: Any, base: int, size: int, where: str) -> SafeTensor:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        _refuse(where, "a tensor has an impossible name", name=shown(name, 60))
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            pass
        case _:
            _refuse(where, "the description of a tensor is not one", tensor=shown(name))
    if len(shape) > MAX_RANK or not all(type(n) is int and 0 <= n < 1 << 48 for n in shape):
        _refuse(where, "a tensor has an impossible shape", tensor=shown(name))
    bits = _DTYPES[dtype].itemsize * 8 if dtype in _DTYPES else _OTHER_BITS.get(dtype)
    if bits is None:
        _refuse(where, f"a tensor has the unknown type {shown(dtype, 20)!r}", tensor=shown(name))
    if isinstance(start, bool) or not 0 <= start <= end <= size - base or (end - start) * 8 != math.prod(shape) * bits:
        _refuse(where, "a tensor's bytes lie outside the file or do not fit its shape", tensor=shown(name))
    return SafeTensor(name, dtype, tuple(shape), base + start, end - start)


def _refuse(where: str, finding: str, **facts: object) -> NoReturn:
    raise ModelError(
        code="E0150",
        title=f"The safetensors file is refused: {finding}",
        where=where,
        facts={key: str(value) for key, value in facts.items()},
        help="Save the weights again with safetensors, or as a state dict: torch.save(model.state_dict(), file).",
    )

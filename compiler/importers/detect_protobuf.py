"""Protobuf files have no signature; the outline of their outermost fields tells ONNX and TensorFlow models apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

Family = Literal["onnx", "savedmodel", "graphdef", "damaged", "binary"]

# ModelProto's fields and their wire types; TensorFlow's SavedModel has only the first two numbers.
_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_MODEL_GRAPH, _MODEL_OPSET = 7, 8
# GraphDef: nodes, library, version, versions. A node begins with its name and its operator.
_GRAPHDEF_FIELDS = {1: 2, 2: 2, 3: 0, 4: 2, 5: 2}
_NAME_TAG, _OP_TAG = 0x0A, 0x12
_MAX_FIELDS = 10_000
_LAST_FIELD = 99  # later versions of ONNX may add some


class _Field(NamedTuple):
    number: int
    wire: int
    start: int  # of the content, for fields with a length
    end: int


def protobuf_kind(file: BinaryIO, size: int) -> tuple[Family, str]:
    """What the file is, and the words for it. Reads the outermost fields and skips their contents."""
    if _is_graphdef(file, size):
        return "graphdef", "a frozen TensorFlow graph (.pb)"
    fields: set[int] = set()
    damage = ""
    try:
        for field in _fields(file, size):
            if not 1 <= field.number <= _LAST_FIELD or _ONNX_FIELDS.get(field.number, field.wire) != field.wire:
                damage = f"an impossible field {field.number}"
                break
            fields.add(field.number)
            if field.end > size:
                damage = f"it should have at least {field.end} bytes and has {size}"
                break
    except ValueError as error:
        damage = str(error)
    if not damage and _MODEL_GRAPH in fields and fields & {1, _MODEL_OPSET}:
        return "onnx", "an ONNX model"
    if not damage and fields and fields <= {1, 2}:
        return "savedmodel", "a TensorFlow SavedModel"
    if damage and 1 in fields and (fields & {2, _MODEL_GRAPH, _MODEL_OPSET}):
        return "damaged", f"a damaged ONNX model: {damage}"
    return "binary", "no model format that is known here"


def _is_graphdef(file: BinaryIO, size: int) -> bool:
    """Only fields of a GraphDef, whole, and a first node that begins with a name and an operator."""
    first: _Field | None = None
    try:
        for field in _fields(file, size):
            if _GRAPHDEF_FIELDS.get(field.number) != field.wire or field.end > size:
                return False
            first = first or (field if field.number == 1 else None)
        if first is None:
            return False
        file.seek(first.start)
        window = file.read(600)
        length, at = _varint(window, 1)
        _, after = _varint(window, at + length + 1)
    except ValueError:
        return False
    return (
        window[0] == _NAME_TAG and window[at + length] == _OP_TAG and window[at : at + length].isascii() and after > 0
    )


def _fields(file: BinaryIO, size: int) -> Iterator[_Field]:
    position = 0
    for _ in range(_MAX_FIELDS):
        if position >= size:
            return
        file.seek(position)
        window = file.read(20)
        tag, used = _varint(window, 0)
        number, wire = tag >> 3, tag & 7
        value, length = _varint(window, used)
        if wire not in (0, 2):
            raise ValueError("a field of an unknown type")
        start = position + length
        position = start + (value if wire == 2 else 0)
        yield _Field(number, wire, start, position)
    raise ValueError("more parts than any model has")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends."""
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("a number without end")

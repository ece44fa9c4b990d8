"""Small damage to an ONNX model that leaves it a model: another operator, attribute, shape, type or name."""

from __future__ import annotations

from random import Random
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from tests.fuzz.mutate import bytes_changed

_NUMBERS = (-1, 0, 1, 2, 3, 7, 2**31 - 1, -(2**31), 2**40, 2**62)
_FLOATS = (0.0, -1.0, 1e38, -1e38, float("inf"), float("nan"), 1e-45)
_WIDE = {FieldDescriptor.TYPE_INT64}


def onnx_changed(data: bytes, chance: Random) -> bytes:
    """One to three fields anywhere in the model; bytes are changed where it is none."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return bytes_changed(data, chance)
    if chance.random() < 0.15:
        return bytes_changed(data, chance)
    try:
        for _ in range(chance.choice((1, 1, 2, 3))):
            messages = _messages(model)
            _change(chance.choice(messages), chance, messages)
        made: bytes = model.SerializeToString()
    except UnicodeError:  # a text of the file is none
        return bytes_changed(data, chance)
    return made


def _messages(root: Message) -> list[Message]:
    found, todo = [], [root]
    while todo and len(found) < 5_000:
        message = todo.pop()
        found.append(message)
        for field, value in message.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                todo += list(value) if _repeated(field) else [value]
    return found


def _repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def _change(message: Message, chance: Random, messages: list[Message]) -> None:
    present = [field for field, _ in message.ListFields()]
    field = chance.choice(present) if present and chance.random() < 0.9 else chance.choice(message.DESCRIPTOR.fields)
    name = field.name
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        others = [m for m in messages if m.DESCRIPTOR is field.message_type]
        if _repeated(field):
            _change_list(getattr(message, name), chance, others)
        elif others and chance.random() < 0.5:
            getattr(message, name).CopyFrom(_copy(chance.choice(others)))
        else:
            message.ClearField(name)
        return
    if _repeated(field):
        values = getattr(message, name)
        if values and chance.random() < 0.7:
            index = chance.randrange(len(values))
            values[index] = _other(field, values[index], chance)
        elif values and chance.random() < 0.5:
            del values[chance.randrange(len(values))]
        else:
            values.append(_other(field, values[0] if values else None, chance))
        return
    setattr(message, name, _other(field, getattr(message, name), chance))


def _change_list(values: Any, chance: Random, others: list[Message]) -> None:
    if values and chance.random() < 0.4:
        del values[chance.randrange(len(values))]
    elif others:
        values.add().CopyFrom(_copy(chance.choice(others)))


def _copy(message: Message) -> Message:
    """Of its own: the protobuf library does not survive copying a message into a part of itself."""
    made = type(message)()
    made.CopyFrom(message)
    return made


def _other(field: Any, value: Any, chance: Random) -> Any:
    """A value of the field's type that is like the old one, or not at all."""
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return chance.choice(("", "x", "y", "w", chance.choice(_operators()), "x" * 300, "../w", value or ""))
        case FieldDescriptor.TYPE_BYTES:
            return bytes_changed(value or b"SAME_UPPER", chance)
        case FieldDescriptor.TYPE_FLOAT | FieldDescriptor.TYPE_DOUBLE:
            return chance.choice(_FLOATS)
        case FieldDescriptor.TYPE_ENUM:
            return chance.choice(field.enum_type.values).number
    number = chance.choice((*_NUMBERS, (value or 0) + chance.choice((-1, 1)), chance.randrange(30)))
    return number if field.type in _WIDE else max(0, min(number, 2**31 - 1))


def _operators() -> tuple[str, ...]:
    return tuple(sorted({schema.name for schema in onnx.defs.get_all_schemas()}))

"""Small damage to a file: to its bytes, or to what is inside a zip, packed again so that sizes and sums are right."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

Change = Callable[[bytes], bytes]

_ODD = (
    b"\x00",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x80" * 9 + b"\x01",
    b"../",
    b"1e999",
    b"-1",
    b'"',
)
_ODD_VALUES = (None, True, -1, 0, 2**31, 2**63, 1e308, "", "inf", [], {}, [[]], "x" * 300, "../../x", "\u0000")


def bytes_changed(data: bytes, chance: Random, other: bytes = b"") -> bytes:
    """One to four edits; `other` is a file to borrow from."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(7):
            case 0 if result:
                result[at % len(result)] ^= 1 << chance.randrange(8)
            case 1 if result:
                result[at % len(result)] = chance.randrange(256)
            case 2:
                result[at:at] = chance.choice(_ODD)
            case 3:
                piece = chance.choice(_ODD)
                result[at : at + len(piece)] = piece
            case 4:
                del result[at : at + chance.choice((1, 4, 16, 200))]
            case 5:
                source = chance.choice((bytes(result), other or bytes(result)))
                start = chance.randrange(len(source) + 1)
                result[at:at] = source[start : start + chance.choice((1, 8, 64, 500))]
            case _:
                del result[at if chance.random() < 0.1 else len(result) :]
    return bytes(result)


def json_changed(data: bytes, chance: Random) -> bytes:
    """Another value somewhere in a JSON text; bytes are changed where it is none."""
    try:
        root = json.loads(data)
    except (ValueError, RecursionError):
        return bytes_changed(data, chance)
    places: list[tuple[Any, Any]] = []
    todo = [root]
    while todo and len(places) < 20_000:
        item = todo.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        places += [(item, key) for key in keys]
        todo += [item[key] for key in keys]
    for _ in range(chance.choice((1, 1, 2))):
        if places:
            holder, key = chance.choice(places)
            wanted: Any = chance.choice(_ODD_VALUES) if chance.random() < 0.5 else _taken(chance.choice(places))
            if isinstance(holder, dict) and chance.random() < 0.1:
                holder.pop(key, None)
            elif isinstance(holder, dict) or key < len(holder):
                holder[key] = wanted
    try:
        return json.dumps(root).encode()
    except (ValueError, RecursionError):  # it holds itself now
        return bytes_changed(data, chance)


def _taken(place: tuple[Any, Any]) -> Any:
    holder, key = place
    try:
        return holder[key]
    except (KeyError, IndexError):
        return None


def zip_changed(data: bytes, chance: Random, change: Change | None = None) -> bytes:
    """Change one member (`change` if given), or which members there are; now and then the archive's own bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        KeyError,
        zipfile.zlib.error,
    ):
        return bytes_changed(data, chance)
    if not members or chance.random() < 0.05:
        return bytes_changed(data, chance)
    index = chance.randrange(len(members))
    name, content = members[index]
    match chance.randrange(20):
        case 0:
            del members[index]
        case 1:
            members[index] = (chance.choice(members)[0] + chance.choice(("", "x", "/")), content)
        case 2:
            members[index] = (name, chance.choice(members)[1])
        case _ if name.endswith(".json") and chance.random() < 0.7:
            members[index] = (name, json_changed(content, chance))
        case _:
            members[index] = (
                name,
                change(content) if change else bytes_changed(content, chance, chance.choice(members)[1]),
            )
    return zipped(members)


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    """Stored, one after the other, as torch.save writes them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        taken: set[str] = set()
        for name, content in members:
            if name not in taken:
                archive.writestr(zipfile.ZipInfo(name), content)
            taken.add(name)
    return out.getvalue()

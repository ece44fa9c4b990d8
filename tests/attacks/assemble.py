"""Writes pickles and zip files by hand, so that they can lie. Needs neither torch nor a real class."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Name:
    """A GLOBAL: `Name("os", "system")`."""

    module: str
    name: str


@dataclass(frozen=True, eq=False)
class New:
    """Creation without a call, then BUILD with a state: what a module looks like in a file."""

    cls: Name
    state: Any
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Call:
    """A REDUCE: unpickling would call `function(*arguments)`."""

    function: Any
    arguments: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Persistent:
    """A reference to a storage record."""

    identifier: Any


@dataclass(frozen=True, eq=False)
class Raw:
    """Opcodes as they are."""

    code: bytes


class _Writer:
    def __init__(self) -> None:
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []  # ids stay unique while the objects live

    def dump(self, value: Any) -> bytes:
        match value:
            case None:
                return b"N"
            case bool():
                return b"\x88" if value else b"\x89"
            case int():
                size = value.bit_length() // 8 + 1
                return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
            case float():
                return b"G" + struct.pack(">d", value)
            case str():
                raw = value.encode("utf-8", "surrogatepass")
                return b"X" + struct.pack("<L", len(raw)) + raw
            case tuple():
                return b"(" + b"".join(map(self.dump, value)) + b"t"
            case Raw(code):
                return code
            case Name(module, name):
                return b"c" + module.encode() + b"\n" + name.encode() + b"\n"
            case Persistent(identifier):
                return self.dump(identifier) + b"Q"
            case Call(function, arguments):
                return self.dump(function) + self.dump(arguments) + b"R"
        return self.shared(value)

    def shared(self, value: Any) -> bytes:
        """Lists, dictionaries and objects: written once, then fetched from the memo, which allows cycles."""
        if id(value) in self.memo:
            return b"j" + struct.pack("<L", self.memo[id(value)])
        number = self.memo[id(value)] = len(self.memo)
        self.kept.append(value)
        put = b"r" + struct.pack("<L", number)
        match value:
            case list():
                return b"]" + put + b"(" + b"".join(map(self.dump, value)) + b"e"
            case dict():
                return b"}" + put + b"(" + b"".join(self.dump(k) + self.dump(v) for k, v in value.items()) + b"u"
            case New(cls, state, arguments):
                made = self.dump(cls) + (self.dump(arguments) if arguments else b")") + b"\x81" + put
                return made + (b"" if state is None else self.dump(state) + b"b")
        raise TypeError(type(value))


def pickled(value: Any) -> bytes:
    """A protocol 2 pickle."""
    return b"\x80\x02" + _Writer().dump(value) + b"."


# -- modules as torch.save writes them ----------------------------------------------------------------------------

_HOOKS = (
    "_backward_pre_hooks _backward_hooks _forward_hooks _forward_hooks_with_kwargs _forward_hooks_always_called "
    "_forward_pre_hooks _forward_pre_hooks_with_kwargs _state_dict_hooks _state_dict_pre_hooks "
    "_load_state_dict_pre_hooks _load_state_dict_post_hooks"
).split()


def ordered() -> Call:
    return Call(Name("collections", "OrderedDict"), ())


def module(
    cls: str, parameters: dict[str, Any] | None = None, children: dict[str, Any] | None = None, **more: Any
) -> New:
    """A stock module: `module("linear.Linear", {...}, in_features=4, ...)`; `more` may overwrite anything."""
    name, _, last = cls.rpartition(".")
    state: dict[str, Any] = {
        "training": False,
        "_parameters": parameters or {},
        "_buffers": {},
        "_non_persistent_buffers_set": Call(Name("__builtin__", "set"), ([],)),
        "_is_full_backward_hook": None,
        "_modules": children or {},
        **{hook: ordered() for hook in _HOOKS},
    }
    return New(Name(f"torch.nn.modules.{name}", last), state | more)


def tensor(
    shape: Sequence[int],
    strides: Sequence[int] | None = None,
    offset: int = 0,
    key: str = "0",
    stored: int | None = None,
) -> Call:
    """A float tensor; `stored` is how many elements the pickle claims the storage to have."""
    count = 1
    dense = []
    for size in reversed(shape):
        dense.append(count)
        count *= size
    claimed = count if stored is None else stored
    storage = Persistent(("storage", Name("torch", "FloatStorage"), key, "cpu", claimed))
    arguments = (storage, offset, tuple(shape), tuple(strides or reversed(dense)), False, ordered())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def linear(inputs: int = 4, outputs: int = 3, **more: Any) -> New:
    """A Linear over the storages 0 (weight) and 1 (bias)."""
    parameters = {"weight": tensor((outputs, inputs), key="0"), "bias": tensor((outputs,), key="1")}
    return module("linear.Linear", parameters, **({"in_features": inputs, "out_features": outputs} | more))


def sequential(*children: Any, **more: Any) -> New:
    return module("container.Sequential", None, {str(i): child for i, child in enumerate(children)}, **more)


# -- zip ----------------------------------------------------------------------------------------------------------


@dataclass
class Member:
    """One member, with every field that can lie. None means: the truth."""

    name: str | bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None  # uncompressed, in the table of contents
    packed: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    mode: int = 0
    extra: bytes = b""
    before: bytes = b""  # bytes before the local header
    stored: bytes | None = field(default=None)  # what really lies in the file, when it is not `data`

    def raw_name(self) -> bytes:
        return self.name.encode() if isinstance(self.name, str) else self.name


def zipped(
    members: Iterable[Member],
    *,
    count: int | None = None,
    comment: bytes = b"",
    table_offset: int | None = None,
    end: bytes = b"",
) -> bytes:
    """A zip file from its members; `end` goes between the table of contents and the end record."""
    body, table, number = b"", b"", 0
    for member in members:
        number += 1
        content = member.data if member.stored is None else member.stored
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        size = len(member.data) if member.size is None else member.size
        packed = len(content) if member.packed is None else member.packed
        name = member.raw_name()
        local_name = name if member.local_name is None else member.local_name
        local_size = len(member.data) if member.local_size is None else member.local_size
        body += member.before
        offset = len(body) if member.offset is None else member.offset
        head = (b"PK\x03\x04", 20, member.flags, member.method, 0, 0, crc, len(content), local_size, len(local_name), 0)
        body += struct.pack("<4s5H3L2H", *head) + local_name + content
        line = (b"PK\x01\x02", 20, 20, member.flags, member.method, 0, 0, crc, packed, size, len(name))
        rest = (len(member.extra), 0, 0, 0, member.mode << 16, offset)
        table += struct.pack("<4s6H3L5H2L", *line, *rest) + name + member.extra
    number = number if count is None else count
    start = len(body) if table_offset is None else table_offset
    last = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, number & 0xFFFF, number & 0xFFFF, len(table), start, len(comment)
    )
    return body + table + end + last + comment


def torch_members(pickle: bytes, storages: Sequence[bytes] = ()) -> list[Member]:
    """The members of a `.pth` file."""
    return [
        Member("m/data.pkl", pickle),
        Member("m/byteorder", b"little"),
        *(Member(f"m/data/{i}", data) for i, data in enumerate(storages)),
        Member("m/version", b"3\n"),
    ]


LINEAR_STORAGES = (bytes(4 * 12), bytes(4 * 3))


def torch_file(root: Any, storages: Sequence[bytes] = LINEAR_STORAGES) -> bytes:
    """A `.pth` file whose pickle builds `root`."""
    return zipped(torch_members(pickled(root), storages))

"""A torch.export archive (`.pt2`) as plain data: its JSON description of a program, and raw weights.

`torch.export.load` is not used: it unpickles sample inputs, evaluates expressions of symbolic sizes, and unpickles
weights that say so. Nothing here does any of the three: sample inputs are not read, expressions are not evaluated, and
weights are bytes whose sizes are compared with the file's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from compiler.errors import ModelError
from compiler.importers.archive import Archive, open_archive
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_dtypes import ITEM_BYTES
from compiler.importers.torch_pickle import shown

MAX_JSON = 64 << 20
SCHEMA = 8  # major version

# The archive's numbers for element types.
DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool",
    13: "bfloat16",
}  # fmt: skip

_MODEL = re.compile(r"([^/]+/)?models/([^/]+)\.json")
_SYMBOL = re.compile(r"(?:Symbol\(')?([A-Za-z]\w{0,40})(?:'(?:, (?:positive|integer|nonnegative)=True)*\))?")
_CHARACTERS = re.compile(r"[\w\s+\-*/%(),.'=]*")
_CALLED = re.compile(r"(\w+)\s*\(")
# What sizes that are computed from symbols are written with.
_FUNCTIONS = frozenset(
    "Symbol Integer Rational Float Add Mul Pow Max Min Mod PythonMod FloorDiv CleanDiv CeilToInt FloorToInt TruncToInt "
    "ToFloat IntTrueDiv FloatTrueDiv RoundToInt ceiling floor".split()
)


@dataclass(frozen=True)
class Meta:
    """A tensor's description: an open dimension is the name of its symbol."""

    dtype: str
    sizes: tuple[int | str, ...]
    strides: tuple[int, ...] = ()
    offset: int = 0
    hints: tuple[int | None, ...] = ()

    @property
    def shape(self) -> Shape | None:
        return tuple(n for n in self.sizes if isinstance(n, int)) if self.closed else None

    @property
    def open_shape(self) -> tuple[int | None, ...]:
        return tuple(n if isinstance(n, int) else None for n in self.sizes)

    @property
    def closed(self) -> bool:
        return all(isinstance(n, int) for n in self.sizes)


@dataclass(frozen=True)
class Weight:
    """A tensor of the archive: the record that holds its bytes, and how it lies in them."""

    record: str
    meta: Meta
    elements: int


@dataclass(frozen=True, eq=False)
class ExportFile:
    """An opened archive. `graph` and `signature` are JSON that nobody has believed yet."""

    archive: Archive
    graph: Mapping[str, Any]
    signature: Mapping[str, Any]
    weights: Mapping[str, Weight]
    where: str

    def meta(self, name: str) -> Meta | None:
        """What the program notes of a value; not needed to run it."""
        raw = self.graph["tensor_values"].get(name)
        return None if raw is None else read_meta(raw, self.where)


def open_export(path: Path, where: str) -> ExportFile:
    """Open and check an archive. Raises ModelError."""
    archive = open_archive(path, where)
    _refuse_code(archive, where)
    model, prefix, name = _model(archive, where)
    version = part(model, "schema_version", dict, where)
    if version.get("major") != SCHEMA:
        raise ModelError(
            "E0140", f"The archive is of version {shown(str(version.get('major')))} of PyTorch's export format",
            where=where, facts={"read here": f"version {SCHEMA}"},
            help="Export the model again with a PyTorch of 2.8 or newer: torch.export.save.",
        )  # fmt: skip
    module = part(model, "graph_module", dict, where)
    graph = part(module, "graph", dict, where)
    for field, kind in (("nodes", list), ("inputs", list), ("outputs", list), ("tensor_values", dict)):
        part(graph, field, kind, where)
    weights: dict[str, Weight] = {}
    for folder in ("weights", "constants"):
        weights |= _weights(archive, prefix, folder, name, where)
    _check_total(weights, path, where)
    return ExportFile(archive, graph, part(module, "signature", dict, where), weights, where)


def part(table: Any, key: str, kind: type, where: str) -> Any:
    """A field of a JSON object that must be there and of that kind."""
    value = table.get(key) if isinstance(table, dict) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        damaged(f"'{shown(key)}' is missing or of the wrong kind", where)
    return value


def damaged(finding: str, where: str) -> NoReturn:
    raise ModelError(
        "E0140",
        f"The program in the .pt2 file cannot be read: {finding}",
        where=where,
        help="Save the program again with torch.export.save and upload that very file.",
    )


def _refuse_code(archive: Archive, where: str) -> None:
    """Compiled libraries and programs for other loaders: nothing to compile from."""
    compiled = [name for name in archive.members if name.endswith((".so", ".dll", ".dylib", ".cubin", ".wrapper.cpp"))]
    if compiled:
        raise ModelError(
            "E0144", f"The archive holds compiled code ({shown(compiled[0])}), which is never loaded here", where=where,
            help="Save the program itself: torch.export.save(torch.export.export(model, inputs), file).",
        )  # fmt: skip


def _model(archive: Archive, where: str) -> tuple[dict[str, Any], str, str]:
    found = [match for name in archive.members if (match := _MODEL.fullmatch(name))]
    if not found and any(name.endswith("serialized_exported_program.json") for name in archive.members):
        raise ModelError(
            "E0140", "The archive is in the format that PyTorch wrote before 2.8", where=where,
            help="Load and save it with a PyTorch of 2.8 or newer: torch.export.save.",
        )  # fmt: skip
    if len(found) != 1:
        raise ModelError(
            "E0140", f"The archive holds {len(found) or 'no'} programs where one is expected", where=where,
            help="Save one program: torch.export.save(torch.export.export(model, inputs), file).",
        )  # fmt: skip
    prefix = found[0].group(1) or ""
    order = archive.members.get(f"{prefix}byteorder")
    if order is not None and bytes(archive.read(order.name, 16)) != b"little":
        raise ModelError(
            "E0127", "The weights were saved on a big-endian computer", where=where,
            help="Export and save the model on a little-endian computer.",
        )  # fmt: skip
    return _json(archive, found[0].group(), where), prefix, found[0].group(2)


def _json(archive: Archive, name: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(bytes(archive.read(name, MAX_JSON)).decode("utf-8"))
    except RecursionError:
        raise ModelError(
            "E0141", f"The program in the .pt2 file is refused: '{shown(name)}' nests too deeply", where=where,
            help="A network that torch.export wrote never looks like this.",
        ) from None  # fmt: skip
    except ValueError as error:
        damaged(f"'{shown(name)}' is not JSON ({shown(str(error))})", where)
    if not isinstance(value, dict):
        damaged(f"'{shown(name)}' is not a JSON object", where)
    return value


def _weights(archive: Archive, prefix: str, folder: str, name: str, where: str) -> dict[str, Weight]:
    member = f"{prefix}data/{folder}/{name}_{folder}_config.json"
    if member not in archive.members:
        return {}
    found: dict[str, Weight] = {}
    for key, payload in part(_json(archive, member, where), "config", dict, where).items():
        if not isinstance(payload, dict):
            damaged("a weight has no description", where)
        if payload.get("use_pickle") is not False:
            raise ModelError(
                "E0144", f"The weight '{shown(key)}' is stored as a pickle, which would run code", where=where,
                help="Nothing of it was executed. Custom objects and tensor subclasses cannot be compiled.",
            )  # fmt: skip
        record = f"{prefix}data/{folder}/{part(payload, 'path_name', str, where)}"
        found[key] = _weight(archive, key, record, read_meta(payload.get("tensor_meta"), where), where)
    return found


def read_meta(raw: Any, where: str) -> Meta:
    """A tensor's description. Expressions are never evaluated: a symbol is a name, all else is only let pass."""
    number = part(raw, "dtype", int, where)
    sizes, hints = (
        zip(*(_size(s, where) for s in part(raw, "sizes", list, where)), strict=True) if raw["sizes"] else ((), ())
    )
    strides = tuple(
        s if isinstance(s, int) else -1 for s, _ in (_size(s, where) for s in part(raw, "strides", list, where))
    )
    offset, _ = _size(raw.get("storage_offset"), where)
    dtype = DTYPES.get(number, "")
    return Meta(dtype, sizes, strides, offset if isinstance(offset, int) else -1, hints)


def _size(raw: Any, where: str) -> tuple[int | str, int | None]:
    """A dimension: a number, or the name of a symbol and the size it had in the example."""
    if isinstance(raw, dict) and len(raw) == 1:
        if (value := raw.get("as_int")) is not None and isinstance(value, int) and not isinstance(value, bool):
            if not 0 <= value < 1 << 48:
                damaged("a size is negative or far too large", where)
            return value, None
        expression = raw.get("as_expr")
        if isinstance(expression, dict) and isinstance(text := expression.get("expr_str"), str):
            if len(text) > 1000 or not _CHARACTERS.fullmatch(text) or not set(_CALLED.findall(text)) <= _FUNCTIONS:
                raise ModelError(
                    "E0144", "A size in the archive is not arithmetic: evaluating it would run code", where=where,
                    facts={"size": shown(text, 60)}, help="Nothing of it was executed. torch.export never writes this.",
                )  # fmt: skip
            hint = expression.get("hint")
            known = hint.get("as_int") if isinstance(hint, dict) else None
            symbol = _SYMBOL.fullmatch(text)
            return symbol.group(1) if symbol else text, known if isinstance(
                known, int
            ) and 0 < known < 1 << 31 else None
    damaged("a size is neither a number nor a symbol", where)


def is_symbol(size: int | str) -> bool:
    return isinstance(size, str) and size.isidentifier()


def _weight(archive: Archive, key: str, record: str, meta: Meta, where: str) -> Weight:
    member = archive.members.get(record)
    shape = meta.shape
    if member is None or shape is None or len(shape) > 16:
        impossible(key, "its bytes are missing, or its size is open", where)
    if not meta.dtype:
        impossible(key, "its type is none that is supported", where)
    if len(meta.strides) != len(shape) or meta.offset < 0 or min(meta.strides, default=0) < 0:
        impossible(key, "its shape and strides do not belong together", where)
    elements = 1
    for n in shape:
        elements *= n
    last = meta.offset + sum((n - 1) * stride for n, stride in zip(shape, meta.strides, strict=True))
    room = member.size // ITEM_BYTES[meta.dtype]
    shared = any(stride == 0 and n > 1 for n, stride in zip(shape, meta.strides, strict=True))
    if elements and (last >= room or elements > room or shared):
        impossible(key, "it shows more elements than the file stores", where)
    return Weight(record, meta, elements)


def impossible(key: str, finding: str, where: str) -> NoReturn:
    raise ModelError(
        "E0127",
        f"A tensor in the file is impossible: {finding}",
        where=where,
        facts={"tensor": shown(key)},
        help="Export the model again with contiguous tensors (tensor.clone().contiguous()).",
    )


def _check_total(weights: Mapping[str, Weight], path: Path, where: str) -> None:
    distinct = {(w.record, w.meta): w for w in weights.values()}
    if sum(w.elements * ITEM_BYTES[w.meta.dtype] for w in distinct.values()) > path.stat().st_size:
        impossible("all together", "the tensors are larger than the file", where)

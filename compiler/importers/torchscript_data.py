"""What a TorchScript archive holds beside its text: the module objects, tensors and constants, as inert data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.importers.archive import Archive, open_archive
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_dtypes import STORAGES
from compiler.importers.torch_pickle import MAX_PICKLE_BYTES, Object, TensorRef, Unpickled, shown, unpickle
from compiler.importers.torchscript_code import Code

_MODULE = "__torch__"
_MAX_DEPTH = 200  # of modules in modules


@dataclass(frozen=True, eq=False)
class ScriptFile:
    """An opened TorchScript file. Nothing of it has run."""

    code: Code
    root: Object
    constants: tuple[Any, ...]  # what the text calls CONSTANTS.c0, ...
    paths: Mapping[int, str]  # id of a module object -> where it is first met: "features.0"
    names: Mapping[int, str]  # id of a tensor -> its name: "features.0.weight"
    archive: Archive
    prefix: str
    traced: tuple[tuple[Shape, str], ...] | None  # shape and type of each input, where tracing noted them
    where: str

    @property
    def parameters(self) -> int:
        """How many numbers were trained; tensors that modules share count once."""
        distinct = {}
        for module in _named(self.root)[0].values():
            trained = self.code.type(f"{module.cls.module}.{module.cls.name}").parameters
            for name, ref in (module.state or {}).items():
                if name in trained and isinstance(ref, TensorRef):
                    distinct[ref.storage.key, ref.offset, ref.shape] = ref.elements
        return sum(distinct.values())

    def number(self, ref: TensorRef) -> float | int | None:
        """The value of a tensor without dimensions, for the arithmetic that programs do with sizes."""
        dtype = {"LongStorage": "<i8", "IntStorage": "<i4", "FloatStorage": "<f4", "DoubleStorage": "<f8"}.get(
            ref.storage.kind
        )
        if ref.shape or dtype is None:
            return None
        value: float | int = np.frombuffer(self.archive.read(self.storage(ref)), dtype)[ref.offset].item()
        return value

    def storage(self, ref: TensorRef) -> str:
        """The record that a tensor of the file lies in."""
        folder = "constants" if any(ref is c for c in self.constants) else "data"
        return f"{self.prefix}{folder}/{ref.storage.key}"


def open_script(path: Path, where: str) -> ScriptFile:
    """Open and check a file. Raises ModelError."""
    archive = open_archive(path, where, compressed=lambda name: "/code/" in name or "/extra/" in name)
    found, prefix = _pickle(archive, "data.pkl", where)
    order = archive.members.get(f"{prefix}byteorder")
    if order is not None and bytes(archive.read(order.name, 16)) != b"little":
        raise ModelError(
            "E0127", "The weights were saved on a big-endian computer", where=where,
            help="Load and save the model on a little-endian computer.",
        )  # fmt: skip
    if not isinstance(found.root, Object) or found.root.cls.module.partition(".")[0] != _MODULE:
        raise ModelError(
            "E0140", "The TorchScript file holds no module", where=where,
            help="Save a module: torch.jit.save(torch.jit.script(model), file).",
        )  # fmt: skip
    _check_calls(found, where)
    constants: tuple[Any, ...] = ()
    if f"{prefix}constants.pkl" in archive.members:
        kept, _ = _pickle(archive, "constants.pkl", where)
        _check_calls(kept, where)
        constants = kept.root if isinstance(kept.root, tuple) else ()
    objects, tensors = _named(found.root)
    file = ScriptFile(
        Code(archive, prefix),
        found.root,
        constants,
        {id(module): name for name, module in objects.items()},
        {id(ref): name for name, ref in reversed(tensors.items())},
        archive,
        prefix,
        _traced(archive, prefix, where),
        where,
    )
    _check_classes(file, objects.values())
    _check_tensors(file, [*tensors.values(), *(c for c in constants if isinstance(c, TensorRef))], path)
    return file


def _pickle(archive: Archive, name: str, where: str) -> tuple[Unpickled, str]:
    found = [m for m in archive.members if m.count("/") == 1 and m.endswith(f"/{name}")]
    if len(found) != 1:
        raise ModelError(
            "E0130", f"The zip archive is refused: it has {len(found) or 'no'} {name} where torch.jit.save writes one",
            where=where, help="Save the model again with torch.jit.save and upload that very file.",
        )  # fmt: skip
    data = bytes(archive.read(found[0], MAX_PICKLE_BYTES))
    return unpickle(data, where, _CALLS), found[0].removesuffix(name)


def _values_of(machine: Any, values: Any = (), kind: Any = "") -> Any:
    """`restore_type_tag(values, "List[int]")`, `build_intlist(values)`: lists with a note of their type."""
    if not isinstance(values, (list, tuple, dict)):
        raise TypeError("a list that is none")
    return values


_CALLS = {
    ("torch.jit._pickle", name): _values_of
    for name in (
        "restore_type_tag", "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist",
    )
}  # fmt: skip


def _check_calls(found: Unpickled, where: str) -> None:
    """Calls of the file that are no tensors: it was written to run something, or by something we do not know."""
    if found.calls:
        named = ", ".join(str(call) for call in list(found.calls)[:5])
        raise ModelError(
            "E0126", f"The pickle is refused: it calls {named}", where=where, facts={"calls": named},
            help="A module that torch.jit.save wrote never contains this. Nothing of it was executed.",
        )  # fmt: skip


def _check_classes(file: ScriptFile, objects: Iterable[Object]) -> None:
    """A class that restores itself by code says something else than its state: it is not guessed at."""
    for name in dict.fromkeys(f"{each.cls.module}.{each.cls.name}" for each in objects):
        if "__setstate__" in file.code.type(name).methods:
            raise ModelError(
                "E0144",
                f"The class {shown(name.rpartition('.')[2])} restores itself by code (__setstate__)",
                where=file.where,
                help="Nothing of it was executed. Quantised layers do this: save the float model.",
            )


def _named(root: Object) -> tuple[dict[str, Object], dict[str, TensorRef]]:
    """Modules and tensors by dotted name, first met first; each object is visited once."""
    objects: dict[str, Object] = {}
    tensors: dict[str, TensorRef] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting:
        name, value, depth = waiting.pop()
        if isinstance(value, TensorRef):
            tensors.setdefault(name, value)
        elif isinstance(value, (Object, list, tuple, dict)) and id(value) not in seen and depth < _MAX_DEPTH:
            seen.add(id(value))
            if isinstance(value, Object):
                objects[name] = value
            parts = [(f"{name}.{key}" if name else key, part, depth + 1) for key, part in _parts(value)]
            waiting.extend(reversed(parts))
    return objects, tensors


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Object):
        yield from (value.state or {}).items()
    elif isinstance(value, dict):
        yield from ((str(key), part) for key, part in value.items())
    else:
        yield from ((str(index), part) for index, part in enumerate(value))


def _check_tensors(file: ScriptFile, tensors: list[TensorRef], path: Path) -> None:
    """Every tensor lies in a record of the very size; together they are no larger than the file."""
    wanted = 0
    for ref in {(r.storage.key, r.offset, r.shape, r.strides, id(r) in file.names): r for r in tensors}.values():
        member = file.archive.members.get(file.storage(ref))
        if member is None or member.size != ref.storage.elements * ref.storage.item_bytes:
            _impossible(f"the data of storage {shown(ref.storage.key)} is missing or has another size", file.where)
        wanted += ref.elements * ref.storage.item_bytes
    if wanted > path.stat().st_size:
        _impossible("together the tensors are larger than the file", file.where)


def _impossible(finding: str, where: str) -> None:
    raise ModelError(
        "E0127", f"A tensor in the file is impossible: {finding}", where=where,
        help="Copy tensors that overlap (tensor.clone()) and save the model again with torch.jit.save.",
    )  # fmt: skip


def dtype_of(ref: TensorRef, where: str) -> str:
    """The element type of a tensor of the file, as PyTorch names it."""
    kind = ref.storage.kind
    if kind not in STORAGES:
        raise ModelError(
            "E0127", f"The weights are of a type that is not supported: {kind.removesuffix('Storage')}", where=where,
            help="Convert before saving: model.float().",
        )  # fmt: skip
    return STORAGES[kind]


def _traced(archive: Archive, prefix: str, where: str) -> tuple[tuple[Shape, str], ...] | None:
    """The example inputs that torch.jit.trace noted: their shapes; their values are not in the file."""
    name = f"{prefix}traced_inputs.pkl"
    if name not in archive.members:
        return None
    root = unpickle(bytes(archive.read(name, MAX_PICKLE_BYTES)), where, _CALLS).root
    inputs = root.get("forward") if isinstance(root, dict) else None
    if not isinstance(inputs, list) or not inputs or not all(isinstance(ref, TensorRef) for ref in inputs):
        return None
    return tuple((ref.shape, dtype_of(ref, where)) for ref in inputs)

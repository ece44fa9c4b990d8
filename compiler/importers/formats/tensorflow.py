"""TensorFlow's SavedModel (its folder, or a zip of it) and frozen graphs, through TensorFlow in its own process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from compiler.errors import ModelError
from compiler.importers.archive import PACKED, open_archive
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import Format, Loaded, Look
from compiler.importers.onnx import unsupported_error
from compiler.importers.tensorflow_graph import DEFAULT, Contents, frozen_graph, saved_model
from compiler.importers.tensorflow_run import python, require, to_onnx
from compiler.inspection import Inspection, OpenTensor, OperatorCount
from compiler.options import CompileOptions

_MAX_GRAPH = 1 << 30
_MAX_VARIABLES = 1 << 30
_GRAPH = "saved_model.pb"
_LATER = "the model becomes a graph only once TensorFlow has converted it, which takes seconds"


class SavedModel(Format):
    kind = "savedmodel"
    title = "a TensorFlow SavedModel (zipped)"
    extensions = (".zip",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        contents = self._contents(path, where)
        _refuse(contents, where)
        shapes = _shapes(contents, options, where)
        require()
        with tempfile.TemporaryDirectory(prefix="tensorflow-") as temporary:
            folder = Path(temporary)
            model = path.resolve() if path.is_dir() else folder / "model"
            if not path.is_dir():
                _unpack(path, model, where)
            return Loaded(onnx=to_onnx("savedmodel", model, folder, shapes, (), DEFAULT))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        return _look(self.kind, path, self._contents(path, where), options, where)

    def _contents(self, path: Path, where: str) -> Contents:
        if path.is_dir():
            return saved_model((path / _GRAPH).read_bytes(), where)
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                raise ModelError(
                    "E0173", "This is the saved_model.pb of a SavedModel, without the folder that it belongs to",
                    where=where, help="Pack the whole folder into a zip and give that file.",
                )  # fmt: skip
        archive = open_archive(path, where, compressed=lambda _: True, rules=PACKED)
        inside = sorted(name for name in archive.members if name.split("/")[-1] == _GRAPH)
        if len(inside) != 1:
            raise ModelError(
                "E0173", f"The zip holds {len(inside)} SavedModels", where=where, help="Pack one folder into a zip."
            )
        return saved_model(bytes(archive.read(inside[0], _MAX_GRAPH)), where)


class FrozenGraph(Format):
    kind = "graphdef"
    title = "a frozen TensorFlow graph (.pb)"
    extensions = (".pb",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        contents = frozen_graph(path.read_bytes(), where)
        _refuse(contents, where)
        shapes = _shapes(contents, options, where)
        outputs = [t.name for t in contents.outputs]
        require()
        with tempfile.TemporaryDirectory(prefix="tensorflow-") as temporary:
            return Loaded(onnx=to_onnx("graph", path.resolve(), Path(temporary), shapes, outputs, ""))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        return _look(self.kind, path, frozen_graph(path.read_bytes(), where), options, where)


def _unpack(path: Path, folder: Path, where: str) -> None:
    """The graph and its variables; what else the folder holds (assets, fingerprints) is not needed."""
    archive = open_archive(path, where, compressed=lambda _: True, rules=PACKED)
    (inside,) = (name for name in archive.members if name.split("/")[-1] == _GRAPH)
    root = inside[: -len(_GRAPH)]
    (folder / "variables").mkdir(parents=True)
    (folder / _GRAPH).write_bytes(archive.read(inside, _MAX_GRAPH))
    for name in sorted(archive.members):
        parts = name.removeprefix(root).split("/")
        if name.startswith(root) and len(parts) == 2 and parts[0] == "variables":
            (folder / "variables" / parts[1]).write_bytes(archive.read(name, _MAX_VARIABLES))


def _refuse(contents: Contents, where: str) -> None:
    if contents.unsupported:
        error = unsupported_error(contents.unsupported)
        error.where = f"{where}: {error.where}" if error.where else where
        raise error


def _chosen(tensor: OpenTensor, options: CompileOptions, only: bool) -> list[int | None]:
    given = options.shape.get(tensor.name, options.shape.get("") if only else None)
    if given is not None:
        dims = tensor.shape or [None] * len(given)
        if len(given) != len(dims) or any(n is not None and n != g for n, g in zip(dims, given, strict=True)):
            raise ModelError(
                "E1004", f"--shape {tensor.name[:80]}={','.join(map(str, given))} does not fit the model's {dims}",
                help="only open dimensions can be chosen",
            )  # fmt: skip
        return list(given)
    return [1 if n is None and axis == 0 else n for axis, n in enumerate(tensor.shape)]


def _open_inputs(contents: Contents, options: CompileOptions) -> dict[str, list[int | None]]:
    only = len(contents.inputs) == 1
    return {t.name: dims for t in contents.inputs if None in (dims := _chosen(t, options, only))}


def _shapes(contents: Contents, options: CompileOptions, where: str) -> dict[str, list[int]]:
    """Of every input; E0308 asks for those that are open."""
    for name, dims in _open_inputs(contents, options).items():
        asked = ",".join("?" if d is None else str(d) for d in dims)
        raise ModelError(
            "E0308", f"input '{name[:80]}' has open dimensions: [{asked}]", where=where,
            facts={"input": name[:80], "shape": asked},
            help=f"give the shape: --shape {name[:80]}={','.join('N' if d is None else str(d) for d in dims)}",
        )  # fmt: skip
    only = len(contents.inputs) == 1
    return {t.name: [n for n in _chosen(t, options, only) if n is not None] for t in contents.inputs}


def _look(kind: str, path: Path, contents: Contents, options: CompileOptions, where: str) -> Look:
    bad = {u.op for u in contents.unsupported}
    needed = _open_inputs(contents, options)
    compilable = not contents.unsupported and not needed and python() is not None
    reason = "" if compilable or contents.unsupported or needed else "TensorFlow is not installed here (E0170)"
    inspection = Inspection(
        name=Path(where).stem,
        format=kind,
        sha256=file_sha256(path),
        size=sum(p.stat().st_size for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file()),
        inputs=contents.inputs,
        outputs=contents.outputs,
        operators=[OperatorCount(op=k, count=n, supported=k not in bad) for k, n in sorted(contents.operators.items())],
        parameters=contents.parameters,
        macs=None,
        unsupported=contents.unsupported,
        shape_needed=needed,
        compilable=compilable,
        estimate=None,
        no_estimate=reason or _LATER,
    )
    return Look(inspection, None, reason or _LATER)

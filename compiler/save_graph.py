"""Graph files onto the disk, in the forms that `importers/graph_file.py` reads."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.disk import Stored, write
from compiler.pack.archive import zip_bytes

JSON, WEIGHTS = ".graph.json", ".weights.bin"
CANNOT_WRITE = "E0186"


def save_graph(stored: Stored, out: Path, weights: Path | None = None) -> tuple[Path, ...]:
    """Write `out` (`*.graph.json`, with the weights beside it) or both files as `*.zip`; says what was written."""
    if out.suffix == ".zip":
        stem = out.name.removesuffix(".zip").removesuffix(".graph") or "model"
        written = write(stored, f"{stem}{WEIGHTS}")
        content = {f"{stem}{JSON}": written.json, f"{stem}{WEIGHTS}": written.weights}
        return _save({out: zip_bytes(content)})
    stem = out.name.removesuffix(".json").removesuffix(".graph") or "model"
    weights = weights or out.with_name(f"{stem}{WEIGHTS}")
    if weights.parent.resolve() != out.parent.resolve() or weights.name == out.name:
        raise ModelError(CANNOT_WRITE, "graph file and weights file must be two files in one folder", where="-o")
    written = write(stored, weights.name)
    return _save({out: written.json, weights: written.weights})


def _save(files: dict[Path, bytes]) -> tuple[Path, ...]:
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise ModelError(
                CANNOT_WRITE, f"cannot write {path.name!r}: {error.strerror or error}", where="-o"
            ) from error
    return tuple(files)

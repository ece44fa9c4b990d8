"""What a model file is, by its content; its name is never looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compiler.errors import ModelError
from compiler.importers.archive import open_archive
from compiler.importers.detect_protobuf import protobuf_kind
from compiler.importers.formats.base import formats

Kind = Literal[
    "onnx",
    "onnx-zip",  # with external data
    "torch",  # a pickle in torch.save's zip: a whole model, a state dict or a checkpoint
    "torchscript",
    "pt2",
    "torch-legacy",
    "graph",  # of our own: JSON, or a zip of the JSON and its weights
    "pickle",
    "tflite",
    "hdf5",
    "keras",
    "savedmodel",
    "graphdef",  # a frozen TensorFlow graph
    "safetensors",
    "gguf",
    "numpy",
    "zip",
    "compressed",
    "text",
    "binary",
    "folder",
    "empty",
    "damaged",
]


@dataclass(frozen=True)
class Detected:
    """`detail` completes the sentence "it looks like ..."."""

    kind: Kind
    detail: str

    @property
    def supported(self) -> bool:
        """Is there a format that reads it?"""
        return self.kind in formats()


def detect(path: Path) -> Detected:
    """Look at the first bytes, at a zip's table of contents, or at the outline of an ONNX file. Reads little.

    Raises `ModelError` E0130 for a PyTorch file whose table of contents cannot be trusted.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return Detected("savedmodel", "a TensorFlow SavedModel")
        return Detected("folder", "a folder")
    size = path.stat().st_size
    if size == 0:
        return Detected("empty", "an empty file")
    with path.open("rb") as file:
        head = file.read(4096)
        for magic, offset, kind, detail in _MAGIC:
            if head[offset : offset + len(magic)] == magic:
                return Detected(kind, detail)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return _zip(path)
        if (missing := _missing_of_safetensors(head, size)) is not None:
            if missing > 0:
                return Detected("damaged", f"a damaged safetensors file: at least {missing} bytes are missing")
            return Detected("safetensors", "a safetensors file: weights without an architecture")
        if _is_text(head):
            return _text(head)
        return Detected(*protobuf_kind(file, size))


def require_supported(path: Path, *, name: str | None = None) -> Detected:
    """The kind of a file that an importer exists for; otherwise the `ModelError` that says what it is instead."""
    where = name or path.name
    try:
        found = detect(path)
    except ModelError as error:
        error.where = where
        raise
    if found.supported:
        return found
    code, help = _REFUSALS[found.kind]
    raise ModelError(
        code=code,
        title=f"This is {found.detail}",
        where=where,
        facts={"looks like": found.detail, "expected": "; ".join(f.title for f in formats().values())},
        help=help,
    )


# -- signatures ---------------------------------------------------------------------------------------------------

_MAGIC: tuple[tuple[bytes, int, Kind, str], ...] = (
    (b"TFL3", 4, "tflite", "a TensorFlow Lite model"),
    (b"\x89HDF\r\n\x1a\n", 0, "hdf5", "an HDF5 file, perhaps a Keras .h5 model"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", 0, "torch-legacy", "a PyTorch file in the format before 1.6"),
    (b"GGUF", 0, "gguf", "a GGUF language model"),
    (b"\x93NUMPY", 0, "numpy", "a NumPy array"),
    (b"\x7fELF", 0, "binary", "an ELF program or object file"),
    (b"MZ", 0, "binary", "a Windows program"),
    (b"\x89PNG", 0, "binary", "a PNG image"),
    (b"\xff\xd8\xff", 0, "binary", "a JPEG image"),
    (b"GIF8", 0, "binary", "a GIF image"),
    (b"%PDF", 0, "binary", "a PDF document"),
    (b"\x1f\x8b", 0, "compressed", "a gzip-compressed file"),
    (b"BZh", 0, "compressed", "a bzip2-compressed file"),
    (b"\xfd7zXZ\x00", 0, "compressed", "an xz-compressed file"),
    (b"7z\xbc\xaf\x27\x1c", 0, "compressed", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", 0, "compressed", "a zstd-compressed file"),
    (b"ustar", 257, "compressed", "a tar archive"),
    *((bytes((0x80, protocol)), 0, "pickle", "a Python pickle") for protocol in (2, 3, 4, 5)),
)

_REFUSALS: dict[Kind, tuple[str, str]] = {
    "empty": ("E0110", "Check that the export or the download finished."),
    "binary": ("E0111", "Choose the model file."),
    "numpy": ("E0111", "Arrays go into --vectors; the model is another file."),
    "gguf": ("E0111", "Language models of this kind do not fit the processors DeepMetal compiles for."),
    "text": ("E0112", "Choose the model file itself; a download may have saved a web page in its place."),
    "zip": ("E0112", "Unpack it and choose the model file inside."),
    "onnx-zip": ("E0112", "Unpack it and choose the model file inside."),
    "graph": ("E0112", "Convert the model again."),
    "compressed": ("E0112", "Unpack it and choose the model file inside."),
    "folder": ("E0112", "Choose the model file inside."),
    "safetensors": ("E0113", "Weights alone do not say how layers are connected. Load them into the model and export."),
    "damaged": ("E0114", "Export or download the model again."),
    "torch-legacy": (
        "E0123",
        "Load it with a PyTorch of today and save it again: torch.save(model, file) writes the current format.",
    ),
    "pickle": ("E0123", "A bare pickle is not opened. Save PyTorch models with torch.save(model, file)."),
}


# -- zip ----------------------------------------------------------------------------------------------------------


def _zip(path: Path) -> Detected:
    """By the names of the members. A PyTorch file must also pass the strict reader, whose error says what is wrong."""
    try:
        return _by_names(set(open_archive(path, path.name).members))
    except ModelError:
        found = _by_names(_names_at_end(path))
        if found.kind == "torch":
            raise
        return found


def _by_names(names: set[str]) -> Detected:
    def any_name(pattern: str) -> bool:
        return any(re.fullmatch(pattern, name) for name in names)

    rows: tuple[tuple[bool, Kind, str], ...] = (
        (any_name(r"(.+/)?[^/]*\.graph\.json"), "graph", "a zipped graph file of DeepMetal"),
        (any_name(r"(.+/)?models/.*\.json|serialized_exported_program\.json"), "pt2", "a torch.export archive (.pt2)"),
        (any_name(r"[^/]+/(code/.*|constants\.pkl)"), "torchscript", "a TorchScript archive (torch.jit.save)"),
        (any_name(r"[^/]+/data\.pkl"), "torch", "a PyTorch file"),
        (any_name(r"(.+/)?model\.weights\.h5"), "keras", "a Keras model (.keras)"),
        (any_name(r"(.+/)?saved_model\.pb"), "savedmodel", "a zipped TensorFlow SavedModel"),
        (any_name(r"[^/]+\.npy"), "numpy", "a NumPy .npz file"),
        (any_name(r"(?i).*\.onnx"), "onnx-zip", "a zip archive with an ONNX model inside"),
    )
    return next((Detected(kind, detail) for holds, kind, detail in rows if holds), Detected("zip", "a zip archive"))


def _names_at_end(path: Path) -> set[str]:
    """Names that the table of contents seems to hold, whatever else is wrong with the file: good enough for a guess."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(300)
        file.seek(max(0, size - (1 << 17)))
        tail = file.read()
    entries = (tail[m.start() : m.start() + 46 + 512] for m in re.finditer(rb"PK\x01\x02", tail))
    names = {e[46 : 46 + int.from_bytes(e[28:30], "little")].decode("utf-8", "replace") for e in entries}
    return names | ({"?/data.pkl"} if b"/data.pkl" in head else set())


_MOST_TABLE = 100 << 20  # bytes of a safetensors file's table, as its own library limits it


# -- text ---------------------------------------------------------------------------------------------------------


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < 4096:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)


def _text(head: bytes) -> Detected:
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    lower = start[:200].lower()
    if start.startswith(b"{") and re.search(rb'"schema"\s*:\s*"deepmetal\.graph/', start):
        return Detected("graph", "a graph file of DeepMetal")
    rows = (
        (lower.startswith((b"<!doctype html", b"<html", b"<head")), "a web page"),
        (lower.startswith(b"version https://git-lfs"), "a Git LFS pointer, not the file itself (git lfs pull)"),
        (lower.startswith(b"<"), "an XML text"),
        (lower.startswith((b"{", b"[")), "a JSON text"),
        (bool(re.match(rb"(import|from|class|def|#!.*python)\b", start)), "a Python source file"),
    )
    return Detected("text", next((detail for holds, detail in rows if holds), "a text file"))


def _missing_of_safetensors(head: bytes, size: int) -> int | None:
    """How many bytes of its table are missing; None: the file is none. It begins with the table's length, then JSON."""
    length = int.from_bytes(head[:8], "little")
    if not 2 <= length <= _MOST_TABLE or head[8:9] != b"{" or head[9:10] not in (b'"', b"}", b" "):
        return None
    return max(0, length + 8 - size)

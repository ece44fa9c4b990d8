"""ONNX tensors whose bytes lie in another file: found in the archive that the model came in, or refused.

The onnx package's own loader opens whatever path a model names, so it never gets to see such a model: the bytes are put
into it here, from members of the same zip and from nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import prod

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from compiler.errors import ModelError
from compiler.importers.archive import Archive

MAX_BYTES = 1 << 30  # of all tensors together: one region may be named by many
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEYS = ("location", "offset", "length")
_PACKED_BITS: Mapping[int, int] = {
    TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.FLOAT4E2M1: 4, TensorProto.INT2: 2, TensorProto.UINT2: 2,
}  # fmt: skip


def external_tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of the model, in whatever graph, function or attribute, whose bytes are elsewhere."""
    return (t for t in _tensors(model) if t.data_location == TensorProto.EXTERNAL)


def embed(model: ModelProto, archive: Archive, folder: str) -> None:
    """Put all bytes into the model. `folder` is where the model lies in the archive: "" or "a/b"."""
    files: dict[str, memoryview] = {}
    total = 0
    for tensor in external_tensors(model):
        where = f"{archive.where}: tensor '{tensor.name[:80]}'"
        location, offset, length = _place(tensor, where)
        name = _member(location, folder, archive, where)
        if name not in files:
            files[name] = memoryview(archive.read(name))
        total += length
        if offset + length > len(files[name]):
            raise ModelError(
                "E0191",
                f"the tensor's bytes lie outside of '{name[:80]}'",
                where=where,
                facts={"offset": str(offset), "bytes": str(length), "file": f"{len(files[name])} bytes"},
                help="pack the model and the data file of the same export",
            )
        if total > MAX_BYTES:
            raise ModelError("E0191", f"the tensors have more than {MAX_BYTES} bytes together", where=where)
        tensor.raw_data = bytes(files[name][offset : offset + length])
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _place(tensor: TensorProto, where: str) -> tuple[str, int, int]:
    """Location, offset and length that the tensor states; its own size where it states no length."""
    entries = [(e.key, e.value) for e in tensor.external_data if e.key in _KEYS]
    found = dict(entries)
    numbers = [found.get(key) for key in ("offset", "length")]
    sound = len(found) == len(entries) and all(n is None or _NUMBER.fullmatch(n) for n in numbers)
    if not found.get("location") or not sound:
        raise ModelError("E0191", "the tensor does not say where its bytes are", where=where, help="export it again")
    size = _size(tensor, where)
    offset, length = int(numbers[0] or 0), size if numbers[1] is None else int(numbers[1])
    if length != size:
        raise ModelError(
            "E0191",
            f"the tensor states {length} bytes and needs {size}",
            where=where,
            help="export the model again",
        )
    return found["location"], offset, length


def _size(tensor: TensorProto, where: str) -> int:
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, ValueError, TypeError):
        dtype = np.dtype(object)
    if dtype.hasobject or any(n < 0 for n in tensor.dims):
        raise ModelError("E0191", "the tensor has an impossible type or shape", where=where)
    bits = _PACKED_BITS.get(tensor.data_type, 8 * dtype.itemsize)
    return -(-int(prod(tensor.dims)) * int(bits) // 8)


def _member(location: str, folder: str, archive: Archive, where: str) -> str:
    """The member of the archive that is meant: beside the model or below it."""
    parts = location.removeprefix("./").split("/")
    if not location.isprintable() or "\\" in location or ":" in location or any(p in ("", ".", "..") for p in parts):
        raise ModelError(
            "E0194",
            f"the model names its data as {location[:80]!r}",
            where=where,
            help="only files in the same archive are read, by a plain relative path below the model's own folder",
        )
    name = "/".join([*filter(None, [folder]), *parts])
    if name not in archive.members:
        held = [m for m in archive.members if m != name][:20]
        raise ModelError(
            "E0190",
            f"the data file '{name[:80]}' is not in the archive",
            where=where,
            facts={"the archive holds": ", ".join(m[:60] for m in held)},
            help="put it into the zip beside the model, under the very name it was exported with",
        )
    return name


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    graphs: list[GraphProto] = [model.graph]
    nodes: list[Iterable[NodeProto]] = [f.node for f in model.functions]
    for info in model.training_info:
        graphs += [info.initialization, info.algorithm]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.append(graph.node)
        for node in nodes.pop() if nodes else ():
            for attribute in node.attribute:
                yield from _of_attribute(attribute)
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
                graphs += attribute.graphs


def _of_attribute(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
    for each in (*sparse, *attribute.sparse_tensors):
        yield from (each.values, each.indices)

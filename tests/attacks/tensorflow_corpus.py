"""Hostile TensorFlow Lite, Keras and TensorFlow files: they promise too much, point elsewhere, or hold code.

`CASES` maps a file's name to the codes it may be refused with and a function that makes its bytes.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[], bytes]
CASES: dict[str, tuple[frozenset[str], Make]] = {}
EMPTY_HDF5 = Path(__file__).parents[1] / "importers" / "data" / "empty.weights.h5"


def case(name: str, *codes: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        CASES[name] = (frozenset(codes), make)
        return make

    return register


# -- TensorFlow Lite: a root table whose fields point where they please ------------------------------------------------


def tflite(slots: dict[int, int], tail: bytes = b"") -> bytes:
    """A root table with these fields (32 bits each, offsets from their own place), then `tail`."""
    count = max(slots, default=0) + 1
    vtable = struct.pack("<HH", 4 + 2 * count, 4 + 4 * count)
    vtable += b"".join(struct.pack("<H", 4 + 4 * i if i in slots else 0) for i in range(count))
    vtable += bytes(-len(vtable) % 4)
    root = 8 + len(vtable)
    table = struct.pack("<i", root - 8) + b"".join(struct.pack("<I", slots.get(i, 0)) for i in range(count))
    return struct.pack("<I", root) + b"TFL3" + vtable + table + tail


case("tflite-nothing.tflite", "E0160")(lambda: struct.pack("<I", 8) + b"TFL3")
case("tflite-root-outside.tflite", "E0160")(lambda: struct.pack("<I", 1 << 31) + b"TFL3" + bytes(64))
case("tflite-root-into-header.tflite", "E0160")(lambda: struct.pack("<I", 0) + b"TFL3" + bytes(64))
case("tflite-no-graph.tflite", "E0160")(lambda: tflite({0: 3}))
case("tflite-vector-outside.tflite", "E0160")(lambda: tflite({2: 1 << 30}))
case("tflite-vector-too-long.tflite", "E0160")(lambda: tflite({2: 4}, struct.pack("<I", 0xFFFFFFFF)))
case("tflite-itself.tflite", "E0160", "E0164")(lambda: tflite({2: 4}, struct.pack("<I", 1) + struct.pack("<i", -4)))


@case("tflite-many-names.tflite", "E0160", "E0164")
def _many() -> bytes:
    """A vector of 100,000 tables that are all the same one."""
    count = 100_000
    entries = b"".join(struct.pack("<I", 4 * (count - i)) for i in range(count))
    return tflite({2: 4}, struct.pack("<I", count) + entries + struct.pack("<i", 4) + bytes(64))


# -- Keras ------------------------------------------------------------------------------------------------------------


def keras(config: Any, weights: bytes | None = None, **more: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        archive.writestr("model.weights.h5", EMPTY_HDF5.read_bytes() if weights is None else weights)
        for name, content in more.items():
            archive.writestr(name, content)
    return data.getvalue()


def chain(*layers: dict[str, Any], shape: Any = (None, 4)) -> dict[str, Any]:
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": list(shape)}}
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *layers]}}


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": "l", **config}}


_CODE = {"class_name": "__lambda__", "config": {"code": "YwEAAAAAAAAAAAAAAAQAAAADAAAA", "defaults": None}}
case("keras-lambda.keras", "E0166")(lambda: keras(chain(layer("Lambda", function=_CODE))))
case("keras-import.keras", "E0166")(
    lambda: keras(chain(layer("Popen") | {"module": "subprocess", "registered_name": "Popen"}))
)
case("keras-custom-model.keras", "E0166")(lambda: keras({"class_name": "os.system", "config": {}, "module": "os"}))
case("keras-no-json.keras", "E0165")(lambda: keras(b"\xff\xfe{"))
case("keras-deep.keras", "E0165")(lambda: keras(b'{"a":' * 5_000 + b"1" + b"}" * 5_000))
case("keras-list.keras", "E0165")(lambda: keras([1, 2]))
case("keras-huge-input.keras", "E0165", "E0310", "E0308")(lambda: keras(chain(shape=(None, 1 << 30, 1 << 30))))
case("keras-huge-reshape.keras", "E0165")(lambda: keras(chain(layer("Reshape", target_shape=[1 << 40]))))
case("keras-huge-repeat.keras", "E0310")(lambda: keras(chain(layer("RepeatVector", n=1 << 40))))
case("keras-huge-padding.keras", "E0310")(
    lambda: keras(chain(layer("ZeroPadding1D", padding=[1 << 40, 1 << 40]), shape=(None, 4, 4)))
)
case("keras-words-for-numbers.keras", "E0165")(lambda: keras(chain(layer("Dense", units="many"))))
case("keras-missing-weights.keras", "E0168")(lambda: keras(chain(layer("Dense", units=3))))
case("keras-no-hdf5.keras", "E0167")(lambda: keras(chain(layer("ReLU")), b"nothing"))
case("keras-hdf5-cut.keras", "E0167")(lambda: keras(chain(layer("Dense", units=3)), EMPTY_HDF5.read_bytes()[:100]))
case("keras-bare-hdf5.h5", "E0165")(lambda: EMPTY_HDF5.read_bytes())


@case("keras-itself.keras", "E0165")
def _itself() -> bytes:
    """Models inside each other without end."""
    config = chain(layer("ReLU"))
    for _ in range(60):
        config = chain({**config, "config": {**config["config"], "name": "l"}})
    return keras(config)


@case("keras-hdf5-circle.keras", "E0167")
def _circle() -> bytes:
    """The tree of the root group is its own child."""
    data = bytearray(EMPTY_HDF5.read_bytes())
    at = data.index(b"TREE")
    data[at + 5] = 1  # a level above the leaves
    data[at + 6 : at + 8] = struct.pack("<H", 1)
    data[at + 32 : at + 40] = struct.pack("<Q", at)
    return keras(chain(layer("Dense", units=3)), bytes(data))


# -- TensorFlow -------------------------------------------------------------------------------------------------------


def _field(number: int, data: bytes) -> bytes:
    assert len(data) < 1 << 14
    return bytes([number << 3 | 2, len(data) & 0x7F | 0x80, len(data) >> 7]) + data


def node(name: str, op: str, *inputs: str) -> bytes:
    parts = [_field(1, name.encode()), _field(2, op.encode()), *(_field(3, i.encode()) for i in inputs)]
    return _field(1, b"".join(parts))


def graph(*ops: str) -> bytes:
    """x -> each operation in turn."""
    names = ["x", *(f"n{i}" for i in range(len(ops)))]
    links = zip(names[1:], ops, names, strict=False)
    return node("x", "Placeholder") + b"".join(node(name, op, source) for name, op, source in links)


def saved_model(*ops: str) -> bytes:
    signature = _field(1, b"serving_default") + _field(2, b"")
    meta = _field(2, graph(*ops)) + _field(5, signature)
    return b"\x08\x01" + _field(2, meta)


def zipped(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_pb", ".pb"), content)
    return data.getvalue()


for _op in ("ReadFile", "WriteFile", "PyFunc", "MatchingFiles", "LoadDataset", "DecodeCSV", "Print", "OpNobodyKnows"):
    case(f"tensorflow-{_op.lower()}.pb", "E0171")(lambda op=_op: graph(op))  # type: ignore[misc]
    case(f"tensorflow-{_op.lower()}.zip", "E0171")(  # type: ignore[misc]
        lambda op=_op: zipped(m__saved_model_pb=saved_model(op))
    )
case("tensorflow-alone.pb", "E0173")(lambda: saved_model("Relu"))
case("tensorflow-two.zip", "E0173")(
    lambda: zipped(a__saved_model_pb=saved_model("Relu"), b__saved_model_pb=saved_model("Relu"))
)
case("tensorflow-cut.zip", "E0172")(lambda: zipped(m__saved_model_pb=saved_model("Relu")[:20]))
case("tensorflow-no-signature.zip", "E0172")(
    lambda: zipped(m__saved_model_pb=b"\x08\x01" + _field(2, _field(2, graph("Relu"))))
)

"""What is fuzzed: for each kind of file some good ones to start from, how to damage them, what is done with them."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx

from compiler.errors import ModelError
from compiler.graph.disk import Stored, write
from compiler.importers.detect import detect, require_supported
from compiler.importers.formats.base import formats
from compiler.importers.onnx import import_onnx
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import load
from tests.fuzz.mutate import bytes_changed, json_changed, zip_changed, zipped
from tests.fuzz.mutate_onnx import onnx_changed

NAME = "model.file"
SEEDS = Path(__file__).parent / "seeds"
Mutate = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Target:
    """`load`: also import the whole model, which for some formats needs the framework and seconds."""

    seeds: Callable[[], list[bytes]]
    mutate: Mutate = bytes_changed
    load: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def attempt(self, path: Path) -> str:
        """The code of the ModelError, or "" for a model that is accepted. Anything else is a finding."""
        options = CompileOptions.model_validate(dict(self.options))
        try:
            kind = require_supported(path, name=NAME).kind
            formats()[kind].inspect(path, options, NAME)
            if self.load:
                load(path, options, NAME)
        except ModelError as error:
            return error.code
        return ""


@dataclass(frozen=True)
class Detection(Target):
    """Only the look at what a file is."""

    def attempt(self, path: Path) -> str:
        try:
            return detect(path).kind
        except ModelError as error:
            return error.code


# -- seeds --------------------------------------------------------------------------------------------------------


def _onnx() -> list[bytes]:
    from tests.attacks.onnx_corpus import floats, ints, model, node, value

    image, row = value("x", (1, 2, 6, 6)), value("x", (1, 4))
    made = [
        model(
            [
                node("Conv", ("x", "w"), ("c",), pads=[1, 1, 1, 1], strides=[2, 2]),
                node("Relu", ("c",), ("r",)),
                node("MaxPool", ("r",), ("p",), kernel_shape=[2, 2]),
                node("Reshape", ("p", "s"), ("f",)),
                node("Gemm", ("f", "g"), ("y",), transB=1),
            ],
            [floats("w", 3, 2, 3, 3), ints("s", 1, -1), floats("g", 2, 12)],
            x=image,
        ),
        model(
            [
                node("Split", ("x",), ("a", "b"), axis=1, num_outputs=2),
                node("Concat", ("b", "a"), ("c",), axis=1),
                node("Transpose", ("c",), ("t",), perm=[1, 0]),
                node("Softmax", ("t",), ("y",), axis=0),
            ],
            x=row,
        ),
        model([node("Pad", ("x", "p"), ("q",)), node("Clip", ("q",), ("y",))], [ints("p", 0, 1, 0, 2)], x=row),
    ]
    return [m.SerializeToString() for m in made if not isinstance(m, bytes)]


def _onnx_zip() -> list[bytes]:
    from onnx import TensorProto

    from tests.attacks.onnx_corpus import model, node

    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 4], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", "w.bin"), ("offset", "4"), ("length", "16")):
        tensor.external_data.add(key=key, value=text)
    made = model([node("Add", ("x", "w"))], [tensor])
    return [zipped([("m/m.onnx", made.SerializeToString()), ("m/w.bin", bytes(24))])]  # type: ignore[union-attr]


def _graphs() -> list[bytes]:
    """The same models as graph files, and one of them optimised."""
    graphs = [import_onnx(onnx.load_model_from_string(content), {}) for content in _onnx()]
    written = [write(Stored(graph), "m.weights.bin") for graph in (*graphs, optimize(graphs[0]).graph)]
    return [zipped([("m.graph.json", w.json), ("m.weights.bin", w.weights)]) for w in written]


def _torch() -> list[bytes]:
    from tests.attacks.assemble import linear, module, sequential, torch_file

    return [torch_file(sequential(linear(), module("activation.ReLU", inplace=False))), torch_file(linear())]


def _saved(how: Callable[[Any, Any, io.BytesIO], None]) -> list[bytes]:
    """Small networks as PyTorch itself writes them."""
    import torch

    torch.manual_seed(0)
    models = [
        torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)),
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
            torch.nn.Linear(2, 2),
        ),
    ]  # fmt: skip
    found = []
    for model, shape in zip(models, ((1, 4), (1, 1, 4, 4)), strict=True):
        file = io.BytesIO()
        how(torch, (model.eval(), torch.zeros(shape)), file)
        found.append(file.getvalue())
    return found


def _safetensors() -> list[bytes]:
    head = {"a.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
            "a.bias": {"dtype": "F32", "shape": [3], "data_offsets": [48, 60]}}  # fmt: skip
    table = json.dumps(head).encode()
    return [struct.pack("<Q", len(table)) + table + np.arange(15, dtype="<f4").tobytes()]


def _safetensors_changed(data: bytes, chance: Random) -> bytes:
    """The table as JSON, its length corrected; or any byte."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data) or chance.random() < 0.2:
        return bytes_changed(data, chance)
    table = json_changed(data[8 : 8 + length], chance)
    return struct.pack("<Q", len(table)) + table + data[8 + length :]


def _stored(suffix: str) -> list[bytes]:
    """What make_seeds.py wrote with TensorFlow."""
    return [path.read_bytes() for path in sorted(SEEDS.glob(f"*{suffix}"))]


def _everything() -> list[bytes]:
    made = [*_stored(""), *_onnx(), *_onnx_zip(), *_graphs(), *_torch(), *_safetensors()]
    return [*made, b'{"schema": "deepmetal.graph/1"}', b"<html>"]


TARGETS: dict[str, Target] = {
    "detect": Detection(_everything, zip_changed),
    "onnx": Target(_onnx, onnx_changed),
    "onnx-zip": Target(_onnx_zip, zip_changed),
    "graph": Target(_graphs, zip_changed),
    "torch": Target(_torch, zip_changed, load=False),
    "safetensors": Target(_safetensors, _safetensors_changed, load=False),
    "torchscript": Target(
        partial(_saved, lambda torch, m, file: torch.jit.save(torch.jit.trace(*m), file)), zip_changed, load=False
    ),
    "pt2": Target(
        partial(_saved, lambda torch, m, file: torch.export.save(torch.export.export(m[0], (m[1],)), file)),
        zip_changed,
        load=False,
    ),
    "tflite": Target(partial(_stored, ".tflite")),
    "keras": Target(partial(_stored, ".keras"), zip_changed),
    "hdf5": Target(partial(_stored, ".h5")),
    "savedmodel": Target(partial(_stored, ".savedmodel.zip"), zip_changed, load=False),
    "graphdef": Target(partial(_stored, ".pb"), load=False),
}


def available() -> list[str]:
    """Targets whose format this version reads."""
    return [name for name in TARGETS if name == "detect" or name in formats()]

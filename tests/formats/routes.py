"""Every way in which people bring one network: the file, and the options that belong to it."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import tensorflow_models
from tests.support.networks import Network, networks

NAMES = ("mlp", "lenet", "ds_cnn", "resnet8", "mobilenet_v1", "lstm", "gru", "transformer")
# What a pickle can hold without code: stock modules alone. The others are classes of the user's.
STOCK = frozenset({"mlp", "lenet", "ds_cnn", "mobilenet_v1"})


@dataclass(frozen=True)
class File:
    path: Path
    options: Mapping[str, Any] = field(default_factory=dict)


Write = Callable[[str, Network, Path], File]


def _whole(name: str, network: Network, path: Path) -> File:
    import torch

    torch.save(network.module(), path)
    return File(path, {"shape": {"": network.shapes[0]}})


def _script(scripted: bool) -> Write:
    def write(name: str, network: Network, path: Path) -> File:
        import torch

        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            module = network.module()
            made = torch.jit.script(module) if scripted else torch.jit.trace(module, network.examples())
            torch.jit.save(made, path)
        return File(path, {"shape": {"": network.shapes[0]}} if scripted else {})

    return write


def _program(name: str, network: Network, path: Path) -> File:
    import torch

    with warnings.catch_warnings(), torch.no_grad(), path.open("wb") as file:
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(network.module(), network.examples()), file)
    return File(path)


def _onnx(name: str, network: Network, path: Path) -> File:
    import torch

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(network.module(), network.examples(), dynamo=True, verbose=False)
    assert program is not None
    path.write_bytes(program.model_proto.SerializeToString())
    return File(path)


def _listed(name: str) -> dict[str, Any]:
    from tests.support.layer_lists import architecture

    return {"architecture": architecture(name).model_dump(by_alias=True)}


def _state(name: str, network: Network, path: Path) -> File:
    import torch

    torch.save(network.module().state_dict(), path)
    return File(path, _listed(name))


def _safetensors(name: str, network: Network, path: Path) -> File:
    kinds = {"torch.float32": "F32", "torch.int64": "I64"}
    table: dict[str, Any] = {}
    data = b""
    for key, tensor in network.module().state_dict().items():
        raw = tensor.numpy().tobytes()
        place = [len(data), len(data) + len(raw)]
        table[key] = {"dtype": kinds[str(tensor.dtype)], "shape": list(tensor.shape), "data_offsets": place}
        data += raw
    head = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    return File(path, _listed(name))


def _tensorflow(ending: str) -> Write:
    def find(name: str, network: Network, path: Path) -> File:
        return File(tensorflow_models.networks() / f"{name}.{ending}")

    return find


TORCH: dict[str, Write] = {
    "pth": _whole,
    "traced": _script(False),
    "scripted": _script(True),
    "pt2": _program,
    "onnx": _onnx,
    "state": _state,
    "safetensors": _safetensors,
}
TENSORFLOW: dict[str, Write] = {
    "keras": _tensorflow("keras"),
    "h5": _tensorflow("h5"),
    "savedmodel": _tensorflow("zip"),
    "pb": _tensorflow("pb"),
    "tflite": _tensorflow("tflite"),
}
ROUTES = TORCH | TENSORFLOW


def possible(name: str, route: str) -> bool:
    """Can the framework write this network that way, as plain data?"""
    return route != "pth" or name in STOCK


def made(name: str, route: str, folder: Path) -> File:
    """The network's file; PyTorch's are written now, TensorFlow's were."""
    return ROUTES[route](name, networks()[name], folder / f"{name}.{route}")

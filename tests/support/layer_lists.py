"""The networks of `networks.py` as lists of layers: what a user gives beside a state dict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compiler.layer_list import Architecture
from tests.support.networks import networks

Entry = dict[str, Any]


def layer(type: str, name: str = "", read: Sequence[str] | None = None, **args: Any) -> Entry:
    """One entry of the list."""
    return {"type": type, "name": name, "args": args} | ({"from": list(read)} if read else {})


def numbered(*layers: Entry) -> list[Entry]:
    """The layers of a Sequential: named by their number."""
    return [entry | {"name": str(i)} for i, entry in enumerate(layers)]


def mlp() -> list[Entry]:
    relu, linear = layer("ReLU"), layer("Linear")
    return numbered(layer("Flatten"), linear, relu, linear, relu, linear)


def lenet() -> list[Entry]:
    relu, linear, pool = layer("ReLU"), layer("Linear"), layer("MaxPool2d", kernel_size=2)
    return numbered(
        layer("Conv2d", padding=2), relu, pool, layer("Conv2d"), relu, pool,
        layer("Flatten"), linear, relu, linear, relu, linear,
    )  # fmt: skip


def _normed(*layers: Entry) -> list[Entry]:
    return [*layers, layer("BatchNorm2d"), layer("ReLU")]


def ds_cnn() -> list[Entry]:
    layers = _normed(layer("ZeroPad2d", padding=[1, 1, 4, 5]), layer("Conv2d", stride=2))
    for _ in range(4):
        layers += _normed(layer("Conv2d", padding=1)) + _normed(layer("Conv2d"))
    pool = layer("AvgPool2d", kernel_size=[25, 5])
    return numbered(*layers, layer("Dropout"), pool, layer("Flatten"), layer("Linear"), layer("Softmax", dim=1))


def resnet8() -> list[Entry]:
    layers = [layer("Conv2d", "stem.0", padding=1), layer("BatchNorm2d", "stem.1"), layer("ReLU", "y0")]
    for i, stride in enumerate((1, 2, 2)):
        x, y = f"y{i}", f"y{i + 1}"
        layers += [
            layer("Conv2d", f"first.{i}.0", [x], stride=stride, padding=1),
            layer("BatchNorm2d", f"first.{i}.1"),
            layer("ReLU"),
            layer("Conv2d", f"second.{i}.0", padding=1),
            layer("BatchNorm2d", f"second.{i}.1"),
        ]
        short = x
        if stride == 2:
            short = f"short.{i}"
            layers.append(layer("Conv2d", short, [x], stride=2))
        layers += [layer("Add", f"sum{i}", [f"second.{i}.1", short]), layer("ReLU", y)]
    return [
        *layers, layer("AvgPool2d", kernel_size=8), layer("Flatten"), layer("Linear", "head"), layer("Softmax", dim=1),
    ]  # fmt: skip


def mobilenet_v1() -> list[Entry]:
    layers = _normed(layer("Conv2d", stride=2, padding=1))
    for stride in (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1):
        layers += _normed(layer("Conv2d", stride=stride, padding=1)) + _normed(layer("Conv2d"))
    pool = layer("AdaptiveAvgPool2d", output_size=1)
    return numbered(*layers, pool, layer("Flatten"), layer("Linear"), layer("Softmax", dim=1))


def lstm() -> list[Entry]:
    return [layer("LSTM", "lstm", batch_first=True), layer("Select", dim=1, index=-1), layer("Linear", "head")]


def gru() -> list[Entry]:
    return [layer("GRU", "gru", batch_first=True), layer("Mean", dim=1), layer("Linear", "head")]


def transformer() -> list[Entry]:
    layers, x = [], "input"
    for i in range(2):
        b = f"blocks.{i}"
        layers += [
            layer("LayerNorm", f"{b}.before", [x]),
            layer("Linear", f"{b}.joined"),
            layer("Reshape", f"{b}.heads", shape=[1, 10, 3, 2, 8]),
        ]
        for number, part in enumerate("qkv"):
            layers.append(layer("Select", f"{b}.{part}5", [f"{b}.heads"], dim=2, index=number))
            layers.append(layer("Permute", f"{b}.{part}", dims=[0, 2, 1, 3]))
        layers += [
            layer("Attention", "", [f"{b}.q", f"{b}.k", f"{b}.v"]),
            layer("Permute", dims=[0, 2, 1, 3]),
            layer("Reshape", shape=[1, 10, 16]),
            layer("Linear", f"{b}.out"),
            layer("Add", f"{b}.attended", [x, f"{b}.out"]),
            layer("LayerNorm", f"{b}.between"),
            layer("Linear", f"{b}.up"),
            layer("GELU"),
            layer("Linear", f"{b}.down"),
            layer("Add", f"{b}.sum", [f"{b}.attended", f"{b}.down"]),
        ]
        x = f"{b}.sum"
    return [*layers, layer("LayerNorm", "norm"), layer("Mean", dim=1), layer("Linear", "head")]


def encoder() -> list[Entry]:
    return [layer("TransformerEncoder", nhead=2, batch_first=True, activation="gelu")]


def two() -> list[Entry]:
    return [
        layer("Linear", "left", ["a"]),
        layer("Linear", "right", ["b"]),
        layer("Concatenate", "joined", ["left", "right"], dim=1),
        layer("Multiply", "product", ["left", "right"]),
        layer("Sum", "sum", dim=1, keepdim=True),
    ]


_LISTS = {
    "mlp": mlp, "lenet": lenet, "ds_cnn": ds_cnn, "resnet8": resnet8, "mobilenet_v1": mobilenet_v1, "lstm": lstm,
    "gru": gru, "transformer": transformer, "encoder": encoder, "two": two,
}  # fmt: skip


def architecture(name: str) -> Architecture:
    """The architecture of a network of `networks()`."""
    shapes = networks()[name].shapes
    document: dict[str, Any] = {"layers": _LISTS[name]()}
    if name == "two":
        document |= {"inputs": dict(zip("ab", map(list, shapes), strict=True)), "outputs": ["joined", "sum"]}
    else:
        document["input"] = list(shapes[0])
    return Architecture.model_validate(document)

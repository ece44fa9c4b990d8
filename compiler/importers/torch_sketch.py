"""The ONNX form of a plain PyTorch model without PyTorch: enough for an estimate, in milliseconds instead of seconds.

Only for layers whose export is one operator, or none. What is compiled goes through torch.export; that both need
the same memory is tested for every layer here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compiler.importers.torch_blueprint import Layer
from compiler.importers.torch_build import Store
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_input import INPUT, run_shapes
from compiler.importers.torch_shapes import axis, each

OUTPUT = "output"
OPSET = 20


class _Other(Exception):
    """A layer, or an option of one, that is not sketched."""


@dataclass
class _Sketch:
    tensors: Store
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    known: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, name: str, array: Any) -> str:
        self.known[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def parameter(self, layer: Layer, name: str, at: str, absent: Any = None) -> str:
        """A parameter or buffer by name; "" where the layer has none and nothing stands in for it."""
        ref = layer.parameters.get(name) or layer.buffers.get(name)
        if ref is not None:
            return self.constant(f"{at}.{name}", self.tensors.array(ref))
        return "" if absent is None else self.constant(f"{at}.{name}", absent)

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        given = {name: value for name, value in attributes.items() if value is not None}
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **given))


def sketch(layers: Sequence[Layer], tensors: Store, shape: Shape) -> onnx.ModelProto | None:
    """None when a layer is not among those below."""
    made = _Sketch(tensors)
    name, x = INPUT, shape
    try:
        for i, (layer, (y, *_)) in enumerate(zip(layers, run_shapes(list(layers), shape), strict=True)):
            draw = _DRAWN.get(layer.kind.name) if layer.kind else None
            if draw is None:
                return None
            before = len(made.nodes)
            draw(made, layer, name, f"y{i}", x, y)
            name, x = (f"y{i}" if len(made.nodes) > before else name), y
    except _Other:
        return None
    made.add("Identity", [name], OUTPUT)
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, x)]
    graph = helper.make_graph(made.nodes, "model", inputs, outputs, list(made.known.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


Draw = Callable[[_Sketch, Layer, str, str, Shape, Shape], None]


def _linear(s: _Sketch, layer: Layer, x: str, y: str, x_shape: Shape, _: Shape) -> None:
    if len(x_shape) != 2:
        raise _Other
    s.add("Gemm", [x, s.parameter(layer, "weight", y), s.parameter(layer, "bias", y)], y, transB=1)


def _conv(s: _Sketch, layer: Layer, x: str, y: str, x_shape: Shape, _: Shape) -> None:
    o, rank = layer.options, len(x_shape) - 2
    if o["padding"] == "same" or o["padding_mode"] != "zeros":
        raise _Other
    pads = (0,) * rank if o["padding"] == "valid" else each(o["padding"], rank)
    zeros = np.zeros(o["out_channels"], np.float32)  # what the exporter gives a convolution without a bias
    s.add(
        "Conv",
        [x, s.parameter(layer, "weight", y), s.parameter(layer, "bias", y, zeros)],
        y,
        kernel_shape=each(o["kernel_size"], rank),
        strides=each(o["stride"], rank),
        dilations=each(o["dilation"], rank),
        pads=pads * 2,
        group=o["groups"],
    )


def _batch_norm(s: _Sketch, layer: Layer, x: str, y: str, x_shape: Shape, _: Shape) -> None:
    if layer.buffers.get("running_mean") is None:
        raise _Other
    ones, zeros = np.ones(x_shape[1], np.float32), np.zeros(x_shape[1], np.float32)
    absent: Mapping[str, Any] = {"weight": ones, "bias": zeros}
    names = ("weight", "bias", "running_mean", "running_var")
    inputs = [s.parameter(layer, name, y, absent.get(name)) for name in names]
    s.add("BatchNormalization", [x, *inputs], y, epsilon=float(layer.options["eps"]))


def _pool(op: str) -> Draw:
    def draw(s: _Sketch, layer: Layer, x: str, y: str, x_shape: Shape, _: Shape) -> None:
        o, rank = layer.options, len(x_shape) - 2
        if o.get("divisor_override") is not None:
            raise _Other
        s.add(
            op,
            [x],
            y,
            kernel_shape=each(o["kernel_size"], rank),
            strides=each(o["kernel_size"] if o["stride"] is None else o["stride"], rank),
            pads=each(o["padding"], rank) * 2,
            dilations=each(o["dilation"], rank) if "dilation" in o else None,
            ceil_mode=int(o["ceil_mode"]),
            count_include_pad=int(o["count_include_pad"]) if "count_include_pad" in o else None,
        )

    return draw


def _global_average(s: _Sketch, layer: Layer, x: str, y: str, x_shape: Shape, y_shape: Shape) -> None:
    if any(n != 1 for n in y_shape[2:]) or len(x_shape) < 3:
        raise _Other
    s.add("GlobalAveragePool", [x], y)


def _reshape(s: _Sketch, layer: Layer, x: str, y: str, _: Shape, y_shape: Shape) -> None:
    s.add("Reshape", [x, s.constant(f"{y}.shape", np.array(y_shape, np.int64))], y)


def _clip(low: float, high: float) -> Draw:
    def draw(s: _Sketch, layer: Layer, x: str, y: str, _: Shape, __: Shape) -> None:
        bounds = [layer.options.get("min_val", low), layer.options.get("max_val", high)]
        ends = [s.constant(f"{y}.{i}", np.float32(bound)) for i, bound in enumerate(bounds)]
        s.add("Clip", [x, *ends], y)

    return draw


def _along(op: str) -> Draw:
    def draw(s: _Sketch, layer: Layer, x: str, y: str, x_shape: Shape, __: Shape) -> None:
        s.add(op, [x], y, axis=axis(layer.options["dim"], len(x_shape)))

    return draw


def _simple(op: str, **attributes: str) -> Draw:
    """`attributes`: ONNX name -> PyTorch option."""

    def draw(s: _Sketch, layer: Layer, x: str, y: str, _: Shape, __: Shape) -> None:
        s.add(op, [x], y, **{name: float(layer.options[option]) for name, option in attributes.items()})

    return draw


def _nothing(s: _Sketch, layer: Layer, x: str, y: str, _: Shape, __: Shape) -> None:
    """Does nothing when a model is evaluated."""


_DRAWN: dict[str, Draw] = {
    "Linear": _linear,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "MaxPool1d": _pool("MaxPool"),
    "MaxPool2d": _pool("MaxPool"),
    "AvgPool1d": _pool("AveragePool"),
    "AvgPool2d": _pool("AveragePool"),
    "AdaptiveAvgPool2d": _global_average,
    "Flatten": _reshape,
    "Unflatten": _reshape,
    "ReLU": _simple("Relu"),
    "ReLU6": _clip(0.0, 6.0),
    "Hardtanh": _clip(-1.0, 1.0),
    "LeakyReLU": _simple("LeakyRelu", alpha="negative_slope"),
    "Sigmoid": _simple("Sigmoid"),
    "Tanh": _simple("Tanh"),
    "Softmax": _along("Softmax"),
    "LogSoftmax": _along("LogSoftmax"),
    **dict.fromkeys(("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout"), _nothing),
}
KINDS = frozenset(_DRAWN)

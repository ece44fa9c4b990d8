"""Float classifiers quantised by us and by ONNX Runtime, and what that costs them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from compiler.graph.graph import Graph
from compiler.graph.types import Array
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map
from compiler.ops.requantize import Requantize
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.quant.stage import Files, stage
from compiler.source import load
from compiler.trace import Trace
from tests.support import photographs


@dataclass(frozen=True)
class ImageModel:
    """How a model takes pictures, and how it is quantised so that its answers stay."""

    size: int
    factor: float  # of a pixel
    options: Mapping[str, str]


AGREEMENT = 0.97  # share of the pictures to which the answer stays
# ic answers with small margins (6 % of the pictures have two classes within 0.1): 8 bits everywhere keep 96.4 % of its
# answers at best, so the tensors that hurt most take 16.
IMAGE_MODELS: Mapping[str, ImageModel] = {
    "vww": ImageModel(96, 1 / 255, {"quantizer": "standard"}),
    "ic": ImageModel(32, 1.0, {"quantizer": "thorough", "accuracy_budget": "38dB"}),
}
METHODS = ("MinMax", "Entropy", "Percentile")  # of ONNX Runtime's calibration
Logits = NDArray[np.float64]  # (samples, classes)


@dataclass(frozen=True)
class Judged:
    """A quantised model beside its float model."""

    agreement: float  # share of samples with the same answer
    by_class: dict[int, float]  # the same of the samples to which the float model gave this answer
    sqnr_db: float  # of the logits
    histogram: tuple[int, ...]  # its answers by class


def judged(got: Logits, want: Logits) -> Judged:
    answers, right = got.argmax(axis=1), want.argmax(axis=1)
    same = answers == right
    return Judged(
        float(same.mean()),
        {int(c): float(same[right == c].mean()) for c in np.unique(right)},
        float(10 * np.log10((want**2).sum() / max(((got - want) ** 2).sum(), 1e-300))),
        tuple(np.bincount(answers, minlength=want.shape[1]).tolist()),
    )


def without_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model up to its logits."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    last = made.graph.node[-1]
    if last.op_type == "Softmax":
        made.graph.output[0].name = last.input[0]
        del made.graph.node[-1]
    onnx.checker.check_model(made)
    return made


def in_onnxruntime(model: onnx.ModelProto, x: Array) -> Logits:
    """One sample at a time, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: one[None]})[0] for one in x]).astype(np.float64)


def photographs_for(name: str, model: onnx.ModelProto, calibration: int, count: int) -> tuple[Array, Array]:
    """Pictures to calibrate with, and others to judge with, as the model takes them."""
    how = IMAGE_MODELS[name]

    def taken(made: photographs.Pictures) -> Array:
        return made.astype(np.float32) * np.float32(how.factor)

    typical = photographs.pictures(photographs.drawn(calibration, np.random.default_rng(100)), how.size)
    judges = photographs.test_set(count, how.size, lambda p: in_onnxruntime(model, taken(p)).argmax(axis=1), 1)
    return taken(typical), taken(judges)


class _Reader:
    def __init__(self, name: str, x: Array) -> None:
        self._samples: Iterator[dict[str, Array]] = ({name: one[None]} for one in x)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._samples, None)


def quantized_by_onnxruntime(model: onnx.ModelProto, x: Array, method: str) -> onnx.ModelProto:
    """Static quantisation to QDQ: int8, per channel."""
    from onnxruntime import quantization as ort

    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "model.onnx", Path(folder) / "quantized.onnx"
        ort.shape_inference.quant_pre_process(model, source)
        ort.quantize_static(
            source,
            path,
            _Reader(model.graph.input[0].name, x),
            quant_format=ort.QuantFormat.QDQ,
            per_channel=True,
            activation_type=ort.QuantType.QInt8,
            weight_type=ort.QuantType.QInt8,
            calibrate_method=getattr(ort.CalibrationMethod, method),
        )
        return onnx.load(path)


def float_graph(model: onnx.ModelProto | Path) -> Graph:
    if isinstance(model, Path):
        return load(model, CompileOptions()).graph
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        return load(path, CompileOptions()).graph


def quantized_by_us(graph: Graph, calibration: Array, **options: Any) -> Graph:
    """The integer graph that `--precision int8 --calibration` compiles."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "typical.npy"
        np.save(path, calibration)
        chosen = CompileOptions.model_validate({"precision": "int8", **options})
        return optimize(stage(graph, chosen, Files(path), Trace()).graph).graph


def in_process(graph: Graph, x: Array) -> Logits:
    """The image's kernels, one sample at a time."""
    image, name = Jitted(lower(graph)), graph.inputs[0].name
    return np.concatenate([next(iter(image.run({name: one[None]}).values())) for one in x]).astype(np.float64)


def with_doubled_scales(graph: Graph) -> Graph:
    """An integer graph made wrong on purpose: every Requantize scales by twice what it should."""
    shifts: dict[str, Array] = {}
    for node in graph.nodes:
        tail = getattr(node.op, "tail", None)
        if isinstance(tail, Map) and any(isinstance(s.op, Requantize) for s in tail.steps):
            shift = node.value(len(node.inputs) - 1)
            shifts[shift.name] = graph.constants[shift.name] + 1
    assert shifts, "the graph has no integer layers"
    return replace(graph, constants={**graph.constants, **shifts})


def layers_in_integers(graph: Graph) -> Mapping[str, bool]:
    """For each convolution and dense layer: does it compute on integers?"""
    weighted = [n for n in graph.nodes if isinstance(n.op, (Conv, Dense))]
    return {n.name: n.value(0).type.dtype in ("int8", "int16") for n in weighted}

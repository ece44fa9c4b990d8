"""What TensorFlow Lite's interpreter computes layer by layer, and inputs to try it on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.support import tflite_oracle
from tests.support.tflite_oracle import Model, Step, Tensor

KERNELS: Mapping[str, Any] = {
    "default kernels": OpResolverType.BUILTIN,  # with XNNPACK
    "BUILTIN_REF": OpResolverType.BUILTIN_REF,
}
# How the interpreter of LiteRT 2.3 rounds on x86-64, found by computing each layer on its own operands, see
# `own_differences`: in double but for these operators. XNNPACK multiplies by a float32 factor and rounds to even, and
# its softmax is float32; the reference kernel of dense layers multiplies by a float64 factor.
ROUNDINGS: Mapping[str, Mapping[str, str]] = {
    "default kernels": dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX"), "float"),
    "BUILTIN_REF": {"FULLY_CONNECTED": "exact"},
}


def exposed(data: bytes) -> bytes:
    """The file with the result of every operator as an output: the interpreter keeps them, whatever delegate runs."""
    root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = root.subgraphs[0]
    graph.outputs = [int(op.outputs[0]) for op in graph.operators]
    builder = flatbuffers.Builder(len(data))
    builder.Finish(root.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class Interpreted:
    """The interpreter with these kernels, which shows every layer."""

    def __init__(self, data: bytes, kernels: str) -> None:
        self.model = tflite_oracle.read(data)
        self.kernels = kernels
        self._interpreter = Interpreter(model_content=exposed(data), experimental_op_resolver_type=KERNELS[kernels])
        self._interpreter.allocate_tensors()
        self._given = self._interpreter.get_input_details()[0]["index"]
        self._made = [detail["index"] for detail in self._interpreter.get_output_details()]

    def run(self, x: Any) -> dict[int, Any]:
        """Every computed tensor for each inference of `x`, by its number in the file."""
        model = self.model
        found = {s.output: np.empty((len(x), *model.tensors[s.output].shape[1:]), np.int8) for s in model.steps}
        for i in range(len(x)):
            self._interpreter.set_tensor(self._given, x[i : i + 1])
            self._interpreter.invoke()
            for step, index in zip(model.steps, self._made, strict=True):
                found[step.output][i] = self._interpreter.get_tensor(index)[0]
        return {model.inputs[0]: x, **found}

    def rounding(self, step: Step) -> str:
        return ROUNDINGS[self.kernels].get(step.kind, "double")


def own_steps(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    """How far this rounding of a layer is from what the interpreter made of the same operands, in steps."""
    tensor = model.tensors[step.output]
    made = tflite_oracle.OPERATORS[step.kind](model, step, values, rounding)
    return np.abs(np.clip(made, tensor.low, tensor.high).astype(np.int64) - values[step.output])


def own_differences(model: Model, step: Step, values: dict[int, Any], rounding: str) -> int:
    """The elements that differ."""
    return int(np.count_nonzero(own_steps(model, step, values, rounding)))


# -- inputs -------------------------------------------------------------------------------------------------------


def drawn(tensor: Tensor, count: int) -> dict[str, Any]:
    """Three kinds of inputs as the model stores them, together `count`: the same ones on every computer."""
    chance = np.random.default_rng(2026)
    shape = tensor.shape[1:]
    each = count // 3
    random = chance.integers(-128, 128, (count - 2 * each, *shape)).astype(np.int8)
    real = _crops(shape, each, chance) if len(shape) == 3 and shape[2] == 3 else _spectra(shape, each, chance)
    edge = np.stack([_boundary(shape, k, tensor.zero, chance) for k in range(each)]) if each else random[:0]
    return {"random": random, "natural": real, "boundary": edge}


@cache
def _photographs() -> tuple[Any, ...]:
    from sklearn.datasets import load_sample_images

    return tuple(load_sample_images().images)


def _crops(shape: tuple[int, ...], count: int, chance: np.random.Generator) -> Any:
    """Parts of scikit-learn's two photographs, mirrored or not, as pixels minus 128."""
    made = np.empty((count, *shape), np.int8)
    for k in range(count):
        image = _photographs()[k % 2]
        step = int(chance.integers(1, min(image.shape[0] // shape[0], image.shape[1] // shape[1]) + 1))
        top, left = (int(chance.integers(0, n - step * m + 1)) for n, m in zip(image.shape, shape[:2], strict=False))
        part = image[top : top + step * shape[0] : step, left : left + step * shape[1] : step]
        made[k] = (part[:, :: 1 if k % 4 < 2 else -1].astype(np.int16) - 128).astype(np.int8)
    return made


def _spectra(shape: tuple[int, ...], count: int, chance: np.random.Generator) -> Any:
    """Numbers that change slowly along time and frequency, as spectra do."""
    flat = chance.normal(0, 1, (count, int(np.prod(shape))))
    smooth = np.apply_along_axis(lambda row: np.convolve(row, np.hanning(25), "same"), 1, flat)
    smooth *= chance.uniform(5, 40, (count, 1)) / smooth.std(axis=1, keepdims=True)
    level = chance.uniform(-60, 90, (count, 1))
    return np.clip(np.rint(smooth + level), -128, 127).astype(np.int8).reshape(count, *shape)


def _boundary(shape: tuple[int, ...], k: int, zero: int, chance: np.random.Generator) -> Any:
    """Constant ends and zeros first; then both ends mixed, one impulse, and steps by one around the zero point."""
    constants = (-128, 127, zero, -1, 0, 1)
    if k < len(constants):
        return np.full(shape, constants[k], np.int8)
    match k % 3:
        case 0:
            return chance.choice(np.array([-128, 127], np.int8), shape, p=(p := chance.uniform(), 1 - p))
        case 1:
            made = np.full(shape, zero, np.int8)
            made.reshape(-1)[chance.integers(made.size)] = chance.choice([-128, 127])
            return made
        case _:
            return np.clip(zero + chance.integers(-1, 2, shape), -128, 127).astype(np.int8)

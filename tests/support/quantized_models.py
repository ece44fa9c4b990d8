"""Small float networks as ONNX models, and the forms in which ONNX Runtime quantises them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime.quantization as ort
from onnx import numpy_helper

from compiler.graph.types import Array

Arrays = Mapping[str, Array]
SAMPLES = 8


@dataclass(frozen=True)
class Form:
    """How a float model is quantised."""

    name: str
    operators: bool = False  # QLinearConv and the like instead of pairs of Quantize and Dequantize
    activation: ort.QuantType = ort.QuantType.QInt8
    weight: ort.QuantType = ort.QuantType.QInt8
    per_channel: bool = True
    extra: tuple[tuple[str, bool], ...] = ()  # options of the quantiser
    steps: int = 1  # what a layer may be off

    def __str__(self) -> str:
        return self.name


U8, I8, I16, U16 = ort.QuantType.QUInt8, ort.QuantType.QInt8, ort.QuantType.QInt16, ort.QuantType.QUInt16
FORMS = (
    Form("int8_per_channel"),
    Form("int8_per_tensor_symmetric", per_channel=False, extra=(("ActivationSymmetric", True),)),
    Form("uint8_int8_per_channel", activation=U8),
    Form("uint8_asymmetric_weights", activation=U8, weight=U8, per_channel=False, extra=(("WeightSymmetric", False),)),
    Form("int16_symmetric", activation=I16, extra=(("UseQDQContribOps", True), ("ActivationSymmetric", True))),
    # sums of 16-bit numbers have multipliers of 16 bits: half a step where the zero point lies at an end of the range
    Form("int16_asymmetric", activation=I16, extra=(("UseQDQContribOps", True),), steps=2),
    Form("operators_uint8", operators=True, activation=U8, weight=U8, per_channel=False),
    Form("operators_int8", operators=True),
)


def parsed(text: str, weights: Mapping[str, Array]) -> onnx.ModelProto:
    """A model written in ONNX's text form, with its weights as initializers."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 20]> {text}')
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in weights.items())
    onnx.checker.check_model(model)
    return model


def _weights(seed: int, **shapes: tuple[int, ...]) -> dict[str, Array]:
    """Normal numbers; those of matrices and kernels keep the size of what they are applied to."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, shape in shapes.items():
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 4
        found[name] = (rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)
    return found


def residual() -> onnx.ModelProto:
    """A small residual network: batch norm behind a convolution, depthwise, Relu6, an addition, a pool, a Gemm."""
    weights = _weights(
        1, w1=(8, 3, 3, 3), b1=(8,), w2=(8, 1, 3, 3), b2=(8,), w3=(8, 8, 1, 1), b3=(8,), w4=(5, 8), b4=(5,)
    )
    rng = np.random.default_rng(2)
    weights |= {n: rng.uniform(0.5, 1.5, 8).astype(np.float32) for n in ("scale", "var")}
    weights |= {n: rng.standard_normal(8).astype(np.float32) * np.float32(0.1) for n in ("shift", "mean")}
    weights |= {"low": np.float32(0), "high": np.float32(6)}
    return parsed(
        """residual (float[1,3,12,12] x) => (float[1,5] y) {
            c1 = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w1, b1)
            n1 = BatchNormalization (c1, scale, shift, mean, var)
            r1 = Relu (n1)
            c2 = Conv <pads = [1,1,1,1], group = 8> (r1, w2, b2)
            r2 = Clip (c2, low, high)
            c3 = Conv (r2, w3, b3)
            a = Add (c3, r1)
            r3 = Relu (a)
            p = GlobalAveragePool (r3)
            f = Flatten (p)
            g = Gemm <transB = 1> (f, w4, b4)
            y = Softmax (g)
        }""",
        weights,
    )


def perceptron() -> onnx.ModelProto:
    """Matrix products in all spellings, and curves between them."""
    weights = _weights(3, w1=(12, 16), b1=(16,), w2=(10, 16), b2=(10,), w3=(10, 9), w4=(9, 6), b4=(6,))
    weights["w1"] *= np.float32(2)
    return parsed(
        """perceptron (float[4,12] x) => (float[4,6] y) {
            m1 = MatMul (x, w1)
            a1 = Add (m1, b1)
            s1 = Sigmoid (a1)
            g2 = Gemm <transB = 1, alpha = 0.5, beta = 2.0> (s1, w2, b2)
            h2 = HardSwish (g2)
            m3 = MatMul (h2, w3)
            t3 = Tanh (m3)
            e3 = Gelu (t3)
            g4 = Gemm (e3, w4, b4)
            y = LeakyRelu <alpha = 0.1> (g4)
        }""",
        weights,
    )


def attention() -> onnx.ModelProto:
    """One encoder layer with two heads."""
    weights = _weights(
        4, wq=(8, 8), wk=(8, 8), wv=(8, 8), wo=(8, 8), bo=(8,), up=(8, 16), bup=(16,), down=(16, 8), bdown=(8,)
    )
    weights |= {"one": np.ones(8, np.float32), "zero": np.zeros(8, np.float32)}
    weights |= {"heads": np.array([1, 6, 2, 4]), "joined": np.array([1, 6, 8]), "factor": np.float32(0.5)}
    return parsed(
        """attention (float[1,6,8] x) => (float[1,6,8] y) {
            n1 = LayerNormalization (x, one, zero)
            q0 = MatMul (n1, wq)
            k0 = MatMul (n1, wk)
            v0 = MatMul (n1, wv)
            q1 = Reshape (q0, heads)
            k1 = Reshape (k0, heads)
            v1 = Reshape (v0, heads)
            q = Transpose <perm = [0,2,1,3]> (q1)
            k = Transpose <perm = [0,2,3,1]> (k1)
            v = Transpose <perm = [0,2,1,3]> (v1)
            s0 = MatMul (q, k)
            s1 = Mul (s0, factor)
            s = Softmax (s1)
            c0 = MatMul (s, v)
            c1 = Transpose <perm = [0,2,1,3]> (c0)
            c = Reshape (c1, joined)
            o0 = MatMul (c, wo)
            o = Add (o0, bo)
            r = Add (o, x)
            n2 = LayerNormalization (r, one, zero)
            u0 = MatMul (n2, up)
            u1 = Add (u0, bup)
            u = Gelu (u1)
            d0 = MatMul (u, down)
            d = Add (d0, bdown)
            y = Add (d, r)
        }""",
        weights,
    )


def branches() -> onnx.ModelProto:
    """Branches, pooled, sliced, joined and multiplied; grouped and transposed convolutions; resizing and padding."""
    weights = _weights(
        5, w1=(8, 2, 3, 3), b1=(8,), w2=(6, 4, 1, 1), w3=(10, 4, 2, 2), b3=(4,), w4=(4, 4, 3, 3), b4=(4,)
    )
    weights |= {"start": np.array([1]), "end": np.array([5]), "axis": np.array([1]), "space": np.array([2, 3])}
    weights |= {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "scales": np.array([1, 1, 2, 2], np.float32)}
    weights["gate"] = np.array([0.5, 2.0, -1.5, 0.1], np.float32).reshape(1, 4, 1, 1)
    return parsed(
        """branches (float[1,4,10,10] x) => (float[1,4,22,22] y, float[1,4] z) {
            c1 = Conv <pads = [1,1,1,1], group = 2> (x, w1, b1)
            m1 = MaxPool <kernel_shape = [2,2], strides = [2,2]> (c1)
            p1 = AveragePool <kernel_shape = [2,2], strides = [2,2]> (x)
            c2 = Conv (p1, w2)
            l2 = LeakyRelu <alpha = 0.2> (c2)
            s1 = Slice (m1, start, end, axis)
            j = Concat <axis = 1> (s1, l2)
            t = ConvTranspose <strides = [2,2]> (j, w3, b3)
            g = Mul (t, gate)
            e = Pad <mode = "constant"> (g, pads)
            c4 = Conv <dilations = [2,2], pads = [2,2,2,2]> (e, w4, b4)
            h = Sub (c4, e)
            v = Slice (h, begin, stop, space)
            y = Resize <mode = "nearest"> (v, , scales)
            z = ReduceMean <keepdims = 0> (h, space)
        }""",
        weights | {"begin": np.array([0, 0]), "stop": np.array([11, 11])},
    )


def sequence() -> onnx.ModelProto:
    """Convolutions over one axis, and a product with three axes of space."""
    weights = _weights(6, w1=(6, 3, 5), b1=(6,), w2=(6, 1, 3), w3=(4, 1, 2, 3, 3), b3=(4,))
    weights |= {"volume": np.array([1, 1, 2, 6, 6]), "flat": np.array([1, -1])}
    return parsed(
        """sequence (float[1,3,24] x) => (float[1,64] y) {
            c1 = Conv <strides = [2], pads = [2,2]> (x, w1, b1)
            r1 = Relu (c1)
            c2 = Conv <group = 6, pads = [1,1]> (r1, w2)
            v = Reshape (c2, volume)
            c3 = Conv (v, w3, b3)
            r3 = Relu (c3)
            y = Reshape (r3, flat)
        }""",
        weights,
    )


NETWORKS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    f.__name__: f for f in (residual, perceptron, attention, branches, sequence)
}


def samples(model: onnx.ModelProto, seed: int = 0, count: int = SAMPLES) -> list[dict[str, Array]]:
    """Normal numbers for the model's inputs."""
    rng = np.random.default_rng(seed)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
    return [{n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()} for _ in range(count)]


class _Reader(ort.CalibrationDataReader):  # type: ignore[misc]
    """What the calibration of ONNX Runtime reads."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._samples: Iterator[Arrays] = iter(samples(model))

    def get_next(self) -> Arrays | None:
        return next(self._samples, None)


@cache
def quantized(network: str, form: Form) -> onnx.ModelProto:
    """A network, quantised by ONNX Runtime."""
    model = NETWORKS[network]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        ort.quantize_static(
            model,
            path,
            _Reader(model),
            quant_format=ort.QuantFormat.QOperator if form.operators else ort.QuantFormat.QDQ,
            activation_type=form.activation,
            weight_type=form.weight,
            per_channel=form.per_channel,
            extra_options=dict(form.extra),
        )
        return onnx.load(path)


def wide() -> onnx.ModelProto:
    """Layers with enough inputs for blocks."""
    weights = _weights(8, w1=(64, 48), b1=(48,), w2=(48, 10))
    weights |= {n: weights[n] / np.float32(np.sqrt(48)) for n in ("w1", "w2")}
    return parsed(
        """wide (float[2,64] x) => (float[2,10] y) {
            m1 = MatMul (x, w1)
            a1 = Add (m1, b1)
            r1 = Relu (a1)
            y = MatMul (r1, w2)
        }""",
        weights,
    )


@cache
def in_blocks(operators: bool, symmetric: bool, block: int = 16) -> onnx.ModelProto:
    """`wide` with weights of 4 bits: MatMulNBits, or DequantizeLinear with a block size."""
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    model = wide()
    model.opset_import[0].version = 21  # from here on there are blocks
    config = DefaultWeightOnlyQuantConfig(
        block_size=block,
        is_symmetric=symmetric,
        quant_format=ort.QuantFormat.QOperator if operators else ort.QuantFormat.QDQ,
    )
    quantizer = MatMulNBitsQuantizer(model, algo_config=config)
    quantizer.process()
    made: onnx.ModelProto = quantizer.model.model
    return made


@cache
def dynamic(network: str, weight: ort.QuantType = I8) -> onnx.ModelProto:
    """A network whose activations get their scales while it runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        ort.quantize_dynamic(NETWORKS[network](), path, weight_type=weight)
        return onnx.load(path)

"""TensorFlow Lite files of one operator, written with its own schema, and what its interpreter makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "int4": 17,
    "string": 5,
}
VERSIONS = {"BROADCAST_TO": 2}  # the oldest that the interpreter still has


@dataclass(frozen=True)
class Scale:
    """What the integers of a tensor stand for: scale * (stored - zero), along an axis where there are several."""

    scale: Sequence[float]
    zero: Sequence[int] = (0,)
    axis: int = 0


@dataclass(frozen=True)
class Given:
    """An operand that the caller gives."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = -2.0
    high: float = 2.0
    scale: Scale | None = None

    def draw(self, drawn: np.random.Generator) -> Any:
        if self.dtype == "float32":
            return drawn.uniform(self.low, self.high, self.shape).astype(np.float32)
        return drawn.integers(int(self.low), int(self.high) + 1, self.shape).astype(self.dtype)


@dataclass(frozen=True)
class Stored:
    """A constant operand of integers with a scale."""

    array: Any
    scale: Scale

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> str:
        return str(self.array.dtype)

    def tobytes(self) -> bytes:
        if self.dtype != "int4":
            return np.ascontiguousarray(self.array).tobytes()
        nibbles = np.append(self.array.astype(np.int8).reshape(-1), np.zeros(self.array.size % 2, np.int8)) & 15
        return bytes((nibbles[::2] | nibbles[1::2] << 4).astype(np.uint8))


@dataclass(frozen=True)
class Case:
    """One operator: operands that are given or constant (None: absent), its options, its results' types."""

    kind: str
    operands: Sequence[Given | Any]
    options: tuple[str, Mapping[str, Any]] | None = None
    results: tuple[str, ...] = ("float32",)
    scales: tuple[Scale | None, ...] = ()  # of the results
    variables: frozenset[int] = field(default_factory=frozenset)  # operands that keep their value

    def file(self, shapes: Sequence[tuple[int, ...]] | None = None) -> bytes:
        """`shapes` of the results; without them the interpreter finds them."""
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.description = 3, b"test"
        model.buffers = [schema.BufferT()]
        graph.name, graph.tensors = b"main", []
        inputs, indices = [], []
        for place, operand in enumerate(self.operands):
            if operand is None:
                indices.append(-1)
                continue
            dtype = operand.dtype if isinstance(operand, Given) else str(operand.dtype)
            indices.append(len(graph.tensors))
            graph.tensors.append(tensor := _tensor(f"in{place}", operand.shape, dtype))
            if place in self.variables:
                tensor.isVariable = True
            elif isinstance(operand, Given):
                inputs.append(indices[-1])
            else:
                tensor.buffer = len(model.buffers)
                model.buffers.append(buffer := schema.BufferT())
                content = operand.tobytes() if isinstance(operand, Stored) else np.ascontiguousarray(operand).tobytes()
                buffer.data = np.frombuffer(content, np.uint8)
            if isinstance(operand, Given | Stored) and operand.scale is not None:
                tensor.quantization = _quantization(operand.scale)
        outputs = []
        for place, dtype in enumerate(self.results):
            outputs.append(len(graph.tensors))
            graph.tensors.append(made := _tensor(f"out{place}", shapes[place] if shapes else (), dtype))
            if self.scales and (scale := self.scales[place]) is not None:
                made.quantization = _quantization(scale)
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        number = getattr(schema.BuiltinOperator, self.kind)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = (
            number,
            min(number, 127),
            VERSIONS.get(self.kind, 1),
        )
        op.inputs, op.outputs = indices, outputs
        if self.options is not None:
            name, values = self.options
            op.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            op.builtinOptions = getattr(schema, f"{name}T")()
            for key, value in values.items():
                assert hasattr(op.builtinOptions, key), (name, key)
                setattr(op.builtinOptions, key, value)
        graph.inputs, graph.outputs, graph.operators = inputs, outputs, [op]
        model.operatorCodes, model.subgraphs = [code], [graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def complete(self) -> bytes:
        """The file with the shapes that the interpreter finds."""
        return self.file([y.shape for y in interpreted(self.file(), self.inputs(0))])

    def inputs(self, seed: int) -> list[Any]:
        drawn = np.random.default_rng(seed)
        kept = [o for i, o in enumerate(self.operands) if i not in self.variables]
        return [operand.draw(drawn) for operand in kept if isinstance(operand, Given)]


def _tensor(name: str, shape: Sequence[int], dtype: str) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), TYPES[dtype], 0
    return tensor


def _quantization(scale: Scale) -> Any:
    made = schema.QuantizationParametersT()
    made.scale, made.quantizedDimension = np.array(scale.scale, np.float32), scale.axis
    made.zeroPoint = np.broadcast_to(np.array(scale.zero, np.int64), made.scale.shape).copy()
    return made


PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
DEFAULT = OpResolverType.BUILTIN  # with XNNPACK
REFERENCE = OpResolverType.BUILTIN_REF


def _interpreter(data: bytes, kernels: Any) -> Any:
    made = Interpreter(model_content=data, experimental_op_resolver_type=kernels)
    made.allocate_tensors()
    return made


def interpreted(data: bytes, inputs: Sequence[Any], kernels: Any = PLAIN) -> list[Any]:
    """What TensorFlow Lite computes."""
    interpreter = _interpreter(data, kernels)
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]

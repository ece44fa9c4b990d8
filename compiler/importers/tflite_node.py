"""One TensorFlow Lite operator as converters see it, and the table of converters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers import tflite_quant
from compiler.importers.channels import Value, planar_operands
from compiler.importers.onnx_builder import OnnxBuilder
from compiler.importers.tflite_model import Operator, Subgraph, Tensor, TfliteModel
from compiler.importers.tflite_schema import ACTIVATIONS, SAME, VALID

Result = Value | Sequence[Value]
Convert = Callable[["Call"], Result]

CONVERTERS: dict[str, Convert] = {}
ABSENT = -1
AS_STORED = frozenset({"IF", "WHILE", "CAST", "BITCAST"})  # operators to which a scale says nothing


def converts(*kinds: str) -> Callable[[Convert], Convert]:
    def register(function: Convert) -> Convert:
        for kind in kinds:
            CONVERTERS[kind] = function
        return function

    return register


@dataclass
class Scope:
    """A subgraph while it is converted."""

    model: TfliteModel
    graph: Subgraph
    builder: OnnxBuilder
    values: dict[int, Value] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)  # what the results of operators are called in the model
    notes: list[str] = field(default_factory=list)
    depth: int = 0
    reals: dict[int, Value] = field(default_factory=dict)  # quantised tensors as real numbers

    def real(self, index: int) -> Value | None:
        """The tensor as operators compute with it."""
        tensor, value = self.graph.tensors[index], self.values.get(index)
        if value is None or not tflite_quant.is_quantized(tensor):
            return value
        if index not in self.reals:
            self.reals[index] = tflite_quant.Dequantized.of(value, tflite_quant.checked(tensor))
        return self.reals[index]


class Call:
    """An operator with its operands. A converter returns one value per output, in order."""

    def __init__(self, scope: Scope, op: Operator) -> None:
        self.scope, self.op, self.builder = scope, op, scope.builder
        self.as_stored = op.kind in AS_STORED

    # -- operands --------------------------------------------------------------------------------------------------

    def has(self, index: int) -> bool:
        return index < len(self.op.inputs) and self.op.inputs[index] != ABSENT

    def tensor(self, index: int = 0) -> Tensor:
        if not self.has(index):
            raise ModelError("E0160", f"operand {index} of {self.op.kind} is missing")
        return self.scope.graph.tensors[self.op.inputs[index]]

    def value(self, index: int = 0) -> Value:
        self.tensor(index)
        place = self.op.inputs[index]
        found = self.scope.values.get(place) if self.as_stored else self.scope.real(place)
        if found is None:
            raise ModelError("E0160", f"operand {index} of {self.op.kind} is used before it is computed")
        return found

    def values(self) -> list[Value]:
        return [self.value(i) for i in range(len(self.op.inputs))]

    def x(self, index: int = 0) -> str:
        return self.value(index).source

    def optional(self, index: int) -> str:
        return self.x(index) if self.has(index) else ""

    def bias(self, index: int, x: int = 0, w: int = 1) -> str:
        """The bias of sums over x * w: integers with the scale of the sums where both are quantised."""
        if not self.has(index):
            return ""
        tensor, of = self.tensor(index), (self.tensor(x), self.tensor(w))
        if tensor.dtype not in ("int32", "int64"):
            return self.x(index)
        if tensor.data is None or not all(tflite_quant.is_quantized(t) for t in of):
            raise self.unsupported(f"{self.op.kind} with an integer bias beside operands that are none")
        name = tflite_quant.bias(self.builder, tensor, tflite_quant.checked(of[0]), tflite_quant.checked(of[1]))
        if name is None:
            raise self.unsupported(
                f"{self.op.kind} has a bias beyond 32 bits", "quantise the weights with a larger scale", code="E0176"
            )
        return name

    def shape(self, index: int = 0) -> tuple[int, ...]:
        return self.value(index).shape

    def known(self, index: int) -> Array | None:
        return self.value(index).array if self.has(index) else None

    def need(self, index: int) -> Array:
        """An operand that decides a shape, or that ONNX wants as a constant."""
        array = self.known(index)
        if array is None:
            raise self.unsupported(
                f"operand {index} of {self.op.kind} is computed at run time, but decides what the operator does",
                "make it a constant in the model",
            )
        return array

    def numbers(self, index: int) -> Array:
        """A constant operand as the real numbers that it stands for; a bias of integers, too."""
        array, tensor = self.need(index), self.tensor(index)
        if tensor.dtype not in ("int32", "int64"):
            return array
        if tensor.quantization is None:
            raise self.unsupported(f"{self.op.kind} has integers without a scale as operand {index}", code="E0175")
        return tflite_quant.Dequantized.of(self.value(index), tflite_quant.checked(tensor)).need()

    def ints(self, index: int) -> list[int]:
        return [int(n) for n in self.need(index).reshape(-1)]

    # -- options ---------------------------------------------------------------------------------------------------

    def option(self, name: str) -> int:
        value = self.op.options[name]
        assert not isinstance(value, tuple)
        return int(value)

    def number(self, name: str) -> float:
        value = self.op.options[name]
        assert not isinstance(value, tuple)
        return float(value)

    def padding_is_same(self) -> bool:
        padding = self.option("padding")
        if padding not in (SAME, VALID):
            raise ModelError("E0160", f"{self.op.kind} has an unknown padding")
        return padding == SAME

    # -- results ---------------------------------------------------------------------------------------------------

    def out_tensor(self, index: int = 0) -> Tensor:
        if index >= len(self.op.outputs) or self.op.outputs[index] == ABSENT:
            raise ModelError("E0160", f"output {index} of {self.op.kind} is missing")
        return self.scope.graph.tensors[self.op.outputs[index]]

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.out_tensor().shape

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.builder.add(op, *inputs, **attributes)

    def const(self, array: Any, dtype: Any = np.int64) -> str:
        return self.builder.constant(array, dtype=dtype)

    def made(self, name: str, index: int = 0) -> Value:
        """The result, in the source's order of axes."""
        return Value(self.builder, self.out_tensor(index).shape, self._computed(index), last=name)

    def made_planar(self, name: str, index: int = 0) -> Value:
        tensor = self.out_tensor(index)
        if len(tensor.shape) < 3:
            raise ModelError("E0160", f"output {index} of {self.op.kind} has too few dimensions")
        return Value(self.builder, tensor.shape, self._computed(index), first=name)

    def made_stored(self, name: str) -> Value:
        """The result as the model stores it."""
        tensor = self.out_tensor()
        return Value(self.builder, tensor.shape, tensor.dtype, last=name)

    def _computed(self, index: int) -> str:
        """The type that an operator computes in: a quantised result is real numbers until it is stored."""
        return "float32" if self.is_quantized(index) else self.out_tensor(index).dtype

    def is_quantized(self, index: int = 0) -> bool:
        return not self.as_stored and tflite_quant.is_quantized(self.out_tensor(index))

    def stored(self, value: Value, index: int = 0) -> Value:
        """A result as the model stores it: quantised where its tensor is."""
        tensor = self.out_tensor(index)
        if not self.is_quantized(index) or value.dtype == tensor.dtype:
            return value
        return tflite_quant.quantize(value, tensor, value.shape)

    def elementwise(self, make: Callable[..., str], *values: Value) -> Value:
        """`make` applied to the operands' names, in whichever order of axes costs nothing."""
        names = planar_operands(values)
        if names is None or len(self.out_shape) != max(v.rank for v in values):
            return self.made(make(*(v.source for v in values)))
        return self.made_planar(make(*names))

    def activated(self, name: str) -> str:
        """The fused activation behind a result."""
        number = self.option("activation")
        if not 0 <= number < len(ACTIVATIONS):
            raise ModelError("E0160", f"{self.op.kind} has an unknown fused activation")
        return self.activate(name, ACTIVATIONS[number])

    def activate(self, name: str, kind: str) -> str:
        match kind:
            case "NONE":
                return name
            case "RELU":
                return self.add("Relu", name)
            case "RELU6":
                return self.clip(name, 0, 6)
            case "RELU_N1_TO_1":
                return self.clip(name, -1, 1)
        raise self.unsupported(f"fused activation {kind} is not supported", "use another activation")

    def clip(self, name: str, low: float, high: float) -> str:
        return self.add("Clip", name, self.const(low, np.float32), self.const(high, np.float32))

    def unsupported(self, reason: str, help: str = "", code: str = "E0161") -> ModelError:
        return ModelError(code, reason, help=help)

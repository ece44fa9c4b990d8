"""One node on its way into a torch module: what its operands are called there, and what it needs from the module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.types import Array
from compiler.ops.cast import limits
from compiler.ops.elementwise import Elementwise, Map
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.requantize import Requantize
from compiler.quant.torch_scalars import DTYPES, Functions, NoSpelling, torch_name

_WHOLE = 2**24  # float32 holds every integer below


@dataclass
class Module:
    """What has been written of the module."""

    graph: Graph
    functions: Functions = field(default_factory=Functions)
    constants: dict[str, Array] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # value -> variable


@dataclass
class Layer:
    """A node; `name` is its variable's, `before` what must be computed on lines of its own."""

    module: Module
    node: Node
    name: str
    before: list[str] = field(default_factory=list)

    def shape(self, index: int) -> tuple[int, ...]:
        return self.node.value(index).shape

    def dtype(self, index: int) -> str:
        return self.node.value(index).type.dtype

    def operand(self, index: int, role: str = "") -> str:
        """The variable of an operand, or the buffer of a constant one, called after its role; `None` where absent."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        if value is None:
            return "None"
        if (array := self.module.graph.constant(value)) is not None:
            return self.constant(array, role or f"k{index}")
        return self.module.names[value.name]

    def known(self, index: int) -> Array | None:
        return self.module.graph.constant(self.node.inputs[index])

    def constant(self, array: Array, role: str) -> str:
        """A buffer of the module with this content."""
        name = f"{self.name}_{role}"
        if str(array.dtype) in ("int4", "uint4", "int2", "uint2"):
            array = array.astype(np.int8)
        if str(array.dtype) not in DTYPES:
            raise NoSpelling(f"constants of {array.dtype}")
        self.module.constants[name] = np.ascontiguousarray(array).reshape(array.shape)
        return f"self.{name}"

    def call(self, helper: str, *args: str, **named: Any) -> str:
        """A call of a function of torch_arithmetic.py."""
        self.module.functions.helpers.add(helper)
        return f"{helper}({', '.join([*args, *(f'{k}={v}' for k, v in named.items())])})"

    def finished(self, text: str, dtype: str, tail: Map | None, first: int) -> str:
        """The tail applied to a result; its own operands begin at `first`."""
        if tail is None:
            return text
        operands = [text, *(self.operand(first + i, f"t{i}") for i in range(tail.operands - 1))]
        kinds = [dtype, *(self.dtype(first + i) for i in range(tail.operands - 1))]
        return self.mapped(tail, operands, kinds)

    def mapped(self, chain: Map, texts: list[str], dtypes: list[str]) -> str:
        """A chain of elementwise operators as one expression; a result that is used twice is computed before."""
        uses = [i for step in chain.steps for i in step.args]
        for number, step in enumerate(chain.steps):
            result = self.step(step.op, [texts[i] for i in step.args], [dtypes[i] for i in step.args])
            if uses.count(chain.operands + number) > 1:
                self.before.append(f"{self.name}_{number} = {result}")
                result = f"{self.name}_{number}"
            texts.append(result)
            dtypes.append(step.op.result(*(dtypes[i] for i in step.args)))
        return texts[-1]

    def step(self, op: Elementwise, texts: list[str], dtypes: list[str]) -> str:
        match op:
            case Requantize():
                if dtypes[0] == "int64":
                    factor = self.call("scaled_long", *texts)
                else:
                    factor = self.call(f"scaled_{op.rounding}", *texts)
                return self.call("stored", factor, zero=op.zero, low=op.low, high=op.high, to=torch_name(op.to))
            case Quantize() if "float" not in op.to and dtypes[0] == "float32":
                low, high = limits(op.to)
                return self.call("quantized", *texts, low=low, high=high, to=torch_name(op.to))
            case Dequantize() if dtypes[0] in ("int8", "uint8", "int16", "int32"):
                return self.call("dequantized", *texts, to=torch_name(op.to))
        return f"{self.module.functions.of(op, dtypes)}({', '.join(texts)})"

    def product_type(self, w: Array | None, zero: int = 0) -> str:
        """float32 where every partial sum of x's products with the rows of w surely is a whole number there."""
        if w is None:  # two tensors: 8-bit integers in rows that are short enough
            short = self.shape(0)[-1] * 255 * 255 < _WHOLE and {self.dtype(0), self.dtype(1)} <= {"int8", "uint8"}
            return "torch.float32" if short else "torch.float64"
        low, high = limits(self.dtype(0))
        rows = np.abs(w.astype(np.int64)).reshape(w.shape[0], -1).sum(axis=1)
        return "torch.float32" if rows.max(initial=0) * max(high - zero, zero - low) < _WHOLE else "torch.float64"

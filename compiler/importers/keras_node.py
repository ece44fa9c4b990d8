"""One Keras layer as converters see it, and the table of converters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value, planar_operands
from compiler.importers.onnx_builder import OnnxBuilder

Result = Value | list[Value]
Convert = Callable[["Layer"], Result]

CONVERTERS: dict[str, Convert] = {}


def converts(*kinds: str) -> Callable[[Convert], Convert]:
    def register(function: Convert) -> Convert:
        for kind in kinds:
            CONVERTERS[kind] = function
        return function

    return register


@dataclass
class Layer:
    """A layer with its operands: every call of a shared layer is one of these."""

    kind: str
    name: str
    config: Mapping[str, Any]
    builder: OnnxBuilder
    inputs: list[Value]
    arguments: Mapping[str, Any]  # what the call got besides its tensors
    weights: list[Value]
    version: int  # of Keras that wrote the file: 2 or 3
    used: int = field(default=0)

    # -- configuration ---------------------------------------------------------------------------------------------

    def option(self, name: str, default: Any = None) -> Any:
        value = self.config.get(name, default)
        return default if value is None else value

    def number(self, name: str, default: float) -> float:
        value = self.option(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.malformed(name)
        return float(value)

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.option(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.malformed(name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.option(name, default))

    def sizes(self, name: str, rank: int, default: int = 1) -> list[int]:
        """A number per spatial axis; one stands for all."""
        value = self.option(name, default)
        values = [value] * rank if isinstance(value, int) else value
        if not isinstance(values, list) or len(values) != rank or not all(type(n) is int and n >= 0 for n in values):
            raise self.malformed(name)
        return list(values)

    def axes(self, name: str, rank: int, default: int = -1) -> list[int]:
        value = self.option(name, default)
        values = value if isinstance(value, list) else [value]
        if not all(type(n) is int and -rank <= n < rank for n in values):
            raise self.malformed(name)
        return [n % rank for n in values]

    def channels_last(self) -> bool:
        return bool(self.option("data_format", "channels_last") != "channels_first")

    # -- operands --------------------------------------------------------------------------------------------------

    @property
    def x(self) -> Value:
        if not self.inputs:
            raise ModelError("E0165", f"layer '{self.name[:80]}' has no input")
        return self.inputs[0]

    def spatial(self, rank: int) -> tuple[str, list[int], int]:
        """(name with channels first, sizes of the spatial axes, channels) of an input with that many spatial axes."""
        x = self.x
        if x.rank != rank + 2:
            raise ModelError("E0165", f"{self.kind} of a tensor with {x.rank} dimensions, {rank + 2} are meant")
        if self.channels_last():
            return x.planar, list(x.shape[1:-1]), x.shape[-1]
        return x.source, list(x.shape[2:]), x.shape[1]

    def weight(self, *shape: int) -> Array:
        """The next array, which must have this shape."""
        if self.used >= len(self.weights):
            raise ModelError(
                "E0168", f"layer '{self.name[:80]}' ({self.kind}) has {len(self.weights)} arrays of weights, too few",
                help="Save the whole model again: model.save(...).",
            )  # fmt: skip
        found = self.weights[self.used].array
        assert found is not None
        self.used += 1
        if found.shape != shape or found.dtype != np.float32:
            raise ModelError(
                "E0168",
                f"weights of layer '{self.name[:80]}' are {found.dtype.name}{list(found.shape)}, "
                f"float32{list(shape)} are meant",
                help="Save the whole model again: model.save(...).",
            )
        return found

    # -- results ---------------------------------------------------------------------------------------------------

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.builder.add(op, *inputs, **attributes)

    def const(self, array: Any, dtype: Any = np.float32) -> str:
        return self.builder.constant(array, dtype=dtype)

    def ints(self, numbers: Sequence[int] | int) -> str:
        return self.builder.constant(numbers, dtype=np.int64)

    def parameter(self, array: Array, name: str) -> str:
        return self.builder.constant(array, f"{self.name}/{name}")

    def made(self, name: str, shape: Sequence[int], dtype: str = "float32") -> Value:
        return Value(self.builder, tuple(shape), dtype, last=name)

    def made_spatial(self, name: str, sizes: Sequence[int], channels: int) -> Value:
        """A result with channels first, whose layer may have them last."""
        if self.channels_last():
            return Value(self.builder, (self.x.shape[0], *sizes, channels), first=name)
        return self.made(name, (self.x.shape[0], channels, *sizes))

    def elementwise(self, make: Callable[..., str], *values: Value) -> Value:
        """`make` applied to the operands' names, in whichever order of axes costs nothing."""
        shape = np.broadcast_shapes(*(v.shape for v in values))
        names = planar_operands(values)
        if names is None:
            return self.made(make(*(v.source for v in values)), shape, values[0].dtype)
        return Value(self.builder, tuple(shape), values[0].dtype, first=make(*names))

    def unsupported(self, reason: str, help: str = "") -> ModelError:
        return ModelError("E0166", reason, help=help)

    def malformed(self, name: str) -> ModelError:
        return ModelError("E0165", f"the option '{name}' of layer '{self.name[:80]}' ({self.kind}) has no usable value")

"""A compiled model before it is printed: kernels, the calls between them, constants, and where tensors lie.

The planner's and lowerings' result; emitters print it, the emulator's harness and the report read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compiler.graph.types import Quant
from compiler.loop.nodes import Function
from compiler.memory.planner import Plan


@dataclass(frozen=True)
class Slot:
    """A tensor placed in the arena.

    `shape` has the source model's axis order; element (i, j, ...) lies `offset + itemsize * (i*strides[0] +
    j*strides[1] + ...)` bytes into the arena.
    """

    name: str
    dtype: str  # numpy's name: float32, int64, ...
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    offset: int  # bytes
    size: int  # bytes
    quant: Quant | None = None  # what integers mean
    channels_last: bool = False  # of an input: does the source model have its channels behind the other axes?

    def real(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The numbers that the tensor's elements mean."""
        if self.quant is None:
            return array
        shape = [-1 if a == self.quant.axis else 1 for a in range(array.ndim)]
        each = (np.asarray(n, np.float64) for n in (self.quant.scale, self.quant.zero_point))
        scale, zero = (n.reshape(()) if n.size == 1 else n.reshape(shape) for n in each)
        return np.asarray((array.astype(np.float64) - zero) * scale, np.float32)


@dataclass(frozen=True)
class Argument:
    """What a kernel parameter is bound to: a slot, a constant, or scratch memory at an arena offset."""

    param: str
    slot: Slot | None = None
    constant: str | None = None
    offset: int | None = None
    dtype: str = "uint8"  # of scratch memory


@dataclass(frozen=True)
class Layer:
    """One call of `model_run`."""

    name: str
    op: str
    source_nodes: tuple[str, ...]
    source_tensors: tuple[str, ...]  # per output: the source model's tensor it equals, or ""
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    kernel: str  # name of the function that is called
    schedule: str
    arguments: tuple[Argument, ...]
    macs: int
    parameters: int
    constants: tuple[str, ...]  # those it is the first to use; their bytes count for this layer


@dataclass(frozen=True)
class Program:
    """`name` is the prefix of every symbol; `source` what the model is called."""

    name: str
    source: str
    layers: tuple[Layer, ...]
    kernels: tuple[Function, ...]  # each printed once; layers may share one
    constants: Mapping[str, NDArray[np.generic]]
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    plan: Plan
    arena_bytes: int
    features: frozenset[str] = frozenset()  # of the target: which instructions emitters may spell out
    own: Mapping[str, str] = field(default_factory=dict)  # kernel name -> the user's C text that replaces it

    def text(self) -> str:
        """The plan for people: layers in the order they run, then buffers with their place and life."""
        plan = self.plan
        lines = [f"program {self.name} of {self.source}: arena {self.arena_bytes}, lower bound {plan.lower_bound}"]
        for i, layer in enumerate(self.layers):
            at = " ".join(f"{a.param}={_bound(a)}" for a in layer.arguments)
            lines.append(f"  {i:3} {layer.name}: {layer.op} [{layer.schedule}] {layer.kernel}({at})")
        lines += [
            f"  buffer {plan.offsets[b.name]:8} +{b.size:<8} layers {b.first:3} to {b.last:3}  {b.name}"
            for b in sorted(plan.lives, key=lambda b: (b.first, plan.offsets[b.name]))
        ]
        return "\n".join(lines) + "\n"

    def weight_bytes(self) -> int:
        return sum(c.nbytes for c in self.constants.values())


def _bound(a: Argument) -> str:
    if a.constant is not None:
        return a.constant
    return f"@{a.slot.offset}" if a.slot is not None else f"@{a.offset}"

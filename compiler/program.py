"""A compiled model before it is printed: kernels, the calls between them, constants, and where tensors lie.

The planner's and lowerings' result; emitters print it, the emulator's harness and the report read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Argument:
    """What a kernel parameter is bound to: a slot, a constant, or scratch memory at an arena offset."""

    param: str
    slot: Slot | None = None
    constant: str | None = None
    offset: int | None = None


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

    def weight_bytes(self) -> int:
        return sum(c.nbytes for c in self.constants.values())

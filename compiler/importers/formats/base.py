"""What a file format is: one class that says how files of one kind become a model, and what they contain at a glance.

A new file in this folder is found by itself. `detect.py` tells the kinds apart, by content.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

from onnx import ModelProto

from compiler.graph.graph import Graph
from compiler.graph.types import Array
from compiler.inspection import Inspection
from compiler.options import CompileOptions

CANNOT = "the model cannot be compiled as it is"

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Original:
    """The model run by the framework it comes from: a second reference beside ONNX Runtime."""

    name: str  # "PyTorch 2.13.0"
    run: Callable[[Mapping[str, Array]], Sequence[Array]]  # inputs by name -> outputs in order


@dataclass(frozen=True)
class Loaded:
    """A model file as the rest of the compiler reads it: in ONNX form, or as a graph of our own (one of the two)."""

    onnx: ModelProto | None = None
    graph: Graph | None = None
    shapes: Shapes = field(default_factory=dict)  # of inputs that the ONNX form leaves open
    original: Original | None = None
    notes: tuple[str, ...] = ()  # what people should know about how the file was read, in sentences of ours


@dataclass(frozen=True)
class Look:
    """What a glance at a file found. The estimate of memory is added by whoever can plan (compiler/inspect.py)."""

    inspection: Inspection
    graph: Graph | None = None  # None: it cannot be compiled, or the graph is not known without long work
    no_graph: str = ""  # the reason, for people
    onnx: ModelProto | None = None  # the source that `Unsupported.node` and the graph's `Node.sources` name nodes of


class Format(ABC):
    """Files of one kind. Nothing here may run code that comes from a file."""

    kind: ClassVar[str]  # what `detect.detect` calls the content
    title: ClassVar[str]  # completes "expected ..."
    extensions: ClassVar[tuple[str, ...]] = ()  # for file choosers: content decides, never a name

    @abstractmethod
    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        """The whole model. Raises ModelError; `where` is what people call the file."""

    @abstractmethod
    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        """A quick look, within two seconds for 10 MB. Raises ModelError only for a file that cannot be read."""


@cache
def formats() -> Mapping[str, Format]:
    """Every format by kind."""
    package = importlib.import_module("compiler.importers.formats")
    found: dict[str, Format] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"compiler.importers.formats.{info.name}")
        for item in vars(module).values():
            own = isinstance(item, type) and item.__module__ == module.__name__
            if own and issubclass(item, Format) and item is not Format:
                found[item.kind] = item()
    return {kind: found[kind] for kind in sorted(found)}

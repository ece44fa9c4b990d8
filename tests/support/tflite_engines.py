"""A quantised TensorFlow Lite model as this compiler makes it, on every engine: all tensors by the file's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compiler import emit, targets
from compiler.emulator.build import build
from compiler.emulator.measure import run
from compiler.graph.graph import Graph
from compiler.graph.run import run as run_graph
from compiler.jit import Jitted
from compiler.jit import tensor as tensor_in
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from compiler.source import load
from tests.support.tflite_oracle import Model

Compute = Callable[[Any], dict[int, Any]]  # inferences along the first axis -> every tensor of the file


def graph_of(path: Path, rounding: str) -> Graph:
    options = CompileOptions.model_validate({"rounding": rounding})
    return optimize(load(path, options).graph, rounding=options.rounding).graph


def by_numpy(path: Path, model: Model, rounding: str, folder: Path) -> Compute:
    """The definitions of our operators."""
    graph = graph_of(path, rounding)
    names = [n.output.name for n in graph.nodes]
    given = graph.inputs[0].name

    def each(x: Any) -> Iterator[Mapping[str, Any]]:
        for one in x:
            values = run_graph(graph, {given: one[np.newaxis]})
            yield {name: values[name] for name in names}

    return lambda x: _collected(model, each(x))


def by_jit(path: Path, model: Model, rounding: str, folder: Path) -> Compute:
    """The kernels of the Cortex-M4 by LLVM in this process: machine instructions by their meaning."""
    program = _program(path, rounding, "cortex-m4")
    engine = Jitted(program)

    def each(x: Any) -> Iterator[Mapping[str, Any]]:
        (slot,) = program.inputs
        for one in x:
            tensor_in(engine.arena, slot)[...] = one[np.newaxis]
            found = {}
            for place, layer in enumerate(program.layers):
                engine.run_layer(place)
                found |= {s.name: tensor_in(engine.arena, s).copy() for s in layer.outputs}
            yield found

    return lambda x: _collected(model, each(x))


def by_c(path: Path, model: Model, rounding: str, folder: Path) -> Compute:
    """C for this computer."""
    return _by_firmware(path, model, rounding, folder, "host")


def by_cortex_m4(path: Path, model: Model, rounding: str, folder: Path) -> Compute:
    """C for the Cortex-M4, under QEMU."""
    return _by_firmware(path, model, rounding, folder, "cortex-m4")


Engine = Callable[[Path, Model, str, Path], Compute]
ENGINES: Mapping[str, Engine] = {"numpy": by_numpy, "host JIT": by_jit, "C": by_c, "Cortex-M4": by_cortex_m4}


def _program(path: Path, rounding: str, target: str) -> Program:
    options = CompileOptions.model_validate({"rounding": rounding, "target": target})
    return lower(graph_of(path, rounding), targets.target(target).abilities, options.optimize, options.name)


def _by_firmware(path: Path, model: Model, rounding: str, folder: Path, target: str) -> Compute:
    folder.mkdir(parents=True, exist_ok=True)
    options = CompileOptions.model_validate({"rounding": rounding, "target": target})
    program = _program(path, rounding, target)
    sources = emit.get("c").files(program, options)
    built = build(program, sources, targets.target(target), options, folder, thorough=0)
    (slot,) = program.inputs

    def each(x: Any) -> Iterator[Mapping[str, Any]]:
        vectors = [{slot.name: one[np.newaxis]} for one in x]
        for outcome in run(built, program, vectors, counting="timer").runs:
            yield {
                s.name: array
                for layer, arrays in zip(program.layers, outcome.layers, strict=True)
                for s, array in zip(layer.outputs, arrays, strict=True)
            }

    return lambda x: _collected(model, each(x))


def _collected(model: Model, inferences: Iterator[Mapping[str, Any]]) -> dict[int, Any]:
    """Tensors that the file has under the same name, with channels last as there."""
    numbers = {t.name.split(";")[0]: i for i, t in enumerate(model.tensors) if t.data is None}
    rows: dict[int, list[Any]] = {}
    for tensors in inferences:
        for name, array in tensors.items():
            index = numbers.get(name)
            if index is None or array.dtype != model.tensors[index].dtype:
                continue
            shape = model.tensors[index].shape
            turned = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
            assert turned.shape == shape, (name, array.shape, shape)
            rows.setdefault(index, []).append(turned[0].copy())
    return {index: np.stack(found) for index, found in rows.items()}

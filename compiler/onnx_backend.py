"""DeepMetal as a backend of the ONNX project's own tests, and for anybody who knows `onnx.backend.base`.

    from compiler.onnx_backend import OnnxBackend
    OnnxBackend.run_model(onnx.load("model.onnx"), [x])

The whole pipeline runs: importer, passes, planner, kernels. `DEEPMETAL_BACKEND` says how the kernels are executed:
`jit` (LLVM in this process, the default), `c` (by the host's C compiler), or the name of an emulated target.

An operand that decides a shape (`Op.compile_time_inputs`) must be known when a model is compiled. Where such an
operand is an input of the model, compilation waits for the first run, and those inputs, and no others, are constants
from then on: a later run with other values of theirs compiles again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from compiler import targets
from compiler.emit import get as emitter
from compiler.emulator.measure import measure
from compiler.graph.types import Array
from compiler.importers.onnx import Imported, analyse, as_shapes, unsupported_error
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from compiler.shared_object import SharedObject
from compiler.targets.base import Target

ENGINE = "DEEPMETAL_BACKEND"


COMPILED: list[Compiled] = []  # what was compiled last is last; who counts kernels empties it


class Compiled:
    """A model with every shape known. `kernels` are the names of the operators that run."""

    def __init__(self, imported: Imported, engine: str) -> None:
        if imported.unsupported or imported.graph is None:
            raise unsupported_error(imported.unsupported)
        self.target = _target(engine)
        graph = optimize(imported.graph).graph
        self.program: Program = lower(graph, self.target.abilities)
        self.kernels = tuple(layer.op for layer in self.program.layers)
        self.engine = engine
        self._loaded: Jitted | SharedObject | None = None
        if engine == "jit":
            self._loaded = Jitted(self.program)
        elif engine == "c":
            with tempfile.TemporaryDirectory(prefix="deepmetal-") as folder:
                self._loaded = SharedObject(self.program, Path(folder))
        COMPILED.append(self)

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Outputs in the model's order."""
        if self._loaded is not None:
            results = self._loaded.run(inputs)
            return [results[slot.name] for slot in self.program.outputs]
        options = CompileOptions(target=self.target.name)
        sources = emitter("c").files(self.program, options)
        with tempfile.TemporaryDirectory(prefix="deepmetal-") as folder:
            _, measured = measure(self.program, sources, self.target, options, Path(folder), [dict(inputs)])
        return list(measured.runs[0].whole)


class OnnxBackendRep(BackendRep):
    """A prepared model; see the module's text for what waits for the first run."""

    def __init__(self, model: ModelProto, engine: str) -> None:
        self.model, self.engine = model, engine
        self.names = [v.name for v in model.graph.input if v.name not in {t.name for t in model.graph.initializer}]
        found = analyse(model, {})
        self.bound: dict[str, Array] = {}
        self.compiled: Compiled | None = None
        self.compile_time_inputs = found.needed  # those that are known so far; a run may find more behind them
        if not found.needed and not found.open_inputs:
            self.compiled = Compiled(found, engine)

    def run(self, inputs: Sequence[Any] | Mapping[str, Any], **kwargs: Any) -> tuple[Any, ...]:
        """Outputs as arrays; inputs in the model's order, or by name."""
        given = dict(inputs) if isinstance(inputs, Mapping) else dict(zip(self.names, inputs, strict=False))
        arrays = {name: np.asarray(value) for name, value in given.items()}
        if self.compiled is None or any(not _same(arrays[n], a) for n, a in self.bound.items()):
            self.compiled = self._compile(arrays)
        outputs = self.compiled.run({n: a for n, a in arrays.items() if n not in self.bound})
        names = [slot.name for slot in self.compiled.program.outputs]
        return tuple(namedtupledict("Outputs", names)(*outputs))

    def _compile(self, arrays: Mapping[str, Array]) -> Compiled:
        """Bind the inputs that operators ask for, one layer of dependence after another, then compile."""
        needed: frozenset[str] = frozenset()
        while True:
            bound = {n: arrays[n] for n in sorted(needed)}
            found = analyse(self.model, as_shapes(self.model, arrays), bound=bound)
            if found.needed <= needed:
                break
            needed |= found.needed
        self.bound, self.compile_time_inputs = bound, needed
        return Compiled(found, self.engine)


class OnnxBackend(Backend):
    """`onnx.backend.base.Backend` on top of the compiler."""

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> OnnxBackendRep:
        return OnnxBackendRep(model, os.environ.get(ENGINE, "jit"))

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls, node: NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
    ) -> tuple[Any, ...]:
        """One node, by a model made of it; types and shapes of the outputs are found, so `outputs_info` is not read."""
        return cls.run_model(model_of(node, inputs, **kwargs), inputs, device)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return bool(Device(device).type == DeviceType.CPU)


def model_of(node: NodeProto, inputs: Sequence[Array], opset_version: int | None = None, **kwargs: Any) -> ModelProto:
    """A model of one node."""
    from onnx import defs, helper

    arrays = [np.asarray(a) for a in inputs]
    names = list(dict.fromkeys(i for i in node.input if i))
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in zip(names, arrays, strict=False)
    ]
    outputs = [helper.make_value_info(o, helper.make_tensor_type_proto(1, None)) for o in node.output if o]
    version = opset_version or defs.onnx_opset_version()
    imports = [helper.make_opsetid("", version)]
    if node.domain not in ("", "ai.onnx"):
        imports.append(helper.make_opsetid(node.domain, 1))
    return helper.make_model(helper.make_graph([node], "node", values, outputs), opset_imports=imports)


def _target(engine: str) -> Target:
    return targets.target("host" if engine in ("jit", "c") else engine)


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


prepare = OnnxBackend.prepare
run_node = OnnxBackend.run_node
run_model = OnnxBackend.run_model
supports_device = OnnxBackend.supports_device

"""What the source model computes: every tensor that a compiled layer claims to equal.

ONNX Runtime computes it. For graph files, which no other program reads, the operators' own definitions in numpy do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from compiler.errors import ToolError
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.vectors import Vector

Array = NDArray[np.generic]

GROUP_BYTES = 512 * 2**20  # of intermediate tensors that are kept at once
_FAILURES = (RuntimeError, ValueError, TypeError)


class Reference(Protocol):
    """Computes the source model's tensors for one vector, group by group."""

    @property
    def name(self) -> str:
        """For the report."""

    def run(self, vector: Vector) -> Iterator[dict[str, Array]]: ...


@dataclass(frozen=True)
class GraphReference:
    """The numpy oracle. A node's result goes by its own name and by that of the source tensor it equals."""

    graph: Graph
    name: str = "numpy (the operators' own definitions)"

    def run(self, vector: Vector) -> Iterator[dict[str, Array]]:
        values = run(self.graph, vector)
        equal = {
            source: values[value.name]
            for node in self.graph.nodes
            for value, source in zip(node.outputs, node.equals, strict=True)
            if source
        }
        written = {v.name: values[v.name] for node in self.graph.nodes for v in node.outputs}
        yield {**equal, **written}


@dataclass(frozen=True)
class OnnxReference:
    """Runs the model as it is: no graph optimisation, so intermediate tensors exist, and one thread."""

    sessions: tuple[Any, ...]
    names: tuple[tuple[str, ...], ...]  # per session the tensors that it returns
    inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"ONNX Runtime {onnxruntime.__version__}"

    def run(self, vector: Vector) -> Iterator[dict[str, Array]]:
        """The tensors, group by group, so that large models need not hold all of them."""
        feed = {name: vector[name] for name in self.inputs}
        for session, names in zip(self.sessions, self.names, strict=True):
            yield dict(zip(names, _guarded(session.run, list(names), feed), strict=True))


def reference_of(model: onnx.ModelProto | Graph, tensors: Sequence[tuple[str, int]]) -> Reference:
    """What computes `tensors` (name, bytes) of the model."""
    return GraphReference(model) if isinstance(model, Graph) else onnx_reference(model, tensors)


def onnx_reference(model: onnx.ModelProto, tensors: Sequence[tuple[str, int]]) -> OnnxReference:
    """A reference that returns `tensors` (name, bytes); names that the model does not compute are left out."""
    computed = {name for node in model.graph.node for name in node.output if name}
    wanted = {name: size for name, size in tensors if name in computed}
    groups: list[list[str]] = [[]]
    room = GROUP_BYTES
    for name, size in wanted.items():
        if size > room and groups[-1]:
            groups.append([])
            room = GROUP_BYTES
        groups[-1].append(name)
        room -= size
    constants = {tensor.name for tensor in model.graph.initializer}
    return OnnxReference(
        sessions=tuple(_session(model, group) for group in groups if group),
        names=tuple(tuple(group) for group in groups if group),
        inputs=tuple(each.name for each in model.graph.input if each.name not in constants),
    )


def reference_outputs(
    model: onnx.ModelProto | Graph, names: Sequence[str], vectors: Sequence[Vector]
) -> list[tuple[Array, ...]]:
    """The outputs `names` for each vector; nothing when one of them is not computed: a constant, or an input."""
    reference = reference_of(model, [(name, 0) for name in names])
    answers = [{name: y for group in reference.run(v) for name, y in group.items()} for v in vectors]
    if any(name not in answer for answer in answers for name in names):
        return []
    return [tuple(answer[name] for name in names) for answer in answers]


def _session(model: onnx.ModelProto, names: Sequence[str]) -> Any:
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    known = {output.name: output for output in model.graph.output}
    del exposed.graph.output[:]
    exposed.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    return _guarded(onnxruntime.InferenceSession, exposed.SerializeToString(), options, ["CPUExecutionProvider"])


def _guarded(function: Any, *arguments: Any) -> Any:
    """Call into ONNX Runtime, whose exceptions derive from Exception directly and are private."""
    try:
        return function(*arguments)
    except Exception as error:
        if not isinstance(error, _FAILURES) and not type(error).__module__.startswith("onnxruntime"):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ToolError("E0804", "ONNX Runtime cannot run the source model", facts={"reason": reason[:400]}) from error

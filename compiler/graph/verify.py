"""What a legal graph is. Run after every pass in tests and with `DEEPMETAL_VERIFY=1`."""

from __future__ import annotations

from compiler.errors import CompilerBug
from compiler.graph.graph import Graph
from compiler.graph.types import TensorType


def verify(graph: Graph, stage: str) -> None:
    """Raise CompilerBug: a name is used too early or written twice, or a type is not what its operator infers."""
    known = {v.name: v.type for v in graph.inputs}
    for node in graph.nodes:
        for value in node.present:
            if value.name in graph.constants:
                array = graph.constants[value.name]
                _expect(
                    array.shape == value.shape and str(array.dtype) == value.type.dtype,
                    stage,
                    f"constant {value.name} is {array.dtype}{array.shape}, its value says {value.type}",
                )
            elif value.name not in known:
                _fail(stage, f"node {node.name} reads {value.name}, which nothing before it writes")
            else:
                _expect(known[value.name] == value.type, stage, f"{value.name} has two types")
        inferred = node.op.infer(*(None if v is None else v.type for v in node.inputs))
        inferred = (inferred,) if isinstance(inferred, TensorType) else inferred
        _expect(len(inferred) == len(node.outputs), stage, f"node {node.name} has the wrong number of outputs")
        for value, want in zip(node.outputs, inferred, strict=True):
            _expect(value.name not in known, stage, f"{value.name} is written twice")
            _expect(
                (value.type.dtype, value.shape) == (want.dtype, want.shape),
                stage,
                f"node {node.name}: {value.name} is {value.type}, {type(node.op).__name__} infers {want}",
            )
            known[value.name] = value.type
    for value in graph.outputs:
        _expect(value.name in known or value.name in graph.constants, stage, f"output {value.name} is never written")


def _expect(condition: bool, stage: str, message: str) -> None:
    if not condition:
        _fail(stage, message)


def _fail(stage: str, message: str) -> None:
    raise CompilerBug("E0390", f"invalid graph after {stage}: {message}", facts={"stage": stage})

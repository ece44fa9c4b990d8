"""TensorFlow Lite's If and While: chosen at compile time, or ONNX' If and Loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value
from compiler.importers.onnx_builder import OnnxBuilder, value_info
from compiler.importers.tflite_fold import known_results
from compiler.importers.tflite_model import Subgraph
from compiler.importers.tflite_node import Call, Scope, converts
from compiler.importers.tflite_run import run
from compiler.inspection import Unsupported

_MAX_DEPTH = 20  # subgraphs inside each other
_MAX_ROUNDS = 2_000


@converts("IF")
def if_(c: Call) -> list[Value]:
    """A condition that is known chooses at compile time; else both branches become ONNX' If."""
    branches = [_branch(c, f"{name}_subgraph") for name in ("then", "else")]
    operands = c.values()[1:]
    condition = c.known(0)
    if condition is not None:
        return _inlined(c, branches[0] if condition.reshape(()) else branches[1], operands)
    bodies = [_body(c, branch, operands, []) for branch in branches]
    count = len(c.op.outputs)
    names = c.builder.add_many("If", [c.x()], count, then_branch=bodies[0], else_branch=bodies[1])
    return [c.made(name, i) for i, name in enumerate(names)]


@converts("WHILE")
def while_(c: Call) -> list[Value]:
    """ONNX' Loop: the condition is computed before it, and at the end of each round."""
    condition, body = _branch(c, "cond_subgraph"), _branch(c, "body_subgraph")
    operands = c.values()
    if not len(body.inputs) == len(body.outputs) == len(operands) == len(condition.inputs):
        raise ModelError("E0160", "WHILE with a body for other operands")
    rounds = _rounds(c, condition, body, [v.array for v in operands])
    (first,) = _inlined(c, condition, operands)
    scope = _inner(c, body)
    infos = [value_info(scope.builder.claim(f"{c.builder.fresh('loop')}"), v.dtype, v.shape) for v in operands]
    count_in, keep_in = c.builder.fresh("round"), c.builder.fresh("keep")
    for index, info, v in zip(body.inputs, infos, operands, strict=True):
        scope.values[index] = Value(scope.builder, v.shape, v.dtype, last=info.name)
    _finish(c, scope)
    after = [_result(scope, i) for i in body.outputs]
    check = Scope(
        scope.model, condition, scope.builder, dict(zip(condition.inputs, after, strict=True)), depth=scope.depth
    )
    _finish(c, check)
    outputs = [scope.builder.add("Identity", v.source) for v in (_result(check, condition.outputs[0]), *after)]
    heads = [value_info(count_in, "int64", ()), value_info(keep_in, "bool", ())]
    shapes: list[tuple[str, tuple[int, ...]]] = [("bool", ()), *((v.dtype, v.shape) for v in operands)]
    ends = [value_info(n, dtype, shape) for n, (dtype, shape) in zip(outputs, shapes, strict=True)]
    graph = _graph(scope, heads + infos, ends)
    names = c.builder.add_many(
        "Loop", [rounds, _scalar(c, first), *(v.source for v in operands)], len(operands), body=graph
    )
    return [c.made(name, i) for i, name in enumerate(names)]


def _rounds(c: Call, condition: Subgraph, body: Subgraph, state: list[Array | None]) -> str:
    """How often a loop over counters runs, found by running it on the counters alone; "" when the data decide."""
    for count in range(_MAX_ROUNDS):
        (again,) = known_results(c.scope, condition, state) if len(condition.outputs) == 1 else (None,)
        if again is None or again.size != 1:
            return ""
        if not again.reshape(()):
            return c.const(count)
        state = known_results(c.scope, body, state)
    return ""


def _scalar(c: Call, value: Value) -> str:
    return value.source if not value.shape else c.add("Reshape", value.source, c.const(np.zeros(0)))


def _branch(c: Call, option: str) -> Subgraph:
    index = c.option(option)
    if not 0 <= index < len(c.scope.model.subgraphs):
        raise ModelError("E0160", f"{c.op.kind} refers to a graph that is not there")
    if c.scope.depth >= _MAX_DEPTH:
        raise ModelError("E0164", "graphs are nested too deeply, or call themselves")
    return c.scope.model.subgraphs[index]


def _inner(c: Call, graph: Subgraph) -> Scope:
    """A scope with nodes of its own; names and constants are shared with the graph around it."""
    outer = c.builder
    builder = OnnxBuilder([], outer.tensors, outer.arrays, outer.taken, outer.small, outer.counter)
    return Scope(c.scope.model, graph, builder, notes=c.scope.notes, depth=c.scope.depth + 1)


def _finish(c: Call, scope: Scope) -> None:
    problems: list[Unsupported] = []
    run(scope, problems)
    if problems:
        first = problems[0]
        raise ModelError(first.code, f"{first.op} in a graph of {c.op.kind}: {first.reason}", help=first.help)


def _result(scope: Scope, index: int) -> Value:
    found = scope.values.get(index)
    if found is None:
        raise ModelError("E0160", "the result of a graph is never computed")
    return found


def _inlined(c: Call, graph: Subgraph, operands: list[Value]) -> list[Value]:
    if len(graph.inputs) != len(operands):
        raise ModelError("E0160", f"{c.op.kind} with a graph for other operands")
    scope = Scope(c.scope.model, graph, c.builder, notes=c.scope.notes, depth=c.scope.depth + 1)
    scope.values.update(zip(graph.inputs, operands, strict=True))
    _finish(c, scope)
    return [_result(scope, i) for i in graph.outputs]


def _body(c: Call, graph: Subgraph, operands: list[Value], heads: list[Any]) -> Any:
    if len(graph.inputs) != len(operands):
        raise ModelError("E0160", f"{c.op.kind} with a graph for other operands")
    scope = _inner(c, graph)
    for index, value in zip(graph.inputs, operands, strict=True):
        scope.values[index] = Value(scope.builder, value.shape, value.dtype, last=value.source, array=value.array)
    _finish(c, scope)
    outputs = []
    for index in graph.outputs:
        value, tensor = _result(scope, index), graph.tensors[index]
        outputs.append(value_info(scope.builder.add("Identity", value.source), tensor.dtype, tensor.shape))
    return _graph(scope, heads, outputs)


def _graph(scope: Scope, inputs: list[Any], outputs: list[Any]) -> Any:
    return helper.make_graph(scope.builder.nodes, scope.builder.fresh("graph"), inputs, outputs)

"""ONNX models for tests: one operator, or what the onnx package ships; and how to run them, theirs and ours."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase as BackendTestCase
from onnx.backend.test.loader import load_model_tests

from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.types import Array
from compiler.importers.onnx import import_onnx
from compiler.lower import lower
from compiler.passes.order import optimize
from compiler.program import Program
from tests.support.engines import fetch, interpret, load, new_arena

Arrays = Mapping[str, Array]
onnxruntime.set_default_logger_severity(4)


def one_node(
    op_type: str,
    opset: int,
    inputs: Sequence[Array | None],
    known: Sequence[Array | None] = (),
    outputs: int = 1,
    **attributes: Any,
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A model of one node; `inputs` are given at run time, `known` are initializers behind them, None is absent."""
    names, given, initializers, values = [], [], [], {}
    for i, array in enumerate([*inputs, *known]):
        names.append("" if array is None else f"x{i}")
        if array is None:
            continue
        if i < len(inputs):
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            given.append(helper.make_tensor_value_info(f"x{i}", kind, array.shape))
            values[f"x{i}"] = array
        else:
            initializers.append(numpy_helper.from_array(np.array(array, order="C"), f"x{i}"))
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op_type, names, made, name="node", **attributes)
    results = [helper.make_tensor_value_info(y, TensorProto.FLOAT, None) for y in made]
    graph = helper.make_graph([node], op_type, given, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), values


def theirs(model: onnx.ModelProto, values: Arrays) -> list[Array]:
    """ONNX Runtime, without its optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(values)))


def by_numpy(graph: Graph, values: Arrays) -> list[Array]:
    got = run(graph, values)
    return [got[v.name] for v in graph.outputs]


def compiled(graph: Graph, features: Sequence[str] = (), native_io: bool = False) -> Program:
    return lower(optimize(graph, native_io).graph, frozenset(features))


def by_interpreter(program: Program, values: Arrays) -> tuple[np.ndarray, np.ndarray, list[Array]]:
    """The arena before, the arena after, the outputs."""
    before = load(new_arena(program), program.inputs, values)
    after = interpret(program, before)
    return before, after, [fetch(after, s) for s in program.outputs]


def imported(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Graph:
    return import_onnx(model, shapes or {})


def backend_cases() -> list[BackendTestCase]:
    """The onnx package's own examples of each operator, with results that onnx's authors computed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its example data overflow on purpose
        cases = load_model_tests(kind="node")
    return [c for c in cases if c.model is not None and c.data_sets]

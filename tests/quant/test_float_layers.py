"""The report names what stays float in a model of integers, and its price; borders are no such thing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compiler.options import CompileOptions
from compiler.pipeline import compile_model


def model(path: Path, between: str | None) -> Path:
    """Gemm between Quantize and Dequantize, then perhaps an operator that has no integer form, then the same again."""
    chance = np.random.default_rng(3)
    constants = {
        "s": np.array(0.05, np.float32),
        "z": np.array(3, np.int8),
        "ws": np.array(0.01, np.float32),
        "wz": np.array(0, np.int8),
        "w1": chance.integers(-100, 100, (6, 8)).astype(np.int8),
        "w2": chance.integers(-100, 100, (8, 4)).astype(np.int8),
    }
    nodes = []

    def quantised(name: str) -> str:
        nodes.append(helper.make_node("QuantizeLinear", [name, "s", "z"], [f"{name}q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}q", "s", "z"], [f"{name}d"]))
        return f"{name}d"

    nodes += [helper.make_node("DequantizeLinear", [w, "ws", "wz"], [f"{w}d"]) for w in ("w1", "w2")]
    nodes.append(helper.make_node("MatMul", [quantised("x"), "w1d"], ["a"]))
    last = quantised("a")
    if between:
        nodes.append(helper.make_node(between, [last], ["b"], name="odd", axis=1))
        last = quantised("b")
    nodes.append(helper.make_node("MatMul", [last, "w2d"], ["c"]))
    result = quantised("c")
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 6])],
        [helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(a, n) for n, a in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    onnx.save(made, path)
    return path


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("between", [None, "LogSoftmax"])
def test_what_stays_float_is_named_with_its_price(between: str | None, tmp_path: Path) -> None:
    made = compile_model(model(tmp_path / "m.onnx", between), CompileOptions(vectors=2), tmp_path / "out")
    notes = [n for n in json.loads((tmp_path / "out" / "report.json").read_text())["notes"] if "No integer form" in n]
    if between is None:
        assert notes == []
        return
    (note,) = notes
    layers = made.report.layers
    odd = next(x for x in layers if x.op.startswith("LogSoftmax") or "odd" in x.source_nodes)
    assert odd.name in note
    assert "2 conversions" in note
    spent = sum(x.instructions or 0 for x in layers if x is odd or x.op in ("Quantize", "Dequantize"))
    borders = sum(x.instructions or 0 for x in (layers[0], layers[-1]))
    assert f"{spent - borders:,} instructions" in note
    assert made.report.validation is not None
    assert made.report.validation.passed

"""The quantised MLPerf Tiny models are exact: our arithmetic is the published one; how TensorFlow Lite rounds is known.

The oracle (tests/support/tflite_oracle.py) shares nothing with the compiler. bench/int8_exactness.py does the same on
1,000 inputs per model.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.cli import main
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.transpose import Copy, Transpose
from tests.support import tflite_oracle
from tests.support.tflite_engines import ENGINES, graph_of
from tests.support.tflite_layers import KERNELS, Interpreted, drawn, own_differences, own_steps

MODELS = ("kws", "ic", "vww", "ad")
MODES = ("single", "double")
# The four together take every operator and every engine; each engine is built for one or two.
ON_ENGINES = [
    *((name, engine) for name in MODELS for engine in ("numpy", "host JIT")),
    ("ic", "C"),
    pytest.param("kws", "Cortex-M4", marks=(pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu)),
]


@cache
def read(path: Path) -> tflite_oracle.Model:
    return tflite_oracle.read(path.read_bytes())


def inputs(model: tflite_oracle.Model, each: int) -> Any:
    """So many of each kind."""
    kinds = drawn(model.tensors[model.inputs[0]], 3 * 40)
    return np.concatenate([k[:each] for k in kinds.values()])


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize(("name", "engine"), ON_ENGINES)
def test_every_layer_is_the_oracle_bit_for_bit(
    name: str, engine: str, rounding: str, shared: Path, tmp_path: Path
) -> None:
    path = shared / "models" / f"{name}_int8.tflite"
    model = read(path)
    x = inputs(model, 1)
    found = ENGINES[engine](path, model, rounding, tmp_path)(x)
    wanted = tflite_oracle.run(model, [x], rounding)
    computed = [s for s in model.steps if s.kind != "RESHAPE"]
    assert {s.output for s in computed} <= set(found)
    for step in computed:
        assert np.array_equal(found[step.output], wanted[step.output]), step.kind


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_is_integers_from_end_to_end(name: str, shared: Path) -> None:
    """Nothing is left in floats, and nothing is moved in memory: the input is only seen as channels last."""
    graph = graph_of(shared / "models" / f"{name}_int8.tflite", "single")
    assert {v.type.dtype for n in graph.nodes for v in n.outputs} == {"int8"}
    assert all(v.type.quant is not None for v in (*graph.inputs, *graph.outputs))
    assert not [n.op for n in graph.nodes if isinstance(n.op, (Copy, Quantize, Dequantize))]
    moved = [n for n in graph.nodes if isinstance(n.op, Transpose)]
    assert all(n.inputs[0] in graph.inputs for n in moved)
    for node in moved:
        permuted = node.value(0).type.layout.permuted(node.op.axes)
        assert node.output.type.layout.same_memory(permuted, node.output.shape), "elements move"


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", MODELS)
def test_the_interpreter_rounds_as_we_say(name: str, kernels: str, shared: Path) -> None:
    """Each layer, computed by the oracle from the interpreter's own operands in the interpreter's own rounding."""
    data = (shared / "models" / f"{name}_int8.tflite").read_bytes()
    interpreter, model = Interpreted(data, kernels), tflite_oracle.read(data)
    values = interpreter.run(inputs(model, 2))
    for step in model.steps:
        assert own_differences(model, step, values, interpreter.rounding(step)) == 0, step.kind


@pytest.mark.parametrize("name", MODELS)
def test_single_rounding_is_near_the_default_kernels(name: str, shared: Path) -> None:
    """Every layer within one step of what XNNPACK makes of the same operands, which rounds a float32 product where ours
    has 64 bits. So most inferences are equal; in ic, one byte of an early layer may become steps of the logits."""
    data = (shared / "models" / f"{name}_int8.tflite").read_bytes()
    model = tflite_oracle.read(data)
    last = model.steps[-2] if model.steps[-1].kind == "SOFTMAX" else model.steps[-1]
    interpreter = Interpreted(data, "default kernels")
    for x in drawn(model.tensors[model.inputs[0]], 24).values():
        theirs, ours = interpreter.run(x), tflite_oracle.run(model, [x], "single")
        for step in model.steps:
            apart = own_steps(model, step, theirs, "single")
            assert apart.max() <= 1
            assert np.count_nonzero(apart) <= 1e-4 * apart.size, step.kind
        assert len(np.unique(theirs[last.output])) > 5
        logits = np.abs(theirs[last.output].astype(int) - ours[last.output]).max(axis=1)
        assert np.count_nonzero(logits) <= len(logits) // 4


def test_double_rounding_is_another_result(shared: Path) -> None:
    """Both modes are told apart: `ad` differs by steps in hundreds of outputs."""
    model = read(shared / "models" / "ad_int8.tflite")
    x = inputs(model, 4)
    single, double = (tflite_oracle.run(model, [x], mode)[model.outputs[0]] for mode in MODES)
    assert np.count_nonzero(single != double) > 100


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_one_command_makes_an_exact_image(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = shared / "models" / "ic_int8.tflite", tmp_path / "out"
    assert main(["compile", str(path), "--target", "cortex-m4", "--json", "-o", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["validation"]["passed"]
    assert report["validation"]["reference"].startswith("ONNX Runtime ")
    assert [t["dtype"] for t in (*report["model"]["inputs"], *report["model"]["outputs"])] == ["int8", "int8"]
    assert report["model"]["inputs"][0]["quant"] == {"scale": [1.0], "zero_point": [-128], "axis": None}
    assert {layer["dtype"] for layer in report["layers"]} == {"int8"}
    assert (tmp_path / "out.zip").is_file()

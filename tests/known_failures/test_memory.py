"""Memory bars that are not met yet; the tests are strict, so that a fix announces itself."""

from __future__ import annotations

import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.xfail(
    reason="1.5 GB for a model of 147 MB: graph, packed weights, binary, object, library, the copy "
    "for ONNX Runtime are held at the same time"
)
def test_peak_memory_with_large_weights(tmp_path: Path) -> None:
    """At most three times the model and 500 MB, as long as weights lie in the file."""
    script = textwrap.dedent("""
        import sys, pathlib, numpy as np, onnx
        from onnx import helper, numpy_helper, TensorProto
        from compiler.options import CompileOptions
        folder = pathlib.Path(sys.argv[2])
        if sys.argv[1] == "make":
            chance = np.random.default_rng(0)
            known = [numpy_helper.from_array(chance.random((3500, 3500), np.float32), f"w{i}") for i in range(3)]
            nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"], name=f"m{i}") for i in range(3)]
            ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3500]) for n in ("x0", "x3")]
            graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], known)
            opset = [helper.make_opsetid("", 17)]
            onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "m.onnx")
        else:
            from compiler.pipeline import compile_model
            compile_model(folder / "m.onnx", CompileOptions(target="host", run=False), folder / "out")
    """)
    for step in ("make", "compile"):
        subprocess.run([sys.executable, "-c", script, step, str(tmp_path)], check=True, timeout=400)
        if step == "make":
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    model = (tmp_path / "m.onnx").stat().st_size
    assert model > 140e6
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert before * 1024 < 3 * model + 500e6, "making the model took more than compiling may: the measurement is void"
    assert peak * 1024 <= 3 * model + 500e6

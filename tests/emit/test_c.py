"""Generated C as people read it (golden files), and what must hold for any program: names, constants, warnings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import ModelProto, TensorProto, helper, numpy_helper

from compiler import emit
from compiler.emit.c_kernel import KernelPrinter, comment
from compiler.emit.literals import number, rows
from compiler.importers.onnx import import_onnx
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I32, Buffer, Function, Var, minimum
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from tests.support.golden import Golden

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
FPU = frozenset({"fpu32"})


def model(
    nodes: list[object], inputs: dict[str, tuple[int, ...]], outputs: list[str], weights: dict[str, np.ndarray]
) -> ModelProto:
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, floats, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, floats, None) for n in outputs],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def program(proto: ModelProto, features: frozenset[str] = frozenset(), name: str = "model") -> Program:
    return lower(optimize(import_onnx(proto, {}, "example")).graph, features, name=name)


def ramp(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)) / 8 - 1).reshape(shape)


def dense() -> ModelProto:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["y"])]
    return model(nodes, {"x": (1, 4)}, ["y"], {"w": ramp(3, 4), "b": ramp(3)})


def conv() -> ModelProto:
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1], kernel_shape=[3, 3])]
    return model(nodes, {"x": (1, 2, 5, 6)}, ["y"], {"w": ramp(2, 2, 3, 3), "b": ramp(2)})


def gate() -> ModelProto:
    """Two inputs, two outputs, a fused chain with exp."""
    nodes = [
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Mul", ["s", "b"], ["gated"]),
        helper.make_node("ReduceMax", ["gated"], ["largest"], keepdims=1),
    ]
    return model(nodes, {"a": (2, 3), "b": (2, 3)}, ["gated", "largest"], {})


def files(proto: ModelProto, features: frozenset[str] = frozenset(), **options: object) -> dict[str, bytes]:
    chosen = CompileOptions.model_validate(options)
    return emit.get("c").files(program(proto, features, chosen.name), chosen)


def source(proto: ModelProto, features: frozenset[str] = frozenset(), **options: object) -> str:
    return files(proto, features, **options)["src/model.c"].decode()


def build(found: dict[str, bytes], folder: Path, compiler: str = "gcc") -> None:
    for path, data in found.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    unit = next(p for p in found if p.endswith(".c"))
    command = [compiler, *STRICT, "-O1", "-Iinclude", "-Isrc", "-c", unit, "-o", "unit.o"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 0, outcome.stderr


GoldenFor = Callable[[str], Golden]


@pytest.mark.parametrize("build_model", [dense, conv, gate], ids=lambda f: f.__name__)
def test_generic_source(build_model: Callable[[], ModelProto], golden: GoldenFor, tmp_path: Path) -> None:
    golden(f"{build_model.__name__}.c").check(source(build_model()))
    build(files(build_model()), tmp_path)


def test_tuned_source(golden: GoldenFor, tmp_path: Path) -> None:
    golden("conv_fpu32.c").check(source(conv(), FPU))
    build(files(conv(), FPU), tmp_path)


def test_header(golden: GoldenFor) -> None:
    golden("gate.h").check(files(gate(), name="gate")["include/gate.h"].decode())


def test_arena_of_the_caller(golden: GoldenFor, tmp_path: Path) -> None:
    found = files(dense(), arena="caller")
    golden("caller.c").check(found["src/model.c"].decode())
    build(found, tmp_path)


def test_weights_in_a_binary(tmp_path: Path) -> None:
    found = files(dense(), weights="incbin")
    assert "static const float" not in found["src/model.c"].decode()
    blob = np.frombuffer(found["src/model_weights.bin"], np.float32)
    np.testing.assert_array_equal(blob[:12], ramp(3, 4).reshape(-1).astype(np.float32))
    build(found, tmp_path)


def test_large_weights_leave_the_source_by_themselves() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    large = model(nodes, {"x": (1, 600)}, ["y"], {"w": np.random.default_rng(0).normal(size=(600, 600))})
    assert "src/model_weights.bin" in files(large)
    assert "src/model_weights.bin" not in files(large, weights="array")


def test_a_fill_stays_symbolic() -> None:
    shape = numpy_helper.from_array(np.array([600, 600]), "shape")
    value = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.25])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["w"], value=value),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    proto = model(nodes, {"x": (1, 600)}, ["y"], {})
    proto.graph.initializer.append(shape)
    for features in (frozenset[str](), FPU):
        text = source(proto, features)
        assert "static const" not in text
        assert "0.25f" in text


def test_equal_kernels_and_equal_weights_are_printed_once() -> None:
    nodes = [helper.make_node("Gemm", [a, "w", "b"], [b], transB=1) for a, b in (("x", "h"), ("h", "g"), ("g", "y"))]
    text = source(model(nodes, {"x": (1, 4)}, ["y"], {"w": ramp(4, 4), "b": ramp(4)}))
    assert text.count("KERNEL void") == 1
    assert text.count("static const float") == 2
    assert len(re.findall(r"^    dense_4\(", text, re.MULTILINE)) == 3


HOSTILE = [
    '*/ system("rm"); /*', "a\nb", "??/", "\\", "\u202e\U0001f600", "x" * 10_000, "int", "1st", "#define y", "%s%n",
    "../../etc/passwd", "\x00\x07", "model_run", "memory", "layer_0", "copy", "KERNEL", "ARENA",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda n: repr(n[:12]))
def test_names_from_the_model_never_become_code(name: str, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", [name, "w" + name, "b" + name], ["h" + name], name=name, transB=1),
        helper.make_node("Relu", ["h" + name], ["y" + name], name=name + name),
    ]
    weights = {"w" + name: ramp(3, 4), "b" + name: ramp(3)}
    proto = model(nodes, {name: (1, 4)}, ["y" + name], weights)
    found = files(proto, FPU)
    build(found, tmp_path)
    for data in found.values():
        text = data.decode("ascii")
        outside = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        assert not any(bad in outside for bad in ("system(", "../", '"rm"'))
        assert max(map(len, text.splitlines())) < 400


@given(st.text(max_size=80))
def test_comments_cannot_be_left(text: str) -> None:
    safe = comment(text)
    assert not any(bad in safe for bad in ("*/", "/*", "\n", "??"))
    assert safe.isascii()
    assert not safe.endswith("\\")


def test_floats_read_back_as_the_same_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.frombuffer(rng.bytes(4 * 20_000), np.float32)
    values = np.concatenate([values[np.isfinite(values)], np.array([0, -0.0, 1e-45, 3.4028235e38, 1, 0.1], np.float32)])
    text = "\n".join(rows(values))
    main = "int main(void)\n{\n    fwrite(v, sizeof v, 1, stdout);\n    return 0;\n}\n"
    main = f"#include <stdio.h>\nstatic const float v[] = {{\n{text}\n}};\n{main}"
    (tmp_path / "main.c").write_text(main)
    subprocess.run(["gcc", *STRICT, "main.c", "-o", "main"], cwd=tmp_path, check=True, timeout=120)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, check=True, timeout=60).stdout
    assert printed == values.tobytes()


@given(hnp.from_dtype(np.dtype(np.float32), allow_nan=False, allow_infinity=False))
def test_a_literal_keeps_its_value(value: np.float32) -> None:
    text = number(value, "float32")
    assert text.endswith("f")
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


@given(hnp.arrays(np.int8, st.integers(1, 300)))
def test_rows_hold_every_element_and_stay_short(values: np.ndarray) -> None:
    lines = list(rows(values))
    assert [int(n) for n in " ".join(lines).split(",")[:-1]] == values.tolist()
    assert max(map(len, lines)) <= 112


def test_a_loops_end_that_is_a_choice_stands_in_parentheses() -> None:
    k = Kernel()
    y = View(I32, (9,), (1,), Buffer("y", I32, 9))
    k.reserve("y", "n")
    with k.loop(minimum(4 - Var("n", I32), 3), "i") as i:
        k.store_at(y, i, i)
    assert y.buffer is not None
    text = "\n".join(KernelPrinter().function(Function("f", (y.buffer,), (Var("n", I32),), k.body()), "static"))
    assert re.search(r"i < \(.* \? .* : .*\); i\+\+", text)

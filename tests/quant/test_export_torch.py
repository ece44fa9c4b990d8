"""The exported torch module computes what the image computes: bit for bit in integers, up to rounding in floats."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from compiler import emit, targets
from compiler.emulator.measure import measure
from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.types import Array
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.activations import Clip, Elu, HardSwish, Sigmoid, Tanh
from compiler.ops.arithmetic import Add, Div, Mul
from compiler.ops.conv_transpose import ConvTranspose
from compiler.ops.elementwise import Elementwise
from compiler.ops.integer_arithmetic import AddInteger, Factor, MulInteger
from compiler.ops.mathematics import Erf, Exp, Floor, Round
from compiler.ops.norm_division import LpNormalization
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.requantize import Requantize
from compiler.ops.select import ArgBest
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.quant.export_torch import export_torch
from compiler.quant.fixed_point import Rounding
from compiler.source import load
from tests.support.graphs import Build
from tests.support.quantized import QuantizedBuild
from tests.support.quantized_models import FORMS, NETWORKS, Form, quantized

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

ROUNDINGS: tuple[Rounding, ...] = ("single", "double")
IN_INTEGERS = ("residual", "perceptron", "sequence")
BATCH = 5


def integer_graph(network: str, form: Form, rounding: Rounding, folder: Path) -> Graph:
    onnx.save(quantized(network, form), folder / "model.onnx")
    return optimize(load(folder / "model.onnx", CompileOptions()).graph, rounding=rounding).graph


def exported(graph: Graph, folder: Path) -> Any:
    path, _ = export_torch(graph, folder / "exported.py")
    spec = importlib.util.spec_from_file_location("exported", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_torch(graph: Graph, batches: Mapping[str, Array], folder: Path) -> list[Array]:
    """The outputs, each with the samples along a new first axis."""
    model = exported(graph, folder).Model(chunk=2)  # several parts, and one that is smaller
    results = model(*(torch.from_numpy(batches[v.name]) for v in graph.inputs))
    tensors = results if isinstance(results, tuple) else (results,)
    return [t.numpy().reshape(-1, *v.shape) for t, v in zip(tensors, graph.outputs, strict=True)]


def drawn(graph: Graph, seed: int = 7) -> dict[str, Array]:
    """A batch for each input: normal numbers, integers over their whole range."""
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for v in graph.inputs:
        shape, dtype = (BATCH, *v.shape), np.dtype(v.type.dtype)
        if dtype.kind == "f":
            made[v.name] = rng.standard_normal(shape).astype(dtype)
        else:
            info = np.iinfo(dtype)
            made[v.name] = rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
    return made


def one_by_one(graph: Graph, batches: Mapping[str, Array]) -> list[Array]:
    """What the graph's definition gives for each sample."""
    runs = [run(graph, {n: a[i] for n, a in batches.items()}) for i in range(BATCH)]
    return [np.stack([values[v.name] for values in runs]) for v in graph.outputs]


def without_spelling(graph: Graph) -> set[str]:
    """Operators of the graph that are refused by name."""
    named = {type(n.op).__name__ for n in graph.nodes} & {"Interpolate", "ProductInteger", "StandardizeInteger"}
    turned = any(isinstance(n.op, ConvTranspose) and "int" in n.value(0).type.dtype for n in graph.nodes)
    return named | ({"ConvTranspose"} if turned else set())


@pytest.mark.parametrize(("form", "rounding"), [(FORMS[0], "single"), (FORMS[0], "double"), (FORMS[3], "single"),
                                                (FORMS[4], "double")], ids=str)  # fmt: skip
@pytest.mark.parametrize("network", NETWORKS)
def test_it_equals_the_graphs_definition(network: str, form: Form, rounding: Rounding, tmp_path: Path) -> None:
    graph = integer_graph(network, form, rounding, tmp_path)
    batches = drawn(graph)
    if missing := without_spelling(graph):
        with pytest.raises(ModelError) as refused:
            in_torch(graph, batches, tmp_path)
        assert refused.value.code == "E0460"
        assert {text.split()[0] for text in refused.value.facts.values()} == missing
        return
    for got, want in zip(in_torch(graph, batches, tmp_path), one_by_one(graph, batches), strict=True):
        if network in IN_INTEGERS:
            np.testing.assert_array_equal(got, want)
        else:  # what is computed in floats may lie on the other side of a step
            step = float(np.abs(want).max()) / 50
            assert np.abs(got - want).max() <= step
            assert (np.abs(got - want) < 1e-5).mean() > 0.95
    assert len({a.tobytes() for a in one_by_one(graph, batches)[0]}) == BATCH  # the samples do matter


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_it_equals_the_kernels_in_this_process(rounding: Rounding, tmp_path: Path) -> None:
    graph = integer_graph("residual", FORMS[0], rounding, tmp_path)
    batches = drawn(graph)
    image = Jitted(lower(graph))
    want = np.stack([next(iter(image.run({n: a[i] for n, a in batches.items()}).values())) for i in range(BATCH)])
    got = in_torch(graph, batches, tmp_path)[0]
    np.testing.assert_array_equal(got, want)


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_it_equals_the_image_on_the_emulated_processor(rounding: Rounding, tmp_path: Path) -> None:
    """Bit for bit: the network's outputs are the integers before the last Dequantize."""
    graph = integers_out(integer_graph("residual", FORMS[0], rounding, tmp_path))
    batches = drawn(graph)
    program, options = lower(graph, targets.target("cortex-m4").abilities), CompileOptions()
    vectors = [{n: a[i] for n, a in batches.items()} for i in range(BATCH)]
    sources = emit.get("c").files(program, options)
    _, measured = measure(program, sources, targets.target("cortex-m4"), options, tmp_path, vectors)
    want = np.stack([vector.layers[-1][0] for vector in measured.runs])
    got = in_torch(graph, batches, tmp_path)[0]
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got.reshape(want.shape), want)
    assert len(np.unique(got)) > 8


def integers_out(graph: Graph) -> Graph:
    """The graph up to its last layer with int8 results."""
    last = max(i for i, n in enumerate(graph.nodes) if n.output.type.dtype == "int8")
    return replace(graph, nodes=graph.nodes[: last + 1], outputs=graph.nodes[last].outputs).without_dead_code()


def test_a_hybrid_model_agrees_up_to_rounding(shared: Path, tmp_path: Path) -> None:
    """int8 weights, float activations."""
    source = load(shared / "models" / "kws_hybrid_upstream.tflite", CompileOptions())
    graph = optimize(source.graph).graph
    assert any(a.dtype == np.int8 and a.size > 1000 for a in graph.constants.values())
    batches = drawn(graph)
    got, want = in_torch(graph, batches, tmp_path)[0], one_by_one(graph, batches)[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


FLOAT = tuple(np.float32([0, -0.0, 1, -1, 0.5, 2.5, -2.5, 1e-40, 3e38, 127.5, -88, 88, np.inf, -np.inf, np.nan]))
CASES: tuple[tuple[Elementwise, tuple[str, ...]], ...] = (
    *((op, ("float32",)) for op in (Sigmoid(), Tanh(), Exp(), Erf(), HardSwish(), Elu(), Floor(), Round())),
    (Clip(-1.0, 6.0), ("float32",)),
    *((op, ("float32", "float32")) for op in (Add(), Mul(), Div())),
    *((op, ("int32", "int32")) for op in (Add(), Mul(), Div())),
    (Quantize("int8"), ("float32", "float32", "int8")),
    (Dequantize(), ("int8", "float32", "int8")),
    *((AddInteger(3, -5, Factor.of(0.3), rounding=r, x_factor=Factor.of(0.5), y_factor=Factor.of(0.4)), ("int8",) * 2)
      for r in ROUNDINGS),
    *((MulInteger(3, -5, Factor.of(0.01), low=-100, rounding=r), ("int8",) * 2) for r in ROUNDINGS),
    *((Requantize("int8", 4, -100, 100, r), ("int32", "int32", "int32")) for r in ROUNDINGS),
    *((Requantize("int16", 4, -1000, 1000, r), ("int64", "int32", "int32")) for r in ROUNDINGS),
)  # fmt: skip


@pytest.mark.parametrize(("op", "dtypes"), CASES, ids=lambda c: str(c) if isinstance(c, Elementwise) else "")
def test_elementwise_operators_have_the_kernels_bits(op: Elementwise, dtypes: tuple[str, ...], tmp_path: Path) -> None:
    """On random bits, special numbers and, of 8 bits, all numbers."""
    b = QuantizedBuild()
    rng = np.random.default_rng(3)
    inputs: dict[str, Array] = {}
    for place, dtype in enumerate(dtypes):
        x = b.integers(dtype, 2048)
        if isinstance(op, Requantize) and place:  # a factor
            values = rng.integers(1 << 30, (1 << 31) - 1, 2048) if place == 1 else rng.integers(-14, 3, 2048)
        elif isinstance(op, Requantize):
            values = rng.integers(-(2**28), 2**28, 2048)
        elif isinstance(op, (Quantize, Dequantize)) and place == 1:
            values = rng.uniform(1e-3, 2, 2048)
        elif dtype == "float32":
            values = rng.integers(-(2**31), 2**31, 2048).astype(np.int32).view(np.float32)
            values[: len(FLOAT)] = rng.permutation(np.array(FLOAT))
            values[1024:] = rng.standard_normal(1024) * 10
        elif dtype == "int8":
            values = rng.permutation(np.arange(2048) % 256 - 128)
        else:
            values = rng.integers(-(2**31), 2**31, 2048)
            values[:4] = 0, -1, -(2**31), 1
        inputs[x.name] = np.asarray(values).astype(dtype)
    graph = b.graph(b.add(op, *b.inputs))
    want = Jitted(lower(graph)).run(inputs)[graph.outputs[0].name]
    with np.errstate(all="ignore"):
        got = in_torch(graph, {n: a[None] for n, a in inputs.items()}, tmp_path)[0][0]
    bits = np.uint32 if want.dtype == np.float32 else want.dtype
    nan = np.isnan(want) if want.dtype == np.float32 else np.zeros(want.shape, bool)
    if nan.any():
        assert (np.isnan(got) == nan).all()
    np.testing.assert_array_equal(got[~nan].view(bits), want[~nan].view(bits))


def test_operators_without_words_are_named_all_at_once(tmp_path: Path) -> None:
    b = Build()
    x = b.input(1, 3, 4)
    graph = b.graph(b.add(ArgBest(2), x), b.add(LpNormalization(1), x))
    with pytest.raises(ModelError) as caught:
        export_torch(graph, tmp_path / "m.py")
    assert caught.value.code == "E0460"
    assert set(caught.value.facts.values()) == {"ArgBest", "LpNormalization"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["m.pt", "m", "folder_that_is_a_file/m.py"])
def test_where_a_module_cannot_go(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder_that_is_a_file").write_text("")
    b = Build()
    graph = b.graph(b.add(Sigmoid(), b.input(1, 3)))
    with pytest.raises(ModelError) as caught:
        export_torch(graph, tmp_path / name)
    assert caught.value.code == "E0461"


def test_names_of_models_are_no_code(tmp_path: Path) -> None:
    hostile = '"""\nimport os; os.system("true")\n# \\'
    b = Build()
    graph = b.graph(b.add(Sigmoid(), b.input(1, 3)))
    node = replace(graph.nodes[0], name=hostile, sources=(hostile,))
    graph = replace(graph, name=hostile, nodes=(node,))
    path, _ = export_torch(graph, tmp_path / "m.py")
    tree = ast.parse(path.read_text())
    imported = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    assert imported == {"argparse", "numpy", "torch"}
    batches = drawn(graph)
    np.testing.assert_allclose(in_torch(graph, batches, tmp_path)[0], one_by_one(graph, batches)[0], atol=1e-6)


def test_equal_graphs_give_equal_files(tmp_path: Path) -> None:
    graph = integer_graph("residual", FORMS[0], "single", tmp_path)
    for folder in ("a", "b"):
        export_torch(graph, tmp_path / folder / "m.py")
    for file in ("m.py", "m.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_file_judges_a_test_set(tmp_path: Path) -> None:
    """As a program: no import of ours, only torch and numpy."""
    graph = integer_graph("residual", FORMS[0], "single", tmp_path)
    batches = drawn(graph)
    answers = one_by_one(graph, batches)[0].reshape(BATCH, -1).argmax(axis=1)
    labels = answers.copy()
    labels[0] = (labels[0] + 1) % 5
    path, _ = export_torch(graph, tmp_path / "m.py")
    np.save(tmp_path / "x.npy", batches[graph.inputs[0].name].reshape(BATCH, *graph.inputs[0].shape[1:]))
    np.save(tmp_path / "labels.npy", labels)
    given = ["--input", "x.npy", "--labels", "labels.npy", "--out", "y.npz"]
    ended = subprocess.run(
        [sys.executable, path, *given], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert f"4 of {BATCH} right: 80.00 %" in ended.stdout
    assert "answers by class: " + " ".join(map(str, np.bincount(answers, minlength=labels.max() + 1))) in ended.stdout
    assert np.load(tmp_path / "y.npz")["output0"].shape == (BATCH, 5)

"""Quantised PyTorch programs: integers inside, and PyTorch's own results."""

from __future__ import annotations

import json
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.importers.aten import QUANTIZED, listed
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.block_dense import BlockDense
from compiler.ops.dense import Dense
from compiler.ops.integer_products import MatMulInteger
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import Source, load
from tests.support.layer_by_layer import all_tensors, differences, float_products, unfused
from tests.support.quantized_programs import PROGRAMS, SHAPE, saved

STATIC = tuple(name for name in PROGRAMS if name != "dynamic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@cache
def source(folder: Path, name: str) -> Source:
    return load(saved(name, folder), CompileOptions())


def examples(graph: Graph, count: int = 3) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(8)
    return [{graph.inputs[0].name: rng.standard_normal(SHAPE).astype(np.float32)} for _ in range(count)]


@pytest.mark.parametrize("name", STATIC)
def test_products_are_integers(folder: Path, name: str) -> None:
    graph = optimize(source(folder, name).graph).graph
    assert float_products(graph) == []
    assert sum(node.value(0).type.dtype in ("int8", "uint8") for node in graph.nodes) >= 4


@pytest.mark.parametrize("name", STATIC)
def test_every_layer_is_within_one_step(folder: Path, name: str) -> None:
    found = source(folder, name)
    graph = unfused(found.graph)
    for inputs in examples(graph, 2):
        compared = differences(graph, all_tensors(found.onnx, inputs), inputs)
        assert [d for d in compared if not d.within()] == []
        assert sum(d.dtype in ("int8", "uint8") for d in compared) >= 4


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_pytorchs(folder: Path, name: str) -> None:
    """A layer that is one step off may put its successors off as well, so the end has two steps."""
    found = source(folder, name)
    graph = optimize(found.graph).graph
    step = max((float(a) for n, a in graph.constants.items() if "scale" in n and a.size == 1), default=0.01)
    assert found.original is not None
    for inputs in examples(graph):
        (wanted,) = found.original.run(inputs)
        got = run(graph, inputs)[graph.outputs[0].name]
        np.testing.assert_allclose(got, wanted, atol=2 * step if name in STATIC else 1e-5)
        assert np.ptp(wanted) > 5 * step


def test_code_computes_what_the_graph_says(folder: Path) -> None:
    graph = optimize(source(folder, "per_channel").graph).graph
    program = Jitted(lower(graph))
    for inputs in examples(graph):
        wanted = run(graph, inputs)
        for name, got in program.run(inputs).items():
            np.testing.assert_array_equal(got, wanted[name])


@pytest.mark.parametrize(
    ("name", "stored"), [("int8_weights", "int8"), ("int8_by_row", "int8"), ("int4_groups", "int4")]
)
def test_layers_of_torchao_keep_their_weights_small(folder: Path, name: str, stored: str) -> None:
    found = source(folder, name)
    graph = optimize(found.graph).graph
    layers = [n for n in graph.nodes if isinstance(n.op, (Dense, MatMulInteger, BlockDense))]
    assert [n.value(1).type.dtype for n in layers] == [stored, stored]
    assert found.original is not None
    inputs = {graph.inputs[0].name: np.random.default_rng(9).standard_normal((2, 64)).astype(np.float32)}
    (wanted,) = found.original.run(inputs)
    np.testing.assert_allclose(run(graph, inputs)[graph.outputs[0].name], wanted, atol=1e-5)


def test_only_listed_operators_of_the_library_are_called(folder: Path, tmp_path: Path) -> None:
    """Its file may name any operator; those that nobody checked are refused by name."""
    assert all(listed(name) for name in QUANTIZED)
    path = saved("per_channel", folder)
    changed = tmp_path / "changed.pt2"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith("models/model.json"):
                json.loads(data)
                data = data.replace(
                    b"quantized_decomposed.quantize_per_tensor", b"quantized_decomposed.quantize_per_token"
                )
            new.writestr(item, data)
    with pytest.raises(ModelError, match="quantize_per_token") as caught:
        load(changed, CompileOptions())
    assert caught.value.code == "E0143"

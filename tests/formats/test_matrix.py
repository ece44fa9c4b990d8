"""Eight networks by every route: each computes what its framework computes, and all routes give the same graph."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from compiler import targets
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.same import difference
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import load
from tests.formats.routes import NAMES, ROUTES, TENSORFLOW, made, possible
from tests.support import tensorflow_models
from tests.support.networks import networks

pytestmark = [pytest.mark.needs_torch, pytest.mark.slow]
FIRST = "traced"  # what the other routes are compared with
# Keras writes recurrent cells and attention in other operators than PyTorch does: the same function, another graph.
# PyTorch writes MobileNetV1's average over the image as a mean, Keras as a pool.
OF_THEIR_OWN = frozenset({"lstm", "gru", "transformer", "mobilenet_v1"})
# The user's own ONNX export is optimised by the exporter, which scales queries and keys of attention at another place.
EXPORTED_OTHERWISE = frozenset({("transformer", "onnx")})

CELLS = [
    pytest.param(name, route, marks=[pytest.mark.needs_tensorflow] if route in TENSORFLOW else [], id=f"{name}-{route}")
    for name in NAMES
    for route in ROUTES
    if possible(name, route)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@cache
def optimized(folder: Path, name: str, route: str) -> Graph:
    """The network by this route, after all passes."""
    file = made(name, route, folder)
    return optimize(load(file.path, CompileOptions.model_validate(dict(file.options))).graph).graph


@pytest.mark.parametrize(("name", "route"), CELLS)
def test_it_compiles_and_equals_its_framework(name: str, route: str, folder: Path) -> None:
    """The kernels that are made for a Cortex-M4 give the framework's own outputs."""
    graph = optimized(folder, name, route)
    if route in TENSORFLOW:
        stored = np.load(tensorflow_models.networks() / f"{name}.npz")
        inputs, wanted = [stored["x"]], [stored["y"]]
    else:
        examples = networks()[name].examples(seed=7)
        inputs, wanted = [x.numpy() for x in examples], networks()[name].outputs(examples)
    given = {v.name: x for v, x in zip(graph.inputs, inputs, strict=True)}
    values = run(graph, given)
    made_code = Jitted(lower(graph, targets.target("cortex-m4").abilities, "balanced", "model")).run(given)
    for value, expected in zip(graph.outputs, wanted, strict=True):
        np.testing.assert_allclose(values[value.name], expected, rtol=1e-4, atol=2e-5)
        np.testing.assert_allclose(made_code[value.name], expected, rtol=1e-4, atol=2e-5)


def comparable(name: object, route: object) -> bool:
    return (
        route != FIRST
        and not (route in TENSORFLOW and name in OF_THEIR_OWN)
        and (name, route) not in EXPORTED_OTHERWISE
    )


@pytest.mark.parametrize(("name", "route"), [cell for cell in CELLS if comparable(*cell.values)])
def test_it_is_the_same_graph(name: str, route: str, folder: Path) -> None:
    """Whatever the route: the same operators with the same weights, up to names and the order of an input's axes."""
    assert difference(optimized(folder, name, FIRST), optimized(folder, name, route)) == ""

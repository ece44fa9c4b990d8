"""Models that ONNX Runtime quantised: integers inside, each layer within one step of ONNX Runtime's own.

What is compared is ONNX Runtime without its optimiser, which computes what the file says. With it, its kernels for
uint8 times int8 add up in 16 bits on processors without VNNI instructions, and saturate.
"""

from __future__ import annotations

import numpy as np
import pytest

from compiler.graph.graph import Graph, Node
from compiler.graph.run import run
from compiler.graph.types import FLOATS, INTEGERS
from compiler.importers.onnx import import_onnx
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.elementwise import Map
from compiler.ops.quantize import Dequantize, Quantize
from compiler.passes.order import optimize
from tests.support.layer_by_layer import all_tensors, differences, float_products, outputs, unfused
from tests.support.quantized_models import FORMS, NETWORKS, Form, quantized, samples

# What comes after the last tensor that is quantised.
FLOAT = {"branches": {"Map", "Slice", "Reduce", "Reshape", "Resample", "Copy"}}
# Layers of a network that equal an integer tensor of the file, at least.
COMPARED = {"residual": 7, "perceptron": 8, "attention": 12, "branches": 8, "sequence": 4}

every = pytest.mark.parametrize("form", FORMS, ids=str)
network = pytest.mark.parametrize("name", NETWORKS)


def imported(name: str, form: Form) -> Graph:
    return import_onnx(quantized(name, form), {}, name)


@network
@every
def test_every_layer_is_within_one_step(name: str, form: Form) -> None:
    model = quantized(name, form)
    graph = unfused(imported(name, form))
    for inputs in samples(model, seed=7, count=3):
        compared = differences(graph, all_tensors(model, inputs), inputs)
        assert [d for d in compared if not d.within(form.steps)] == []
        assert sum(d.dtype in INTEGERS for d in compared) >= COMPARED[name]


@network
@every
def test_products_are_integers(name: str, form: Form) -> None:
    graph = optimize(imported(name, form)).graph
    # these have no operators in 8 bits
    unquantised = {"ConvTranspose", "Standardize"} if form.operators else set()
    assert {type(n.op).__name__ for n in float_products(graph)} <= unquantised
    others = {type(n.op).__name__ for n in graph.nodes if _computes_floats(n)}
    if form.activation.name.endswith("16"):
        unquantised |= {"Softmax", "Map", "Standardize"}  # not all of 16 bits has an integer form
    assert others <= FLOAT.get(name, set()) | unquantised


def _computes_floats(node: Node) -> bool:
    """Floats on the way from bytes to bytes count, the borders do not."""
    if isinstance(node.op, (Quantize, Dequantize)):
        return False
    inside = isinstance(node.op, Map) and any(isinstance(s.op, Dequantize) for s in node.op.steps)
    return inside or node.value(0).type.dtype in FLOATS or node.output.type.dtype in FLOATS


@network
@every
def test_fusion_changes_nothing_and_the_end_is_near(name: str, form: Form) -> None:
    """Differences of one step add up on the way: at the end two in a hundred of the range are allowed. Curves of 16-bit
    numbers become tables with straight lines between their entries, after fusion: a step or two off."""
    model, source = quantized(name, form), imported(name, form)
    graph, before = optimize(source).graph, unfused(source)
    for inputs in samples(model, seed=9, count=2):
        got, same = run(graph, inputs), run(before, inputs)
        for value, original, wanted in zip(graph.outputs, before.outputs, outputs(model, inputs, False), strict=True):
            apart = np.abs(got[value.name] - same[original.name]).max()
            assert apart <= (1e-3 if form.activation.name.endswith("16") else 1e-5) * np.ptp(wanted)
            assert np.abs(got[value.name] - wanted).max() <= 0.02 * np.ptp(wanted)


@network
def test_code_computes_what_the_graph_says(name: str) -> None:
    form = FORMS[2]
    graph = optimize(imported(name, form)).graph
    program = Jitted(lower(graph))
    for inputs in samples(quantized(name, form), seed=11, count=2):
        wanted = run(graph, inputs)
        for output, got in program.run(inputs).items():
            np.testing.assert_allclose(got, wanted[output], rtol=1e-5, atol=1e-6)

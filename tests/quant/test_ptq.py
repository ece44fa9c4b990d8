"""Post-training quantisation on a small network: what becomes integers, how good it is, and what each step is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.verify import verify
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.quant.adaptive_rounding import descend
from compiler.quant.calibration_data import Samples
from compiler.quant.equalize import equalize
from compiler.quant.grid import int8_grid, int16_grid
from compiler.quant.hybrid import with_int8_weights
from compiler.quant.insert import Choice
from compiler.quant.measure import FloatSide, measure
from compiler.quant.mixed import with_promoted
from compiler.quant.observe import BINS, Seen
from compiler.quant.points import find
from compiler.quant.prepare import prepare
from compiler.quant.quantize import Quantizing, quantize
from compiler.quant.ranges import METHODS, minmax, mse, percentile, squared_error
from compiler.quant.sensitivity import sensitivity
from tests.quant.ptq_models import graph, inputs, model, network

INT8 = CompileOptions(precision="int8")
QUICK = CompileOptions(precision="int8", quantizer="quick")


def samples(**arrays: np.ndarray) -> Samples:
    return Samples(arrays or {"x": inputs()}, "arrays")


def quantized(options: CompileOptions = QUICK, of: onnx.ModelProto | None = None) -> Quantizing:
    return quantize(graph(of or network()), options, samples(), lambda _: None)


def test_the_points_are_what_integer_operators_store() -> None:
    """Nothing between a layer and its ReLU, nothing for what only moves elements."""
    names = [v.name for v in find(prepare(graph(network()))).tensors]
    assert names == ["x", "r1", "r2", "c3", "r3", "p", "logits", "y"]


def test_who_wants_floats_gets_the_sums_of_a_small_last_layer() -> None:
    """Two classes that 8 bits could not tell apart keep their order; a large last layer is rounded all the same."""
    prepared = prepare(graph(network()))
    names = [v.name for v in find(prepared, float_outputs=True).tensors]
    assert names == ["x", "r1", "r2", "c3", "r3", "p"]
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"])
    only = model([gemm], {"x": [1, 6]}, {"y": [1, 9]}, {"w": np.ones((6, 9), np.float32)})
    assert [v.name for v in find(prepare(graph(only)), float_outputs=True).tensors] == ["x", "y"]


def test_every_layer_becomes_integers_and_the_answer_stays() -> None:
    found = quantized()
    folded = optimize(found.inserted("source")).graph
    verify(folded, "test")
    for node in folded.nodes:
        if isinstance(node.op, (Conv, Dense)):
            assert node.value(0).type.dtype == "int8"
            assert node.output.type.dtype == "int8" or node.output.name.startswith("logits")
            assert str(folded.constants[node.value(1).name].dtype) == "int8"
            assert np.abs(folded.constants[node.value(1).name].astype(int)).max() == 127
    assert found.measured.outputs.sqnr_db > 30
    assert found.measured.agreement == 1.0


def test_what_is_measured_is_what_the_integer_graph_computes() -> None:
    """The kernels on this computer and numpy's integers give the same bits."""
    found = quantized(QUICK.model_copy(update={"io": "int8"}))
    folded = optimize(found.inserted("int8")).graph
    x = inputs(1, seed=9)[0]
    stored = found.choice.grids["x"].stored(x)
    floats = run(graph(network()), {"x": x})
    y = found.choice.grids["y"].real(run(folded, {"x": stored})[folded.outputs[0].name])
    assert folded.inputs[0].type.dtype == folded.outputs[0].type.dtype == "int8"
    assert np.abs(y - floats["y"]).max() < 0.05


def test_scales_that_are_wrong_on_purpose_are_seen() -> None:
    found = quantized()
    wrong = {n: replace(g, scale=2 * g.scale) if n == "r1" else g for n, g in found.choice.grids.items()}
    good = found.measured.outputs.sqnr_db
    bad = {n: replace(g, scale=g.scale / 8) for n, g in wrong.items()}
    assert measure(found.floats, found.points, Choice(bad)).outputs.sqnr_db < good - 10


@pytest.mark.parametrize("level", ["quick", "standard", "thorough"])
def test_each_level_is_at_least_as_good_on_its_own_data(level: str) -> None:
    least = quantized().measured.outputs.sqnr_db
    found = quantized(CompileOptions.model_validate({"precision": "int8", "quantizer": level}))
    assert found.measured.outputs.sqnr_db >= least - 0.5  # the headroom of outputs may cost 0.3 dB
    assert [s.name for s in found.steps][:2] == ["observe", "choose ranges"]


def test_two_runs_decide_the_same() -> None:
    first, second = quantized(INT8), quantized(INT8)
    assert first.choice.grids == second.choice.grids
    assert first.steps == second.steps
    for name, weights in first.choice.weights.items():
        assert np.array_equal(weights.numbers, second.choice.weights[name].numbers)


def test_16_bits_bring_a_tensor_back() -> None:
    found = quantized()
    alone = sensitivity(found.floats, found.points, found.choice.grids)
    assert set(alone) == {v.name for v in found.points.tensors}
    better = with_promoted(found, [v.name for v in found.points.tensors if v.name not in ("x", "y")], "int16")
    assert better.measured.outputs.sqnr_db > found.measured.outputs.sqnr_db + 3


def test_float32_layers_stay_float32() -> None:
    found = quantized(CompileOptions(precision="int8", quantizer="quick", keep={"dense": "float32"}))
    folded = optimize(found.inserted("source")).graph
    (dense,) = [n for n in folded.nodes if isinstance(n.op, Dense)]
    assert folded.constants[dense.value(1).name].dtype == np.float32


def test_a_layer_to_keep_must_exist() -> None:
    with pytest.raises(ModelError) as caught:
        quantized(CompileOptions(precision="int8", keep={"nowhere": "int16"}))
    assert caught.value.code == "E0436"


def test_nothing_to_quantise_is_said() -> None:
    nothing = model([helper.make_node("Log", ["x"], ["y"])], {"x": [1, 2, 6, 6]}, {"y": [1, 2, 6, 6]}, {})
    options = CompileOptions(precision="int8", keep={"y": "float32"})
    with pytest.raises(ModelError) as caught:
        quantize(graph(nothing), options, samples(), lambda _: None)
    assert caught.value.code == "E0435"


def test_a_chain_of_functions_is_one_table() -> None:
    """x * sigmoid(x), written with two readers of x, costs one lookup and one tensor."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["s"]),
        helper.make_node("Mul", ["x", "s"], ["m"]),
        helper.make_node("Tanh", ["m"], ["y"]),
    ]
    silu = model(nodes, {"x": [1, 2, 6, 6]}, {"y": [1, 2, 6, 6]}, {})
    found = quantize(graph(silu), QUICK, samples(), lambda _: None)
    folded = optimize(found.inserted("int8")).graph
    assert [type(n.op).__name__ for n in folded.nodes] == ["Lookup"]


def test_a_layer_of_a_transformer_is_integers_throughout() -> None:
    """Projection, product of activations, softmax, layer norm, addition of a constant vector."""
    rng = np.random.default_rng(3)
    constants = {"w": rng.normal(size=(6, 8)).astype(np.float32), "k": rng.normal(size=(6, 8)).astype(np.float32)}
    constants |= {"g": rng.uniform(0.5, 1.5, 8).astype(np.float32), "v": rng.normal(size=8).astype(np.float32)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["q"]),
        helper.make_node("MatMul", ["x", "k"], ["m"]),
        helper.make_node("Transpose", ["m"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["q", "t"], ["s"]),
        helper.make_node("Softmax", ["s"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "m"], ["a"]),
        helper.make_node("LayerNormalization", ["a", "g"], ["n"], axis=-1),
        helper.make_node("Add", ["n", "v"], ["y"]),
    ]
    layer = model(nodes, {"x": [1, 2, 6, 6]}, {"y": [1, 2, 6, 8]}, constants)
    found = quantize(graph(layer), QUICK, samples(), lambda _: None)
    folded = optimize(found.inserted("int8")).graph
    floats = [n for n in folded.nodes for v in n.outputs if v.type.dtype == "float32"]
    assert floats == []
    assert found.measured.outputs.sqnr_db > 20


def test_equalisation_computes_the_same() -> None:
    rng = np.random.default_rng(0)
    shapes = {"w1": (8, 2, 3, 3), "b1": (8,), "w2": (8, 1, 3, 3), "w3": (4, 8, 1, 1)}
    constants = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    constants["b1"] = np.abs(constants["b1"]) + 1  # no channel is dead
    constants["w1"] *= np.exp(rng.normal(size=(8, 1, 1, 1)) * 2).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1, 1, 1, 1], group=8),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["y"]),
    ]
    uneven = prepare(graph(model(nodes, {"x": [1, 2, 6, 6]}, {"y": [1, 4, 6, 6]}, constants)))
    even, pairs = equalize(uneven)
    assert pairs == 2
    x = {"x": inputs(1)[0]}
    before, after = run(uneven, x), run(even, x)
    assert np.allclose(before["y"], after["y"], rtol=1e-3, atol=1e-3)

    def spread(tensor: np.ndarray) -> float:
        largest = tensor.max(axis=(0, 2, 3))
        return float(largest.max() / largest.min())

    assert spread(after["r1"]) < spread(before["r1"]) / 2
    assert even.nodes[0].equals == ("",)  # it is no tensor of the source any more


def test_adaptive_rounding_never_does_worse_than_nearest() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12))
    target = rng.normal(size=(4, 12)) * 20
    nearest = np.rint(target)
    chosen = descend(nearest.astype(np.int8), target, x.T @ x, x.T @ x)

    def error(q: np.ndarray) -> float:
        return float(((x @ (q - target).T) ** 2).sum())

    assert error(chosen) < 0.8 * error(nearest)
    assert np.abs(chosen - target).max() < 1


def test_int8_weights_keep_float_activations() -> None:
    hybrid, layers = with_int8_weights(graph(network()))
    assert layers == ["c1", "c2", "c3", "logits"]
    folded = optimize(hybrid).graph
    stored = [a for a in folded.constants.values() if a.dtype == np.int8]
    assert len(stored) == 4
    assert all(np.abs(a.astype(int)).max() == 127 and a.min() >= -127 for a in stored)
    x = {"x": inputs(1)[0]}
    assert np.abs(run(folded, x)["y"] - run(graph(network()), x)["y"]).max() < 0.02


# ranges and grids


def seen_of(x: np.ndarray) -> Seen:
    low, high = min(0.0, float(x.min())), max(0.0, float(x.max()))
    return Seen(low, high, np.histogram(x, BINS, (low, high))[0])


def test_outliers_are_cut_off_where_that_helps() -> None:
    x = np.append(np.random.default_rng(0).normal(size=1_000_000), [12.0, 12.0, 12.0])
    seen = seen_of(x)
    assert minmax(seen)[1] == 12
    assert 3 < percentile(seen)[1] < 6
    assert 4 < mse(seen)[1] < 10
    assert squared_error(seen, *mse(seen)) < 0.8 * squared_error(seen, *minmax(seen))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_survives_zeros_and_one_value(method: str) -> None:
    for x in (np.zeros(10), np.full(10, 3.0), np.full(10, -2.0)):
        low, high = METHODS[method](seen_of(x))
        assert low <= 0 <= high
        assert np.isfinite([low, high]).all()
        int8_grid(low, high)


def test_zero_is_a_number_of_every_grid() -> None:
    for low, high in ((-1.0, 3.0), (0.5, 2.0), (-2.0, -1.0), (0.0, 0.0)):
        grid = int8_grid(low, high)
        assert grid.rounded(np.zeros(3, np.float32)).tolist() == [0, 0, 0]
        assert -128 <= grid.zero <= 127
    wide = int16_grid(-1.0, 3.0)
    assert wide.zero == 0
    assert wide.stored(np.array([3.0])).tolist() == [32767]


def test_float_side_is_the_float_graph(request: pytest.FixtureRequest) -> None:
    prepared: Graph = prepare(graph(network()))
    x = {"x": inputs(1)[0]}
    side = FloatSide(prepared, find(prepared), [x])
    assert np.allclose(side.tensors[0]["logits"], run(prepared, x)["logits"], atol=1e-5)

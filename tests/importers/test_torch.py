"""The PyTorch door gives the right numbers: the user's module, ours rebuilt from the file, and the ONNX form agree."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings

from compiler.errors import ModelError
from compiler.importers.torch_layers import KINDS, why_refused

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from compiler.importers.torch import TorchModel, inspect_torch, load_torch, open_model  # noqa: E402
from compiler.importers.torch_build import build  # noqa: E402
from compiler.importers.torch_export import OPSET, flattened  # noqa: E402
from compiler.importers.torch_input import INPUT, run_shapes  # noqa: E402
from compiler.onnx_backend import OnnxBackend  # noqa: E402
from tests.importers.modules import EXAMPLES, INNER, Shape, models, randomised, values  # noqa: E402

pytestmark = pytest.mark.needs_torch

# What may come out of the exporter.
OPERATORS = frozenset(
    "Gemm MatMul Conv ConvTranspose BatchNormalization InstanceNormalization LayerNormalization Relu LeakyRelu PRelu "
    "Clip Sigmoid Tanh HardSigmoid HardSwish Elu Gelu Softplus Abs Neg Sign Sqrt Pow Reciprocal Where Greater "
    "LessOrEqual Add Sub Mul Div MaxPool AveragePool Reshape Squeeze Unsqueeze Transpose Slice Split Concat Gather "
    "GatherND Pad Identity Softmax LogSoftmax ReduceMean ReduceMax ReduceSum ReduceL1 ReduceL2 Resize DepthToSpace "
    "Col2Im LSTM GRU RNN".split()
)


@pytest.fixture(scope="module", autouse=True)
def _one_operator_table() -> Iterator[None]:
    """The exporter builds its table of 500 operators anew for each export; one is enough for all tests here."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    table = ONNXRegistry.from_torchlib(OPSET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", lambda *_, **__: table)
        yield


def saved(module: nn.Module, folder: Path, **options: Any) -> Path:
    path = folder / "model.pth"
    torch.save(module, path, **options)
    return path


def original(module: nn.Module, *inputs: np.ndarray) -> list[np.ndarray]:
    """What the user's module computes; an LSTM takes its states as a pair."""
    given: list[Any] = [torch.from_numpy(x.copy()) for x in inputs]
    if isinstance(module, (nn.LSTM, nn.LSTMCell)) and len(given) == 3:
        given = [given[0], (given[1], given[2])]
    with torch.no_grad():
        return [np.asarray(y.numpy()) for y in flattened(module(*given))]


def drawn_for(loaded: TorchModel, seed: int) -> list[np.ndarray]:
    """Numbers, or indices of the ten rows that the examples' tables have."""
    if any(each.dtype == "int64" for each in loaded.inputs):
        return [np.random.default_rng(seed).integers(0, 10, each.shape) for each in loaded.inputs]
    return [values(each.shape, seed + i) for i, each in enumerate(loaded.inputs)]


def assert_agrees(module: nn.Module, loaded: TorchModel) -> None:
    """The rebuilt module has the very bits, ONNX Runtime the same values up to rounding."""
    session = onnxruntime.InferenceSession(loaded.onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    for seed in range(2):
        given = drawn_for(loaded, seed)
        inputs = dict(zip(loaded.input_shapes, given, strict=True))
        expected = original(module, *given)
        rebuilt = loaded.run(inputs)
        computed = session.run(list(loaded.outputs), inputs)
        assert len(expected) == len(loaded.outputs)
        for name, y, right in zip(loaded.outputs, computed, expected, strict=True):
            np.testing.assert_array_equal(rebuilt[name], right)
            scale = max(1.0, float(np.abs(right).max(initial=0)))
            np.testing.assert_allclose(y, right, rtol=0, atol=1e-5 * scale)


def shapes_for(path: Path, shapes: tuple[Shape, ...]) -> dict[str, Shape]:
    """The shapes by the model's names; more of them than it must have are its states."""
    kind = open_model(path, "model.pth").layers[0].kind
    names = kind.inputs + kind.states if kind else (INPUT,)
    return dict(zip(names[: len(shapes)], shapes, strict=True))


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS) - INNER


def test_every_layer_of_torch_is_read_or_refused_with_a_reason() -> None:
    layers = {name for name, cls in vars(nn).items() if isinstance(cls, type) and issubclass(cls, nn.Module)}
    bases = {"Module", "Container", "Sequential", "RNNCellBase"}
    reasons = {name: why_refused(name) for name in layers - set(KINDS) - bases}
    assert [name for name, reason in reasons.items() if "not among the layers" in reason] == []


@pytest.mark.parametrize(
    ("make", "shapes", "last"),
    [
        pytest.param(e[0], e[1:], i == len(es) - 1, id=f"{name}-{i}")
        for name, es in EXAMPLES.items()
        for i, e in enumerate(es)
    ],
)
def test_each_module(make: Any, shapes: tuple[Shape, ...], last: bool, tmp_path: Path) -> None:
    """Also: the shapes found without PyTorch are its own, and for one of each, what our own kernels compute."""
    module = randomised(make())
    if len(shapes) == 1:
        module = nn.Sequential(module).eval()
    path = saved(module, tmp_path)
    given = shapes_for(path, shapes)
    loaded = load_torch(path, given)
    assert_agrees(module, loaded)
    assert {node.op_type for node in loaded.onnx.graph.node} <= OPERATORS
    drawn = drawn_for(loaded, 0)
    expected = original(module, *drawn)
    assert inspect_torch(path, given).output_shapes == tuple(y.shape for y in expected)
    if last:
        for y, right in zip(OnnxBackend.prepare(loaded.onnx).run(drawn), expected, strict=True):
            scale = max(1.0, float(np.abs(right).max(initial=0)))
            np.testing.assert_allclose(y, right, rtol=0, atol=1e-5 * scale)


@settings(max_examples=8)
@given(drawn=models())
def test_random_models(drawn: tuple[nn.Sequential, Shape], tmp_path_factory: pytest.TempPathFactory) -> None:
    module, shape = drawn
    randomised(module)
    loaded = load_torch(saved(module, tmp_path_factory.getbasetemp()), {INPUT: shape})
    assert_agrees(module, loaded)
    assert {node.op_type for node in loaded.onnx.graph.node} <= OPERATORS


@settings(max_examples=60)
@given(drawn=models())
def test_shapes_and_rebuilt_values(
    drawn: tuple[nn.Sequential, Shape], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Our shape rules say what PyTorch does, for every layer; the rebuilt module computes the same bits."""
    module, shape = drawn
    randomised(module)
    opened = open_model(saved(module, tmp_path_factory.getbasetemp()), "model.pth")
    x = torch.zeros(shape)
    expected = []
    for layer in _leaves(module):
        x = layer(x)
        expected.append(tuple(x.shape))
    assert run_shapes(opened.layers, shape) == [(y,) for y in expected]
    rebuilt = build(opened.root, opened.tensors, "model.pth")
    np.testing.assert_array_equal(original(rebuilt, values(shape)), original(module, values(shape)))


def _leaves(module: nn.Module) -> list[nn.Module]:
    if isinstance(module, nn.Sequential):
        return [leaf for child in module for leaf in _leaves(child)]
    return [module]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(protocol: int, tmp_path: Path) -> None:
    module = randomised(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU()))
    found = open_model(saved(module, tmp_path, pickle_protocol=protocol), "model.pth")
    rebuilt = build(found.root, found.tensors, "model.pth")
    x = values((1, 4))
    np.testing.assert_array_equal(original(rebuilt, x), original(module, x))


def test_a_model_saved_in_training_mode_is_evaluated(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.9)).train()
    loaded = load_torch(saved(module, tmp_path))
    assert_agrees(module.eval(), loaded)


def test_shared_modules_and_views_of_one_storage(tmp_path: Path) -> None:
    shared = nn.Linear(4, 4)
    turned = nn.Linear(4, 4, bias=False)
    turned.weight = nn.Parameter(torch.randn(4, 4).t())  # not contiguous
    tied = nn.Linear(4, 4)
    tied.weight = shared.weight
    module = nn.Sequential(shared, nn.ReLU(), shared, turned, tied).eval()
    loaded = load_torch(saved(module, tmp_path))
    assert_agrees(module, loaded)
    assert loaded.parameters == 16 + 4 + 16 + 4
    assert loaded.module[0] is loaded.module[2]


def test_names_follow_the_modules(tmp_path: Path) -> None:
    features = nn.Sequential()
    features.add_module("conv", nn.Conv2d(1, 2, 3))
    features.add_module("swish", nn.SiLU())
    module = nn.Sequential()
    module.add_module("features", features)
    module.add_module("flatten", nn.Flatten())
    module.add_module("head", nn.Linear(2 * 26 * 26, 3))
    graph = load_torch(saved(module, tmp_path), {INPUT: (1, 1, 28, 28)}).onnx.graph
    names = [node.name for node in graph.node]
    assert names == ["features.conv", "features.swish/Sigmoid", "features.swish/Mul", "flatten", "head"]
    assert [node.output[0] for node in graph.node] == [*names[:-1], "output"]
    assert {"features.conv.weight", "head.bias"} <= {tensor.name for tensor in graph.initializer}


def test_odd_names_inside_of_a_stack(tmp_path: Path) -> None:
    """Only the order of a stack's layers counts, in a file that calls them as PyTorch itself never would."""
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    module = randomised(nn.Sequential(encoder))
    plain, odd = encoder.layers, nn.ModuleList()
    odd._modules = {"class": plain[0], 'a"b': plain[1]}
    encoder.layers = odd
    path = saved(module, tmp_path)
    encoder.layers = plain
    loaded = load_torch(path, {INPUT: (1, 3, 8)})
    assert_agrees(module, loaded)
    named = {tensor.name for tensor in loaded.onnx.graph.initializer}
    assert {f"0.layers.{name}.norm1.weight" for name in odd._modules} <= named
    nodes = " ".join(node.name for node in loaded.onnx.graph.node)
    assert all(f"0.layers.{name}.linear1" in nodes for name in odd._modules)


def test_the_onnx_form_is_the_same_every_time_and_holds_no_paths(tmp_path: Path) -> None:
    module = randomised(nn.Sequential(nn.Linear(4, 3), nn.Softplus(2), nn.Linear(3, 2)))
    first, second = (load_torch(saved(module, tmp_path)).onnx.SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    assert b".py" not in first
    assert str(Path.home()).encode() not in first


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        load_torch(saved(nn.Sequential(nn.Linear(4, 3)), tmp_path))
    assert out.getvalue() == ""
    assert capfd.readouterr() == ("", "")


def test_inspection_counts_what_runs(tmp_path: Path) -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    )
    found = inspect_torch(saved(module, tmp_path), {INPUT: (1, 3, 16, 16)})
    assert found.operators == {"Conv2d": 1, "ReLU": 1, "AdaptiveAvgPool2d": 1, "Flatten": 1, "Linear": 1}
    assert found.parameters == sum(p.numel() for p in module.parameters())
    assert found.macs == 16 * 16 * 8 * 3 * 9 + 8 * 2
    assert found.output_shapes == ((1, 2),)
    assert found.module_text.splitlines()[1].startswith("  (0): Conv2d(in_channels=3, out_channels=8")


# -- the shape of the input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Sequential(nn.Linear(784, 10)), (1, 784)),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), (1, 784)),
        (nn.Sequential(nn.ReLU(), nn.Dropout(), nn.Sequential(nn.Linear(5, 2))), (1, 5)),
        (nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2)), (1, 5)),
        (nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 2, 3)), (1, 64)),
    ],
)
def test_a_shape_that_the_layers_tell(module: nn.Module, shape: Shape, tmp_path: Path) -> None:
    assert inspect_torch(saved(module, tmp_path)).shapes == {INPUT: shape}


@pytest.mark.parametrize(
    ("module", "proposal", "reason"),
    [
        (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 2)),
            (1, 1, 28, 28),
            "28x28 is the only",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 16 * 16, 2)),
            (1, 3, 32, 32),
            "32x32 to 33x33 fit",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
            (1, 3, 28, 28),
            "any height and width of at least 3",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 2)), (1, 3, None, None), "no square size"),
        (nn.Sequential(nn.Conv1d(2, 4, 5), nn.Flatten(), nn.Linear(4 * 60, 2)), (1, 2, 64), "64 is the only length"),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()), (1, 3, 28, 28), "any height and width"),
        (nn.Sequential(nn.ReLU()), None, "no layer says"),
    ],
)
def test_a_shape_that_must_be_asked_for(module: nn.Module, proposal: Any, reason: str, tmp_path: Path) -> None:
    path = saved(module, tmp_path)
    found = inspect_torch(path)
    assert found.shapes is None
    assert found.proposal == ({INPUT: proposal} if proposal else {})
    assert reason in found.reason
    with pytest.raises(ModelError) as caught:
        load_torch(path)
    assert caught.value.code == "E0131"
    if proposal is not None and None not in proposal:
        text = ",".join(map(str, proposal))
        assert f"--shape input={text} " in caught.value.help
        assert load_torch(path, {INPUT: proposal}).input_shapes == {INPUT: proposal}


def test_a_shape_noted_in_the_model(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    module.input_shape = (1, 1, 5, 6)  # type: ignore[assignment]
    path = saved(module, tmp_path)
    assert inspect_torch(path).shapes == {INPUT: (1, 1, 5, 6)}
    assert load_torch(path).input_shapes == {INPUT: (1, 1, 5, 6)}
    assert load_torch(path, {"": (1, 1, 9, 9)}).input_shapes == {INPUT: (1, 1, 9, 9)}


@pytest.mark.parametrize("shape", [(1, 5), (1, 3, 28, 28), (1, 1, 2, 2), (0,), (1, 1, 1 << 16, 1 << 16), (28, 28)])
def test_a_shape_that_does_not_fit(shape: Shape, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 2))
    with pytest.raises(ModelError) as caught:
        load_torch(saved(module, tmp_path), {INPUT: shape})
    assert caught.value.code == "E0132"
    assert caught.value.help == "Try --shape input=1,1,28,28."


def test_layers_that_do_not_fit_each_other(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_torch(saved(nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2)), tmp_path))
    assert caught.value.code == "E0132"
    assert "Linear '1' needs 5 features and gets [1, 3]" in caught.value.title


# -- several inputs and outputs -----------------------------------------------------------------------------------


def test_a_recurrent_layer_gives_its_states(tmp_path: Path) -> None:
    path = saved(nn.LSTM(9, 5, batch_first=True), tmp_path)
    found = inspect_torch(path)
    assert (found.inputs, found.outputs) == (("input",), ("output", "h_n", "c_n"))
    assert (found.shapes, found.proposal) == (None, {"input": (1, None, 9)})
    with pytest.raises(ModelError) as caught:
        load_torch(path)
    assert caught.value.code == "E0131"
    assert "--shape input=1,?,9" in caught.value.help


def test_states_are_inputs_when_their_shape_is_given(tmp_path: Path) -> None:
    path = saved(nn.LSTM(9, 5, batch_first=True), tmp_path)
    shapes = {"input": (1, 1, 9), "h_0": (1, 1, 5), "c_0": (1, 1, 5)}
    assert load_torch(path, shapes).input_shapes == shapes
    with pytest.raises(ModelError, match="3 inputs: input, h_0, c_0"):
        load_torch(path, {"input": (1, 1, 9), "h_0": (1, 1, 5)})
    with pytest.raises(ModelError, match="needs states of"):
        load_torch(path, shapes | {"c_0": (1, 1, 6)})


def test_a_cell_knows_its_shapes(tmp_path: Path) -> None:
    loaded = load_torch(saved(nn.GRUCell(6, 5), tmp_path))
    assert loaded.input_shapes == {"input": (1, 6), "h_0": (1, 5)}
    assert loaded.outputs == ("h_1",)


def test_inputs_have_names(tmp_path: Path) -> None:
    path = saved(nn.MultiheadAttention(8, 2, batch_first=True), tmp_path)
    with pytest.raises(ModelError) as caught:
        load_torch(path, {"query": (1, 5, 8), "key": (1, 5, 8)})
    assert caught.value.code == "E0132"
    assert "3 inputs: query, key, value" in caught.value.title


def test_what_pytorch_itself_cannot_run(tmp_path: Path) -> None:
    """An LSTM in the middle of a Sequential hands on a tuple."""
    path = saved(nn.Sequential(nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 2)), tmp_path)
    with pytest.raises(ModelError) as caught:
        load_torch(path, {"": (1, 5, 4)})
    assert caught.value.code == "E0132"
    assert "Linear '1' needs one input" in caught.value.title
    found = load_torch(saved(nn.Sequential(nn.Dropout(), nn.LSTM(4, 3)), tmp_path), {"": (5, 1, 4)})
    assert found.outputs == ("output", "h_n", "c_n")


def test_an_embedding_behind_numbers(tmp_path: Path) -> None:
    path = saved(nn.Sequential(nn.Flatten(), nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 2)), tmp_path)
    assert inspect_torch(path, {"": (1, 5)}).indices
    with pytest.raises(ModelError, match="looks up whole numbers"):
        load_torch(saved(nn.Sequential(nn.ReLU(), nn.Embedding(10, 4)), tmp_path), {"": (1, 5)})


def test_a_list_of_one_layer_is_that_layer(tmp_path: Path) -> None:
    module = randomised(nn.ModuleList([nn.Linear(4, 3)]))
    loaded = load_torch(saved(module, tmp_path))
    x = values((1, 4))
    np.testing.assert_array_equal(loaded.run({INPUT: x})["output"], original(module[0], x)[0])
    error = refusal(nn.Sequential(nn.ModuleList([nn.Linear(4, 3), nn.Linear(3, 3)])), tmp_path)
    assert (error.code, list(error.facts)) == ("E0125", ["0"])
    assert "in which order they run" in error.facts["0"]


def test_layers_of_a_stack_may_differ(tmp_path: Path) -> None:
    """Pruned models have layers of different widths inside."""
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    stack.layers[1] = nn.TransformerEncoderLayer(8, 4, 6, batch_first=True, activation=nn.functional.silu)
    loaded = load_torch(saved(randomised(stack), tmp_path), {"": (1, 5, 8)})
    assert_agrees(stack, loaded)


# -- what users save, refused with the way out --------------------------------------------------------------------


class Net(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


def refusal(module: Any, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_torch(saved(module, folder), {INPUT: (1, 4)})
    return caught.value


def test_a_custom_class_is_named(tmp_path: Path) -> None:
    error = refusal(nn.Sequential(nn.Linear(4, 3), Net()), tmp_path)
    assert error.code == "E0124"
    assert f"`{Net.__module__}.Net`" in error.title
    assert "1" in error.facts
    assert "torch.onnx.export" in error.help


def test_all_unsupported_layers_are_listed_at_once(tmp_path: Path) -> None:
    module = nn.Sequential(
        nn.Linear(4, 3), nn.MaxUnpool1d(2), nn.Sequential(nn.FractionalMaxPool2d(2, 3)), nn.MSELoss()
    )
    error = refusal(module, tmp_path)
    assert error.code == "E0125"
    assert "FractionalMaxPool2d, MSELoss, MaxUnpool1d" in error.title
    assert list(error.facts) == ["1", "2.0", "3"]
    assert "needs the indices" in error.facts["1"]
    assert "at random" in error.facts["2.0"]


@pytest.mark.parametrize(
    "module",
    [
        nn.LSTM(4, 3, proj_size=2),
        nn.Embedding(4, 3, max_norm=1.0),
        nn.EmbeddingBag(4, 3, include_last_offset=True),
        nn.MaxPool2d(2, return_indices=True),
        nn.Softmax(),
    ],
    ids=str,
)
def test_settings_that_would_change_the_result(module: nn.Module, tmp_path: Path) -> None:
    error = refusal(nn.Sequential(module), tmp_path)
    assert error.code == "E0128"
    assert error.facts


@pytest.mark.parametrize("kind", ["half", "double", "bfloat16"])
def test_other_floats_become_float32(kind: str, tmp_path: Path) -> None:
    module = getattr(randomised(nn.Sequential(nn.Conv1d(4, 3, 2), nn.BatchNorm1d(3))), kind)()
    loaded = load_torch(saved(module, tmp_path), {INPUT: (1, 4, 9)})
    assert_agrees(module.float(), loaded)


def test_other_numbers_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nn.Sequential(nn.Linear(4, 3)).to(torch.complex64)
    error = refusal(module, tmp_path)
    assert (error.code, error.help) == ("E0127", "Convert before saving: model.float().")


def test_a_double_that_no_float32_holds(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 3)).double()
    module[0].weight.data[1, 2] = 1e39
    error = refusal(module, tmp_path)
    assert error.code == "E0127"
    assert error.facts == {"largest": "1e+39"}


def test_hooks_and_an_own_forward(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 3))
    handle = module[0].register_forward_hook(math.hypot)
    assert refusal(module, tmp_path).code == "E0129"
    handle.remove()
    module[0].forward = torch.relu
    assert refusal(module, tmp_path).code == "E0129"
    del module[0].forward
    module[0].note = "harmless"
    assert load_torch(saved(module, tmp_path)).input_shapes == {INPUT: (1, 4)}


def test_old_weight_norm_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3)))
    module[0].weight = module[0].weight.detach()  # as after torch.no_grad; otherwise it cannot be saved
    assert refusal(module, tmp_path).code == "E0129"


def test_a_checkpoint_says_where_the_model_is(tmp_path: Path) -> None:
    error = refusal({"epoch": 3, "model": nn.Linear(4, 3), "optimizer": {"state": {0: torch.zeros(3)}}}, tmp_path)
    assert error.code == "E0120"
    assert "'model'" in error.facts["hint"]

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
from compiler.importers.torch_layers import KINDS

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from compiler.importers.torch import INPUT, OUTPUT, TorchModel, inspect_torch, load_torch, open_model  # noqa: E402
from compiler.importers.torch_build import build  # noqa: E402
from compiler.importers.torch_export import OPSET  # noqa: E402
from compiler.importers.torch_input import run_shapes  # noqa: E402
from tests.importers.modules import EXAMPLES, Shape, models, randomised, values  # noqa: E402

pytestmark = pytest.mark.needs_torch

# What may come out of the exporter: operators that the compiler has.
OPERATORS = frozenset(
    "Gemm MatMul Conv BatchNormalization Relu LeakyRelu PRelu Clip Sigmoid Tanh HardSigmoid HardSwish Elu Gelu "
    "Softplus Abs Neg Add Sub Mul Div MaxPool AveragePool Reshape Squeeze Unsqueeze Pad Identity Softmax LogSoftmax "
    "ReduceMean ReduceMax".split()
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


def original(module: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(x.copy())).numpy())


def assert_agrees(module: nn.Module, loaded: TorchModel, shape: Shape) -> None:
    """The rebuilt module has the very bits, ONNX Runtime the same values up to rounding."""
    session = onnxruntime.InferenceSession(loaded.onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    for seed in range(2):
        x = values(shape, seed)
        expected = original(module, x)
        rebuilt = loaded.run({INPUT: x})[OUTPUT]
        np.testing.assert_array_equal(rebuilt, expected)
        (y,) = session.run([OUTPUT], {INPUT: x})
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5 * scale)


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize(
    ("make", "shape"), [pytest.param(*e, id=f"{name}-{i}") for name, es in EXAMPLES.items() for i, e in enumerate(es)]
)
def test_each_module(make: Any, shape: Shape, tmp_path: Path) -> None:
    module = nn.Sequential(randomised(make()))
    loaded = load_torch(saved(module, tmp_path), shape)
    assert_agrees(module, loaded, shape)
    assert {node.op_type for node in loaded.onnx.graph.node} <= OPERATORS


@settings(max_examples=8)
@given(drawn=models())
def test_random_models(drawn: tuple[nn.Sequential, Shape], tmp_path_factory: pytest.TempPathFactory) -> None:
    module, shape = drawn
    randomised(module)
    loaded = load_torch(saved(module, tmp_path_factory.getbasetemp()), shape)
    assert_agrees(module, loaded, shape)
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
    assert run_shapes(opened.layers, shape) == expected
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
    assert_agrees(module.eval(), loaded, (1, 4))


def test_shared_modules_and_views_of_one_storage(tmp_path: Path) -> None:
    shared = nn.Linear(4, 4)
    turned = nn.Linear(4, 4, bias=False)
    turned.weight = nn.Parameter(torch.randn(4, 4).t())  # not contiguous
    tied = nn.Linear(4, 4)
    tied.weight = shared.weight
    module = nn.Sequential(shared, nn.ReLU(), shared, turned, tied).eval()
    loaded = load_torch(saved(module, tmp_path))
    assert_agrees(module, loaded, (1, 4))
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
    graph = load_torch(saved(module, tmp_path), (1, 1, 28, 28)).onnx.graph
    names = [node.name for node in graph.node]
    assert names == ["features.conv", "features.swish/Sigmoid", "features.swish/Mul", "flatten", "head"]
    assert [node.output[0] for node in graph.node] == [*names[:-1], "output"]
    assert {"features.conv.weight", "head.bias"} <= {tensor.name for tensor in graph.initializer}


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
    found = inspect_torch(saved(module, tmp_path), (1, 3, 16, 16))
    assert found.operators == {"Conv2d": 1, "ReLU": 1, "AdaptiveAvgPool2d": 1, "Flatten": 1, "Linear": 1}
    assert found.parameters == sum(p.numel() for p in module.parameters())
    assert found.macs == 16 * 16 * 8 * 3 * 9 + 8 * 2
    assert found.output_shape == (1, 2)
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
    assert inspect_torch(saved(module, tmp_path)).shape == shape


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
    assert (found.shape, found.proposal) == (None, proposal)
    assert reason in found.reason
    with pytest.raises(ModelError) as caught:
        load_torch(path)
    assert caught.value.code == "E0131"
    if proposal is not None and None not in proposal:
        text = ",".join(map(str, proposal))
        assert f"--shape input={text} " in caught.value.help
        assert load_torch(path, proposal).input_shape == proposal


def test_a_shape_noted_in_the_model(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    module.input_shape = (1, 1, 5, 6)  # type: ignore[assignment]
    path = saved(module, tmp_path)
    assert inspect_torch(path).shape == (1, 1, 5, 6)
    assert load_torch(path).input_shape == (1, 1, 5, 6)
    assert load_torch(path, (1, 1, 9, 9)).input_shape == (1, 1, 9, 9)


@pytest.mark.parametrize("shape", [(1, 5), (1, 3, 28, 28), (1, 1, 2, 2), (0,), (1, 1, 1 << 16, 1 << 16), (28, 28)])
def test_a_shape_that_does_not_fit(shape: Shape, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 2))
    with pytest.raises(ModelError) as caught:
        load_torch(saved(module, tmp_path), shape)
    assert caught.value.code == "E0132"
    assert caught.value.help == "Try --shape input=1,1,28,28."


def test_layers_that_do_not_fit_each_other(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_torch(saved(nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2)), tmp_path))
    assert caught.value.code == "E0132"
    assert "Linear '1' needs 5 features and gets [1, 3]" in caught.value.title


# -- what users save, refused with the way out --------------------------------------------------------------------


class Net(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


def refusal(module: Any, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_torch(saved(module, folder), (1, 4))
    return caught.value


def test_a_custom_class_is_named(tmp_path: Path) -> None:
    error = refusal(nn.Sequential(nn.Linear(4, 3), Net()), tmp_path)
    assert error.code == "E0124"
    assert f"`{Net.__module__}.Net`" in error.title
    assert "1" in error.facts
    assert "torch.onnx.export" in error.help


def test_all_unsupported_layers_are_listed_at_once(tmp_path: Path) -> None:
    error = refusal(nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Bilinear(3, 3, 1)), tmp_path)
    assert error.code == "E0125"
    assert "Bilinear, LayerNorm" in error.title
    assert list(error.facts) == ["1", "2"]


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.Softplus(threshold=3),
        nn.AvgPool2d(2, divisor_override=3),
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
def test_other_floats_are_refused_with_the_remedy(kind: str, tmp_path: Path) -> None:
    error = refusal(getattr(nn.Sequential(nn.Linear(4, 3)), kind)(), tmp_path)
    assert (error.code, error.help) == ("E0127", "Convert before saving: model.float().")


def test_hooks_and_an_own_forward(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 3))
    handle = module[0].register_forward_hook(math.hypot)
    assert refusal(module, tmp_path).code == "E0129"
    handle.remove()
    module[0].forward = torch.relu
    assert refusal(module, tmp_path).code == "E0129"
    del module[0].forward
    module[0].note = "harmless"
    assert load_torch(saved(module, tmp_path)).input_shape == (1, 4)


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

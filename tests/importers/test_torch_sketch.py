"""Models sketched without PyTorch need exactly the memory of those that PyTorch exports."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from compiler.estimate import planned  # noqa: E402
from compiler.importers.onnx import import_onnx  # noqa: E402
from compiler.importers.torch import load_torch, open_model  # noqa: E402
from compiler.importers.torch_sketch import KINDS, sketch  # noqa: E402
from compiler.inspect import inspect_model  # noqa: E402
from compiler.options import CompileOptions  # noqa: E402
from compiler.passes.order import optimize  # noqa: E402
from tests.importers.modules import Shape, randomised  # noqa: E402

pytestmark = pytest.mark.needs_torch

NETWORKS: dict[str, tuple[nn.Sequential, Shape]] = {
    "image": (
        nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU6(),
            nn.Conv2d(8, 8, (3, 2), padding=1, groups=8, bias=False),
            nn.Hardtanh(-0.5, 2.0),
            nn.Conv2d(8, 16, 1, padding="valid"),
            nn.BatchNorm2d(16, affine=False),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Dropout2d(),
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 10, bias=False),
            nn.Softmax(dim=1),
        ),
        (1, 1, 28, 28),
    ),
    "sequence": (
        nn.Sequential(
            nn.Conv1d(4, 6, 3, dilation=2, bias=False),
            nn.BatchNorm1d(6),
            nn.Tanh(),
            nn.Dropout1d(),
            nn.MaxPool1d(2, stride=1),
            nn.AvgPool1d(2),
            nn.Flatten(),
            nn.AlphaDropout(),
            nn.Linear(24, 7),
            nn.LeakyReLU(0.1),
            nn.Linear(7, 3),
            nn.LogSoftmax(dim=-1),
        ),
        (1, 4, 14),
    ),
    "vector": (
        nn.Sequential(
            nn.Linear(6, 12), nn.Sigmoid(), nn.Unflatten(1, (3, 4)), nn.Identity(), nn.Flatten(), nn.Dropout()
        ),
        (1, 6),
    ),
    "nothing": (nn.Sequential(nn.Identity(), nn.Dropout()), (1, 5)),
    "one layer": (nn.Sequential(nn.Conv2d(3, 5, 3, bias=False)), (1, 3, 9, 8)),
}


@pytest.mark.parametrize(("module", "shape"), NETWORKS.values(), ids=NETWORKS)
def test_the_sketch_needs_what_the_export_needs(module: nn.Sequential, shape: Shape, tmp_path: Path) -> None:
    randomised(module)
    path = tmp_path / "model.pth"
    torch.save(module, path)
    opened = open_model(path, "model.pth")
    drawn = sketch(opened.layers, opened.tensors, shape)
    assert drawn is not None
    exported = load_torch(path, {"": shape}).onnx
    sketched, full = (
        planned(optimize(import_onnx(m, {}, "model")).graph, frozenset(), "balanced") for m in (drawn, exported)
    )
    assert (sketched.weights, sketched.arena) == (full.weights, full.arena)


def test_every_sketched_layer_is_compared() -> None:
    seen = {type(layer).__name__ for module, _ in NETWORKS.values() for layer in module}
    assert seen == KINDS


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Mish(), (1, 4)),
        (nn.Linear(4, 3), (1, 2, 4)),
        (nn.Conv2d(1, 1, 2, padding="same"), (1, 1, 8, 8)),
        (nn.AdaptiveAvgPool2d(2), (1, 1, 8, 8)),
    ],
    ids=["layer", "rank", "padding", "size"],
)
def test_other_layers_are_left_to_the_exporter(module: nn.Module, shape: Shape, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(nn.Sequential(module), path)
    opened = open_model(path, "model.pth")
    assert sketch(opened.layers, opened.tensors, shape) is None
    found = inspect_model(path, CompileOptions(shape={"": shape}))
    assert found.compilable
    assert found.estimate is None
    assert "PyTorch" in found.no_estimate

"""Sample models: the shipped ones are what their cards say, and others can be made."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from compiler import cli
from compiler.errors import ModelError, ToolError
from compiler.samples import KINDS, cards, catalogue, sample_path

torch = pytest.importorskip("torch")

from compiler.importers.torch import inspect_torch, load_torch  # noqa: E402
from compiler.importers.torch_input import INPUT, OUTPUT  # noqa: E402
from compiler.samples.digits import enlarged, mnist_files, scikit_learn_digits  # noqa: E402
from compiler.samples.make import make  # noqa: E402
from compiler.samples.networks import INPUT_SHAPE  # noqa: E402

pytestmark = pytest.mark.needs_torch


def test_the_catalogue_matches_the_files() -> None:
    assert [sample["name"] for sample in catalogue()] == list(KINDS)
    for sample in catalogue():
        assert sample["size"] == sample_path(sample["name"]).stat().st_size < 450_000
        assert 0.95 < sample["accuracy"] <= 1
    with pytest.raises(KeyError):
        sample_path("../linear")


@pytest.mark.parametrize("kind", KINDS)
def test_a_shipped_model_is_as_accurate_as_its_card_says(kind: str) -> None:
    """Imported through our own door, on the very images that were held out."""
    card = next(card for card in cards() if card["name"] == kind)
    digits = scikit_learn_digits(card["training"]["seed"])
    assert len(digits.test_x) == card["held_out"]["images"]
    model = load_torch(sample_path(kind))
    assert model.input_shapes == {INPUT: INPUT_SHAPE}
    assert model.parameters == card["parameters"]
    right = int((model.run({INPUT: digits.test_x})[OUTPUT].argmax(1) == digits.test_y).sum())
    assert round(right / len(digits.test_x), 4) == card["held_out"]["accuracy"]


def test_training_is_the_same_every_time_and_learns(tmp_path: Path) -> None:
    cards_made = [
        make(tmp_path / name, ["linear"], trained=True, epochs=3, seed=7, told=lambda line: None) for name in ("a", "b")
    ]
    assert cards_made[0] == cards_made[1]
    assert cards_made[0][0]["held_out"]["accuracy"] > 0.8
    for file in ("linear.pth", "linear_state.pth", "linear.onnx", "linear.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.parametrize("kind", KINDS)
def test_made_files_belong_together(kind: str, tmp_path: Path) -> None:
    assert cli.main(["samples", "make", str(tmp_path), "--kind", kind]) == 0
    card = json.loads((tmp_path / f"{kind}.json").read_text())
    assert card["held_out"] == {"images": 0, "accuracy": None}
    assert inspect_torch(tmp_path / card["file"]).parameters == card["parameters"]
    state = torch.load(tmp_path / f"{kind}_state.pth", weights_only=True)
    made = onnx.load(tmp_path / f"{kind}.onnx")
    onnx.checker.check_model(made)
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in made.graph.initializer}
    shared = [name for name in state if name in weights]
    assert shared
    for name in shared:
        np.testing.assert_array_equal(state[name].numpy(), weights[name])


def test_enlarging_keeps_what_it_sees() -> None:
    flat = np.full((8, 8), 0.25, np.float32)
    np.testing.assert_allclose(enlarged(flat), 0.25, rtol=1e-6)
    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(image)[None, None], size=28, mode="bilinear")
    np.testing.assert_allclose(enlarged(image), expected[0, 0].numpy(), atol=1e-6)


def idx(*shape: int, values: Any = 0) -> bytes:
    data = np.broadcast_to(np.asarray(values, np.uint8), shape)
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + data.tobytes()


def test_mnist_with_both_parts(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(30, 28, 28, values=255))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(30, values=np.arange(30) % 10))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(12, 28, 28)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(12)))
    digits = mnist_files(tmp_path, 0)
    assert (len(digits.train_x), len(digits.test_x)) == (30, 12)
    assert digits.train_x.max() == 1
    assert digits.split == "30 for training, the 12 of t10k held out"


def test_mnist_with_one_part_holds_out_a_fifth(shared: Path) -> None:
    found = mnist_files(shared / "data", 3)
    assert (len(found.train_x), len(found.test_x)) == (8_000, 2_000)
    assert "10,000" in found.name
    assert found.train_x.shape[1:] == (1, 28, 28)
    file = mnist_files(shared / "data" / "t10k-images-idx3-ubyte.gz", 3)
    np.testing.assert_array_equal(found.test_y, file.test_y)
    assert set(found.test_y.tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (None, None),
        (idx(20, 28, 28), None),
        (idx(20, 28, 28)[:-5], idx(20)),
        (idx(20, 28, 28), idx(19)),
        (idx(20, 8, 8), idx(20)),
        (idx(20, 28, 28), idx(20, values=77)),
        (b"not an idx file", idx(20)),
        (b"\x1f\x8bnot gzip", idx(20)),
    ],
)
def test_data_that_is_not_mnist(images: bytes | None, labels: bytes | None, tmp_path: Path) -> None:
    for name, data in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        if data is not None:
            (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError) as caught:
        mnist_files(tmp_path, 0)
    assert caught.value.code == "E1011"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a CUDA device")
def test_cuda_without_a_device(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        make(tmp_path / "out", ["linear"], trained=True, device="cuda")
    assert caught.value.code == "E1013"
    assert not (tmp_path / "out").exists()

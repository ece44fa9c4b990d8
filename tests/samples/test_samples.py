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
from compiler.samples.training import interval  # noqa: E402

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
    low, high = cards_made[0][0]["held_out"]["interval_95"]
    assert low < cards_made[0][0]["held_out"]["accuracy"] < high
    images = ("calibration.npz", "test.npz", "test_labels.npy")
    for file in ("linear.pth", "linear_state.pth", "linear.onnx", "linear.json", *images):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_data_means_training_and_its_images_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Calibration images come from the training part alone, the test set from what was held out, in order."""
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(50, 28, 28, values=images))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(50, values=np.arange(50) % 10))
    out = tmp_path / "out"
    given = ["samples", "make", str(out), "--kind", "linear", "--data", str(tmp_path), "--epochs", "1"]
    assert cli.main(given) == 0
    assert "95 % confidence" in capsys.readouterr().err
    scaled = images[:, None].astype(np.float32) / np.float32(255)
    calibration = np.load(out / "calibration.npz")[INPUT]
    assert {x.tobytes() for x in calibration} == {x.tobytes() for x in scaled[:40]}
    np.testing.assert_array_equal(np.load(out / "test.npz")[INPUT], scaled[40:])
    np.testing.assert_array_equal(np.load(out / "test_labels.npy"), np.arange(40, 50) % 10)


@pytest.mark.parametrize(("right", "images"), [(0, 20), (19, 20), (1_960, 2_000), (50, 50)])
def test_the_interval_is_where_the_share_is_two_deviations_away(right: int, images: int) -> None:
    """Wilson's ends p solve (share - p)**2 = z**2 p (1 - p) / n."""
    for p in interval(right, images):
        assert (right / images - p) ** 2 == pytest.approx(1.959964**2 * p * (1 - p) / images, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_made_files_belong_together(kind: str, tmp_path: Path) -> None:
    assert cli.main(["samples", "make", str(tmp_path), "--kind", kind]) == 0
    card = json.loads((tmp_path / f"{kind}.json").read_text())
    assert card["held_out"] == {"images": 0, "accuracy": None, "interval_95": None}
    assert not (tmp_path / "calibration.npz").exists()
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
    digits = mnist_files(tmp_path)
    assert (len(digits.train_x), len(digits.test_x)) == (30, 12)
    assert digits.train_x.max() == 1
    assert digits.split == "30 for training, the 12 of t10k held out"


def test_mnist_with_one_part_holds_out_the_last_fifth(shared: Path) -> None:
    found = mnist_files(shared / "data")
    assert (len(found.train_x), len(found.test_x)) == (8_000, 2_000)
    assert "10,000" in found.name
    assert found.train_x.shape[1:] == (1, 28, 28)
    assert found.split == "images 0 to 7,999 for training, 8,000 to 9,999 held out"
    file = mnist_files(shared / "data" / "t10k-images-idx3-ubyte.gz")
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
        mnist_files(tmp_path)
    assert caught.value.code == "E1011"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a CUDA device")
def test_cuda_without_a_device(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        make(tmp_path / "out", ["linear"], trained=True, device="cuda")
    assert caught.value.code == "E1013"
    assert not (tmp_path / "out").exists()

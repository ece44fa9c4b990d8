"""Input vectors: drawn ones span the range and repeat, a user's file is checked."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import ModelError
from compiler.graph.types import Quant
from compiler.program import Slot
from compiler.vectors import draw_vectors, load_vectors, whole_ranges


@dataclass(frozen=True)
class Input:
    name: str
    dtype: str
    shape: tuple[int, ...]


IMAGE = Input("image", "float32", (1, 3, 16, 16))
SCALE = Input("scale", "float32", (2,))


def test_vectors_repeat_and_do_not_depend_on_their_number() -> None:
    few, many = draw_vectors([IMAGE, SCALE], 3), draw_vectors([IMAGE, SCALE], 9)
    for a, b in zip(few, many, strict=False):
        assert a["image"].tobytes() == b["image"].tobytes()
    assert len({v["image"].tobytes() for v in many}) == 9
    assert draw_vectors([IMAGE], 1, seed=1)[0]["image"].tobytes() != many[0]["image"].tobytes()


def test_two_inputs_of_one_shape_get_different_values() -> None:
    (vector,) = draw_vectors([Input("a", "float32", (8,)), Input("b", "float32", (8,))], 1)
    assert vector["a"].tobytes() != vector["b"].tobytes()


@pytest.mark.parametrize("declared", [None, (0.0, 255.0)])
def test_they_span_the_range_with_constants_and_extremes(declared: tuple[float, float] | None) -> None:
    vectors = [v["image"] for v in draw_vectors([IMAGE], 8, ranges={"image": declared} if declared else None)]
    low, high = declared or (-4.0, 4.0)
    assert all(v.dtype == np.float32 and v.shape == IMAGE.shape for v in vectors)
    assert all(low <= v.min() and v.max() <= high for v in vectors)
    constants = [float(v.flat[0]) for v in vectors if v.min() == v.max()]
    assert constants == ([0.0, 255.0] if declared else [0.0, 1.0])
    assert any(set(np.unique(v)) == {low, high} for v in vectors), "every element at one end"


def test_integers_and_booleans() -> None:
    for vector in draw_vectors([Input("i", "int64", (50,)), Input("b", "bool", (50,))], 6, ranges={"i": (0, 9)}):
        assert vector["i"].dtype == np.int64
        assert vector["b"].dtype == np.bool_
        assert 0 <= vector["i"].min() <= vector["i"].max() <= 9


def save(path: Path, **stored: np.ndarray) -> Path:
    np.savez(path / "vectors.npz", **stored)
    return path / "vectors.npz"


@pytest.mark.parametrize("shape", [(5, 3, 16, 16), (5, 1, 3, 16, 16)])
def test_a_file_with_and_without_the_models_batch_axis(shape: tuple[int, ...], tmp_path: Path) -> None:
    images = np.random.default_rng(0).standard_normal(shape)
    loaded = load_vectors(save(tmp_path, image=images, scale=np.ones((5, 2), np.float32)), [IMAGE, SCALE])
    assert len(loaded) == 5
    assert loaded[4]["image"].shape == (1, 3, 16, 16)
    assert loaded[4]["image"].dtype == np.float32
    np.testing.assert_array_equal(loaded[4]["image"].ravel(), images[4].astype(np.float32).ravel())


BAD = {
    "a missing input": ({"image": np.ones((2, 3, 16, 16))}, "scale", "is missing; the file holds image"),
    "an unknown one": (
        {"image": np.ones((2, 3, 16, 16)), "scale": np.ones((2, 2)), "zoom": np.ones(1)},
        "zoom",
        "is no input",
    ),
    "a wrong shape": (
        {"image": np.ones((2, 16, 16, 3)), "scale": np.ones((2, 2))},
        "image",
        "needed is [N, 3, 16, 16]",
    ),
    "a wrong type": ({"image": np.ones((2, 3, 16, 16), complex), "scale": np.ones((2, 2))}, "image", "complex128"),
    "different numbers": ({"image": np.ones((2, 3, 16, 16)), "scale": np.ones((3, 2))}, "needed", "the same number"),
    "none at all": ({"image": np.ones((0, 3, 16, 16)), "scale": np.ones((0, 2))}, "needed", "1 to"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_fit(case: str, tmp_path: Path) -> None:
    stored, name, words = BAD[case]
    with pytest.raises(ModelError) as caught:
        load_vectors(save(tmp_path, **stored), [IMAGE, SCALE])
    assert caught.value.code == "E1008"
    assert words in caught.value.facts[name]


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("sprung"),))  # type: ignore[return-value]


def test_a_hostile_file_is_an_error_and_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"pickle.npz": pickle.dumps(Trap()), "junk.npz": b"\0" * 99, "empty.npz": b"", "half.npz": b""}
    whole = save(tmp_path, image=np.ones((2, 3, 16, 16))).read_bytes()
    files["half.npz"] = whole[: len(whole) // 2]
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    np.savez(tmp_path / "objects.npz", image=np.array([Trap()], dtype=object))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("image.npy", "hello")
    for name in (*files, "objects.npz", "text.npz", "absent.npz"):
        with pytest.raises(ModelError) as caught:
            load_vectors(tmp_path / name, [IMAGE])
        assert caught.value.code == "E1008"
        assert str(tmp_path) not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler import vectors

    monkeypatch.setattr(vectors, "LARGEST_FILE", 1000)
    with pytest.raises(ModelError, match="larger than 1000 bytes"):
        load_vectors(save(tmp_path, image=np.zeros((2, 3, 16, 16))), [IMAGE])


def test_quantised_inputs_span_their_type() -> None:
    """Other integers, which count or point, stay small."""
    place = {"shape": (1, 50), "dtype": "int8", "offset": 0, "size": 50, "strides": (50, 1)}
    slots = [Slot(name="x", quant=Quant((0.1,), (3,)), **place), Slot(name="index", **place)]
    vectors = draw_vectors(slots, 6, ranges=whole_ranges(slots))
    assert min(int(v["x"].min()) for v in vectors) == -128
    assert max(int(v["x"].max()) for v in vectors) == 127
    assert all(v["index"].min() >= 0 and v["index"].max() <= 7 for v in vectors)

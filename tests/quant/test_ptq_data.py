"""Calibration data and labels: every kind of file, every way to be wrong, nothing hostile gets far."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compiler.errors import ModelError
from compiler.graph.graph import Value
from compiler.graph.types import TensorType
from compiler.quant.calibration_data import read_labels, read_samples
from compiler.quant.preprocess import Preprocess, parse
from compiler.quant.synthetic import COUNT, synthetic

X = Value("x", TensorType.of("float32", (1, 3, 4, 6)))
LAST = Value("x", TensorType.of("float32", (1, 4, 6, 3)))
PLAIN = Preprocess()


def refused(path: Path, code: str, *inputs: Value, preprocess: Preprocess = PLAIN) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_samples(path, inputs or (X,), preprocess)
    assert caught.value.code == code
    return caught.value


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (6, 4), kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, kind)
    return content.getvalue()


def sound(values: list[int], width: int = 2) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{len(values)}h", *values) if width == 2 else bytes(len(values) * width))
    return content.getvalue()


def test_npz_and_npy(tmp_path: Path) -> None:
    x = np.arange(5 * 72, dtype=np.uint8).reshape(5, 3, 4, 6)
    np.savez(tmp_path / "a.npz", x=x)
    np.save(tmp_path / "b.npy", x[:, None])
    for name in ("a.npz", "b.npy"):
        found = read_samples(tmp_path / name, (X,), parse("scale=1/255"))
        assert len(found) == 5
        assert found.arrays["x"].dtype == np.float32
        assert np.allclose(found.one(2)["x"], x[2:3] / 255)
    assert [s["x"][0, 0, 0, 0] for s in found.some(2)] == [found.one(0)["x"][0, 0, 0, 0], found.one(2)["x"][0, 0, 0, 0]]


def test_a_folder_of_pictures_in_both_layouts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "b.png").write_bytes(picture((255, 0, 51)))
    (tmp_path / "in" / "a.bmp").write_bytes(picture((0, 102, 0), (12, 8), "BMP"))
    (tmp_path / "notes.txt").write_text("no picture")
    first = read_samples(tmp_path, (X,), parse("scale=1/255,mean=0.5:0:0,std=0.5:1:0.1"))
    assert first.arrays["x"].shape == (2, 1, 3, 4, 6)
    assert np.allclose(first.arrays["x"][0, 0, :, 0, 0], [1, 0, 2], atol=1e-5)
    last = read_samples(tmp_path, (LAST,), PLAIN)
    assert last.arrays["x"][1, 0, 2, 3].tolist() == [0, 102, 0]
    swapped = read_samples(tmp_path, (LAST,), parse("color=bgr"))
    assert swapped.arrays["x"][0, 0, 0, 0].tolist() == [51, 0, 255]


def test_an_archive_of_sounds_and_arrays(tmp_path: Path) -> None:
    line = Value("x", TensorType.of("float32", (1, 4)))
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("set/2.wav", sound([16384, -32768, 0]))
        archive.writestr("set/1.wav", sound([8192] * 9))
        content = io.BytesIO()
        np.save(content, np.array([1, 2, 3, 4], np.float32))
        archive.writestr("set/3.npy", content.getvalue())
    found = read_samples(tmp_path / "s.zip", (line,), PLAIN)
    assert found.arrays["x"][:, 0].tolist() == [[0.25] * 4, [0.5, -1, 0, 0], [1, 2, 3, 4]]


def test_cut_to_proportions(tmp_path: Path) -> None:
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 3:9] = 200
    Image.fromarray(wide).save(tmp_path / "w.png")
    cut = read_samples(tmp_path, (X,), parse("fit=crop")).arrays["x"]
    assert cut.min() == cut.max() == 200
    assert read_samples(tmp_path, (X,), PLAIN).arrays["x"].min() == 0


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.png", b"no picture at all", "E0430"),
        ("x.jpg", picture((1, 2, 3), kind="JPEG")[:100], "E0430"),
        ("x.wav", b"RIFF....WAVE", "E0430"),
        ("x.wav", sound([1, 2], 3), "E0430"),
        ("x.npy", b"\x93NUMPY\x01\x00v\x00", "E0430"),
        ("x.npy", b"\x80\x04K\x01.", "E0430"),
    ],
)
def test_files_that_are_broken(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / name).write_bytes(content)
    assert refused(tmp_path / "f", code).where == name


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    refused(tmp_path / "x.npy", "E0430")
    refused(tmp_path, "E0430")


def test_a_picture_of_too_many_pixels(tmp_path: Path) -> None:
    """The size in the header is enough: nothing is decoded."""
    bomb = bytearray(picture((0, 0, 0)))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    (tmp_path / "bomb.png").write_bytes(bytes(bomb))
    refused(tmp_path, "E0430")


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes(picture((9, 9, 9)))
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x.png").symlink_to(tmp_path / "outside.png")
    refused(tmp_path / "f", "E0430")


def test_what_does_not_fit_the_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 4, 6, 3), np.float32))
    assert "needed is N × [3, 4, 6]" in str(refused(tmp_path / "a.npz", "E0431"))
    np.savez(tmp_path / "b.npz", z=np.zeros((5, 3, 4, 6)), x=np.zeros((5, 3, 4, 6)))
    assert "is no input" in str(refused(tmp_path / "b.npz", "E0431"))
    np.savez(tmp_path / "c.npz", x=np.full((5, 3, 4, 6), np.nan, np.float32))
    refused(tmp_path / "c.npz", "E0431")
    np.savez(tmp_path / "d.npz", x=np.zeros((0, 3, 4, 6), np.float32))
    refused(tmp_path / "d.npz", "E0431")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x.png").write_bytes(picture((1, 1, 1)))
    refused(tmp_path / "f", "E0431", X, LAST)
    refused(tmp_path / "f", "E0431", preprocess=parse("resize=9x9"))
    refused(tmp_path / "f", "E0431", preprocess=parse("color=gray"))


@pytest.mark.parametrize(
    "text",
    [
        "scale",
        "scale=x",
        "scale=1/0",
        "std=0",
        "size=3",
        "resize=96",
        "resize=0x4",
        "fit=none",
        "mean=1:a",
        "scale=inf",
    ],
)
def test_preprocessing_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(text)
    assert caught.value.code == "E0432"


def test_labels(tmp_path: Path) -> None:
    def labels(array: np.ndarray) -> np.ndarray:
        np.save(tmp_path / "l.npy", array)
        return read_labels(tmp_path / "l.npy", 3)

    assert labels(np.array([[1], [0], [2]], np.uint8)).tolist() == [1, 0, 2]
    for wrong in (np.zeros(4, int), np.zeros(3), np.array([0, 1, -1]), np.zeros((3, 3), int)):
        with pytest.raises(ModelError) as caught:
            labels(wrong)
        assert caught.value.code == "E0433"


def test_without_data_there_are_always_the_same_guesses() -> None:
    first, second = synthetic((X,)), synthetic((X,))
    assert len(first) == COUNT
    assert np.array_equal(first.arrays["x"], second.arrays["x"])
    assert first.arrays["x"].std() > 0.5

"""Images of handwritten digits: the 1,797 that scikit-learn ships, or MNIST files of the user's."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError, ToolError

SIZE = 28
_HELD_OUT = 0.2  # of the images, where the set has no test part of its own
_MAX_FILE = 1 << 30

Images = NDArray[np.float32]  # [n, 1, 28, 28], 0 to 1
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """A training set and images held out from it."""

    name: str
    split: str
    train_x: Images
    train_y: Labels
    test_x: Images
    test_y: Labels


def scikit_learn_digits(seed: int) -> Digits:
    """The 8×8 digits of the UCI repository, enlarged to 28×28 by linear interpolation."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ToolError(
            "E1012",
            "scikit-learn is not installed, and its digits are what samples are trained on",
            help="pip install 'deepmetal[samples]', or give MNIST files with --data",
        ) from None
    found = load_digits()
    small = np.asarray(found.images, np.float32) / 16
    x = np.stack([enlarged(image) for image in small])[:, None]
    return _split("scikit-learn digits (UCI, 1,797 images of 8×8, enlarged to 28×28)", x, found.target, seed)


def enlarged(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear interpolation between pixel centres, edges repeated."""
    n = image.shape[0]
    at = np.clip((np.arange(SIZE) + 0.5) * n / SIZE - 0.5, 0, n - 1)
    low = np.minimum(at.astype(int), n - 2)
    part = (at - low).astype(np.float32)
    weights = np.zeros((SIZE, n), np.float32)
    weights[np.arange(SIZE), low] = 1 - part
    weights[np.arange(SIZE), low + 1] += part
    return np.asarray(weights @ image @ weights.T, np.float32)


def mnist_files(path: Path) -> Digits:
    """MNIST as idx files, plain or gzipped: a folder with them, or the images file with its labels beside it.

    With both parts, train and t10k, the second is held out; with one part the last fifth of it is, in the file's order.
    """
    if path.is_dir():
        parts = {name: found for name in ("train", "t10k") if (found := _images_file(path, name)) is not None}
        if not parts:
            _refuse(path, "the folder has no train-images or t10k-images file")
        if len(parts) == 2:
            x, y = _pair(parts["train"])
            test_x, test_y = _pair(parts["t10k"])
            return Digits(
                "MNIST", f"{len(x):,} for training, the {len(test_x):,} of t10k held out", x, y, test_x, test_y
            )
        path = next(iter(parts.values()))
    x, y = _pair(path)
    part = "MNIST t10k" if "t10k" in path.name else "MNIST"
    train = len(x) - max(1, round(len(x) * _HELD_OUT))
    text = f"images 0 to {train - 1:,} for training, {train:,} to {len(x) - 1:,} held out"
    return Digits(f"{part} ({len(x):,} images)", text, x[:train], y[:train], x[train:], y[train:])


def _split(name: str, x: Images, y: NDArray[np.integer], seed: int) -> Digits:
    order = np.random.default_rng(seed).permutation(len(x))
    held_out = max(1, round(len(x) * _HELD_OUT))
    test, train = order[:held_out], order[held_out:]
    labels = np.asarray(y, np.int64)
    text = f"{len(train):,} for training, {len(test):,} held out, drawn at random with the seed"
    return Digits(name, text, x[train], labels[train], x[test], labels[test])


def _images_file(folder: Path, part: str) -> Path | None:
    found = sorted(p for p in folder.iterdir() if p.name.startswith(f"{part}-images") and p.is_file())
    return found[0] if found else None


def _pair(images: Path) -> tuple[Images, Labels]:
    labels = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    if labels == images or not labels.is_file():
        _refuse(images, f"there is no labels file {labels.name} beside it")
    x, y = _idx(images, 3), _idx(labels, 1)
    if len(x) != len(y) or x.shape[1:] != (SIZE, SIZE) or len(x) < 10 or y.max(initial=0) > 9:
        _refuse(images, f"{len(x)} images of {x.shape[1:]} with {len(y)} labels are not MNIST")
    return x.astype(np.float32)[:, None] / np.float32(255), y.astype(np.int64)


def _idx(path: Path, rank: int) -> NDArray[np.uint8]:
    """An idx file of bytes: two zero bytes, the type, the rank, the sizes, the data."""
    try:
        with gzip.open(path) if path.read_bytes()[:2] == b"\x1f\x8b" else path.open("rb") as file:
            data = file.read(_MAX_FILE)
    except (OSError, EOFError) as error:
        _refuse(path, str(error))
    if len(data) < 4 + 4 * rank or data[:4] != bytes((0, 0, 8, rank)):
        _refuse(path, "it is not an idx file of bytes")
    shape = struct.unpack_from(f">{rank}I", data, 4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * rank)
    if values.size != np.prod(shape, dtype=object):
        _refuse(path, "it is cut short")
    return values.reshape(shape)


def _refuse(path: Path, finding: str) -> NoReturn:
    raise ModelError(
        "E1011",
        f"the training images cannot be used: {finding}",
        where=path.name,
        help="give a folder with MNIST's idx files (train-images-idx3-ubyte.gz and its labels), or leave --data out",
    )

"""Hostile and damaged files: a typed error with the right code, quickly, and nothing of them runs."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import ModelError
from compiler.importers.detect import require_supported
from compiler.importers.formats.base import Loaded, formats
from compiler.importers.torch import inspect_torch, open_model
from compiler.importers.torch_build import build
from compiler.options import CompileOptions
from compiler.source import load
from tests.attacks import corpus
from tests.attacks.assemble import linear, module, sequential, tensor, torch_file


def opened(path: Path) -> Loaded:
    """What the pipeline does with an upload."""
    return formats()[require_supported(path).kind].load(path, CompileOptions(), path.name)


@pytest.mark.parametrize("name", sorted(corpus.CASES))
def test_is_refused_with_its_code(name: str, tmp_path: Path) -> None:
    codes, make = corpus.CASES[name]
    canary = tmp_path / "canary"
    path = tmp_path / name
    path.write_bytes(make(f"touch '{canary}'"))
    with pytest.raises(ModelError) as caught:
        opened(path)
    assert caught.value.code in codes, str(caught.value)
    assert caught.value.where == name
    assert caught.value.help
    assert not canary.exists()
    assert str(caught.value).replace("\n", "").isprintable(), "control characters of the file reach the terminal"
    assert len(str(caught.value)) < 4_000


def test_the_canary_would_sing(tmp_path: Path) -> None:
    """The payloads are real: Python's own unpickler runs them."""
    canary = tmp_path / "canary"
    paths = {path.name: path for path in corpus.build(tmp_path / "corpus", canary)}
    for name in ("call-system.pth", "call-eval.pth", "call-import.pth"):
        data = zipfile.ZipFile(paths[name]).read("m/data.pkl")
        assert not canary.exists()
        subprocess.run([sys.executable, "-c", f"import pickle; pickle.loads({data!r})"], check=True, timeout=60)
        assert canary.exists()
        canary.unlink()


GOOD = torch_file(sequential(linear(), module("activation.ReLU", inplace=False)))


def inspected(data: bytes, folder: Path) -> str:
    """The error code, or "" when the damage is harmless. Anything but a `ModelError` fails the test."""
    path = folder / "model.pth"
    path.write_bytes(data)
    try:
        require_supported(path)
        inspect_torch(path)
    except ModelError as error:
        return error.code
    return ""


@settings(max_examples=60)
@given(at=st.integers(0, len(GOOD) - 1))
def test_cut_short(at: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert inspected(GOOD[:at], tmp_path_factory.getbasetemp()) in {"E0110", "E0111", "E0112", "E0130"}


@settings(max_examples=200)
@given(flips=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 7)), min_size=1, max_size=4))
def test_flipped_bits(flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(GOOD)
    for at, bit in flips:
        data[at] ^= 1 << bit
    inspected(bytes(data), tmp_path_factory.getbasetemp())


def test_a_flipped_weight_does_not_pass(tmp_path: Path) -> None:
    """Damage in the weights is found by the checksum, not by the user's wrong results."""
    data = bytearray(torch_file(sequential(linear()), (b"\x01\x02\x03\x04" * 12, bytes(12))))
    data[data.index(b"\x01\x02\x03\x04")] ^= 1
    path = tmp_path / "model.pth"
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError) as caught:
        opened(path)
    assert caught.value.code == "E0130"
    assert "checksum" in caught.value.title


PICKLE = zipfile.ZipFile(io.BytesIO(GOOD)).read("m/data.pkl")


@settings(max_examples=200)
@given(at=st.integers(0, len(PICKLE) - 1), byte=st.integers(0, 255))
def test_flipped_bytes_of_the_pickle(at: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With a right checksum, the damage gets as far as the modules."""
    code = PICKLE[:at] + bytes([byte]) + PICKLE[at + 1 :]
    path = tmp_path_factory.getbasetemp() / "model.pth"
    path.write_bytes(corpus.zipped(corpus.torch_members(code, corpus.LINEAR_STORAGES)))
    with contextlib.suppress(ModelError):
        found = open_model(path, "model.pth")
        assert build(found.root, found.tensors, "model.pth") is not None


@settings(max_examples=200)
@given(code=st.binary(max_size=60))
def test_any_bytes_as_a_pickle(code: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The stack machine meets every instruction in every order."""
    inspected(corpus.zipped(corpus.torch_members(code)), tmp_path_factory.getbasetemp())


_CODES = [bytes([c]) for c in b"(.0]}\x8f)\x85\x86\x87t lbsuaeQR\x81\x93\x94N\x88\x89"]
_FRAGMENTS = st.sampled_from(
    [*_CODES, b"K\x01", b"h\x00", b"q\x00", b"h\x01", b"q\x01", b"cos\nsystem\n", b"\x8c\x01a", b"X\x01\x00\x00\x00b"]
)


@settings(max_examples=300)
@given(fragments=st.lists(_FRAGMENTS, max_size=40))
def test_any_instructions_as_a_pickle(fragments: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    code = b"\x80\x02" + b"".join(fragments) + b"."
    inspected(corpus.zipped(corpus.torch_members(code)), tmp_path_factory.getbasetemp())


@settings(max_examples=60)
@given(data=st.binary(min_size=1, max_size=300), magic=st.sampled_from([b"", b"PK\x03\x04", b"\x08\x0a", b"\x80\x02"]))
def test_any_file(data: bytes, magic: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    inspected(magic + data, tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(("name", "data"), list(corpus.odd_names()))
def test_odd_names_are_only_names(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(data)
    assert inspect_torch(path).shapes == {"input": (1, 4)}


INJECTED = '"), open("canary", "w"), getattr(self, "x'  # the exporter runs Python text that it writes around names


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", ["class", 'a"b', "__init__", "training", "ünï", "a@1", "a:1", "output", INJECTED])
def test_odd_names_export_and_stay_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of layers and of their weights."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pth"
    path.write_bytes(torch_file(sequential(module("container.Sequential", None, {name: linear()}))))
    source = load(path, CompileOptions())
    assert {origin for node in source.graph.nodes for origin in node.sources} == {f"0.{name}"}
    assert source.onnx is not None
    assert [t.name for t in source.onnx.graph.initializer] == [f"0.{name}.weight", f"0.{name}.bias"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.needs_torch
def test_names_that_the_exporter_gives_too(tmp_path: Path) -> None:
    """A layer called like the input, like a weight, like another layer's result."""
    shape = {"in_features": 4, "out_features": 4}
    weights = {"weight": tensor((4, 4), key="0"), "bias": tensor((4,), key="1")}
    names = ("input", "output", "0", "a", "a:1", "weight_0", "linear_1", "p_0_weight")
    path = tmp_path / "model.pth"
    path.write_bytes(
        torch_file(
            module("container.Sequential", None, {n: module("linear.Linear", dict(weights), **shape) for n in names}),
            (bytes(4 * 16), bytes(4 * 4)),
        )
    )
    source = load(path, CompileOptions())
    assert len(source.graph.nodes) == len(names)
    assert source.onnx is not None
    model = source.onnx.graph
    values = [*(v.name for v in model.input), *(t.name for t in model.initializer), *(n.output[0] for n in model.node)]
    assert len(values) == len(set(values))


def test_python_zipfile_agrees(tmp_path: Path) -> None:
    """What our reader accepts, another reader sees the same way."""
    from compiler.importers.archive import open_archive

    path = tmp_path / "model.pth"
    path.write_bytes(GOOD)
    ours = open_archive(path, "model.pth")
    other = zipfile.ZipFile(io.BytesIO(GOOD))
    assert sorted(ours.members) == sorted(other.namelist())
    assert all(bytes(ours.read(name)) == other.read(name) for name in ours.members)


def test_the_stock_loaders_are_never_called() -> None:
    """Each of them can be made to run code of the file."""
    root = Path(__file__).resolve().parents[2]
    loaders = re.compile(r"(torch\.load|jit\.load|export\.load|pickle\.loads?|Unpickler|joblib\.load)\s*\(")
    sources = [
        path for package in ("compiler", "deepmetal", "server", "worker") for path in (root / package).rglob("*.py")
    ]
    assert len(sources) > 50
    assert [path.name for path in sources if loaders.search(path.read_text("utf-8"))] == []

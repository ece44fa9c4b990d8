"""Hostile safetensors files and hostile lists of layers: a typed error, quickly, whatever they say."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from compiler.errors import ModelError
from compiler.importers.layer_list_guess import guess
from compiler.importers.layer_list_plan import plan
from compiler.importers.layer_list_steps import STEPS
from compiler.importers.safetensors import open_safetensors
from compiler.importers.state_dict import State, load_state
from compiler.importers.torch_layers import KINDS
from compiler.layer_list import Architecture


def file(header: Any, data: bytes = bytes(24), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(start: int = 0, end: int = 24, shape: Any = (2, 3), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [start, end]}


GOOD = file({"__metadata__": {"a": "b"}, "fc.weight": entry()})

CASES: dict[str, bytes] = {
    "nothing": b"",
    "shorter than its length": b"\x02\x00",
    "header past the end": file({}, length=1 << 20),
    "header without end": file({}, length=(1 << 63) + 5),
    "no JSON": file(b"{'a': 1}"),
    "not UTF-8": file(b'{"\xff": 1}'),
    "nested without end": file(b"[" * 200_000),
    "a list": file([entry()]),
    "twice the same name": file(b'{"a": 1, "a": 1}'),
    "no description": file({"a": 5}),
    "offsets missing": file({"a": {"dtype": "F32", "shape": [2, 3]}}),
    "unknown type": file({"a": entry(dtype="F33")}),
    "type is a table": file({"a": entry(dtype={})}),
    "shape negative": file({"a": entry(shape=[-2, -3])}),
    "shape of fractions": file({"a": entry(shape=[2.0, 3])}),
    "shape of truths": file({"a": entry(shape=[True, 6])}),
    "shape enormous": file({"a": entry(shape=[1 << 60, 1 << 60])}),
    "shape with a hundred axes": file({"a": entry(shape=[1] * 100)}),
    "more elements than bytes": file({"a": entry(shape=[2, 4])}),
    "bytes past the end": file({"a": entry(0, 2400, shape=[20, 30])}),
    "start before the data": file({"a": entry(-24, 0)}),
    "end before start": file({"a": entry(24, 0)}),
    "offsets of truths": file({"a": entry(False, 24)}),
    "overlap": file({"a": entry(), "b": entry(12, 24, (3,))}),
    "the same bytes twice": file({"a": entry(), "b": entry()}),
    "hidden bytes between": file({"a": entry(0, 8, (2,)), "b": entry(12, 24, (3,))}),
    "hidden bytes behind": file({"a": entry(0, 12, (3,))}),
    "name without characters": file({"": entry()}),
    "name that controls a terminal": file({"\x1b[31m": entry()}),
    "name without end": file({"a" * 10_000: entry()}),
}


@pytest.mark.parametrize("name", CASES)
def test_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(CASES[name])
    with pytest.raises(ModelError) as caught:
        open_safetensors(path, path.name)
    assert caught.value.code == "E0150"
    assert caught.value.help
    assert str(caught.value).replace("\n", "").isprintable()
    assert len(str(caught.value)) < 2_000


def test_the_good_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(GOOD)
    tensors, store = open_safetensors(path, path.name)
    assert store.array(tensors["fc.weight"]).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_far_too_many_tensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(file({str(i): entry(0, 0, (0,)) for i in range(20_001)}, b""))
    with pytest.raises(ModelError, match="far too many tensors"):
        open_safetensors(path, path.name)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255), cut=st.integers(0, 8))
def test_any_changed_byte(at: int, value: int, cut: int, tmp_path: Path) -> None:
    """An error with a code, or tensors that lie inside the file."""
    data = bytearray(GOOD)
    data[at] = value
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(data[: len(data) - cut]))
    code = "E0150"
    try:
        tensors, store = open_safetensors(path, path.name)
    except ModelError as error:
        code = error.code
        tensors = {}
    assert code == "E0150"
    for tensor in tensors.values():
        if tensor.dtype in ("F32", "I32", "U32"):
            assert store.array(tensor).nbytes == tensor.bytes


# -- lists of layers ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> State:
    folder = tmp_path_factory.mktemp("weights")
    shapes = {"a.weight": (2, 3), "a.bias": (2,), "b.weight": (4, 2, 3, 3), "p": (1, 3), "l.weight_ih_l0": (4, 3)}
    shapes |= {"l.weight_hh_l0": (4, 1), "m.in_proj_weight": (6, 2), "m.out_proj.weight": (2, 2)}
    header: dict[str, Any] = {}
    at = 0
    for name, shape in shapes.items():
        size = 4
        for n in shape:
            size *= n
        header[name] = entry(at, at + size, shape)
        at += size
    path = folder / "model.safetensors"
    path.write_bytes(file(header, bytes(at)))
    return load_state(path, path.name)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 1 << 31), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["same", "zeros", "reflect", "relu", "x" * 200]), st.lists(st.integers(-3, 9), max_size=4),
)  # fmt: skip
NAMES = st.sampled_from(
    ["", "a", "b", "p", "l", "m", "input", "a:1", "input:9999", "relu1", "\x1b[2J", "..", "a" * 200]
)
ARGUMENTS = sorted({argument for kind in (*KINDS.values(), *STEPS.values()) for argument in kind.arguments} | {"bias"})
LAYERS = st.fixed_dictionaries(
    {"type": st.sampled_from([*KINDS, *STEPS, "Sequential", "os.system", "__class__"])},
    optional={
        "name": NAMES,
        "args": st.dictionaries(st.sampled_from(ARGUMENTS), VALUES, max_size=4),
        "from": st.lists(NAMES, max_size=4),
    },
)


@settings(max_examples=200)
@given(layers=st.lists(LAYERS, max_size=4), shape=st.lists(st.integers(1, 1 << 20), max_size=5))
def test_any_list_of_layers(layers: list[dict[str, Any]], shape: list[int], weights: State) -> None:
    """A plan, or an error with a code; never a crash, and nothing is allocated."""
    found: ModelError | None = None
    try:
        listed = Architecture.model_validate({"layers": layers, "input": shape, "unused": ["a", "b", "p", "l", "m"]})
        plan(listed, weights, {})
    except ValidationError:
        return
    except ModelError as error:
        found = error
    if found is not None:
        assert found.code in ("E0131", "E0151", "E0152", "E0153")
        assert str(found).replace("\n", "").isprintable()
        assert len(str(found)) < 4_000


@settings(max_examples=100)
@given(
    names=st.lists(
        st.text(st.sampled_from("ab01._"), min_size=1, max_size=8).map(lambda n: f"{n}.weight"), max_size=5, unique=True
    ),
    more=st.lists(
        st.sampled_from(
            "a.bias a.running_mean l.weight_ih_l0 l.weight_hh_l0 c.weight_ih c.weight_hh m.in_proj_weight "
            "encoder.layers.0.self_attn.in_proj_weight encoder.layers.0.linear1.weight weight bias p layers.x".split()
        ),
        unique=True,
    ),
    data=st.data(),
)
def test_a_guess_at_anything(names: list[str], more: list[str], data: st.DataObject) -> None:
    """Whatever the names and shapes, there is a list, and no tensor is in it twice."""

    class Tensor:
        def __init__(self, shape: tuple[int, ...]) -> None:
            self.shape, self.elements, self.bytes = shape, 0, 0

    shapes = st.lists(st.integers(0, 5), max_size=6).map(tuple)
    tensors = {name: Tensor(data.draw(shapes)) for name in dict.fromkeys([*names, *more])}
    found = guess(tensors)
    assert sum(len(layer.tensors) for layer in found.layers) == len(tensors)

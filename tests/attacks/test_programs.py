"""Hostile TorchScript and `.pt2` files: a code, quickly, within limits, and nothing of them runs."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import ModelError
from compiler.importers import torch_fx
from compiler.importers.detect import detect, require_supported
from compiler.importers.formats.base import formats
from compiler.importers.pt2 import load_export
from compiler.importers.torchscript import load_script
from compiler.importers.torchscript_data import open_script
from compiler.importers.torchscript_look import look
from compiler.options import CompileOptions
from tests.attacks import program_corpus
from tests.attacks.assemble import Call, Name, pickled
from tests.support.networks import networks

SHAPE = {"": (1, 3)}


def followed(path: Path) -> None:
    """What the pipeline does with an upload of these kinds, up to but without the exporter."""
    kind = require_supported(path).kind
    (load_script if kind == "torchscript" else load_export)(path, SHAPE, path.name)


def looked_and_loaded(path: Path) -> None:
    require_supported(path)
    formats()["pt2"].inspect(path, CompileOptions(), path.name)
    load_export(path, {}, path.name)


def refused(what: Callable[[], object]) -> ModelError | None:
    """The error that comes of it, which people can read; anything but a `ModelError` fails the test."""
    try:
        what()
    except ModelError as error:
        told = str(error)
        helps = bool(error.help)
        caught = error
    else:
        return None
    assert helps
    assert told.replace("\n", "").isprintable(), "control characters of the file reach the terminal"
    assert len(told) < 4_000
    return caught


@pytest.mark.parametrize("name", sorted(program_corpus.CASES))
def test_is_refused_with_its_code(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_fx, "MAX_NODES", 300)  # ten thousand take their time
    codes, make = program_corpus.CASES[name]
    canary = tmp_path / "canary"
    path = tmp_path / name
    path.write_bytes(make(f"touch '{canary}'"))
    assert detect(path).kind == "torchscript"
    error = refused(lambda: followed(path))
    assert (error.code if error else "") in codes, str(error)
    assert error is None or error.where == name
    assert not canary.exists()
    assert not Path("touch").exists()


@pytest.mark.parametrize("name", sorted(program_corpus.CASES))
def test_a_look_is_bounded_too(name: str, tmp_path: Path) -> None:
    """Before compiling, nothing but an error with a code comes out."""
    path = tmp_path / name
    path.write_bytes(program_corpus.CASES[name][1]("true"))
    error = refused(lambda: formats()["torchscript"].inspect(path, CompileOptions(), name))
    assert error is None or error.code in program_corpus.CASES[name][0] | {"E0141"}


def test_the_good_files_are_good(tmp_path: Path) -> None:
    """The frame that the cases are put into works."""
    for data in (program_corpus.GOOD, program_corpus.FOLDED):
        path = tmp_path / "good.pt"
        path.write_bytes(data)
        assert load_script(path, {}, "good.pt").run({"x": np.ones((1, 3), np.float32)})[0].tolist() == [[0, 0, 0]]


INJECTED = 'x"), open("CANARY", "w"), getattr(self, "x'


@pytest.mark.parametrize(
    "name", ['a"b', "a'b\n", "../../etc", "x; rm -rf", "\\N{BULLET}", "ünï", "é" * 300, "class", INJECTED]
)
def test_odd_names_are_only_names(name: str, tmp_path: Path) -> None:
    """PyTorch writes Python text around the names of weights and runs it; ours are not among them."""
    path = tmp_path / "odd.pt"
    path.write_bytes(program_corpus.odd_name(name.replace("CANARY", str(tmp_path / "canary"))))
    loaded = formats()["torchscript"].load(path, CompileOptions(), "odd.pt")
    assert loaded.onnx is not None
    assert {node.op_type for node in loaded.onnx.graph.node} & {"MatMul", "Gemm"}
    assert not (tmp_path / "canary").exists()


PIECES = st.sampled_from(
    'torch.relu( torch.add( ( ) [ ] , x y self .weight .forward( 1 -1 0.5 "a" None True = : \n if else pass while for '
    "in range( return def class lambda CONSTANTS.c0 getattr( int( torch.size( torch.append( __torch__ ops.prim.dtype( "
    "annotate( {} torch.mul( torch.slice( torch.unbind( torch.cat( torch.format( torch.__is__(".split(" ")
)


@settings(max_examples=150)
@given(pieces=st.lists(PIECES, max_size=30))
def test_any_text(pieces: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the text, a program or a `ModelError`; nothing else leaves the walk."""
    _looked(program_corpus.script(program_corpus.module(" ".join(pieces))), tmp_path_factory)


VALUES = st.sampled_from(["x", "[x]", "[]", "[1, 2]", "1", "-1", "0.5", '"a"', "None", "(x, 1)", "self.weight", "{}"])
CALLED = st.sampled_from(
    "add mul size dim len append extend slice select unbind cat stack __getitem__ __contains__ format pow floordiv "
    "remainder relu linear conv2d view reshape flatten transpose mean max split chunk to tensor _set_item pop insert "
    "eq neg sum".split()
)


@settings(max_examples=300)
@given(calls=st.lists(st.tuples(CALLED, st.lists(VALUES, max_size=4)), min_size=1, max_size=5))
def test_any_calls(calls: list[tuple[str, list[str]]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Functions of programs with arguments of every kind."""
    lines = [f"x = torch.{name}({', '.join(values)})" for name, values in calls]
    _looked(program_corpus.script(program_corpus.module("\n".join([*lines, "return x"]))), tmp_path_factory)


def _looked(data: bytes, factory: pytest.TempPathFactory) -> None:
    path = factory.getbasetemp() / "text.pt"
    path.write_bytes(data)
    for shapes in ({}, {"x": (1, 3)}):
        with contextlib.suppress(ModelError):
            look(open_script(path, "text.pt"), shapes)


@settings(max_examples=100)
@given(
    flips=st.lists(st.tuples(st.integers(0, len(program_corpus.GOOD) - 1), st.integers(0, 7)), min_size=1, max_size=4)
)
def test_flipped_bits(flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(program_corpus.GOOD)
    for at, bit in flips:
        data[at] ^= 1 << bit
    _looked(bytes(data), tmp_path_factory)


# -- torch.jit.load would run this -----------------------------------------------------------------------------------


class Restoring(torch.nn.Module):
    """Writes a file while the stock loader reads it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.weight = torch.ones(3)

    @torch.jit.export
    def __getstate__(self) -> tuple[str, torch.Tensor, bool]:
        return self.path, self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, torch.Tensor, bool]) -> None:
        self.path, self.weight, self.training = state
        torch.save(self.weight, self.path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight


def test_torch_jit_load_would_run_it_and_we_do_not(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(Restoring(str(canary))), path)
    canary.unlink(missing_ok=True)
    with pytest.raises(ModelError) as caught:
        followed(path)
    assert caught.value.code in ("E0126", "E0144")
    assert not canary.exists()
    code = f"import torch; torch.jit.load({str(path)!r})"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)
    assert canary.exists(), "the stock loader runs it: the case is real"


# -- torch.export.load would run these -------------------------------------------------------------------------------


@cache
def exported() -> bytes:
    network, file = networks()["two"], io.BytesIO()
    torch.export.save(torch.export.export(network.module(), network.examples()), file)
    return file.getvalue()


def changed(change: Callable[[str, bytes], bytes | None], more: dict[str, bytes] | None = None) -> bytes:
    """The archive with members changed or left out."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(exported())) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in (more or {}).items():
            new.writestr(f"{old.namelist()[0].partition('/')[0]}/{name}", data)
    return result.getvalue()


def json_changed(ending: str, change: Callable[[Any], None]) -> bytes:
    def member(name: str, data: bytes) -> bytes:
        if not name.endswith(ending):
            return data
        value = json.loads(data)
        change(value)
        return json.dumps(value).encode()

    return changed(member)


def _member(ending: str, content: bytes | None) -> bytes:
    return changed(lambda name, data: content if name.endswith(ending) else data)


def _graph(change: Callable[[Any], None]) -> bytes:
    return json_changed("models/model.json", lambda model: change(model["graph_module"]["graph"]))


def _expression(text: str) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph["tensor_values"]["a"]["sizes"][0] = {"as_expr": {"expr_str": text, "hint": {"as_int": 1}}}

    return change


def _weight(**fields: Any) -> bytes:
    def change(config: Any) -> None:
        config["config"]["left.weight"] |= fields

    return json_changed("weights_config.json", change)


def _meta(**fields: Any) -> bytes:
    def change(config: Any) -> None:
        config["config"]["left.weight"]["tensor_meta"] |= fields

    return json_changed("weights_config.json", change)


def _node(**fields: Any) -> bytes:
    return _graph(lambda graph: graph["nodes"][0].update(fields))


HARMLESS = frozenset({""})
EXPORTS: dict[str, tuple[frozenset[str], Callable[[str], bytes]]] = {
    "pickled-sample-inputs": (
        HARMLESS,  # they are not read
        lambda command: changed(
            lambda name, data: pickled(Call(Name("posix", "system"), (command,))) if name.endswith("model.pt") else data
        ),
    ),
    "expression": (
        frozenset({"E0144"}),
        lambda command: _graph(_expression(f"__import__('os').system({command!r})")),
    ),
    "expression-eval": (frozenset({"E0144"}), lambda command: _graph(_expression("eval('1')"))),
    "expression-long": (frozenset({"E0144"}), lambda command: _graph(_expression("9**" * 1000 + "9"))),
    "pickled-weight": (frozenset({"E0144"}), lambda command: _weight(use_pickle=True)),
    "library": (frozenset({"E0144"}), lambda command: changed(lambda n, d: d, {"data/aotinductor/m.so": b"\x7fELF"})),
    "weight-elsewhere": (frozenset({"E0127"}), lambda command: _weight(path_name="../../models/model.json")),
    "weight-missing": (frozenset({"E0127"}), lambda command: _member("weight_0", None)),
    "weight-short": (frozenset({"E0127"}), lambda command: _member("weight_0", bytes(95))),
    "weight-huge": (
        frozenset({"E0127"}), lambda command: _meta(sizes=[{"as_int": 1 << 20}, {"as_int": 1 << 20}]),
    ),
    "weight-stride-nothing": (
        frozenset({"E0127"}),
        lambda command: _meta(sizes=[{"as_int": 9999}, {"as_int": 9999}], strides=[{"as_int": 0}, {"as_int": 0}]),
    ),
    "weight-offset": (frozenset({"E0127"}), lambda command: _meta(storage_offset={"as_int": 1 << 40})),
    "weight-negative": (frozenset({"E0140"}), lambda command: _meta(strides=[{"as_int": -1}, {"as_int": 1}])),
    "weight-complex": (frozenset({"E0127"}), lambda command: _meta(dtype=10)),
    "operator-of-an-extension": (frozenset({"E0143"}), lambda command: _node(target="torch.ops.mine.run.default")),
    "operator-that-is-python": (frozenset({"E0143"}), lambda command: _node(target="os.system")),
    "operator-random": (frozenset({"E0143"}), lambda command: _node(target="torch.ops.aten.rand_like.default")),
    "operator-from-file": (frozenset({"E0143"}), lambda command: _node(target="torch.ops.aten.from_file.default")),
    "operator-attribute": (frozenset({"E0132"}), lambda command: _node(target="torch.ops.aten.linear.__doc__")),
    "arguments-missing": (frozenset({"E0132"}), lambda command: _node(inputs=[])),
    "arguments-odd": (frozenset({"E0140"}), lambda command: _node(inputs=[{"name": "x", "arg": {"as_shell": "x"}}])),
    "value-unknown": (
        frozenset({"E0140"}), lambda command: _node(inputs=[{"name": "x", "arg": {"as_tensor": {"name": "z"}}}]),
    ),
    "nodes-are-numbers": (frozenset({"E0140"}), lambda command: _graph(lambda graph: graph.update(nodes=[1]))),
    "no-graph": (frozenset({"E0140"}), lambda command: json_changed("model.json", lambda m: m.pop("graph_module"))),
    "no-json": (frozenset({"E0140"}), lambda command: _member("model.json", b"{")),
    "deep-json": (
        frozenset({"E0141"}),
        lambda command: _member("model.json", b"[" * 200_000),
    ),
    "two-programs": (frozenset({"E0140"}), lambda command: changed(lambda n, d: d, {"models/other.json": b"{}"})),
    "big-endian": (frozenset({"E0127"}), lambda command: _member("byteorder", b"big")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_export_is_refused_or_harmless(name: str, tmp_path: Path) -> None:
    codes, make = EXPORTS[name]
    canary = tmp_path / "canary"
    path = tmp_path / f"{name}.pt2"
    path.write_bytes(make(f"touch '{canary}'"))
    error = refused(lambda: looked_and_loaded(path))
    assert (error.code if error else "") in codes, str(error)
    assert not canary.exists()


OTHERS: list[Any] = [None, -1, 0, 1 << 60, "a", [], {}, True, 0.5, [1], {"as_int": 5}]


@settings(max_examples=80)
@given(data=st.data())
def test_any_change_of_the_json(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One value anywhere becomes another: an answer or a `ModelError`."""

    def change(model: Any) -> None:
        where = model
        while True:
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            if not keys:
                return
            key = data.draw(st.sampled_from(keys))
            if not isinstance(where[key], (dict, list)) or data.draw(st.integers(0, 3)) == 0:
                where[key] = data.draw(
                    st.sampled_from([None, -1, 0, 1 << 60, "a", [], {}, True, 0.5, [1], {"as_int": 5}])
                )
                return
            where = where[key]

    path = tmp_path_factory.getbasetemp() / "changed.pt2"
    path.write_bytes(json_changed(data.draw(st.sampled_from(["models/model.json", "weights_config.json"])), change))
    refused(lambda: looked_and_loaded(path))

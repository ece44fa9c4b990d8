"""What is settled and what is asked when a model leaves dimensions open."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from compiler import cli
from compiler.errors import ModelError
from compiler.importers.free_dims import Declared, Dimensions, Sizes, question, settle
from compiler.importers.onnx import import_onnx

Output = pytest.CaptureFixture[str]


def settled(given: dict[str, tuple[int, ...]] | None = None, /, **inputs: Dimensions | None) -> Sizes:
    return settle([Declared(name, dims) for name, dims in inputs.items()], given or {})


def test_the_batch_is_no_question() -> None:
    assert settled(x=("N", 3), y=(None, 2)).shapes == {"x": (1, 3), "y": (1, 2)}
    assert settled({"x": (4, 3)}, x=("N", 3), y=("N", 2)).shapes == {"x": (4, 3), "y": (4, 2)}
    assert settled({"N": (4,)}, x=("N", 3), y=("N", 2)).shapes == {"x": (4, 3), "y": (4, 2)}


@pytest.mark.parametrize("dims", [("N", "N"), ("seq_len", 8), ("time", 1, 4)], ids=str)
def test_a_first_dimension_that_is_no_batch_is_asked_for(dims: Dimensions) -> None:
    assert settled(x=dims).asked == {"x": [n if isinstance(n, int) else None for n in dims]}


def test_a_name_is_asked_for_once() -> None:
    found = settled(x=("N", 3, "H", "W"), mask=("N", 1, "H", "W"), z=("N", "H", None))
    assert found.asked == {"x": [1, 3, None, None], "z": [1, None, None]}
    assert found.waiting == {"mask"}
    shapes = settled({"x": (2, 3, 8, 9)}, x=("N", 3, "H", "W"), mask=("N", 1, "H", "W"), z=("N", "H", 5)).shapes
    assert shapes == {"x": (2, 3, 8, 9), "mask": (2, 1, 8, 9), "z": (2, 8, 5)}


def test_sizes_by_name() -> None:
    given = {"H": (8,), "W": (9,)}
    assert settled(given, x=("N", 3, "H", "W"), y=("H", "W")).shapes == {"x": (1, 3, 8, 9), "y": (8, 9)}
    assert settled({"H": (2, 2)}, H=("N", 2)).shapes == {"H": (2, 2)}, "an input goes before a dimension of its name"


def test_an_unknown_rank_is_asked_for() -> None:
    assert settled(x=None).asked == {"x": [None]}
    assert settled({"": (2, 3)}, x=None).shapes == {"x": (2, 3)}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"z": (1,)}, "neither an input"),
        ({"": (1, 3)}, "needs a name"),
        ({"H": (1, 2)}, "takes one number"),
        ({"x": (1, 4, 8)}, "does not fit"),
        ({"x": (1, 3)}, "does not fit"),
        ({"x": (1, 3, 8), "y": (1, 9)}, "would be 8 and 9"),
        ({"H": (8,), "y": (1, 9)}, "would be 8 and 9"),
    ],
    ids=str,
)
def test_what_does_not_fit(given: dict[str, tuple[int, ...]], says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        settled(given, x=("N", 3, "H"), y=("N", "H"))
    assert caught.value.code == "E1004"


def test_the_question_says_what_to_write() -> None:
    inputs = [Declared("x", ("N", 3, "H", None)), Declared("y", ("T", 2)), Declared("z", None)]
    error = question(inputs, {"x": [1, 3, None, None], "y": [None, 2], "z": [None]})
    assert error.code == "E0308"
    assert error.title == "input 'x' has open dimensions: [1,3,H,?]"
    assert error.facts == {"x": "[1,3,H,?]", "y": "[T,2]", "z": "[...]"}
    assert "--shape x=1,3,H,?" in error.help
    assert "--shape H=... --shape T=..." in error.help


def added(path: Path) -> Path:
    """x[N, T] + y[T], whose sum is z."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", ["N", "T"]), ("y", ["T"]))
    ]
    outputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Add", ["x", "y"], ["z"])], "g", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_in_onnx_models(tmp_path: Path) -> None:
    model = onnx.load_model(added(tmp_path / "m.onnx"))
    for given in ({"T": (5,)}, {"x": (1, 5)}, {"y": (5,)}):
        assert [v.shape for v in import_onnx(model, given).inputs] == [(1, 5), (5,)]
    with pytest.raises(ModelError) as caught:
        import_onnx(model, {})
    assert caught.value.facts == {"x": "[1,T]"}


def test_on_the_command_line(tmp_path: Path, capsys: Output) -> None:
    path = added(tmp_path / "m.onnx")
    assert cli.main(["inspect", str(path)]) == 1
    assert "give it with --shape x=1,?" in capsys.readouterr().out
    assert cli.main(["convert", str(path), "-o", str(tmp_path / "m.graph.json")]) == 1
    assert "E0308" in capsys.readouterr().err
    assert cli.main(["inspect", str(path), "--shape", "T=5"]) == 0
    assert cli.main(["convert", str(path), "--shape", "T=5", "-o", str(tmp_path / "m.graph.json"), "--text"]) == 0
    assert "input %x: float32[1,5]" in capsys.readouterr().out

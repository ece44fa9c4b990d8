"""`deepmetal compile` and `inspect`: what reaches the pipeline, what comes out where, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler import cli
from compiler.errors import BudgetExceeded, CompilerBug, DeepMetalError, Mismatch, ModelError, ToolError
from compiler.layer_list import Architecture, ListedLayer
from compiler.options import CompileOptions
from compiler.report import Report
from tests.cli.stub import Pipeline

Output = pytest.CaptureFixture[str]


def compile_(model: Path, out: Path, *words: str) -> int:
    return cli.main(["compile", str(model), "-o", str(out), *words])


def test_one_plain_call_compiles_with_the_defaults(pipeline: Pipeline, model: Path, tmp_path: Path) -> None:
    assert compile_(model, tmp_path / "out") == 0
    assert pipeline.calls == [(model, CompileOptions.model_validate({}), None)]
    assert (tmp_path / "out.zip").exists()


def test_every_option_reaches_the_pipeline(pipeline: Pipeline, model: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "v.npz"
    vectors.write_bytes(b"")
    layers = tmp_path / "layers.json"
    layers.write_text('{"layers": [{"type": "ReLU"}], "input": [1, 4]}')
    words = (
        "--target cortex-m4 --emit c --precision int8 --optimize size --name kws --shape a=1,3,32,32 "
        "--shape b:0=1x4 --io-layout native --arena caller --weights array --compiler clang "
        "--budget flash=2MiB,ram=64KiB --opt-level 3 --debug --threads 2 --pack arduino --board nucleo-l4r5zi "
        f"--vectors {vectors} --vector-count 9 --softmax --architecture {layers} "
        f"--calibration {vectors} --labels {vectors} --samples {vectors} --rounding double --quantizer thorough "
        "--observer mse --preprocess scale=1/255 --io int8 --keep conv1=int16 --keep a=b=float32 "
        "--accuracy-budget 0.5 --mixed float32"
    ).split()
    # The stub's artifact has the header of "model", which a run under another name would not have.
    pipeline.error = ToolError("E0701", "stop here")
    pipeline.write_before_error = False
    assert compile_(model, tmp_path / "out", *words) == 5
    [(_, options, used)] = pipeline.calls
    assert used == vectors
    assert options.model_dump() == {
        "target": "cortex-m4",
        "board": "nucleo-l4r5zi",
        "emit": "c",
        "precision": "int8",
        "rounding": "double",
        "optimize": "size",
        "name": "kws",
        "shape": {"a": (1, 3, 32, 32), "b:0": (1, 4)},
        "architecture": Architecture(layers=[ListedLayer(type="ReLU")], input=[1, 4]).model_dump(),
        "io_layout": "native",
        "arena": "caller",
        "weights": "array",
        "compiler": "clang",
        "opt_level": "3",
        "debug": True,
        "threads": 2,
        "pack": "arduino",
        "budget": {"flash": 2 * 2**20, "ram": 65536},
        "source": None,
        "class_name": None,
        "class_args": None,
        "vectors": 9,
        "softmax": True,
        "quantizer": "thorough",
        "observer": "mse",
        "preprocess": "scale=1/255",
        "io": "int8",
        "keep": {"conv1": "int16", "a=b": "float32"},
        "accuracy_budget": "0.5",
        "mixed": "float32",
        "run": True,
    }
    assert pipeline.data == (vectors, vectors, vectors)


def test_every_field_of_the_options_has_a_flag(pipeline: Pipeline, capsys: Output) -> None:
    with pytest.raises(SystemExit):
        cli.main(["compile", "--help"])
    text = capsys.readouterr().out
    flags = {"vectors": "--vector-count", "run": "--no-run"}
    for name in CompileOptions.model_fields:
        assert flags.get(name, "--" + name.replace("_", "-")) in text


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[]", '{"layers": [{"type": "ReLU", "arg": 1}]}'])
def test_an_architecture_that_is_none(
    text: str, pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output
) -> None:
    layers = tmp_path / "layers.json"
    layers.write_text(text)
    assert compile_(model, tmp_path / "out", "--architecture", str(layers)) == 1
    assert "error[E1002]" in capsys.readouterr().err
    assert pipeline.calls == []


def test_a_shape_without_a_name_is_for_the_only_input(pipeline: Pipeline, model: Path, tmp_path: Path) -> None:
    assert compile_(model, tmp_path / "out", "--shape", "1,3,32,32") == 0
    assert pipeline.calls[0][1].shape == {"": (1, 3, 32, 32)}


def test_json_is_the_report_with_timings_and_nothing_else(
    pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output
) -> None:
    assert compile_(model, tmp_path / "out", "--json") == 0
    said = capsys.readouterr()
    assert Report.model_validate_json(said.out).timings == {"import": 0.21, "build": 1.9}
    assert "[1/8] Read the model" in said.err
    assert "Runs on cortex-m4. Flash 91.7 KiB" in said.err


def test_progress_and_summary_go_to_standard_error_without_control_characters(
    pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output
) -> None:
    assert compile_(model, tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "\x1b" not in said.err
    assert [line[1] for line in said.err.splitlines() if line.startswith("[")] == list("12345678")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ModelError("E0203", "Resize cannot be compiled", facts={"mode": "cubic"}, help="use linear"), 1),
        (BudgetExceeded("E0501", "too big"), 3),
        (Mismatch("E0801", "layer conv1 differs", facts={"layer": "conv1"}), 4),
        (ToolError("E0701", "qemu is not installed"), 5),
        (CompilerBug("E0690", "negative offset"), 70),
        (ZeroDivisionError("oops"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_status(
    pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output, error: BaseException, status: int
) -> None:
    pipeline.error = error
    assert compile_(model, tmp_path / "out") == status
    said = capsys.readouterr()
    assert said.out == ""
    if isinstance(error, DeepMetalError):
        assert f"error[{error.code}]: {error.title}" in said.err


def test_a_bug_names_the_command_that_repeats_it(
    pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output
) -> None:
    pipeline.error = ZeroDivisionError("oops")
    compile_(model, tmp_path / "out", "--optimize", "size")
    said = capsys.readouterr().err
    assert "error[E9901]: ZeroDivisionError: oops" in said
    assert f"DEEPMETAL_DEBUG=7 deepmetal compile {model} -o {tmp_path / 'out'} --optimize size" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("error", [Mismatch("E0801", "differs"), BudgetExceeded("E0501", "too big")])
def test_the_report_of_a_failed_comparison_is_printed_too(
    pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output, error: DeepMetalError
) -> None:
    pipeline.error = error
    assert compile_(model, tmp_path / "out", "--json") == error.exit_status
    assert json.loads(capsys.readouterr().out)["schema"] == "deepmetal.report/1"


@pytest.mark.parametrize(
    "words",
    [
        ("--shape", "input=1,a"),
        ("--shape", "x=-1,2"),
        ("--budget", "flash"),
        ("--budget", "flash=12parsec"),
        ("--budget", "flash=1K,flash=2K"),
        ("--budget", "disk=1K"),
        ("--emit", "java"),
        ("--no-such-option",),
    ],
)
def test_bad_usage_is_status_2(pipeline: Pipeline, model: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as left:
        compile_(model, tmp_path / "out", *words)
    assert left.value.code == 2
    assert pipeline.calls == []


@pytest.mark.parametrize(
    "words",
    [("--name", "1x"), ("--name", "while"), ("--vector-count", "0"), ("--budget", "flash=0"), ("--shape", "9" * 12)],
)
def test_a_bad_value_is_an_option_error(
    pipeline: Pipeline, model: Path, tmp_path: Path, capsys: Output, words: tuple[str, ...]
) -> None:
    assert compile_(model, tmp_path / "out", *words) == 1
    assert "error[E1002]" in capsys.readouterr().err
    assert pipeline.calls == []


def test_two_shapes_for_one_input_are_an_error(pipeline: Pipeline, model: Path, tmp_path: Path) -> None:
    assert compile_(model, tmp_path / "out", "--shape", "x=1,2", "--shape", "x=1,3") == 1


def test_a_model_that_is_not_there(pipeline: Pipeline, tmp_path: Path, capsys: Output) -> None:
    assert compile_(tmp_path / "no\x1b[2J.onnx", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "error[E1006]: there is no model file" in said
    assert "\x1b" not in said


def test_inspect_shows_what_is_open_and_how_to_give_it(pipeline: Pipeline, model: Path, capsys: Output) -> None:
    assert cli.main(["inspect", str(model)]) == 0
    said = capsys.readouterr().out
    assert "?×3×8×8" in said
    assert "--shape x=?,3,8,8" in said
    assert "5,000 parameters" in said


def test_inspect_lists_every_unsupported_node_with_reason_and_hint(
    pipeline: Pipeline, model: Path, capsys: Output
) -> None:
    pipeline.unsupported()
    assert cli.main(["inspect", str(model)]) == 1
    said = capsys.readouterr().out
    assert "2 nodes cannot be compiled" in said
    assert "up\\u001b[2J (Resize): mode cubic [E0203]" in said
    assert "help: use linear" in said
    assert "\x1b" not in said


def test_inspect_as_json(pipeline: Pipeline, model: Path, capsys: Output) -> None:
    pipeline.unsupported()
    assert cli.main(["inspect", str(model), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["unsupported"][0]["op"] == "Resize"

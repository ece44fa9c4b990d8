"""The command line that repeats a compilation: the command line's own parser gives the same options back."""

from __future__ import annotations

import shlex

import pytest

from compiler.catalog import with_board
from compiler.cli import parser
from compiler.commands.compile import options_from
from compiler.options import CompileOptions
from compiler.pack.command import compile_command

OTHER: dict[str, object] = {
    "target": "cortex-m7",
    "board": "nucleo-l4r5zi",
    "emit": "cpp",
    "optimize": "size",
    "name": "net",
    "shape": {"x": (1, 3), "": (2,)},
    "io_layout": "native",
    "arena": "caller",
    "weights": "incbin",
    "compiler": "clang",
    "opt_level": "s",
    "debug": True,
    "threads": 4,
    "pack": "arduino",
    "budget": {"flash": 65536.0, "latency": 2.5},
    "vectors": 7,
    "softmax": True,
    "precision": "int8",
    "rounding": "double",
    "quantizer": "thorough",
    "observer": "entropy",
    "preprocess": "scale=1/255,resize=8x8",
    "io": "int8",
    "keep": {"conv1": "int16", "a=b": "float32"},
    "accuracy_budget": "25dB",
    "mixed": "float32",
    "run": False,
}


def test_every_option_is_in_the_list_above() -> None:
    files = {"architecture", "source", "class_name", "class_args"}
    assert set(OTHER) | files == set(CompileOptions.model_fields)


def test_files_are_named() -> None:
    layers = CompileOptions.model_validate({"architecture": {"layers": [{"type": "ReLU"}], "input": [1, 4]}})
    assert "--architecture architecture.json" in compile_command("net.pth", "torch", layers)
    source = CompileOptions.model_validate({"source": "class Net: ...", "class_name": "Net"})
    assert "--source model.py --class-name Net" in compile_command("net.pth", "torch", source)


@pytest.mark.parametrize("given", [{}, *({name: value} for name, value in OTHER.items())], ids=str)
def test_the_command_gives_the_options_back(given: dict[str, object]) -> None:
    options = with_board(CompileOptions.model_validate(given))
    words = shlex.split(compile_command("model.onnx", "onnx", options))
    assert words[:3] == ["deepmetal", "compile", "model.onnx"]
    assert options_from(parser(elsewhere=False).parse_args(words[1:])) == options

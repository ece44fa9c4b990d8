"""The command line that repeats a compilation."""

from __future__ import annotations

import json
import re
import shlex

from compiler.options import CompileOptions
from compiler.pack.text import plain

_ENDINGS = {"onnx": ".onnx", "torch": ".pth"}
_PLAIN = (
    "board", "precision", "optimize", "name", "io_layout", "arena", "weights", "compiler", "opt_level", "threads",
    "pack", "rounding", "preprocess", "quantizer", "observer", "io", "accuracy_budget", "mixed",
)  # fmt: skip
_SUFFIX = {"flash": "", "ram": "", "latency": "ms"}


def compile_command(model: str, format: str, options: CompileOptions, out: str = "out") -> str:
    """`deepmetal compile ...` with every option that is not the default, quoted for a shell."""
    words = [
        "deepmetal",
        "compile",
        _file_name(model, _ENDINGS.get(format, "")),
        "--target",
        options.target,
        "--emit",
        options.emit,
    ]
    default = CompileOptions.model_fields
    for field in _PLAIN:
        value = getattr(options, field)
        if value != default[field].default:
            words += ["--" + field.replace("_", "-"), str(value)]
    for name, dims in options.shape.items():
        text = ",".join(map(str, dims))
        words += ["--shape", f"{name}={text}" if name else text]
    if options.architecture is not None:
        words += ["--architecture", "architecture.json"]
    if options.source is not None:
        words += ["--source", "model.py", "--class-name", options.class_name or ""]
    if options.class_args is not None:
        words += ["--class-args", json.dumps(options.class_args)]
    for name, how in sorted(options.keep.items()):
        words += ["--keep", f"{name}={how}"]
    if options.budget:
        limits = (f"{name}={value:.15g}{_SUFFIX[name]}" for name, value in sorted(options.budget.items()))
        words += ["--budget", ",".join(limits)]
    if options.vectors != default["vectors"].default:
        words += ["--vector-count", str(options.vectors)]
    words += (
        ["--debug"] * options.debug + ["--softmax"] * options.softmax + ["--no-run"] * (not options.run) + ["-o", out]
    )
    return " ".join(shlex.quote(word) for word in words)


def _file_name(model: str, ending: str) -> str:
    """The model's own name when it is an ordinary one; a hostile name is replaced, not quoted."""
    if not re.fullmatch(r"[\w.][\w. +-]{0,119}", model) or plain(model, 200) != model:
        model = "MODEL"
    return model if model.endswith(tuple(_ENDINGS.values())) else model + ending

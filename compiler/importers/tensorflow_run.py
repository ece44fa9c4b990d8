"""TensorFlow in a process of its own: where it is, how it is started, and what it may use."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment
from google.protobuf.message import DecodeError
from onnx import ModelProto

from compiler.errors import ModelError, ToolError
from compiler.importers.tensorflow_finish import finish

SETTING = "DEEPMETAL_TENSORFLOW_PYTHON"
INSTALL = "pip install 'deepmetal[tensorflow]', or scripts/setup-tensorflow in the repository (1.6 GB)"
_CHILD = Path(__file__).with_name("tensorflow_child.py")
_BESIDE = Path(__file__).resolve().parents[2] / ".venv-tensorflow" / "bin" / "python"
_SECONDS = 300
_MOST_OUTPUT = 2 << 30
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def python() -> Path | None:
    """The interpreter that has TensorFlow and tf2onnx: the one that is named, our own, or the one set up beside us."""
    if named := os.environ.get(SETTING):
        return Path(named) if Path(named).is_file() else None
    if all(importlib.util.find_spec(name) for name in ("tensorflow", "tf2onnx")):
        return Path(sys.executable)
    return _BESIDE if _BESIDE.is_file() else None


def require() -> Path:
    """E0170 without it."""
    found = python()
    if found is None:
        raise ToolError(
            "E0170", "TensorFlow models need TensorFlow, which is not installed here",
            facts={SETTING: os.environ.get(SETTING, "not set")}, help=INSTALL,
        )  # fmt: skip
    return found


def command(interpreter: Path) -> list[str]:
    """How the interpreter is started: by the system's program loader, where it has one.

    TensorFlow asks the system for the path of its program, and when that has "python" in it reads its own command line
    in /proc, which a confined job may not, and aborts. The program is the loader then, whose path has not.
    """
    try:
        with interpreter.open("rb") as file:
            parts = ELFFile(file).iter_segments("PT_INTERP")
            loaders = [str(part.get_interp_name()) for part in parts if isinstance(part, InterpSegment)]
    except (OSError, ELFError):  # a script, or a program of another system
        loaders = []
    return [*loaders, str(interpreter)]


def to_onnx(
    kind: str, path: Path, folder: Path, shapes: Mapping[str, Sequence[int]], outputs: Sequence[str], signature: str
) -> ModelProto:
    """The model in ONNX form. `folder` is the child's to write into. Raises E0170, E0171, E0174."""
    interpreter = require()
    request, out, said = folder / "request.json", folder / "model.onnx", folder / "log.txt"
    asked = {"kind": kind, "path": str(path), "outputs": list(outputs), "signature": signature}
    request.write_text(json.dumps(asked | {"shapes": {k: list(v) for k, v in shapes.items()}}), "utf-8")
    environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ} | {"HOME": str(folder)}
    with said.open("wb") as log:
        try:
            done = subprocess.run(
                [*command(interpreter), "-I", str(_CHILD), str(request), str(out)],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=_SECONDS, check=False, preexec_fn=_limits,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ModelError(
                "E0174", f"TensorFlow did not convert the model within {_SECONDS} seconds",
                help="Convert it to ONNX yourself: python -m tf2onnx.convert",
            ) from error  # fmt: skip
    if done.returncode != 0 or not out.is_file():
        raise ModelError(
            "E0174", "TensorFlow could not convert the model",
            facts={"said": _last_line(said), "exit status": str(done.returncode)},
            help="Save it with model.export('folder'), or convert it to ONNX: python -m tf2onnx.convert",
        )  # fmt: skip
    try:
        return finish(onnx.load_model_from_string(out.read_bytes()))
    except (DecodeError, ValueError) as error:
        raise ModelError("E0174", "TensorFlow's converter wrote no readable model", help=INSTALL) from error


def _limits() -> None:
    for what, wanted in ((resource.RLIMIT_CPU, 2 * _SECONDS), (resource.RLIMIT_FSIZE, _MOST_OUTPUT)):
        hard = resource.getrlimit(what)[1]
        bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)  # a confined process raises nothing
        resource.setrlimit(what, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return "".join(c if c.isprintable() else " " for c in lines[-1][:300]) if lines else "nothing"

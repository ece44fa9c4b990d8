"""Architecture by source: weights without layers, and the user's own `model.py` that has the class.

This is the one place where code of a user runs. It runs in a process of its own at level L2 of the sandbox or not at
all: no network, no files but the weights and an empty folder, no other process (`torch_source_child.py`). What comes
back is an ONNX file, which is read like any stranger's.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

from onnx import ModelProto

from compiler.errors import ModelError, ToolError
from compiler.importers.formats.base import Loaded
from compiler.importers.onnx import read
from compiler.options import CompileOptions
from compiler.sandbox import confine, once
from compiler.sandbox.confine import Level
from compiler.sandbox.probe import proof

MODEL_FAILED, BAD_ANSWER, NOT_FOR_THIS, TOO_WEAK = "E0195", "E0196", "E0197", "E1050"
LEVEL: Level = "L2"
KINDS = ("torch", "safetensors")  # files with weights in them
SECONDS = 180.0
MEMORY = 8 << 30  # address space, most of which PyTorch reserves without using it
MAX_TEXT = 300
GROWTH, ROOM = 4, 64 << 20  # the ONNX form may be so many times the weights, and some more for its structure
CHILD = "compiler.importers.torch_source_child"


def load(path: Path, kind: str, options: CompileOptions, where: str) -> Loaded:
    """The model that `options.source` makes of the weights in `path`."""
    if kind not in KINDS:
        raise ModelError(
            NOT_FOR_THIS, "--source is for a file that has weights only", where=where,
            facts={"the file is": kind}, help="This file says itself how its layers are connected; leave --source out.",
        )  # fmt: skip
    if not confine.confined_to(LEVEL) and not (found := proof()).reaches(LEVEL):
        raise ModelError(
            TOO_WEAK, "model.py is not run, because this computer cannot confine it", where="--source",
            facts={"sandbox": str(found)},
            help="Export the model to ONNX where you trust it, or give the layers as a list (--architecture).",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="source-") as name:
        return Loaded(onnx=_convert(path, options, Path(name), where), shapes={})


def _convert(path: Path, options: CompileOptions, folder: Path, where: str) -> ModelProto:
    most = GROWTH * path.stat().st_size + ROOM
    assert options.source is not None
    request = {
        "weights": str(path.resolve()),
        "source": options.source,
        "class_name": options.class_name,
        "class_args": options.class_args,
        "shape": options.shape,
        "limits": {"cpu_seconds": math.ceil(SECONDS), "memory": MEMORY, "file_size": most},
    }
    (folder / "request.json").write_text(json.dumps(request))
    ended = once.call(CHILD, folder, seconds=SECONDS, disk=2 * most)
    said = {"it printed": ended.said.strip()[-MAX_TEXT:]} if ended.said.strip() else {}
    if ended.ended_for:
        raise _bad(where, ended.ended_for, said)
    try:
        answer = json.loads(once.read_back(folder / "result.json", 1 << 20))
    except (once.Unusable, ValueError, RecursionError):
        raise _bad(where, _how(ended.status), said) from None
    if answer != {"ok": True}:
        raise _failed(answer, where, said)
    try:
        (folder / "answer.onnx").write_bytes(once.read_back(folder / "model.onnx", most))
    except (once.Unusable, OSError) as error:
        raise _bad(where, str(error), said) from None
    return read(folder / "answer.onnx")


def _how(status: int) -> str:
    return f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status} and no answer"


def _bad(where: str, reason: str, said: dict[str, str]) -> ModelError:
    return ModelError(
        BAD_ANSWER, "model.py did not become a model", where=where, facts={"reason": reason} | said,
        help="It runs without network, without files of yours and without other programs, within bounded time and "
        "memory.",
    )  # fmt: skip


def _failed(answer: object, where: str, said: dict[str, str]) -> ModelError | ToolError:
    """What the process says went wrong. Its text may be model.py's own, so it is cut, and shown as a fact only."""
    facts = answer.get("problem", {}) if isinstance(answer, dict) else {}
    shown = {
        str(name)[:30]: "".join(c for c in str(text)[:MAX_TEXT] if c.isprintable())
        for name, text in (facts.items() if isinstance(facts, dict) else ())
    }
    if "not confined" in shown:
        return ToolError(TOO_WEAK, "model.py is not run, because it could not be confined", where=where, facts=shown)
    return ModelError(
        MODEL_FAILED, "model.py does not give a model for these weights", where=where,
        facts=dict(list(shown.items())[:8]) | said,
        help="`deepmetal explain E0195` lists what is expected of it.",
    )  # fmt: skip

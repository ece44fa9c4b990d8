"""Architecture by source: the user's model.py runs confined, and what comes back is a model like any other."""

from __future__ import annotations

import json
import socket
import sys
import types
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from compiler.errors import ModelError
from compiler.importers import torch_source
from compiler.options import CompileOptions
from compiler.sandbox import landlock
from compiler.sandbox.probe import Proof
from compiler.source import load
from tests.attacks import onnx_corpus

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.skipif(landlock.version() < landlock.OLDEST, reason="needs Landlock 2 or newer in the kernel"),
]

NET = """
import torch
from torch import nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self, classes, width=4):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width * 16, classes)

    def forward(self, x, scale):
        y = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.fc(y.flatten(1)) * scale, y.mean()
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.manual_seed(1)
    torch.save({"state_dict": {f"module.{k}": v for k, v in net().state_dict().items()}}, path)
    return path


def net():  # type: ignore[no-untyped-def]
    space: dict[str, object] = {}
    exec(NET, space)  # noqa: S102
    return space["Net"](3)  # type: ignore[operator]


def options(source: str = NET, **more: object) -> CompileOptions:
    given = {"source": source, "class_name": "Net", "class_args": {"classes": 3}}
    given |= {"shape": {"scale": (1,), "x": (1, 1, 8, 8)}}
    return CompileOptions.model_validate(given | more)


def refusal(path: Path, chosen: CompileOptions) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load(path, chosen)
    return caught.value


def test_the_model_is_the_one_that_pytorch_runs(weights: Path) -> None:
    import torch

    found = load(weights, options())
    assert found.onnx is not None
    torch.manual_seed(1)
    module = net().eval()
    x, scale = np.random.default_rng(0).random((1, 1, 8, 8), np.float32), np.array([2.5], np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x), torch.from_numpy(scale))
    session = onnxruntime.InferenceSession(found.onnx.SerializeToString())
    assert [i.name for i in session.get_inputs()] == ["x", "scale"]  # in the order of `forward`
    for got, expected in zip(session.run(None, {"x": x, "scale": scale}), wanted, strict=True):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"class_name": "Other"}, "Net"),
        ({"class_args": None}, "TypeError"),
        ({"class_args": {"classes": 4}}, "fc.weight is (3, 64), the class has (4, 64)"),
        ({"shape": {}}, "--shape"),
        ({"shape": {"x": (1, 7, 8, 8), "scale": (1,)}}, "RuntimeError"),
        ({"source": NET + "\nimport nothing_like_it"}, "ModuleNotFoundError"),
        ({"source": NET.replace("self.conv", "self.convolution")}, "convolution.weight"),
        ({"source": "class Net: ..."}, "no torch.nn.Module"),
        ({"source": "def ("}, "SyntaxError"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change: dict[str, object], fact: str, weights: Path) -> None:
    error = refusal(weights, options(**change))
    assert error.code == "E0195"
    assert fact in str(error)


def test_the_line_is_told(weights: Path) -> None:
    assert refusal(weights, options("x = 1\n\nraise ValueError('no')\n")).facts["line"] == "3"


@pytest.mark.parametrize(
    "given",
    [
        {"source": "x = 1"},
        {"class_name": "Net"},
        {"class_args": {}},
        {"source": "x = 1", "class_name": "a b"},
        {"source": "x" * 300_000, "class_name": "Net"},
    ],
)
def test_options_that_do_not_go_together(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CompileOptions.model_validate(given)


def test_a_model_that_has_its_layers_needs_no_source(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_corpus.odd_names(["x", "y"]).SerializeToString())
    assert refusal(path, options()).code == "E0197"


INSIDE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())

    def forward(self, x):
        return self.model(x)
"""


@pytest.mark.parametrize("form", ["safetensors", "whole model of a strange class"])
def test_other_files_with_weights(form: str, tmp_path: Path) -> None:
    """All names begin with `model.` here, and that is the class's own word."""
    import torch

    space: dict[str, object] = {}
    exec(INSIDE, space)  # noqa: S102
    module = space["Net"]()  # type: ignore[operator]
    path = tmp_path / "weights"
    if form == "safetensors":
        header, data = {}, b""
        for name, value in module.state_dict().items():
            raw = value.numpy().tobytes()
            header[name] = {
                "dtype": "F32",
                "shape": list(value.shape),
                "data_offsets": [len(data), len(data) + len(raw)],
            }
            data += raw
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    else:
        strange = types.ModuleType("strange")
        type(module).__module__, strange.__dict__["Net"] = "strange", type(module)
        sys.modules["strange"] = strange
        try:
            torch.save(module, path)
        finally:
            del sys.modules["strange"]
    found = load(path, options(INSIDE, class_args=None, shape={"x": (1, 4)}))
    assert found.onnx is not None
    x = np.linspace(-1, 1, 4, dtype=np.float32).reshape(1, 4)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x)).numpy()
    got = onnxruntime.InferenceSession(found.onnx.SerializeToString()).run(None, {"x": x})[0]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_nothing_runs_below_level_l2(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_source, "proof", lambda: Proof("L1", "Landlock is not in this kernel"))
    monkeypatch.setattr(torch_source.once, "call", lambda *_, **__: pytest.fail("it ran"))
    error = refusal(weights, options())
    assert error.code == "E1050"
    assert "Landlock is not in this kernel" in error.facts["sandbox"]


# -- hostile sources ----------------------------------------------------------------------------------------------

ATTACKS = """
import ctypes, json, os, signal, socket, subprocess, sys, threading
from pathlib import Path

def write(path):
    Path(path).write_text("changed")

def connect(kind):
    s = socket.socket(socket.AF_INET, kind)
    s.connect(("127.0.0.1", PORT))
    s.send(b"x")

def unix():
    socket.socket(socket.AF_UNIX).connect(SOCKET)

attempts = {
    "read a file": lambda: Path(CANARY).read_text(),
    "read accounts": lambda: Path("/etc/shadow").read_text(),
    "read the user's files": lambda: os.listdir(os.path.expanduser("~root")),
    "read the parent's environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "write a file": lambda: write(CANARY),
    "write into the weights": lambda: write(WEIGHTS),
    "write a file beside": lambda: write(CANARY + ".new"),
    "link a file": lambda: os.link(CANARY, "here"),
    "TCP": lambda: connect(socket.SOCK_STREAM),
    "UDP": lambda: connect(socket.SOCK_DGRAM),
    "Unix socket": unix,
    "fork": lambda: os.fork() or os._exit(0),
    "program": lambda: subprocess.run(["/bin/true"]),
    "shell": lambda: os.system("true") == 0 or (_ for _ in ()).throw(OSError()),
    "kill the parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "leave the group": lambda: os.setpgid(0, 0),
    "outlive the parent": lambda: ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) and (_ for _ in ()).throw(OSError()),
    "memory": lambda: bytearray(10 << 30),
    "large file": lambda: [open("large", "ab").write(bytes(64 << 20)) for _ in range(8)],
}
found = {}
for name, attempt in attempts.items():
    try:
        attempt()
        found[name] = "it worked"
    except (OSError, MemoryError) as error:
        found[name] = ""
    except BaseException as error:
        found[name] = f"{type(error).__name__}: {error}"
open("found.json", "w").write(json.dumps(found))
"""
NAMES = [line.split('"')[1] for line in ATTACKS.splitlines() if line.startswith('    "')]


@pytest.fixture(scope="module")
def attacked(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of each attempt of a hostile source. The addresses and files that it tries are there."""
    import signal

    folder = tmp_path_factory.mktemp("attacked")
    canary = folder.parent / "canary"
    canary.write_text("untouched")
    canary.chmod(0o666)
    before = weights.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(folder.parent / "socket"))
        local.listen()
        known = {"CANARY": str(canary), "WEIGHTS": str(weights), "SOCKET": str(folder.parent / "socket")}
        known["PORT"] = server.getsockname()[1]
        lines = [f"{name} = {value!r}" for name, value in known.items()]
        signals: list[int] = []
        old = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
        try:
            with pytest.raises(ModelError):
                torch_source._convert(weights, options("\n".join([*lines, ATTACKS])), folder, "weights.pth")
        finally:
            signal.signal(signal.SIGTERM, old)
    assert canary.read_text() == "untouched"
    assert weights.read_bytes() == before
    assert not signals
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_source_gets_nowhere(name: str, attacked: dict[str, str]) -> None:
    assert attacked[name] == ""


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Outside, the same text reads, writes and connects."""
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        space = {"CANARY": str(canary), "SOCKET": str(tmp_path / "socket"), "PORT": server.getsockname()[1]}
        harmless = ATTACKS.split("found = {}")[0]
        exec(harmless, space)  # noqa: S102
        for name in ("read a file", "write a file", "TCP", "UDP", "Unix socket", "program", "shell"):
            space["attempts"][name]()  # type: ignore[index]
    assert canary.read_text() == "changed"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os._exit(0)", "it ended with status 0 and no answer"),
        ("import os, signal; os.abort()", "it was ended by signal 6"),
        ("import os; open('result.json', 'w').write('{\"ok\": true}'); os._exit(0)", "model.onnx: No such file"),
        (
            "import os; open('result.json', 'w').write('{\"ok\": true}'); os.symlink('/etc/passwd', 'model.onnx');"
            "os._exit(0)",
            "model.onnx: Too many levels of symbolic links",
        ),
        (
            "import os; open('result.json', 'w').write('{\"ok\": true}'); os.mkfifo('model.onnx'); os._exit(0)",
            "model.onnx is no plain file",
        ),
        ("i = 0\nwhile True:\n    open(str(i), 'wb').write(bytes(32 << 20)); i += 1", "it wrote more than"),
    ],
)
def test_a_source_without_a_good_end(source: str, reason: str, weights: Path) -> None:
    error = refusal(weights, options(source))
    assert error.code == "E0196"
    assert reason in error.facts["reason"]


def test_a_source_without_an_end(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_source, "SECONDS", 8.0)
    error = refusal(weights, options("while True: pass"))
    assert error.code == "E0196"
    assert "it did not end within 8 s" in error.facts["reason"]


def test_a_forged_answer_is_read_like_a_strangers_file(weights: Path) -> None:
    forged = """
import os
open('result.json', 'w').write('{"ok": true}')
open('model.onnx', 'wb').write(b'nonsense')
os._exit(0)
"""
    assert refusal(weights, options(forged)).code.startswith("E01")


def test_what_it_prints_obeys_no_terminal(weights: Path) -> None:
    error = refusal(weights, options("print('\\x1b[2J' + 'x' * 10000); raise ValueError('\\x1b[31m')"))
    assert str(error).replace("\n", "").isprintable()
    assert len(str(error)) < 2000

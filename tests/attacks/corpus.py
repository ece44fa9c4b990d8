"""Hostile model files, made when they are needed.

`build(folder, canary)` writes them all: each would, if it were ever unpickled, imported or extracted, create the
file `canary`. A test that uploads or opens them asserts that every one is refused with a code and that the canary
does not exist. `CASES` maps the file name to the codes that are right answers. No torch is needed here.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.attacks.assemble import (
    LINEAR_STORAGES,
    Call,
    Member,
    Name,
    New,
    Persistent,
    Raw,
    linear,
    module,
    pickled,
    sequential,
    tensor,
    torch_file,
    torch_members,
    zipped,
)

Make = Callable[[str], bytes]  # the shell command that would touch the canary -> the file
CASES: dict[str, tuple[frozenset[str], Make]] = {}


def case(name: str, *codes: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        CASES[name] = (frozenset(codes), make)
        return make

    return register


def build(folder: Path, canary: Path) -> list[Path]:
    """Write every case into `folder`; `canary` is the file that must not exist afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    command = f"touch '{canary}'"
    paths = []
    for name, (_, make) in sorted(CASES.items()):
        path = folder / name
        path.write_bytes(make(command))
        paths.append(path)
    return paths


# -- pickles that call --------------------------------------------------------------------------------------------


def _system(command: str) -> Call:
    return Call(Name("posix", "system"), (command,))


_CALLS: dict[str, Callable[[str], Any]] = {
    "system": _system,
    "os-system": lambda c: Call(Name("os", "system"), (c,)),
    "eval": lambda c: Call(Name("builtins", "eval"), (f"__import__('os').system({c!r})",)),
    "exec": lambda c: Call(Name("__builtin__", "exec"), (f"import os; os.system({c!r})",)),
    "popen": lambda c: Call(Name("subprocess", "Popen"), (["/bin/sh", "-c", c],)),
    "import": lambda c: Call(
        Call(Name("builtins", "getattr"), (Call(Name("builtins", "__import__"), ("os",)), "system")), (c,)
    ),
    "getattr-of-module": lambda c: Call(Name("os.path", "os.system"), (c,)),
    "partial": lambda c: Call(Call(Name("functools", "partial"), (Name("os", "system"), c)), ()),
    "runpy": lambda c: Call(Name("runpy", "run_path"), ("/dev/stdin",)),
    "code-object": lambda c: Call(Name("types", "CodeType"), (0, 0, 0, 0, 0, 0)),
    "torch-hub": lambda c: Call(Name("torch.hub", "load"), ("evil/repository", "model")),
    "torch-load": lambda c: Call(Name("torch.serialization", "load"), ("other.pth", None, None)),
    "torch-jit-load": lambda c: Call(Name("torch.jit._serialization", "load"), ("other.pt",)),
    "torch-collect-env": lambda c: Call(Name("torch.utils.collect_env", "run"), (c,)),
    "torch-inductor": lambda c: Call(Name("torch._inductor.codecache", "compile_file"), (c, c, [c])),
    "numpy-load": lambda c: Call(Name("numpy", "load"), ("other.npy", None, True)),
    "big-linear": lambda c: Call(Name("torch.nn.modules.linear", "Linear"), (30_000, 30_000)),
    "big-zeros": lambda c: Call(Name("torch", "zeros"), (1 << 20, 1 << 20)),
    "bytearray-bomb": lambda c: Call(Name("builtins", "bytearray"), (1 << 40,)),
    "range-list": lambda c: Call(Name("builtins", "list"), (Call(Name("builtins", "range"), (1 << 40,)),)),
    "new-with-arguments": lambda c: New(Name("torch.nn.modules.linear", "Linear"), None, (30_000, 30_000)),
}


def _calls() -> None:
    for name, make in _CALLS.items():
        case(f"call-{name}.pth", "E0126")(lambda c, make=make: torch_file(make(c)))  # type: ignore[misc]
    case("call-in-attribute.pth", "E0126", "E0129")(lambda c: torch_file(sequential(linear(note=_system(c)))))
    case("call-in-list.pth", "E0126")(lambda c: torch_file(sequential(linear(note=[[_system(c)]]))))
    case("call-as-module.pth", "E0126")(lambda c: torch_file(sequential(_system(c))))
    case("call-as-parameter.pth", "E0126", "E0128")(
        lambda c: torch_file(sequential(module("linear.Linear", {"weight": _system(c), "bias": None})))
    )
    case("call-as-hook.pth", "E0126", "E0129")(lambda c: torch_file(sequential(linear(_forward_hooks={0: _system(c)}))))
    case("call-in-state-dict.pth", "E0126")(lambda c: torch_file({"weight": tensor((3, 4)), "extra": _system(c)}))
    case("call-as-storage-key.pth", "E0126")(
        lambda c: torch_file(Persistent(("storage", Name("torch", "FloatStorage"), _system(c), "cpu", 1)))
    )
    case("call-as-tensor-size.pth", "E0126", "E0127")(
        lambda c: torch_file(Call(Name("torch._utils", "_rebuild_tensor_v2"), (None, 0, _system(c), (), False, {})))
    )
    case("call-of-call.pth", "E0126")(lambda c: torch_file(Call(_system(c), ())))


_calls()


# -- pickles that misuse the machine ------------------------------------------------------------------------------


def _raw(code: bytes) -> bytes:
    return zipped(torch_members(code, LINEAR_STORAGES))


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<L", len(value)) + value.encode()


case("op-inst.pth", "E0126")(lambda c: _raw(b"(" + _text(c) + b"iposix\nsystem\n."))
case("op-obj.pth", "E0126")(lambda c: _raw(b"(cposix\nsystem\n" + _text(c) + b"o."))
case("op-protocol-0.pth", "E0126")(lambda c: _raw(b"cposix\nsystem\n(S'" + c.encode().replace(b"'", b'"') + b"'\ntR."))
case("op-stack-global.pth", "E0126")(lambda c: _raw(b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + _text(c) + b"\x85R."))
case("op-extension.pth", "E0126")(lambda c: _raw(b"\x80\x02\x82\x01."))
case("op-persistent-text.pth", "E0126")(lambda c: _raw(b"Pabc\n."))
case("op-new-ex.pth", "E0126")(lambda c: _raw(b"\x80\x04cposix\nsystem\n" + _text(c) + b"\x85}\x92."))
case("op-buffer.pth", "E0126")(lambda c: _raw(b"\x80\x05\x97."))
case("op-no-stop.pth", "E0133")(lambda c: _raw(b"\x80\x02]"))
case("op-empty.pth", "E0133")(lambda c: _raw(b""))
case("op-unknown.pth", "E0133")(lambda c: _raw(b"\x80\x02\xff."))
case("op-pop-too-much.pth", "E0133")(lambda c: _raw(b"\x80\x02\x85\x85."))
case("op-no-mark.pth", "E0133")(lambda c: _raw(b"\x80\x02NNt."))
case("op-mark-as-value.pth", "E0133")(lambda c: _raw(b"\x80\x02(\x85."))
case("op-memo-missing.pth", "E0133")(lambda c: _raw(b"\x80\x02h\x07."))
case("op-huge-string.pth", "E0133")(lambda c: _raw(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"abc."))
case("op-huge-int.pth", "E0126", "E0133")(lambda c: _raw(b"\x80\x02\x8b\xff\xff\xff\x7f1."))
case("op-half-surrogate.pth", "E0133")(lambda c: torch_file({"\ud800": 1}))
case("op-list-as-key.pth", "E0133")(lambda c: _raw(b"\x80\x02}(]Nu."))
case("op-million-lists.pth", "E0133")(lambda c: _raw(b"\x80\x02" + b"]" * 2_000_000 + b"."))
case("op-deep-tuples.pth", "E0120")(lambda c: _raw(b"\x80\x02N" + b"\x85" * 500_000 + b"."))
case("op-exponential-tuple.pth", "E0126")(
    lambda c: torch_file(New(Name("m", "C"), Raw(b"N" + b"r\x00\x00\x00\x00j\x00\x00\x00\x00\x86" * 60)))
)
case("op-too-large.pth", "E0130")(lambda c: _raw(b"\x80\x02" + _text("x" * (9 << 20)) + b"."))
case("build-on-class.pth", "E0126")(
    lambda c: _raw(b"\x80\x02ctorch.nn\nModule\n}(" + _text("__call__") + b"cposix\nsystem\nub.")
)
case("build-twice.pth", "E0126")(lambda c: _raw(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81}b}b."))
case("build-slots.pth", "E0126")(lambda c: torch_file(New(Name("torch.nn.modules.linear", "Linear"), (None, {"a": 1}))))
case("build-on-tensor.pth", "E0126")(
    lambda c: torch_file(
        module("linear.Linear", {"weight": Raw(pickled(tensor((3, 4)))[2:-1] + b"}(" + _text("a") + b"Nub")})
    )
)
case("setstate-script-module.pth", "E0125")(
    lambda c: torch_file(New(Name("torch.jit._script", "RecursiveScriptModule"), {"_c": None}))
)
case("setstate-custom.pth", "E0124")(lambda c: torch_file(New(Name("__main__", "Net"), {"__reduce__": c})))
case("dictionary-subclass.pth", "E0124")(lambda c: _raw(b"\x80\x02cpkg\nEvil\n)\x81(" + _text("a") + b"Nu."))


# -- modules that are not what they seem --------------------------------------------------------------------------

case("module-custom-class.pth", "E0124")(lambda c: torch_file(module("x.Net") and New(Name("__main__", "Net"), {})))
case("module-custom-inside.pth", "E0124")(
    lambda c: torch_file(sequential(linear(), New(Name("my_package.layers", "Swish"), {})))
)


def _lstm() -> Any:
    """Its list of weights holds others than its parameters."""
    read, back = tensor((4, 1), stored=100), tensor((4, 1), offset=4, stored=100)
    other = tensor((4, 1), offset=50, stored=100)
    names = ["weight_ih_l0", "weight_hh_l0"]
    return module(
        "rnn.LSTM", dict(zip(names, (read, back), strict=True)), mode="LSTM", input_size=1, hidden_size=1, num_layers=1,
        bias=False, batch_first=True, dropout=0.0, bidirectional=False, proj_size=0, input_shape=(1, 5, 1),
        _flat_weights_names=names, _all_weights=[names], _flat_weights=[read, other],
    )  # fmt: skip


case("module-unsupported.pth", "E0125")(lambda c: torch_file(sequential(module("pooling.MaxUnpool2d", {}))))
case("module-lstm-of-nothing.pth", "E0128")(lambda c: torch_file(sequential(module("rnn.LSTM", {}))))
case("module-lstm-other-weights.pth", "E0128")(lambda c: torch_file(_lstm(), (bytes(400),)))
case("module-activation.pth", "E0129")(lambda c: torch_file(sequential(linear(activation=Name("os", "system")))))
case("module-transformer-activation.pth", "E0128")(
    lambda c: torch_file(
        module("transformer.TransformerEncoderLayer", activation=Name("os", "system"), norm_first=False)
    )
)
case("module-transformer-hole.pth", "E0128")(
    lambda c: torch_file(module("transformer.TransformerEncoder", None, {"layers": module("container.ModuleList")},
                                num_layers=10**9, enable_nested_tensor=True, mask_check=True))
)  # fmt: skip
case("module-forward.pth", "E0129")(
    lambda c: torch_file(sequential(linear(forward=Name("torch.nn.functional", "relu"))))
)
case("module-forward-text.pth", "E0129")(lambda c: torch_file(sequential(linear(forward="relu"))))
case("module-call-impl.pth", "E0129")(lambda c: torch_file(sequential(linear(_call_impl=Name("os", "system")))))
case("module-hook.pth", "E0129")(lambda c: torch_file(sequential(linear(_forward_pre_hooks={0: Name("os", "system")}))))
case("module-hook-on-root.pth", "E0129")(
    lambda c: torch_file(sequential(linear(), _forward_hooks={0: Name("torch.nn.functional", "relu")}))
)
case("module-parametrized.pth", "E0129")(
    lambda c: torch_file(sequential(linear(_modules={"parametrizations": sequential(linear())})))
)
case("module-wrong-size.pth", "E0128")(lambda c: torch_file(sequential(linear(in_features=999))))
case("module-huge-size.pth", "E0128")(
    lambda c: torch_file(sequential(linear(in_features=1 << 30, out_features=1 << 30)))
)
case("module-overflow-size.pth", "E0128")(lambda c: torch_file(sequential(linear(in_features=1 << 62))))
case("module-negative-size.pth", "E0128")(lambda c: torch_file(sequential(linear(in_features=-4))))
case("module-size-is-text.pth", "E0128")(lambda c: torch_file(sequential(linear(in_features="4"))))
case("module-no-bias-key.pth", "E0128")(
    lambda c: torch_file(sequential(module("linear.Linear", {"weight": tensor((3, 4))}, in_features=4, out_features=3)))
)
case("module-extra-parameter.pth", "E0128")(
    lambda c: torch_file(
        sequential(
            module(
                "linear.Linear",
                {"weight": tensor((3, 4)), "bias": None, "weight_g": tensor((3,), key="1")},
                in_features=4,
                out_features=3,
            )
        )
    )
)
case("module-wrong-package.pth", "E0128")(lambda c: torch_file(sequential(module("evil.ReLU", inplace=False))))
case("module-no-tables.pth", "E0128")(lambda c: torch_file(New(Name("torch.nn.modules.linear", "Linear"), {})))
case("module-no-state.pth", "E0128")(lambda c: torch_file(New(Name("torch.nn.modules.container", "Sequential"), None)))
case("module-list.pth", "E0125")(
    lambda c: torch_file(module("container.ModuleList", None, {"0": linear(), "1": linear()}))
)
case("module-bad-name.pth", "E0128")(
    lambda c: torch_file(module("container.Sequential", None, {"a.b\x1b[31m": linear()}))
)
case("module-empty.pth", "E0131", "E0128")(lambda c: torch_file(sequential()))


@case("module-contains-itself.pth", "E0136")
def _cycle(command: str) -> bytes:
    children: dict[str, Any] = {"0": linear()}
    root = module("container.Sequential", None, children)
    children["1"] = root
    return torch_file(root)


@case("module-billion-laughs.pth", "E0136")
def _laughs(command: str) -> bytes:
    it = linear(4, 4, in_features=4, out_features=4)
    for _ in range(30):
        it = sequential(it, it)
    return torch_file(it, (bytes(64), bytes(16)))


@case("module-empty-laughs.pth", "E0136")
def _empty_laughs(command: str) -> bytes:
    it = sequential()
    for _ in range(30):
        it = sequential(it, it)
    return torch_file(it)


@case("module-deep.pth", "E0136")
def _deep(command: str) -> bytes:
    it = linear()
    for _ in range(60):
        it = sequential(it)
    return torch_file(it)


@case("module-many.pth", "E0136")
def _many(command: str) -> bytes:
    relu = [module("activation.ReLU", inplace=False) for _ in range(2_500)]
    return torch_file(sequential(linear(), *relu))


# -- tensors that claim too much ----------------------------------------------------------------------------------


def _with_weight(weight: Call) -> bytes:
    size = weight.arguments[2]
    it = module("linear.Linear", {"weight": weight, "bias": None}, in_features=size[-1], out_features=size[0])
    return torch_file(sequential(it))


_TENSORS: dict[str, Call] = {
    "stride-0": tensor((100_000, 100_000), (0, 0), stored=12),
    "stride-0-one-axis": tensor((3, 4), (4, 0), stored=12),
    "overlapping": tensor((12, 12), (0, 1), stored=12),
    "negative-stride": tensor((3, 4), (-4, 1), stored=12),
    "offset": tensor((3, 4), offset=1, stored=12),
    "negative-offset": tensor((3, 4), offset=-1, stored=12),
    "overflow": tensor((1 << 40, 1 << 40), (1 << 40, 1), stored=12),
    "storage-lies": tensor((30, 40), stored=1200),
    "storage-huge": tensor((3, 4), stored=1 << 40),
    "storage-missing": tensor((3, 4), key="77"),
    "storage-path": tensor((3, 4), key="../0"),
    "rank": tensor((1,) * 40 + (3, 4)),
    "ranks-differ": tensor((3, 4), (4, 1, 1), stored=12),
}


def _tensors() -> None:
    for name, weight in _TENSORS.items():
        case(f"tensor-{name}.pth", "E0127")(lambda c, weight=weight: _with_weight(weight))  # type: ignore[misc]


_tensors()


@case("tensor-complex.pth", "E0127")
def _complex(command: str) -> bytes:
    storage = Persistent(("storage", Name("torch", "ComplexDoubleStorage"), "0", "cpu", 6))
    weight = Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, 0, (2, 3), (3, 1), False, {}))
    return _with_weight(weight)


@case("tensor-thousand-views.pth", "E0127")
def _views(command: str) -> bytes:
    layers = [
        module("linear.Linear", {"weight": tensor((64, 64)), "bias": None}, in_features=64, out_features=64)
        for _ in range(1_000)
    ]
    return torch_file(sequential(*layers), (bytes(4 * 64 * 64),))


@case("tensor-hooks.pth", "E0126")
def _tensor_hooks(command: str) -> bytes:
    whole = tensor((3, 4))
    return _with_weight(Call(whole.function, (*whole.arguments[:5], {0: Name("os", "system")})))


# -- zips ---------------------------------------------------------------------------------------------------------

_GOOD = pickled(sequential(linear()))


def _members(*more: Member) -> list[Member]:
    return [*torch_members(_GOOD, LINEAR_STORAGES), *more]


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _changed(index: int, **changes: Any) -> bytes:
    members = _members()
    for key, value in changes.items():
        setattr(members[index], key, value)
    return zipped(members)


_ZIPS: dict[str, Make] = {
    "deflated": lambda c: _changed(2, method=8, data=bytes(48), stored=_deflated(bytes(48))),
    "deflated-bomb": lambda c: zipped(
        _members(Member("m/data/9", bytes(1 << 24), 8, stored=_deflated(bytes(1 << 24))))
    ),
    "unknown-method": lambda c: _changed(2, method=99),
    "encrypted": lambda c: _changed(2, flags=1),
    "duplicate": lambda c: zipped(_members(Member("m/data/0", bytes(48)))),
    "two-pickles": lambda c: zipped(_members(Member("n/data.pkl", pickled(_system(c))))),
    "traversal": lambda c: zipped(_members(Member("m/../../../tmp/x", b"x"))),
    "absolute": lambda c: zipped(_members(Member("/etc/cron.d/x", b"x"))),
    "backslash": lambda c: zipped(_members(Member("m\\..\\x", b"x"))),
    "drive": lambda c: zipped(_members(Member("C:/x", b"x"))),
    "nul": lambda c: zipped(_members(Member(b"m/data.pkl\x00.txt", b"x"))),
    "escape-sequence": lambda c: zipped(_members(Member("m/\x1b[31mred", b"x"))),
    "not-utf8": lambda c: zipped(_members(Member(b"m/\xff\xfe", b"x"))),
    "symlink": lambda c: zipped(_members(Member("m/link", b"/etc/passwd", mode=0o120777))),
    "device": lambda c: zipped(_members(Member("m/device", b"", mode=0o020666))),
    "folder-with-content": lambda c: zipped(_members(Member("m/folder/", b"hidden"))),
    "overlap": lambda c: _changed(3, offset=0, local_name=None),
    "same-bytes-twice": lambda c: zipped(_members(Member("m/data.pkl", _GOOD, offset=0))),
    "too-many": lambda c: zipped([*_members(), *(Member(f"m/{i}") for i in range(20_001))]),
    "count-lies": lambda c: zipped(_members(), count=3),
    "count-million": lambda c: zipped(_members(), count=65_534),
    "table-elsewhere": lambda c: zipped(_members(), table_offset=10),
    "table-beyond": lambda c: zipped(_members(), table_offset=1 << 30),
    "gap": lambda c: _changed(3, before=b"hidden bytes"),
    "gap-at-end": lambda c: zipped(_members(), end=b"hidden"),
    "polyglot": lambda c: b"<html><script>alert(1)</script>" + zipped(_members()),
    "appended": lambda c: zipped(_members()) + b"#!/bin/sh\n" + c.encode(),
    "size-lies": lambda c: _changed(2, size=1 << 31, packed=1 << 31),
    "two-sizes": lambda c: _changed(2, size=1 << 20),
    "local-name": lambda c: _changed(2, local_name=b"m/data/7"),
    "local-size": lambda c: _changed(2, local_size=4),
    "checksum": lambda c: _changed(0, crc=12345),
    "weights-damaged": lambda c: _changed(2, crc=12345),
    "zip64-size-lies": lambda c: _changed(
        2, size=0xFFFFFFFF, packed=0xFFFFFFFF, extra=struct.pack("<2H2Q", 1, 16, 1 << 40, 1 << 40)
    ),
    "zip64-without-need": lambda c: _changed(2, extra=struct.pack("<2H2Q", 1, 16, 48, 48)),
    "zip64-missing": lambda c: _changed(2, size=0xFFFFFFFF, packed=0xFFFFFFFF),
    "zip64-end-lies": lambda c: zipped(
        _members(),
        end=struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 50, 1 << 50)
        + struct.pack("<4sLQL", b"PK\x06\x07", 0, 1 << 50, 1),
    ),
    "truncated-half": lambda c: zipped(_members())[:1000],
    "truncated-end": lambda c: zipped(_members())[:-1],
    "byteorder": lambda c: _changed(1, data=b"little" * 10),
}


def _zips() -> None:
    for name, make in _ZIPS.items():
        case(f"zip-{name}.pth", "E0111" if name == "polyglot" else "E0130")(make)


_zips()


# -- other formats ------------------------------------------------------------------------------------------------


@case("other-state-dict.pth", "E0120")
def _state_dict(command: str) -> bytes:
    return torch_file({"fc.weight": tensor((3, 4)), "fc.bias": tensor((3,), key="1")})


@case("other-torchscript.pt", "E0140")
def _torchscript(command: str) -> bytes:
    code = b"class M(Module):\n  def __setstate__(self, s):\n    while True:\n      pass\n"
    return zipped(
        [
            Member("m/data.pkl", pickled(_system(command))),
            Member("m/code/__torch__.py", code),
            Member("m/constants.pkl", pickled(())),
            Member("m/version", b"3\n"),
        ]
    )


@case("other-exported.pt2", "E0140")
def _pt2(command: str) -> bytes:
    return zipped(
        [
            Member("m/archive_format", b"pt2"),
            Member("m/models/model.json", b"{\"expr_str\": \"__import__('os').system('touch x')\"}"),
            Member("m/data/sample_inputs/model.pt", torch_file(_system(command))),
        ]
    )


@case("other-legacy.pth", "E0123")
def _legacy(command: str) -> bytes:
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    return magic + b"\x80\x02M\xe9\x03." + pickled(_system(command))


@case("other-pickle.pkl", "E0123")
def _pickle(command: str) -> bytes:
    return pickled(_system(command))


@case("other-tar.pth", "E0112")
def _tar(command: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in (("pickle", pickled(_system(command))), ("../../escape", b"x")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


case("other-empty.onnx", "E0110")(lambda c: b"")
case("other-page.onnx", "E0112")(lambda c: b"<!DOCTYPE html><html><script>alert(1)</script></html>")
case("other-lfs.onnx", "E0112")(lambda c: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
case("other-source.onnx", "E0112")(lambda c: f"import os\nos.system({c!r})\n".encode())
case("other-tflite.onnx", "E0160")(lambda c: b"\x1c\x00\x00\x00TFL3" + bytes(64))
case("other-hdf5.onnx", "E0167")(lambda c: b"\x89HDF\r\n\x1a\n" + bytes(64))
case("other-safetensors.onnx", "E0120")(lambda c: struct.pack("<Q", 2) + b"{}")
case("other-noise.onnx", "E0111")(lambda c: bytes(range(255, 0, -1)) * 10)
case("other-zeros.onnx", "E0111")(lambda c: bytes(100_000))
case("other-zip.onnx", "E0112")(lambda c: zipped([Member("a/readme.txt", b"hello")]))


# -- nasty, but fine ----------------------------------------------------------------------------------------------

HOSTILE_NAMES = (
    '"); system("id',
    "*/ evil /*",
    "a b",
    "ünïcödé",
    "for",
    "%s%n",
    "<b>x<",
    "\\",
    "'; DROP TABLE",
    "x" * 200,
)


def odd_names() -> Iterator[tuple[str, bytes]]:
    """Valid models whose layer names try to break out of generated code and pages; they compile."""
    for name in HOSTILE_NAMES:
        yield name, torch_file(module("container.Sequential", None, {name: linear()}))

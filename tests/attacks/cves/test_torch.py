"""Attacks on PyTorch's loaders, against readers that share no code with them."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import pytest

from tests.attacks.assemble import (
    LINEAR_STORAGES,
    Call,
    Member,
    Name,
    New,
    Raw,
    linear,
    pickled,
    tensor,
    torch_file,
    torch_members,
    zipped,
)
from tests.attacks.cves.opened import codes, refused, sources_with


def system(command: str) -> Call:
    return Call(Name("posix", "system"), (command,))


def test_cve_2025_32434_old_tar_archives_were_unpickled_in_full(tmp_path: Path) -> None:
    """`weights_only=True` was forgotten for the format before the zip: a tar archive with pickles in it."""

    def make(command: str) -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name in ("storages", "tensors", "pickle"):
                content = pickled(system(command))
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return data.getvalue()

    assert refused(tmp_path, "model.tar", make) == {"E0112"}
    assert refused(tmp_path, "model.pth", make) == {"E0112"}


def test_cve_2025_32434_so_were_the_first_pickles(tmp_path: Path) -> None:
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    assert refused(tmp_path, "model.pth", lambda c: magic + b"\x80\x02M\xe9\x03." + pickled(system(c))) == {"E0123"}


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<L", len(raw)) + raw


@pytest.mark.parametrize("opcodes", [b"s", b"(" + text("k") + b"K\x01u"], ids=["SETITEM", "SETITEMS"])
@pytest.mark.parametrize("victim", ["tensor", "tuple", "list", "module"])
def test_cve_2026_24747_items_set_on_what_is_no_dictionary(opcodes: bytes, victim: str, tmp_path: Path) -> None:
    """The restricted unpickler wrote through SETITEM into tensors: memory of its choosing."""
    start = {
        "tensor": Raw(pickled(tensor((3, 4)))[2:-1]),
        "tuple": Raw(b"(K\x01K\x02t"),
        "list": Raw(b"](K\x01K\x02e"),
        "module": Raw(pickled(linear())[2:-1]),
    }[victim]
    operands = b"K\x00K\x07" if opcodes == b"s" else b""
    found = refused(tmp_path, "model.pth", lambda _: torch_file(Raw(start.code + operands + opcodes)))
    assert found <= {"E0126", "E0133"}


@pytest.mark.parametrize(("stored", "shape"), [(1 << 40, (3, 4)), (6, (3, 4)), (12, (3000, 4)), (0, (3, 4))])
def test_cve_2026_24747_a_storage_that_claims_another_size(stored: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    """The count in the pickle, the record in the zip and the tensor's shape must agree, or it is others' memory."""
    layer = linear()
    layer.state["_parameters"]["weight"] = tensor(shape, key="0", stored=stored)
    assert refused(tmp_path, "model.pth", lambda _: torch_file(layer)) <= {"E0127", "E0128"}


@pytest.mark.parametrize(
    "place", ["data/sample_inputs/model.pt", "data/constants/model.pt", "data/weights/model.pt", "extra/model.pt"]
)
def test_cve_2026_4538_pickles_inside_pt2(place: str, tmp_path: Path) -> None:
    """The loader of `.pt2` falls back to full unpickling for parts of the archive.

    What exactly was reported is not public in detail; this is the mechanism, in each place that holds such a part.
    """

    def make(command: str) -> bytes:
        return zipped(
            [
                Member("m/archive_format", b"pt2"),
                Member("m/archive_version", b"0"),
                Member("m/byteorder", b"little"),
                Member("m/models/model.json", b"{}"),
                Member(f"m/{place}", torch_file(system(command))),
            ]
        )

    assert all(code.startswith("E01") for code in refused(tmp_path, "model.pt2", make))


def test_cve_2026_4538_expressions_inside_pt2(tmp_path: Path) -> None:
    """Sizes are expressions in its JSON, and the stock loader evaluates them."""

    def make(command: str) -> bytes:
        evil = f'{{"as_expr": {{"expr_str": "__import__(\'os\').system({command!r})"}}}}'.encode()
        return zipped([Member("m/archive_format", b"pt2"), Member("m/models/model.json", evil)])

    assert all(code.startswith("E01") for code in refused(tmp_path, "model.pt2", make))


def test_cve_2024_48063_remote_modules(tmp_path: Path) -> None:
    """A pickled RemoteModule runs what it carries while it is restored; here it is a class like any other stranger."""
    remote = Name("torch.distributed.nn.api.remote_module", "RemoteModule")
    assert refused(tmp_path, "new.pth", lambda _: torch_file(New(remote, {"a": 1}))) <= {"E0124", "E0125", "E0126"}
    call = Call(Name("torch.distributed.nn.api.remote_module", "_recursive_script_module_receiver"), ((),))
    assert refused(tmp_path, "call.pth", lambda _: torch_file(call)) <= {"E0124", "E0125", "E0126"}
    assert sources_with(r"torch\.distributed") == []


@pytest.mark.parametrize(
    "line",
    [
        "# type: (__import__('os').system({command!r})) -> Tensor",
        "# type: (Tensor) -> [x for x in [__import__('os').system({command!r})]]",
    ],
)
def test_cve_2022_45907_type_comments(line: str, tmp_path: Path) -> None:
    """The types in TorchScript's comments went through eval(). Here they are comments: the model may well be taken."""
    canary = tmp_path / "canary"

    def make(command: str) -> bytes:
        code = "class M(Module):\n  def forward(self, x):\n    " + line.format(command=command) + "\n    return x\n"
        return zipped(
            [
                Member("m/data.pkl", pickled(New(Name("__torch__", "M"), {"training": False}))),
                Member("m/code/__torch__.py", code.encode()),
                Member("m/constants.pkl", pickled(())),
                Member("m/version", b"3\n"),
            ]
        )

    path = tmp_path / "model.pt"
    path.write_bytes(make(f"touch '{canary}'"))
    codes(path)
    assert not canary.exists()
    assert sources_with(r"parse_type_line|torch\.jit\.annotations") == []


def test_what_scanners_overlook_is_no_way_in(tmp_path: Path) -> None:
    """CVE-2026-3490, -53873, -53874, -56315, CVE-2025-71347, -71367, -71378: lists of bad names that lack some.

    Here only good names are listed, so it does not matter which bad ones there are.
    """
    for module, name in (
        ("pkgutil", "resolve_name"), ("uuid", "_get_command_stdout"), ("imaplib", "IMAP4_stream"),
        ("_pyrepl.pager", "pipe_pager"), ("_osx_support", "_read_output"), ("_aix_support", "_read_cmd_output"),
        ("logging", "FileHandler"), ("pip", "main"), ("timeit", "timeit"), ("cProfile", "run"), ("pdb", "run"),
        ("asyncio.unix_events", "_UnixSubprocessTransport"), ("ctypes", "CDLL"), ("torch._dynamo.guards", "eval"),
    ):  # fmt: skip
        found = refused(
            tmp_path,
            "model.pth",
            lambda c, m=module, n=name: torch_file(Call(Name(m, n), (c,))),  # type: ignore[misc]
        )
        assert found <= {"E0124", "E0126"}, (module, name)
        # A call whose result is thrown away, which one scanner no longer saw.
        dropped = Raw(pickled(Call(Name(module, name), ("x",)))[2:-1] + b"0" + pickled(linear())[2:-1])
        assert refused(tmp_path, "model.pth", lambda _, d=dropped: torch_file(d)) <= {"E0124", "E0126"}  # type: ignore[misc]
    assert sources_with(r"\b(import|from) (picklescan|modelscan|fickling)") == []


def test_the_honest_file_is_taken(tmp_path: Path) -> None:
    """So the refusals above have their reasons in what was changed."""
    path = tmp_path / "model.pth"
    path.write_bytes(zipped(torch_members(pickled(linear()), LINEAR_STORAGES)))
    assert codes(path) == {""}

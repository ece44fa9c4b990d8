"""Attacks on Python's own readers of archives. Ours reads zip files itself; tar files are not opened at all."""

from __future__ import annotations

import io
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import ModelError
from compiler.vectors import read_arrays
from tests.attacks.assemble import LINEAR_STORAGES, Member, linear, pickled, torch_members, zipped
from tests.attacks.cves.opened import refused, sources_with
from worker.outcome import BadResult, read_report

KIB, MIB = 1 << 10, 1 << 20


def members(*more: Member) -> list[Member]:
    return [*torch_members(pickled(linear()), LINEAR_STORAGES), *more]


def overlapping(name: str, content: bytes, count: int) -> bytes:
    """One stored member, and many entries of the table of contents that all point to it."""
    made = [Member(name.format(0), content), *(Member(name.format(i), content, offset=0) for i in range(1, count))]
    for member in made[1:]:
        member.stored = b""
        member.packed = len(content)
        member.size = len(content)
    return zipped(made)


def test_cve_2024_0450_overlapping_members_of_a_model(tmp_path: Path) -> None:
    bomb = zipped(members(Member("m/data/9", bytes(48), offset=0)))
    assert refused(tmp_path, "model.pth", lambda _: bomb) == {"E0130"}
    assert refused(tmp_path, "many.pth", lambda _: overlapping("m/data/{}", bytes(64 * KIB), 500)) == {"E0112"}


def test_cve_2024_0450_overlapping_members_of_test_vectors(tmp_path: Path) -> None:
    """Vectors are read by numpy and thus by zipfile; what they claim together is bounded first."""
    array = io.BytesIO()
    np.save(array, np.zeros(64 * KIB, np.float32))
    path = tmp_path / "vectors.npz"
    path.write_bytes(overlapping("a{}.npy", array.getvalue(), 6000))
    assert sum(entry.file_size for entry in zipfile.ZipFile(path).infolist()) > 1 << 30
    tracemalloc.start()
    with pytest.raises(ModelError):
        read_arrays(path, "E1011", "the test vectors")
    assert tracemalloc.get_traced_memory()[1] < 100 * MIB
    tracemalloc.stop()


def test_cve_2024_0450_overlapping_members_of_a_jobs_result(tmp_path: Path) -> None:
    """The zip that a job hands back was made beside a hostile model."""
    path = tmp_path / "out.zip"
    path.write_bytes(overlapping("src/{}.c", bytes(64 * KIB), 500))
    with pytest.raises(BadResult):
        read_report(path, MIB)


@pytest.mark.parametrize("name", ["/", "//", "a//", "/a", "a/..", ".", "./", "a/./b", ""])
def test_cve_2024_8088_names_that_made_zipfile_path_loop(name: str, tmp_path: Path) -> None:
    """Known from memory and not from the advisory: walking up from such a name never ended in `zipfile.Path`."""
    assert refused(tmp_path, "model.pth", lambda _: zipped(members(Member(name)))) == {"E0130"}
    assert sources_with(r"zipfile\.Path|zipimport") == []


@pytest.mark.parametrize("start", [0, 10, 1 << 20, 1 << 60])
def test_cve_2025_8291_a_second_table_of_contents(start: int, tmp_path: Path) -> None:
    """The zip64 record was read from where it usually lies, not from where its locator says: two readers, two files."""
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 46, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start, 1)
    assert refused(tmp_path, "model.pth", lambda _: zipped(members(), end=end + locator)) == {"E0130"}


def archive(kind: str) -> bytes:
    """A tar archive with what the advisory is about."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a")
        if kind == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "../../../../etc"
            tar.addfile(info)
            info = tarfile.TarInfo("a/passwd")
        elif kind == "deep":
            for depth in range(1, 8):
                info = tarfile.TarInfo("/".join(["d" * 200] * depth))
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            info = tarfile.TarInfo("b")
            info.type, info.linkname = tarfile.SYMTYPE, "/".join([".."] * 20 + ["etc"])
        elif kind == "hard":
            info.type, info.linkname = tarfile.LNKTYPE, "/etc/passwd"
        tar.addfile(info)
    raw = bytearray(data.getvalue())
    if kind == "negative":
        raw[124:136] = b"\xff" * 12  # a size below zero, in base 256
        raw[148:156] = b"        "
        raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return bytes(raw)


@pytest.mark.parametrize("kind", ["link", "deep", "hard", "negative"])
def test_cve_2025_4517_4435_8194_and_2026_82049_tar_archives(kind: str, tmp_path: Path) -> None:
    """Extraction filters that let links out, members that were to be skipped, offsets below zero.

    No details of CVE-2026-82049 are known here beyond its being about tar. None of it matters where no tar archive is
    ever opened: it is recognised by its signature and refused.
    """
    assert refused(tmp_path, "model.pth", lambda _: archive(kind)) == {"E0112"}
    assert sources_with(r"\btarfile\b|unpack_archive") == []

"""Lock files: complete, with hashes, and free of any registry's address."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.support.needs import ROOT


def requirements() -> dict[str, str]:
    """Name → version of requirements.lock."""
    text = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-torch.lock", "requirements-tensorflow.lock", "pyproject.toml"]
)
def test_python_requirements_name_no_address(name: str) -> None:
    assert not re.search(
        r"https?:|file:|--(extra-)?index|--find-links|^-[if] ", (ROOT / name).read_text(), flags=re.MULTILINE
    )


def test_npm_lock_says_not_where_a_package_came_from() -> None:
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_npm_is_told_to_leave_addresses_out() -> None:
    settings = (ROOT / "frontend" / ".npmrc").read_text().splitlines()
    assert "omit-lockfile-registry-resolved=true" in settings


def test_npm_lock_has_an_integrity_hash_for_every_package() -> None:
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    lacking = [name for name, entry in packages.items() if name and not entry.get("link") and "integrity" not in entry]
    assert [name for name in lacking if not packages[name].get("inBundle")] == []


def test_every_python_requirement_has_a_hash() -> None:
    blocks = re.split(r"^(?=[a-z])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    assert [b.splitlines()[0] for b in blocks if b.strip() and "--hash=sha256:" not in b] == []


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [d for name in extras if name != "tensorflow" for d in extras[name]]
    names = {re.split(r"[\[<>=~]", d)[0].replace(".", "-") for d in wanted}
    assert names - requirements().keys() == {"torch"}


def test_torch_is_pinned_by_itself() -> None:
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+\n", (ROOT / "requirements-torch.lock").read_text())
    assert not {name for name in requirements() if name.startswith(("nvidia", "cuda", "triton"))}


def test_tensorflow_has_a_lock_of_its_own_and_agrees_with_ours() -> None:
    text = (ROOT / "requirements-tensorflow.lock").read_text()
    theirs = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE))
    assert {"tensorflow-cpu", "tf2onnx"} <= theirs.keys()
    assert text.count("--hash=sha256:") >= len(theirs)
    assert {name: v for name, v in theirs.items() if requirements().get(name, v) != v} == {}

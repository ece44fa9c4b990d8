"""Dockerfile and compose file, as far as they can be judged without a container engine; build.sh goes further."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import ruamel.yaml

from tests.support.needs import ROOT

BIN = ROOT / ".venv" / "bin"
COMPOSE: dict[str, Any] = ruamel.yaml.YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    subprocess.run([BIN / "hadolint", "Dockerfile"], cwd=ROOT, check=True, timeout=60)


def test_the_compose_file_follows_the_schema() -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_is_hardened(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] <= 512
    assert "mem_limit" in service
    assert not service.get("privileged")


def test_only_the_server_is_reachable_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"server": ["127.0.0.1:8000:8000"]}
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert [name for name, service in COMPOSE["services"].items() if "front" in service["networks"]] == ["server"]


def test_compose_builds_stages_that_exist() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, flags=re.MULTILINE))
    targets = {s["build"]["target"] for s in COMPOSE["services"].values() if "build" in s}
    assert targets == {"server", "worker"}
    assert targets <= stages


@pytest.mark.parametrize("stage", ["server", "worker"])
def test_images_run_unprivileged_under_an_init(stage: str) -> None:
    text = re.split(rf"^FROM \S+ AS {stage}\n", DOCKERFILE, flags=re.MULTILINE)[1].split("\nFROM ")[0]
    for line in ("USER 10001:10001", 'ENTRYPOINT ["tini", "--"]', "STOPSIGNAL SIGTERM", "HEALTHCHECK"):
        assert line in text


def test_the_images_hold_what_is_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / name).read_text(), flags=re.MULTILINE))

    assert pins("requirements-service.lock") < pins("requirements.lock")
    setup = (ROOT / "scripts" / "setup").read_text()
    for version in ("UV_VERSION", "NODE_VERSION"):
        (here,) = re.findall(rf"^{version}=(\S+)", setup, flags=re.MULTILINE)
        (there,) = re.findall(rf"^ARG {version}=(\S+)", DOCKERFILE, flags=re.MULTILINE)
        assert here == there
    (packages,) = re.findall(r"^SERVE_PACKAGES=\(([^)]*)\)", setup, flags=re.MULTILINE)
    missing = [p for p in packages.split() if not re.search(rf"(?<!\S){re.escape(p)}(?!\S)", DOCKERFILE)]
    assert missing == []

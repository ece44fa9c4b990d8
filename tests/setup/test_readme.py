"""The README's examples, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.needs import ROOT
from tests.support.servers import free_port, wait_for

EXAMPLES = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
pytestmark = [pytest.mark.slow, pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu, pytest.mark.needs_torch]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like the repository's root, to run examples in."""
    for name in (".venv", "compiler"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The address of a service as `make serve` starts it."""
    port = free_port()
    environment = {**os.environ, "DEEPMETAL_DATA_DIR": str(tmp_path / "data")}
    command = [ROOT / ".venv/bin/deepmetal", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/v1/health/ready"), "the service is not ready", 60)
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def run(script: str, cwd: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=300).stdout


def test_the_command_line_examples(checkout: Path) -> None:
    first, more, integers = [example for example in EXAMPLES if "deepmetal compile" in example]
    run(first, checkout)
    report = json.loads((checkout / "out" / "report.json").read_text())
    assert report["validation"]["passed"]
    assert "report.html" in zipfile.ZipFile(checkout / "out.zip").namelist()
    said = run(more, checkout)
    assert "nucleo-f446re" in said
    for out, language in (("board", "model.c"), ("riscv", "model.ll")):
        assert json.loads((checkout / out / "report.json").read_text())["validation"]["passed"]
        assert (checkout / out / "src" / language).is_file()
    assert list((checkout / "board" / "pack" / "bare-metal").rglob("Makefile"))
    run(integers, checkout)
    small = json.loads((checkout / "int8" / "report.json").read_text())
    assert small["quantization"]["synthetic"]
    assert small["validation"]["integers_exact"]
    assert small["totals"]["flash"]["weights"] < report["totals"]["flash"]["weights"] / 3


def test_the_curl_example(checkout: Path, service: str) -> None:
    (script,) = [example for example in EXAMPLES if "curl" in example]
    assert "127.0.0.1:8000" in script
    report = run(script.replace("127.0.0.1:8000", service), checkout)
    assert "cortex-m4" in report
    assert "report.json" in zipfile.ZipFile(checkout / "model.zip").namelist()

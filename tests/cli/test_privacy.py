"""Nothing about a model leaves the computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_reference_runtime_does_not_collect_telemetry(tmp_path: Path) -> None:
    """ONNX Runtime, left to itself, writes an identifier into the temporary folder and the home, and reports."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("XDG_CACHE_HOME", None)
    code = "import compiler.reference, onnxruntime; onnxruntime.SessionOptions(); print('imported')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    assert "imported" in done.stdout
    assert list(tmp_path.rglob("*")) == []

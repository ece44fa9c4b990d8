"""What a worker does about the sandbox of `compiler/sandbox/`: find its level at every start, clear the surroundings.

The level is logged, kept in the worker's row and shown on /health/ready. `DEEPMETAL_SANDBOX` may ask for one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from compiler.sandbox.confine import ROOT
from compiler.sandbox.probe import Proof, prove
from server.codes import BELOW_SETTING
from server.settings import Settings
from worker.supervisor import TOO_WEAK

log = logging.getLogger("deepmetal.worker")


def find(settings: Settings) -> Proof:
    """The level that jobs of this worker get: the highest that passes its self-test, or the one that is asked for."""
    wanted = settings.sandbox
    found = prove(settings.folder("work"), highest="L2" if wanted == "auto" else wanted)
    if wanted != "auto" and not found.reaches(wanted):
        log.error("error[%s]: DEEPMETAL_SANDBOX=%s, and this computer gives %s", BELOW_SETTING, wanted, found)
        raise SystemExit(TOO_WEAK)
    return found


def environment(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """All that a job's process gets to see: no tokens, no addresses, of the settings only where TensorFlow is."""
    return {name: inherited[name] for name in ("DEEPMETAL_TENSORFLOW_PYTHON",) if name in inherited} | {
        "PATH": inherited.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": str(home),
        "USER": "deepmetal",  # a user without a name is asked for one by some libraries
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
    }

"""Models that TensorFlow and Keras really wrote, made once and kept under build/ until what makes them changes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from compiler.importers import tensorflow_run
from tests.support.needs import ROOT

SUPPORT = ROOT / "tests" / "support"
CACHE = ROOT / "build" / "tests" / "tensorflow"


def layers() -> Path:
    """The folder with `keras_layers.py`'s models: NAME.keras, NAME.h5, NAME.npz with x0.. and y0.."""
    return _made("keras_layers.py", (), lambda folder: [])


def networks() -> Path:
    """Models of `keras_networks.py`: NAME.keras .h5 .savedmodel .zip .pb .tflite, and x and y in NAME.npz."""
    return _made("keras_networks.py", ("networks.py",), _weights)


def _made(script: str, more: tuple[str, ...], arguments: Callable[[Path], list[str]]) -> Path:
    """What the script writes; other test processes wait while one runs it."""
    files = [SUPPORT / name for name in (script, *more)] + [ROOT / "requirements-tensorflow.lock", Path(__file__)]
    state = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{Path(script).stem}-{state}"
    with (CACHE / f"{Path(script).stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            for old in CACHE.glob(f"{Path(script).stem}-*"):
                shutil.rmtree(old)
            draft = CACHE / f"draft-{folder.name}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            command = [str(tensorflow_run.require()), str(SUPPORT / script), *arguments(draft), str(draft)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
            for saved in sorted(draft.glob("*.savedmodel")):
                shutil.make_archive(str(draft / saved.stem), "zip", draft, saved.name)
            draft.rename(folder)
    return folder


def _weights(folder: Path) -> list[str]:
    """The state of each PyTorch network as NAME.npz, for the script to take over."""
    import numpy as np

    from tests.support.networks import networks as torch_networks

    target = folder / "weights"
    target.mkdir()
    for name, network in torch_networks().items():
        np.savez(target / f"{name}.npz", **{k: v.numpy() for k, v in network.module().state_dict().items()})
    return [str(target)]

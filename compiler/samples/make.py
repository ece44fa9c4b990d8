"""`deepmetal samples make`: models, their weights alone, their ONNX form, and a card that says how they came to be.

Trained ones come with the images to quantise and to judge them: `calibration.npz`, drawn from the training part alone,
and `test.npz` with `test_labels.npy`, which no training saw.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_export import Input, to_onnx
from compiler.importers.torch_input import INPUT, OUTPUT
from compiler.samples.digits import Digits, mnist_files, scikit_learn_digits
from compiler.samples.networks import DESCRIPTIONS, INPUT_SHAPE, network
from compiler.samples.training import OPTIMIZER, Trained, check_device, interval, train, untrained

EPOCHS = {"digits": 40, "mnist": 8}  # seconds a model either way
CALIBRATION = 500  # images
CALIBRATION_FILE, TEST_FILE, LABELS_FILE = "calibration.npz", "test.npz", "test_labels.npy"


def make(
    out: Path,
    kinds: Sequence[str],
    *,
    trained: bool,
    epochs: int | None = None,
    device: str = "cpu",
    data: Path | None = None,
    seed: int = 0,
    told: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Write `<kind>.pth`, `<kind>_state.pth`, `<kind>.onnx` and the card `<kind>.json` into `out`; return the cards.

    Where they are trained, the files with images are written, too.
    """
    check_device(import_torch(), device)
    digits = (mnist_files(data) if data else scikit_learn_digits(seed)) if trained else None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError("E1009", f"the folder {out.name} cannot be written: {error.strerror}") from error
    epochs = epochs or EPOCHS["mnist" if data else "digits"]
    if digits is not None:
        _save_images(out, digits, seed)
    cards = []
    for kind in kinds:
        if digits is None:
            result = Trained(untrained(kind, seed), float("nan"))
        else:
            result = train(kind, digits, epochs=epochs, seed=seed, device=device, told=told)
        _save(out, kind, result.module)
        card = _card(kind, result, digits, epochs=epochs, seed=seed, device=device)
        (out / f"{kind}.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
        cards.append(card)
    return cards


def _save(out: Path, kind: str, module: Any) -> None:
    torch = import_torch()
    torch.save(module, out / f"{kind}.pth")
    torch.save(module.state_dict(), out / f"{kind}_state.pth")
    model = to_onnx(module, [Input(INPUT, INPUT_SHAPE)], [OUTPUT], kind)
    (out / f"{kind}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def _save_images(out: Path, digits: Digits, seed: int) -> None:
    chosen = np.random.default_rng(seed).permutation(len(digits.train_x))[:CALIBRATION]
    np.savez_compressed(out / CALIBRATION_FILE, allow_pickle=False, **{INPUT: digits.train_x[chosen]})
    np.savez_compressed(out / TEST_FILE, allow_pickle=False, **{INPUT: digits.test_x})
    np.save(out / LABELS_FILE, digits.test_y)


def _interval(accuracy: float, images: int) -> list[float]:
    return [round(end, 4) for end in interval(round(accuracy * images), images)]


def _card(kind: str, result: Trained, digits: Digits | None, **how: Any) -> dict[str, Any]:
    about = DESCRIPTIONS[kind]
    packages = ["torch", "numpy", *(["scikit-learn"] if digits is not None and "scikit" in digits.name else [])]
    return {
        "name": kind,
        "title": about.title,
        "description": about.text,
        "file": f"{kind}.pth",
        "architecture": [str(layer) for layer in network(kind)],
        "parameters": sum(p.numel() for p in result.module.parameters()),
        "input": {"shape": list(INPUT_SHAPE), "values": "0 (background) to 1 (ink)"},
        "output": "ten logits; the index of the largest is the digit",
        "training": {
            "set": digits.name if digits else "none: random weights",
            "split": digits.split if digits else None,
            "epochs": how["epochs"] if digits else 0,
            "optimizer": OPTIMIZER if digits else None,
            "seed": how["seed"],
            "device": how["device"],
        },
        "held_out": {
            "images": len(digits.test_x) if digits else 0,
            "accuracy": round(result.accuracy, 4) if digits else None,
            "interval_95": _interval(result.accuracy, len(digits.test_x)) if digits else None,
        },
        "versions": {name: version(name).split("+")[0] for name in packages},
    }

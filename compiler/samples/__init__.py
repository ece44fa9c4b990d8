"""Sample models of the MNIST class: small trained ones ship with the compiler, others can be made.

networks.py   the three architectures
digits.py     the images they learn from
training.py   learning, and the accuracy on images held out
make.py       `deepmetal samples make`: models, weights, ONNX and a card
data/         the shipped models with their cards
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

KINDS = ("linear", "conv", "hybrid")
FOLDER = Path(__file__).parent / "data"


@cache
def cards() -> tuple[dict[str, Any], ...]:
    """The cards of the shipped models, simplest first."""
    return tuple(json.loads((FOLDER / f"{kind}.json").read_text("utf-8")) for kind in KINDS)


def catalogue() -> list[dict[str, Any]]:
    """What the catalogue says about each shipped model."""
    return [
        {
            "name": card["name"],
            "title": card["title"],
            "description": card["description"],
            "file": card["file"],
            "size": sample_path(card["name"]).stat().st_size,
            "accuracy": card["held_out"]["accuracy"],
            "training_set": card["training"]["set"],
        }
        for card in cards()
    ]


def sample_path(name: str) -> Path:
    """The file of a shipped model. Raises `KeyError` for a name that the catalogue does not have."""
    if name not in KINDS:
        raise KeyError(name)
    return FOLDER / f"{name}.pth"

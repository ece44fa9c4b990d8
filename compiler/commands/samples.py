"""`deepmetal samples make` and `list`: sample models of the MNIST class."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from compiler.samples import KINDS, catalogue

MAX_EPOCHS = 10_000


def register(subparsers: Any) -> None:
    samples = subparsers.add_parser("samples", help="sample models: make and train them, list the shipped ones")
    verbs = samples.add_subparsers(title="verbs", metavar="VERB", required=True)
    make = verbs.add_parser(
        "make",
        help="write sample models as .pth, state dict and .onnx, with a card each",
        description="Builds models for handwritten digits of 28×28 pixels. Without --train their weights are random.",
    )
    make.add_argument("out", metavar="OUT", type=Path, help="folder to write to")
    make.add_argument("--kind", choices=KINDS, action="append", help="which one (default: all three)")
    make.add_argument("--train", action="store_true", help="train, and measure the accuracy on images held out")
    make.add_argument("--epochs", type=_epochs, default=None, help="passes over the training images (default: 40)")
    make.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train (default: cpu)")
    make.add_argument("--data", type=Path, help="MNIST idx files to train on: a folder, or the images file")
    make.add_argument("--seed", type=int, default=0, help="for the weights, the split and the order (default: 0)")
    make.set_defaults(command=_make)
    listing = verbs.add_parser("list", help="the trained models that ship with this installation")
    listing.set_defaults(command=_list)


def _epochs(text: str) -> int:
    value = int(text)
    if not 1 <= value <= MAX_EPOCHS:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MAX_EPOCHS}")
    return value


def _make(args: argparse.Namespace) -> int:
    from compiler.samples.make import EPOCHS, make  # torch

    trained = args.train or args.epochs is not None or args.data is not None
    cards = make(
        args.out,
        list(dict.fromkeys(args.kind or KINDS)),
        trained=trained,
        epochs=args.epochs or EPOCHS,
        device=args.device,
        data=args.data,
        seed=args.seed,
        told=lambda line: print(line, file=sys.stderr),
    )
    for card in cards:
        held_out = card["held_out"]
        result = (
            f"{held_out['accuracy']:.1%} of {held_out['images']} held-out digits"
            if trained
            else "random weights (--train trains them)"
        )
        print(f"{args.out / card['file']}: {card['parameters']:,} parameters, {result}")
    return 0


def _list(args: argparse.Namespace) -> int:
    for sample in catalogue():
        print(f"{sample['name']:<8} {sample['accuracy']:6.1%}  {sample['size']:>7,} bytes  {sample['title']}")
    return 0

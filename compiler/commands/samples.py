"""`deepmetal samples make OUT`: the sample models, trained or with random weights."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from compiler.pack.text import plain
from compiler.terminal import table


def register(subparsers: Any) -> None:
    samples: argparse.ArgumentParser = subparsers.add_parser(
        "samples", help="make the sample models, or list the ones that ship", description="Models of the MNIST class."
    )
    verbs = samples.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing: argparse.ArgumentParser = verbs.add_parser(
        "list", help="the samples that ship", description="The samples that ship."
    )
    listing.set_defaults(command=show)
    listing.add_argument("--json", action="store_true", help="print the same as JSON")
    make: argparse.ArgumentParser = verbs.add_parser(
        "make",
        help="write models, weights, ONNX files and cards into OUT",
        description="Write KIND.pth, KIND_state.pth, KIND.onnx and the card KIND.json into OUT; beside trained ones "
        "calibration.npz from the training images, and test.npz with test_labels.npy from those held out.",
    )
    make.set_defaults(command=command)
    make.add_argument("out", metavar="OUT", type=Path, help="folder to write")
    make.add_argument("--kind", choices=("linear", "conv", "hybrid"), help="only this one (default: all three)")
    make.add_argument("--train", action="store_true", help="train it; without, or --data, weights are random")
    make.add_argument("--epochs", metavar="N", type=_positive, help="how often it sees the training images")
    make.add_argument(
        "--data",
        metavar="PATH",
        type=Path,
        help="train on MNIST, instead of scikit-learn's digits: a folder with its files, or the images file",
    )
    make.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="what to train on")
    make.add_argument("--seed", metavar="N", type=int, default=0, help="of the initial weights and the order of images")
    make.add_argument("--json", action="store_true", help="print the cards on standard output, and nothing else")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def show(args: argparse.Namespace) -> int:
    from compiler.samples import catalogue

    samples = catalogue()
    rows = [(s["name"], s["title"], s["file"], f"{100 * s['accuracy']:.1f} %", s["training_set"]) for s in samples]
    head = ("name", "title", "file", "accuracy", "trained on")
    print(json.dumps(samples, indent=1) if args.json else table(head, rows))
    return 0


def command(args: argparse.Namespace) -> int:
    from compiler.samples import KINDS
    from compiler.samples.make import CALIBRATION_FILE, LABELS_FILE, TEST_FILE, make

    trained = args.train or args.data is not None
    cards = make(
        args.out,
        [args.kind] if args.kind else list(KINDS),
        trained=trained,
        epochs=args.epochs,
        device=args.device,
        data=args.data,
        seed=args.seed,
        told=partial(print, file=sys.stderr),
    )
    if args.json:
        print(json.dumps(cards, indent=1))
    else:
        for card in cards:
            print(f"{plain(args.out / card['file'], 300)}: {_said(card)}", file=sys.stderr)
        if trained:
            names = f"{CALIBRATION_FILE} {TEST_FILE} {LABELS_FILE}"
            print(f"images to quantise and to judge with, in {plain(args.out, 300)}: {names}", file=sys.stderr)
        else:
            print("--train learns scikit-learn's digits, --data PATH MNIST; nothing was learned here", file=sys.stderr)
    return 0


def _said(card: dict[str, Any]) -> str:
    held_out, parameters = card["held_out"], f"{card['parameters']:,} parameters"
    if held_out["accuracy"] is None:
        return f"{parameters}, random weights"
    low, high = held_out["interval_95"]
    return (
        f"{parameters}, {100 * held_out['accuracy']:.2f} % right "
        f"(95 % confidence: {100 * low:.2f} to {100 * high:.2f} %) on {held_out['images']:,} held-out images"
    )

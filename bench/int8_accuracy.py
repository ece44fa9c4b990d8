"""What int8 costs: sample models on their test set, and image models on photographs beside ONNX Runtime's quantiser.

    .venv/bin/python bench/int8_accuracy.py [--pictures 2000] [--calibration 500] [--quantizer standard] [--epochs N]

The samples are trained here (fixed seed) on images 0 to 7,999 of the MNIST file in ../shared/data, calibrated with some
of these and judged on 8,000 to 9,999. The image models are the float twins of MLPerf Tiny in ../shared/models; pictures
are seeded crops, scales and flips of the two photographs of scikit-learn, and both quantisers get the same calibration.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from compiler.options import CompileOptions, Precision
from compiler.quant.stage import Files, stage
from compiler.samples import KINDS
from compiler.samples.make import CALIBRATION_FILE, LABELS_FILE, TEST_FILE, make
from compiler.source import load
from compiler.trace import Trace
from tests.support import int8_accuracy as support

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
RESULTS = ROOT / "bench" / "results"
LOSS: dict[Precision, float] = {"int8": 0.3, "int8-weights": 0.1}  # points, at most


def samples(quantizer: str, epochs: int | None) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cards = make(folder, KINDS, trained=True, epochs=epochs, data=SHARED / "data", told=lambda line: None)
        files = Files(folder / CALIBRATION_FILE, folder / LABELS_FILE, folder / TEST_FILE)
        for card in cards:
            low, high = card["held_out"]["interval_95"]
            for precision, allowed in LOSS.items():
                options = CompileOptions.model_validate({"precision": precision, "quantizer": quantizer})
                found = stage(load(folder / card["file"], options).graph, options, files, Trace()).accuracy
                assert found is not None and found.float32 is not None and found.quantized is not None
                lost = 100 * (found.float32 - found.quantized)
                answers = np.asarray(found.confusion).sum(axis=0).tolist()
                rows.append({"model": card["name"], "precision": precision, "float32": found.float32,
                             "interval_95": [low, high], "quantized": found.quantized, "lost_points": lost,
                             "holds": lost <= allowed + 1e-9, "histogram": answers})  # fmt: skip
                print(f"{card['name']:8} {precision:13} float {100 * found.float32:6.2f} % "
                      f"({100 * low:.2f} to {100 * high:.2f}) quantised {100 * found.quantized:6.2f} % "
                      f"lost {lost:5.2f} points, answers {answers}", flush=True)  # fmt: skip
    return rows


def photographs(name: str, quantizer: str, calibration: int, pictures: int) -> list[dict[str, Any]]:
    model = support.without_softmax(onnx.load(SHARED / "models" / f"{name}_float.onnx"))
    typical, judges = support.photographs_for(name, model, calibration, pictures)
    want = support.in_onnxruntime(model, judges)
    print(f"{name}: float answers {np.bincount(want.argmax(axis=1), minlength=want.shape[1]).tolist()}")
    graph = support.quantized_by_us(support.float_graph(model), typical, quantizer=quantizer)
    results = {f"DeepMetal {quantizer}": support.in_process(graph, judges)}
    gate = support.IMAGE_MODELS[name].options  # what the tests hold to the agreement
    if dict(gate) != {"quantizer": quantizer}:
        graph = support.quantized_by_us(support.float_graph(model), typical, **gate)
        results[f"DeepMetal {' '.join(gate.values())}"] = support.in_process(graph, judges)
    results["all scales doubled"] = support.in_process(support.with_doubled_scales(graph), judges)
    for method in support.METHODS:
        theirs = support.quantized_by_onnxruntime(model, typical, method)
        results[f"ONNX Runtime {method}"] = support.in_onnxruntime(theirs, judges)
    rows = []
    for engine, got in results.items():
        found = support.judged(got, want)
        rows.append({"model": name, "engine": engine, "agreement": found.agreement, "sqnr_db": found.sqnr_db,
                     "histogram": found.histogram, "holds": found.agreement >= support.AGREEMENT})  # fmt: skip
        print(f"{name:4} {engine:24} agreement {100 * found.agreement:6.2f} %  logits {found.sqnr_db:6.2f} dB  "
              f"answers {list(found.histogram)}", flush=True)  # fmt: skip
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--calibration", type=int, default=500)
    parser.add_argument("--quantizer", choices=("quick", "standard", "thorough"), default="standard")
    parser.add_argument("--epochs", type=int, help="fewer make it quicker (default: as `deepmetal samples make`)")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("skipped: models and images are not there (../shared)")
        return 0
    rows = samples(args.quantizer, args.epochs)
    for name in support.IMAGE_MODELS:
        rows += photographs(name, args.quantizer, args.calibration, args.pictures)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "int8_accuracy.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`--precision int8` from end to end on this computer: report, accuracy, files, and what goes wrong on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepmetal
from compiler.errors import ModelError
from compiler.graph.run import run
from compiler.pack.report_html import report_html
from compiler.pack.report_md import report_md
from tests.quant.ptq_models import graph, inputs, network, saved


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A model, its calibration data, and labels that are the float model's own answers but for one in six."""
    x = inputs(30)
    net = graph(network())
    labels = np.array([int(run(net, {"x": sample})["y"].argmax()) for sample in x])
    labels[::6] = (labels[::6] + 1) % 5
    np.savez(tmp_path / "c.npz", x=x[:, 0])
    np.save(tmp_path / "l.npy", labels)
    return {"model": saved(tmp_path / "net.onnx", network()), "c": tmp_path / "c.npz", "l": tmp_path / "l.npy"}


def compiled(files: dict[str, Path], **options: Any) -> deepmetal.Compiled:
    given = {"precision": "int8", "calibration": files["c"], **options}
    return deepmetal.compile(files["model"], target="host", **given)


def test_int8_from_end_to_end(files: dict[str, Path]) -> None:
    made = compiled(files, labels=files["l"])
    report = made.report
    assert report.validation is not None
    assert report.validation.passed
    accuracy, q = report.accuracy, report.quantization
    assert accuracy is not None
    assert q is not None
    assert accuracy.confusion is not None
    assert accuracy.float32 == pytest.approx(25 / 30)
    assert accuracy.quantized is not None
    assert abs(accuracy.quantized - accuracy.float32) <= 1 / 30
    assert sum(map(sum, accuracy.confusion)) == 30
    assert q.sqnr_db is not None
    assert q.sqnr_db > 28
    assert not q.synthetic
    assert q.samples == 30
    assert {t.name for t in q.tensors} == set(q.worst)
    assert all(sum(t.histogram) > 0 and t.sqnr_db is not None for t in q.tensors)
    assert any("bias correction" in p.name for p in report.passes)
    conv = next(layer for layer in report.layers if layer.op.startswith("Conv"))
    assert conv.dtype == "int8"
    assert conv.error is not None
    assert conv.error.sqnr_db is not None
    x = inputs(1, seed=5)[0]
    assert np.abs(made.run(x) - run(graph(network()), {"x": x})["y"]).max() < 0.05
    page = report_html(report)
    assert 'id="quantization"' in page
    assert 'id="accuracy"' in page
    assert "Confusion matrix" in page
    assert "### Quantisation" in report_md(report)


def test_without_calibration_data_the_report_warns(files: dict[str, Path]) -> None:
    report = deepmetal.compile(files["model"], target="host", precision="int8", quantizer="quick", run=False).report
    assert report.quantization is not None
    assert report.quantization.synthetic
    assert report.notes[0].startswith("NO CALIBRATION DATA")
    assert "guess" in report_html(report)


def test_int8_at_the_api(files: dict[str, Path]) -> None:
    made = compiled(files, io="int8", quantizer="quick")
    assert [t.dtype for t in (*made.report.model.inputs, *made.report.model.outputs)] == ["int8", "int8"]
    assert made.report.model.inputs[0].quant is not None
    assert made.report.validation is not None
    assert made.report.validation.passed
    assert not any(layer.op in ("Quantize", "Dequantize") for layer in made.report.layers)


def test_int8_weights(files: dict[str, Path]) -> None:
    hybrid = compiled(files, precision="int8-weights", labels=files["l"]).report
    floats = deepmetal.compile(files["model"], target="host", run=False).report
    assert hybrid.validation is not None
    assert hybrid.validation.passed
    assert hybrid.totals.flash.weights is not None
    assert floats.totals.flash.weights is not None
    assert hybrid.totals.flash.weights < 0.6 * floats.totals.flash.weights  # small layers: scales and biases count
    assert hybrid.quantization is not None
    assert hybrid.quantization.sqnr_db is not None
    assert hybrid.quantization.sqnr_db > 35
    assert len(hybrid.quantization.weights) == 4
    assert hybrid.accuracy is not None
    assert hybrid.accuracy.quantized == hybrid.accuracy.float32


@pytest.mark.parametrize("mixed", ["int16", "float32"])
def test_a_budget_promotes_the_worst_tensors(files: dict[str, Path], mixed: str) -> None:
    report = compiled(files, quantizer="quick", accuracy_budget="45dB", mixed=mixed).report
    q = report.quantization
    assert report.validation is not None
    assert report.validation.passed
    assert q is not None
    assert q.promoted
    assert set(q.promoted.values()) == {mixed}
    assert q.budget is not None
    assert q.steps[-1].name == "mixed precision"
    if mixed == "int16":
        assert {t.dtype for t in q.tensors} >= {"int16"}


def test_labels_alone_measure_the_float_model(files: dict[str, Path]) -> None:
    report = deepmetal.compile(files["model"], target="host", run=False, labels=files["l"], samples=files["c"]).report
    assert report.accuracy is not None
    assert report.accuracy.quantized is None
    assert report.accuracy.float32 == pytest.approx(25 / 30)
    assert report.quantization is None


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"preprocess": "scale=none"}, "E0432"),
        ({"keep": {"nowhere": "int16"}}, "E0436"),
        ({"labels": "c"}, "E0433"),
    ],
)
def test_what_is_wrong_is_said(files: dict[str, Path], options: dict[str, Any], code: str) -> None:
    given = {name: files[value] if name == "labels" else value for name, value in options.items()}
    with pytest.raises(ModelError) as caught:
        compiled(files, run=False, **given)
    assert caught.value.code == code

"""Accuracy and quantisation in words and rows, for the command line and the pages of the report."""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p

from compiler.report import QuantizedTensor, Report


@dataclass(frozen=True)
class TensorRow:
    """`bars` are heights from 0 to 10, logarithmic: otherwise the many zeros behind a ReLU hide all else."""

    tensor: QuantizedTensor
    bars: list[float]


def worst_tensors(report: Report) -> list[TensorRow]:
    """All quantised tensors, those that hurt the outputs most first."""
    if report.quantization is None:
        return []
    by_name = {t.name: t for t in report.quantization.tensors}
    ordered = [by_name[name] for name in report.quantization.worst if name in by_name]
    return [TensorRow(t, _bars(t.histogram)) for t in ordered]


def _bars(counts: list[int]) -> list[float]:
    most = log1p(max(counts, default=0))
    return [10 * log1p(n) / most if most else 0.0 for n in counts]


def quantized(report: Report) -> list[str]:
    """A line on accuracy, one on the quantiser's result, and its suggestions; empty for other models."""
    lines = []
    if report.accuracy is not None:
        lines.append(accuracy(report))
    if (q := report.quantization) is not None and q.sqnr_db is not None:
        agreement = "" if q.agreement is None else f", the same answer as float32 on {percent(q.agreement)}"
        lines.append(f"{q.precision}: outputs at {q.sqnr_db:.1f} dB{agreement}; calibration: {q.samples} samples")
        lines += q.suggestions
    return lines


def accuracy(report: Report) -> str:
    """`accuracy on 2,000 samples: float32 97.65 %, quantised 97.60 %`"""
    found = report.accuracy
    assert found is not None
    parts = [
        f"{name} {percent(value)}"
        for name, value in (("float32", found.float32), ("quantised", found.quantized))
        if value is not None
    ]
    return f"accuracy on {found.samples:,} samples: {', '.join(parts)}"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"

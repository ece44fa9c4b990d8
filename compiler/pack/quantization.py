"""Accuracy and quantisation in words and rows, for the command line and the pages of the report."""

from __future__ import annotations

from compiler.report import Report


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

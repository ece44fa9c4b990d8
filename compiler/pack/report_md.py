"""report.md: the report for a pull-request comment, always shorter than what the forges accept."""

from __future__ import annotations

from compiler.pack import summary
from compiler.pack.mix import total_mix
from compiler.pack.quantization import quantized, worst_tensors
from compiler.pack.render import render
from compiler.pack.verdict import verdict, worst_layers
from compiler.report import Report

MOST_BYTES = 60_000
_MOST_LAYERS = 40


def report_md(report: Report) -> str:
    """The Markdown text, below `MOST_BYTES` whatever the model; what does not fit is counted, not dropped silently."""
    most = _MOST_LAYERS
    while len(text := _render(report, most).encode()) > MOST_BYTES and most > 1:
        most //= 2
    return text.decode()


def _render(report: Report, most: int) -> str:
    rows = summary.shares(report)
    return render(
        "report.md.j2",
        report=report,
        verdict=verdict(report),
        totals=summary.totals(report),
        rows=rows if len(rows) <= most else summary.heaviest(rows, most),
        share_of=summary.share_of(report),
        passes=report.passes[:most],
        notes=report.notes[:most],
        total_mix=total_mix(report),
        worst=worst_layers(report),
        quantized=quantized(report),
        quantized_tensors=worst_tensors(report)[: min(most, 10)],
        boards=report.boards[:most],
        fitting=summary.fitting(report),
        toolchain=list(summary.toolchain(report)),
        options=summary.options(report)[:most],
    )

"""report.html: one file, no script, nothing fetched; opens from a memory stick as well as from a server."""

from __future__ import annotations

from markupsafe import Markup

from compiler.pack import summary
from compiler.pack.map_svg import kinds, largest_symbols, map_svg
from compiler.pack.memory_svg import memory_svg, overlapping, peak_step
from compiler.pack.mix import layer_mixes, total_mix, used
from compiler.pack.quantization import worst_tensors
from compiler.pack.render import render
from compiler.pack.verdict import verdict, worst_layers
from compiler.report import Report


def report_html(report: Report) -> str:
    names = [layer.name for layer in report.layers]
    peak, peak_bytes = peak_step(report.memory, len(names))
    return render(
        "report.html.j2",
        report=report,
        verdict=verdict(report),
        totals=summary.totals(report),
        rows=summary.shares(report),
        share_of=summary.share_of(report),
        peak=names[peak] if peak >= 0 else "the inputs",
        peak_bytes=peak_bytes,
        overlapping=overlapping(report.memory),
        drawing=Markup(memory_svg(report.memory, names)),
        mixes=layer_mixes(report),
        classes=used(report),
        total_mix=total_mix(report),
        map=Markup(map_svg(report)),
        kinds=kinds(report),
        symbols=largest_symbols(report.sections),
        worst=worst_layers(report),
        confusion=report.accuracy.confusion if report.accuracy else None,
        quantized_tensors=worst_tensors(report),
        fitting=summary.fitting(report),
        options=summary.options(report),
        toolchain=list(summary.toolchain(report)),
    )

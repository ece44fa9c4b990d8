"""The first sentence of every report: does it run, what does it need, is it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from compiler.pack.figures import size, small
from compiler.pack.text import plain
from compiler.report import Layer, Report, Validation

Status = Literal["passed", "failed", "not run"]


@dataclass(frozen=True)
class Verdict:
    status: Status
    headline: str
    sentence: str


def verdict(report: Report) -> Verdict:
    """The verdict in plain text; what comes from the model is made visible but not escaped."""
    target = plain(report.options.get("target", "the target"))
    needs = _needs(report)
    checked = report.validation
    if checked is None:
        return Verdict(
            "not run",
            f"Built for {target}, not run",
            f"{needs}. Not compared with the original model: the emulator was not run.",
        )
    reference = plain(checked.reference)
    vectors = f"{checked.vectors} {'vector' if checked.vectors == 1 else 'vectors'}"
    if not checked.passed:
        return Verdict(
            "failed",
            f"Runs on {target}, but disagrees with the model",
            f"The largest difference from {reference} is {small(checked.max_abs_error)} on {vectors}. {needs}.",
        )
    return Verdict("passed", f"Runs on {target}", f"{needs}, {_agreement(checked, reference)} on {vectors}.")


def _agreement(checked: Validation, reference: str) -> str:
    """How near the result is: to the reference, and for integers to their own definition."""
    if checked.bit_exact:
        return f"matches {reference} bit for bit"
    near = f"within {small(checked.max_abs_error)}"
    if checked.integers_exact is None:
        return f"matches {reference} {near}"
    exact = "integers exactly as defined" if checked.integers_exact else "integers as defined up to a rounded float"
    return f"{exact}, outputs {'equal to' if checked.max_abs_error == 0 else near + ' of'} those of {reference}"


def _needs(report: Report) -> str:
    flash, ram = report.totals.flash.total, report.totals.ram.total
    code, weights = report.totals.flash.code, report.totals.flash.weights
    if flash is not None:
        flash_text = f"flash {size(flash)}"
    elif code is not None and weights is not None:  # an object that was not linked into a firmware
        flash_text = f"code and weights {size(code + weights)}"
    else:
        flash_text = "flash not measured"
    if ram is not None:
        ram_text = f"RAM {size(ram)}"
    else:
        ram_text = f"RAM {size(report.totals.ram.arena)} plus stack"
    text = f"{flash_text}, {ram_text}"
    return text[0].upper() + text[1:]


def relative_error(report: Report, layer: Layer) -> float | None:
    """A sort key: how wrong a layer is, by signal-to-noise ratio where known, else by its largest difference."""
    if layer.error is None:
        return None
    if layer.error.sqnr_db is not None:
        return float(10 ** (-layer.error.sqnr_db / 20))
    return 0.0 if layer.error.max_abs == 0 else layer.error.max_abs


def worst_layers(report: Report, most: int = 5) -> list[Layer]:
    """Layers that differ most from the reference, worst first; equal ones are not among them."""
    scored = [(e, -i, layer) for i, layer in enumerate(report.layers) if (e := relative_error(report, layer))]
    return [layer for _, _, layer in sorted(scored, key=lambda s: s[:2], reverse=True)[:most]]

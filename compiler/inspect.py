"""What a model contains and what of it can be compiled, without compiling."""

from __future__ import annotations

from pathlib import Path

from compiler.estimate import estimate
from compiler.importers.detect import require_supported
from compiler.importers.formats.base import formats
from compiler.inspection import Inspection
from compiler.options import CompileOptions


def inspect_model(path: Path, options: CompileOptions, *, display_name: str | None = None) -> Inspection:
    """Inputs, outputs, operators and every obstacle. Raises ModelError only for a file that cannot be read."""
    label = display_name or path.name
    found = formats()[require_supported(path, name=label).kind].inspect(path, options, label)
    if found.graph is None:
        return found.inspection.model_copy(update={"no_estimate": found.no_graph})
    needs, why_not = estimate(found.graph, options)
    return found.inspection.model_copy(update={"estimate": needs, "no_estimate": why_not})

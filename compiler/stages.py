"""Models as graphs between two passes, for the verbs that work on graph files."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.disk import Stored
from compiler.importers.detect import require_supported
from compiler.importers.graph_file import open_graph
from compiler.options import CompileOptions
from compiler.passes.order import NAMES
from compiler.source import load

NO_SUCH_PASS = "E0185"


def open_stored(path: Path, options: CompileOptions) -> Stored:
    """The graph of any model file; that of a graph file with the passes that already ran."""
    source = load(path, options)
    graph_file = require_supported(path).kind == "graph"
    return Stored(source.graph, open_graph(path, path.name).passes if graph_file else ())


def pass_names(text: str) -> tuple[str, ...]:
    """`all`, `none`, or names with commas; E0185 for one that there is not."""
    if text == "all":
        return NAMES
    names = tuple(name.strip() for name in text.split(",") if name.strip()) if text != "none" else ()
    for name in names:
        if name not in NAMES:
            raise ModelError(
                NO_SUCH_PASS,
                f"there is no pass {name[:60]!r}",
                where="--passes",
                facts={"passes": ", ".join(dict.fromkeys(NAMES))},
                help="give their names with commas, in the order in which they are to run; or all, or none",
            )
    return names

"""A list of layers as a table, with what is still open in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from compiler.layer_list import Architecture
from compiler.pack.text import plain
from compiler.terminal import table


def layer_list(architecture: Architecture) -> Iterator[str]:
    """For people; `--json` has the document to fill."""
    yield ""
    rows = [
        (
            str(number),
            plain(layer.name, 40),
            plain(layer.type or "?", 40),
            plain(json.dumps(layer.args) if layer.args else "", 60),
            plain(layer.note, 120),
        )
        for number, layer in enumerate(architecture.layers, start=1)
    ]
    yield table(("", "name", "layer", "arguments", "open"), rows, right=(0,))
    count = len(architecture.holes)
    holes = f"{count} of them are to be chosen" if count else "none of them is to be chosen"
    yield ""
    yield f"{len(rows)} layers, as far as the tensors tell; {holes}. inspect --json has the list under 'architecture':"
    yield "complete it, and give the file with --architecture"

"""Write docs/ (or the folder given): what is supported and the settings, as the code itself knows them.

`make docs` runs it; a test fails while the committed files say something else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import ByteSize
from pydantic_core import PydanticUndefined

from compiler import catalog
from server.settings import Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(cell: str) -> str:
    """A cell whose text keeps its asterisks and bars; code in backquotes is left alone."""
    if cell.startswith("`"):
        return cell
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("\n", " ")


def supported() -> str:
    operators = [(f"`{o.name}`", ", ".join(o.precisions), o.notes) for o in catalog.operators()]
    targets = [(f"`{t.name}`", t.title, t.emulator or "this computer itself") for t in catalog.targets()]
    return (
        "# What is supported\n\n"
        "## Targets\n\n" + table(("target", "processor", "runs on"), targets) + "\n\n"
        "## Operators\n\nNamed as in ONNX; a PyTorch model is taken there by `torch.export`.\n\n"
        + table(("operator", "precisions", "notes"), operators)
        + "\n"
    )


def settings() -> str:
    rows = [(f"`DEEPMETAL_{name.upper()}`", default, text) for name, default, text in _settings()]
    return (
        "# Settings of the service\n\nEnvironment variables.\n\n"
        + table(("variable", "default", "meaning"), rows)
        + "\n"
    )


def _settings() -> Iterator[tuple[str, str, str]]:
    for name, field in Settings.model_fields.items():
        value = field.default
        if value is PydanticUndefined or value in (None, "", ()):
            shown = ""  # computed, or explained by the description
        elif isinstance(value, ByteSize):
            shown = f"{value.human_readable()}"
        else:
            shown = f"{value:g}" if isinstance(value, float) else str(value)
        yield name, shown, field.description or ""


def pages() -> dict[str, str]:
    """File name under docs/ → text."""
    return {"supported.md": supported(), "settings.md": settings()}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")

"""Write docs/ (or the folder given): what is supported, settings, errors, commands, as the code itself knows them.

`make docs` runs it; a test fails while the committed files say something else.
"""

from __future__ import annotations

from argparse import Action, ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import ByteSize
from pydantic_core import PydanticUndefined

from compiler import catalog, cli, explain
from compiler.commands.tables import cells
from compiler.pack.figures import size
from compiler.targets import targets as targets_by_name
from compiler.targets.base import Native, Target
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
    operators = [(f"`{o.name}`", *cells(o), o.notes) for o in catalog.operators()]
    formats = [(f.title, _code(*f.extensions)) for f in catalog.formats()]
    targets = [
        (_code(t.name, *t.aliases), t.title, t.description, t.clock_of if t.name == "host" else _clock(t), _runs_on(t))
        for t in targets_by_name().values()
    ]
    return (
        "# What is supported\n\n"
        "## Targets\n\n"
        + table(("target", "processor", "what it is", "clock without a board", "runs on"), targets)
        + "\n\n"
        "## Formats\n\nRecognised by their content; what such files are usually called is only for file choosers.\n\n"
        + table(("format", "usual names"), formats)
        + "\n\n"
        "## Operators\n\nNamed as in ONNX; models of other formats are taken there first. Generic code works on every "
        "target; tuned kernels are for the families of processors that are named; *cases* are those of the ONNX "
        "project's own tests that pass.\n\n"
        + table(("operator", "precisions", "types", "kernels", "cases", "notes"), operators)
        + "\n"
    )


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _clock(target: Target) -> str:
    return f"{target.clock_mhz:g} MHz: {target.clock_of}"


def _runs_on(target: Target) -> str:
    if isinstance(target.emulator, Native):
        return "this computer" + (f", where it has {', '.join(target.emulator.flags)}" if target.emulator.flags else "")
    smaller = f"; {target.smaller.emulator.machine} when it fits" if target.smaller else ""
    return f"{target.emulated_by}{smaller}" if target.emulated_by else "built, not run"


def boards() -> str:
    """Every board, and where each of its figures was read."""
    known = catalog.boards()
    head = ("board", "title", "core", "target", "MHz", "wait states", "flash", "RAM", "verified")
    parts = [BOARDS.format(count=len(known), verified=sum(b.verified for b in known))]
    parts.append(table(head, [_board(b) for b in known]) + "\n\n## Where the figures come from\n")
    for b in known:
        parts.append(f"### {b.title}\n\n{b.vendor}, {b.chip}.{f' {b.note}' if b.note else ''}\n")
        parts.append("\n".join(_places(b)) + "\n")
    return "\n".join(parts)


BOARDS = """# Boards

{count} boards and chips; of {verified} of them the core, clock, flash and RAM were each looked up, in a document of the
maker or in maintained board data. A dash is unknown. RAM is what can hold data. The clock is the highest that the maker
allows, and the flash's wait states belong to it.

`deepmetal compile MODEL --board NAME` takes target, clock and limits from here; `deepmetal boards --fits REPORT` says
which of them a model fits. A new board is one row in `compiler/targets/boards.toml`.
"""
FIGURES = {"core": "core", "clock": "clock", "flash": "flash", "ram": "RAM", "read": "reading the flash"}


def _board(b: catalog.BoardInfo) -> tuple[str, ...]:
    flash = size(b.flash) + (" external" if b.external_flash and b.flash else "")
    target = f"`{b.target}`" if b.target else "–"
    known = "yes" if b.verified else "no"
    clock, waits = ("–" if value is None else f"{value:g}" for value in (b.clock_mhz, b.wait_states))
    return f"`{b.name}`", b.title, b.core, target, clock, waits, flash, size(b.ram), known


def _places(b: catalog.BoardInfo) -> Iterator[str]:
    if b.ram_regions:
        found = (f"{r.name} {size(r.bytes)}{'' if r.purpose == 'main' else f' ({r.purpose})'}" for r in b.ram_regions)
        yield f"- regions of RAM: {', '.join(found)}"
    for figure, places in b.sources.items():
        yield f"- {FIGURES[figure]}: {'; '.join(places) or 'nobody looked it up'}"


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


def errors() -> str:
    """The whole catalogue, in one page to search and to link to."""
    parts = ["# Errors\n\n`deepmetal explain CODE` prints one of these.\n"]
    for prefix, title in explain.RANGES.items():
        found = [entry for entry in explain.entries() if entry.code.startswith(prefix)]
        if found:
            parts.append(f"## {title}\n")
            parts += [f"### {entry.code}\n\n*{entry.title}*\n\n{entry.body}\n" for entry in found]
    return "\n".join(parts)


EXIT_STATUS = (
    ("0", "done"),
    ("1", "the model or an option is at fault: an `error[E....]` on standard error"),
    ("2", "usage"),
    ("3", "a budget is exceeded"),
    ("4", "the compiled code disagrees with the model"),
    ("5", "the service or a tool is unavailable: try again"),
    ("70", "a bug of ours, with the command that repeats it"),
    ("130", "interrupted"),
)


def command_line() -> str:
    parts = ["# Command line\n", table(("exit status", "meaning"), EXIT_STATUS) + "\n"]
    for name, parser in _verbs(cli.parser(elsewhere=False), "deepmetal"):
        parts.append(f"## `{name}`\n\n{parser.description or ''}\n")
        rows = [row for action in parser._actions if action.dest != "help" for row in _row(action)]
        if rows:
            parts.append(table(("", "values", "meaning"), rows) + "\n")
    return "\n".join(parts)


def _verbs(parser: ArgumentParser, name: str) -> Iterator[tuple[str, ArgumentParser]]:
    """The verbs below a parser that do something; argparse has no public way to list them."""
    groups = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    if not groups:
        yield name, parser
    for verb, child in sorted(pair for group in groups for pair in group.items()):
        yield from _verbs(child, f"{name} {verb}")


def _row(action: Action) -> Iterator[tuple[str, str, str]]:
    names = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.metavar or action.dest}`"
    choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
    metavar = f"`{action.metavar}`" if action.option_strings and action.metavar else ""
    yield names, choices or metavar, action.help or ""


def pages() -> dict[str, str]:
    """File name under docs/ → text."""
    return {
        "supported.md": supported(),
        "boards.md": boards(),
        "settings.md": settings(),
        "errors.md": errors(),
        "cli.md": command_line(),
    }


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DOCS)
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")

"""An Arduino library of revision 2.2: sources in src/ without subfolders, a sketch under examples/."""

from __future__ import annotations

from compiler.options import CompileOptions
from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit
from compiler.pack.text import plain


def refuses(options: CompileOptions) -> str | None:
    if options.emit == "llvm":
        return "Arduino's builder compiles sources, and boards differ in their floating-point ABI; emit c or cpp"
    return None


def files(kit: Kit) -> dict[str, bytes]:
    top = f"{kit.library_name}/"
    return {
        **kit.headers(f"{top}src/"),
        **kit.plain_sources(f"{top}src/"),
        f"{top}library.properties": _properties(kit).encode(),
        f"{top}keywords.txt": _keywords(kit).encode(),
        f"{top}README.md": kit.render("arduino/README.md.j2"),
        f"{top}examples/Classify/Classify.ino": kit.render("arduino/Classify.ino.j2"),
    }


def _properties(kit: Kit) -> str:
    report = kit.report
    model = plain(report.model.name, 60)
    fields = {
        "name": kit.library_name,
        "version": kit.version,
        "author": "DeepMetal",
        "maintainer": "DeepMetal",
        "sentence": f"The neural network {model} as plain {'C' if kit.options.emit == 'c' else 'C++17'}.",
        "paragraph": f"Needs {report.memory.arena_bytes} bytes of RAM for its arena. No heap, no runtime.",
        "category": "Data Processing",
        "url": "",
        "architectures": "*",
        "includes": f"{kit.name}.h",
    }
    return "".join(f"{name}={value}\n" for name, value in fields.items())


def _keywords(kit: Kit) -> str:
    """What the editor colours; the separator is a tab."""
    functions = ("run", "input", "output", "predict")
    return "".join(f"{kit.name}_{function}\tKEYWORD2\n" for function in functions)


FORMAT = Format(
    name="arduino",
    title="Arduino library",
    description="For the Arduino IDE and arduino-cli: add it as a .ZIP library, open the example Classify.",
    files=files,
    refuses=refuses,
)

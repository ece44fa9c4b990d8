"""A PlatformIO library: include/, src/, and a library.json."""

from __future__ import annotations

import json

from compiler.options import CompileOptions
from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit
from compiler.pack.text import plain


def refuses(options: CompileOptions) -> str | None:
    if options.emit == "llvm":
        return "PlatformIO compiles libraries from C and C++, with the flags of the board; emit c or cpp"
    return None


def files(kit: Kit) -> dict[str, bytes]:
    top = f"{kit.library_name}/"
    ending = "cpp" if kit.options.emit == "cpp" else "c"
    return {
        **kit.headers(f"{top}include/"),
        **kit.plain_sources(f"{top}src/"),
        f"{top}library.json": (json.dumps(_manifest(kit, ending), indent=2) + "\n").encode(),
        f"{top}README.md": kit.render("platformio/README.md.j2"),
        f"{top}examples/classify/platformio.ini": kit.render("platformio/platformio.ini.j2"),
        f"{top}examples/classify/src/main.{ending}": kit.render("example.c.j2", printer="printf"),
    }


def _manifest(kit: Kit, ending: str) -> dict[str, object]:
    standard = "-std=gnu++17" if ending == "cpp" else "-std=gnu99"
    return {
        "$schema": "https://raw.githubusercontent.com/platformio/platformio-core/develop/platformio/assets/schema/library.json",
        "name": kit.library_name,
        "version": kit.version,
        "description": f"The neural network {plain(kit.report.model.name, 60)}, compiled by DeepMetal",
        "keywords": ["neural-network", "machine-learning", "inference"],
        "authors": [{"name": "DeepMetal"}],
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{kit.name}.h",
        "build": {"flags": ["-ffp-contract=off", standard]},
        "examples": [
            {"name": "classify", "base": "examples/classify", "files": ["platformio.ini", f"src/main.{ending}"]}
        ],
    }


FORMAT = Format(
    name="platformio",
    title="PlatformIO library",
    description="A library.json with sources for any platform and framework, and an example project.",
    files=files,
    refuses=refuses,
)

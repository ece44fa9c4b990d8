"""Assemble the artifact of one compilation. The contract's "artifact zip" lists what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler.options import CompileOptions
from compiler.pack.artifact import Artifact, Vector, write
from compiler.pack.command import compile_command
from compiler.pack.manifest import manifest
from compiler.pack.memory_svg import memory_svg
from compiler.pack.readme import Contents, cmake, readme
from compiler.pack.report_html import report_html
from compiler.pack.report_md import report_md
from compiler.pack.selfcheck import SelfCheck, selfcheck
from compiler.report import Report


def pack(
    out: Path,
    *,
    report: Report,
    options: CompileOptions,
    sources: Mapping[str, bytes],
    objects: Mapping[str, bytes],
    vectors: Sequence[Vector] = (),
    commands: Sequence[str] = (),
) -> Artifact:
    """Write `out/` and `out.zip`, and return them.

    report     complete; the copy in the artifact has no timings, so that its bytes repeat
    sources    what the emitter wrote: include/<name>.h, src/<name>.c, perhaps src/<name>_weights.bin
    objects    the very files that were measured and validated: lib/<target>/<name>.o and lib/<target>/lib<name>.a;
               empty when nothing was built
    vectors    inputs and the reference model's outputs; the first few become the self-check in test/. Without
               any there is no test/ folder
    commands   tool command lines that built the objects, with paths relative to the artifact (`src/model.c`), for
               the manifest and the README; by default they are made from `report.toolchain`
    """
    header = sources[f"include/{options.name}.h"].decode()
    check = selfcheck(vectors, options, header) if vectors else SelfCheck({}, 0)
    contents = Contents(
        header=header,
        weights_file=next((path for path in sources if path.endswith(".bin")), ""),
        library=next((path for path in sorted(objects) if path.endswith(".a")), ""),
        build=list(commands) or _build_commands(report, options),
        reproduce=compile_command(report.model.name, report.model.format, options),
        vectors=check.vectors,
    )
    quiet = report.model_copy(update={"timings": {}})
    files = {
        **sources,
        **objects,
        **check.files,
        "README.md": readme(quiet, options, contents).encode(),
        "CMakeLists.txt": cmake(options, contents).encode(),
        "report.json": quiet.to_json().encode(),
        "report.html": report_html(quiet).encode(),
        "report.md": report_md(quiet).encode(),
        "memory.svg": memory_svg(quiet.memory, [layer.name for layer in quiet.layers]).encode(),
    }
    repeat = {"compile": [contents.reproduce], "build": contents.build}
    if check.vectors:
        repeat["check"] = [check_command(options.name)]
    files["manifest.json"] = manifest(quiet, files, repeat)
    return write(report, files, out)


def check_command(name: str) -> str:
    """Build and run the self-check on this computer, in the artifact's folder."""
    build = f"gcc -std=c99 -O2 -ffp-contract=off -Iinclude -Isrc src/{name}.c test/selfcheck.c -o selfcheck"
    return f"{build} && ./selfcheck"


def _build_commands(report: Report, options: CompileOptions) -> list[str]:
    name, tools = options.name, report.toolchain
    flags = " ".join(tools.flags)
    ar = tools.compiler.removesuffix("gcc") + "ar" if tools.compiler.endswith("gcc") else "llvm-ar"
    return [
        f"{tools.compiler} {flags} -Iinclude -Isrc -c src/{name}.c -o {name}.o",
        f"{ar} rcs lib{name}.a {name}.o",
    ]

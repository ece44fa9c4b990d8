"""Assemble the artifact of one compilation. The contract's "artifact zip" lists what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler.options import CompileOptions
from compiler.pack import formats
from compiler.pack.artifact import Artifact, Vector, write
from compiler.pack.command import compile_command
from compiler.pack.languages import extra_files, language
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
    listing: bytes | None = None,
) -> Artifact:
    """Write `out/` and `out.zip`, and return them.

    report     complete; the copy in the artifact has no timings, so that its bytes repeat
    sources    what the emitter wrote: include/<name>.h, src/<name>.c (.cpp, .ll), perhaps src/<name>_weights.bin
    objects    the very files that were measured and validated: lib/<target>/<name>.o and lib/<target>/lib<name>.a;
               empty when nothing was built
    vectors    inputs and the reference model's outputs; the first few become the self-check in test/. Without
               any there is no test/ folder
    commands   tool command lines that built the objects, with paths relative to the artifact (`src/model.c`), for
               the manifest and the README; by default they are made from `report.toolchain`
    listing    listing.json: source beside machine code; None where it cannot be disassembled
    """
    header = sources[f"include/{options.name}.h"].decode()
    check = selfcheck(vectors, options, header) if vectors else SelfCheck({}, 0)
    contents = Contents(
        header=header,
        weights_file=next((path for path in sources if path.endswith(".bin")), ""),
        library=next((path for path in sorted(objects) if path.endswith(".a")), ""),
        build=list(commands) or language(options).rebuild(options.name, report.toolchain),
        example=next((path for path in sources if path.startswith("examples/")), ""),
        reproduce=compile_command(report.model.name, report.model.format, options),
        vectors=check.vectors,
    )
    quiet = report.model_copy(update={"timings": {}})
    files = {
        **sources,
        **extra_files(options, sources),
        **objects,
        **check.files,
        "README.md": readme(quiet, options, contents).encode(),
        "CMakeLists.txt": cmake(options, contents).encode(),
        "report.json": quiet.to_json().encode(),
        "report.html": report_html(quiet).encode(),
        "report.md": report_md(quiet).encode(),
        "memory.svg": memory_svg(quiet.memory, [layer.name for layer in quiet.layers]).encode(),
    }
    if listing is not None:
        files["listing.json"] = listing
    if options.pack is not None:
        files |= formats.folder(options.pack, files)
    repeat = {"compile": [contents.reproduce], "build": contents.build}
    if check.vectors:
        repeat["check"] = [language(options).check(options)]
    files["manifest.json"] = manifest(quiet, files, repeat)
    return write(report, files, out)

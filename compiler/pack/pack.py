"""Assemble the artifact of one compilation. The contract's "artifact zip" lists what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler.options import CompileOptions
from compiler.pack.artifact import Artifact, Vector, write
from compiler.report import Report


def pack(
    out: Path,
    *,
    report: Report,
    options: CompileOptions,
    sources: Mapping[str, bytes],
    objects: Mapping[str, bytes],
    vectors: Sequence[Vector] = (),
    tolerance: float | None = None,
    commands: Sequence[str] = (),
) -> Artifact:
    """Write `out/` and `out.zip`, and return them.

    report     complete, with timings; the copy in the artifact has none, so that its bytes repeat
    sources    what the emitter wrote: include/<name>.h, src/<name>.c, perhaps src/<name>_weights.bin
    objects    the very files that were measured and validated: lib/<target>/<name>.o and lib/<target>/lib<name>.a;
               empty when nothing was built
    vectors    inputs and the reference model's outputs; the first few become the self-check in test/. Without
               any there is no test/ folder
    tolerance  largest difference that passes, relative to the range of the output tensor; by default that of
               `report.validation`
    commands   tool command lines that built the objects, with paths relative to the artifact (`src/model.c`), for
               the manifest
    """
    raise NotImplementedError

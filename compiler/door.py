"""The Python door: `compile(path, target="avx2").run(x)`, the pipeline without files to look after.

import deepmetal

model = deepmetal.compile("kws_float.onnx", target="avx2")
model.report.totals.flash.total        # bytes; everything of report.json
model.files["src/model.c"]             # bytes; everything of the zip
y = model.run(x)                       # the compiled kernels, in this process
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.arguments import checked, must_exist
from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.pack.artifact import Artifact
from compiler.report import Report

if TYPE_CHECKING:
    from compiler.jit import Jitted

INPUTS_DO_NOT_FIT = "E1041"
Inputs = Mapping[str, Any] | Sequence[Any] | Array
Outputs = dict[str, Array] | list[Array] | Array


def compile(
    path: str | Path,
    target: str | None = None,
    *,
    out: str | Path | None = None,
    vectors: str | Path | int | None = None,
    kernel_dir: str | Path | None = None,
    calibration: str | Path | None = None,
    labels: str | Path | None = None,
    samples: str | Path | None = None,
    **options: Any,
) -> Compiled:
    """Compile a model file, as `deepmetal compile` does; what goes wrong is a `DeepMetalError` with its code.

    `target` is a name or an alias of `deepmetal targets`: cortex-m4, rv32imac, avx2, neon, host, ...; without one it
    is the board's, else cortex-m4. `options` are the command line's in snake_case: emit="cpp", optimize="speed",
    shape={"x": (1, 3, 32, 32)}, board="nucleo-l4r5zi", run=False, ...
    `out` is the folder to write, with the zip beside it; without one the files are in memory only. `vectors` are how
    many inputs the validation draws, or an NPZ file with them. `calibration` are typical inputs for precision="int8",
    `labels` the right classes of `samples`, or of the calibration inputs: then the report has the accuracy.
    """
    from compiler.pipeline import compile_model

    path = Path(path)
    must_exist(path, "model")
    given = options if target is None else {"target": target, **options}
    if isinstance(vectors, int):
        given["vectors"] = vectors
    if isinstance(given.get("shape"), (tuple, list)):
        given["shape"] = {"": tuple(given["shape"])}
    file = Path(vectors) if isinstance(vectors, (str, Path)) else None
    if file is not None:
        must_exist(file, "vectors")
    chosen = checked(given)
    kernels = None if kernel_dir is None else Path(kernel_dir)
    if kernels is not None:
        must_exist(kernels, "kernel folder")
    data = {"calibration": calibration, "labels": labels, "samples": samples}
    found = {role: None if given_path is None else Path(given_path) for role, given_path in data.items()}
    for role, place in found.items():
        if place is not None:
            must_exist(place, role)

    def compiled(folder: Path) -> Compiled:
        made = compile_model(
            path,
            chosen,
            folder,
            vectors=file,
            kernel_dir=kernels,
            calibration=found["calibration"],
            labels=found["labels"],
            samples=found["samples"],
        )
        return Compiled(made)

    if out is not None:
        return compiled(Path(out))
    with tempfile.TemporaryDirectory(prefix="deepmetal-") as folder:
        return compiled(Path(folder) / "out")


@dataclass(frozen=True)
class Compiled:
    """A compiled model: its report, its files, and a way to run it here."""

    artifact: Artifact = field(repr=False)

    @property
    def report(self) -> Report:
        return self.artifact.report

    @property
    def files(self) -> Mapping[str, bytes]:
        """Path in the zip -> content."""
        return self.artifact.files

    def run(self, inputs: Inputs) -> Outputs:
        """Run the compiled kernels in this process, on any computer, whatever the target is.

        Inputs have the source model's shapes, for an image (1, channels, height, width) in ONNX and PyTorch; a first
        dimension of 1 may be left out. Give a dict by input name and get a dict by output name; give one array, or a
        list of them in the order of the model's inputs, and get the output, or a list when there are several.

        >>> model.run(np.zeros((1, 1, 49, 10), np.float32)).shape     # doctest: +SKIP
        (1, 12)
        """
        named = self._named(inputs)
        outputs = list(self._engine.run(named).values())
        copies = {t.name: y for t, y in zip(self.report.model.outputs, outputs, strict=True)}
        if isinstance(inputs, Mapping):
            return copies
        return outputs[0] if len(outputs) == 1 else outputs

    @cached_property
    def _engine(self) -> Jitted:
        from compiler.jit import Jitted

        assert self.artifact.program is not None
        return Jitted(self.artifact.program)

    def _named(self, inputs: Inputs) -> dict[str, Array]:
        wanted = self.report.model.inputs
        if isinstance(inputs, Mapping):
            given = dict(inputs)
        else:
            arrays = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            given = dict(zip((t.name for t in wanted), arrays, strict=False))
            if len(arrays) != len(wanted):
                raise _do_not_fit({"needed": f"{len(wanted)} arrays", "given": str(len(arrays))})
        problems = dict.fromkeys(given.keys() - {t.name for t in wanted}, "is no input of the model")
        found: dict[str, Array] = {}
        for t in wanted:
            if t.name not in given:
                problems[t.name] = "is missing"
                continue
            array, shape = np.asarray(given[t.name]), tuple(t.shape)
            if array.shape not in (shape, shape[1:] if shape[:1] == (1,) else shape):
                problems[t.name] = f"has shape {list(array.shape)}, needed is {list(shape)}"
            elif not np.can_cast(array.dtype, np.dtype(t.dtype), "same_kind"):
                problems[t.name] = f"is of type {array.dtype}, needed is {t.dtype}"
            else:
                found[t.name] = array.astype(t.dtype).reshape(shape)
        if problems:
            raise _do_not_fit(dict(sorted(problems.items())))
        return found


def _do_not_fit(problems: dict[str, str]) -> ModelError:
    return ModelError(INPUTS_DO_NOT_FIT, "the inputs do not fit the model", facts=problems)

"""A pipeline that writes a prepared artifact, so that the command line can be tested without compiling."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from compiler.errors import DeepMetalError
from compiler.inspection import Inspection, OpenTensor, OperatorCount, Unsupported
from compiler.options import CompileOptions
from compiler.pack.artifact import Artifact
from compiler.pack.pack import pack
from compiler.report import Report
from compiler.trace import STAGES, Trace
from tests.pack import tiny_model
from tests.pack.reports import ds_cnn


class Pipeline(ModuleType):
    """Stands in for `compiler.pipeline`; remembers its calls, and raises `error` when there is one."""

    def __init__(self) -> None:
        super().__init__("compiler.pipeline")
        self.calls: list[tuple[Path, CompileOptions, Path | None]] = []
        self.data: tuple[Path | None, Path | None, Path | None] = (None, None, None)
        self.error: BaseException | None = None
        self.report: Report = ds_cnn()
        self.write_before_error = True
        self.inspection = Inspection(
            name="net.onnx",
            format="onnx",
            sha256="cd" * 32,
            size=1234,
            inputs=[OpenTensor(name="x", dtype="float32", shape=[None, 3, 8, 8])],
            outputs=[OpenTensor(name="y", dtype="float32", shape=[None, 10])],
            operators=[OperatorCount(op="Conv", count=2, supported=True)],
            parameters=5000,
            macs=None,
            shape_needed={"x": [None, 3, 8, 8]},
            compilable=True,
        )

    def compile_model(
        self,
        path: Path,
        options: CompileOptions,
        out: Path,
        *,
        trace: Trace | None = None,
        vectors: Path | None = None,
        kernel_dir: Path | None = None,
        display_name: str | None = None,
        calibration: Path | None = None,
        labels: Path | None = None,
        samples: Path | None = None,
    ) -> Artifact:
        self.data = (calibration, labels, samples)
        self.calls.append((path, options, vectors))
        trace = trace or Trace()
        if self.error is not None and not (self.write_before_error and isinstance(self.error, DeepMetalError)):
            raise self.error
        for stage in STAGES:
            with trace.stage(stage):
                trace.log(f"in {stage} \x1b[31m")
        artifact = pack(
            out,
            report=self.report,
            options=options,
            sources=tiny_model.sources(),
            objects={},
            vectors=tiny_model.vectors(),
        )
        if self.error is not None:
            raise self.error
        return artifact

    def inspect_model(self, path: Path, options: CompileOptions, *, display_name: str | None = None) -> Inspection:
        self.calls.append((path, options, None))
        if self.error is not None:
            raise self.error
        return self.inspection

    def unsupported(self) -> None:
        """Make the inspection one of a model that cannot be compiled."""
        nodes = [
            Unsupported(node="up\x1b[2J", op="Resize", code="E0203", reason="mode cubic", help="use linear"),
            Unsupported(node="n2", op="Loop", code="E0201", reason="control flow"),
        ]
        operators = [*self.inspection.operators, OperatorCount(op="Resize", count=1, supported=False)]
        self.inspection = self.inspection.model_copy(
            update={"unsupported": nodes, "operators": operators, "compilable": False, "shape_needed": {}}
        )


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    stub = Pipeline()
    monkeypatch.setitem(__import__("sys").modules, "compiler.pipeline", stub)
    monkeypatch.setattr("compiler.pipeline", stub, raising=False)
    return stub


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not looked at")
    return path

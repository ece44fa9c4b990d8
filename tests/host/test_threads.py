"""`--threads N`: the same bits for any number, an error where there are none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from compiler import emit, targets
from compiler.emulator.build import build
from compiler.emulator.measure import run
from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.lower import lower
from compiler.ops.activations import Relu, Sigmoid
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.pipeline import compile_model
from compiler.program import Program
from compiler.threads import OPENMP, threaded
from tests.host.models import small_net
from tests.support.graphs import Build


def net() -> Graph:
    """Large enough that convolutions, pointwise ones and a chain are shared."""
    b = Build()
    x = b.add(Relu(), b.conv(b.input(1, 3, 24, 24), 16))
    y = b.add(Sigmoid(), b.conv(x, 16))
    return b.graph(b.dense(b.conv(y, 8), 10))


def program(threads: int, target: str) -> Program:
    chosen = threaded(targets.target(target), CompileOptions(target=target, threads=threads))
    return lower(optimize(net()).graph, chosen.abilities, threads=threads)


def layers(p: Program, threads: int, folder: Path, language: str, vectors: Mapping[str, np.ndarray]) -> list[bytes]:
    options = CompileOptions.model_validate({"target": "host", "threads": threads, "emit": language})
    sources = emit.get(language).files(p, options)
    flags = OPENMP if threads > 1 else ()
    built = build(p, sources, targets.target("host"), options, folder, extra_flags=flags)
    ran = run(built, p, [vectors] * 3)
    assert (b"GOMP_parallel" in built.object) == (threads > 1)
    return [y.tobytes() for one in ran.runs for ys in one.layers for y in ys]


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_any_number_of_threads_gives_the_same_bits(language: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(1, 3, 24, 24)).astype(np.float32)
    results = []
    for threads in (1, 2, 4):
        p = program(threads, "host")
        folder = tmp_path / str(threads)
        results.append(layers(p, threads, folder, language, {p.inputs[0].name: x}))
    assert results[0] == results[1] == results[2]


def test_one_thread_is_the_ordinary_program() -> None:
    options = CompileOptions(target="host")
    assert b"PARALLEL" not in emit.get("c").files(program(1, "host"), options)["src/model.c"]
    assert program(2, "host").plan.arena_bytes >= program(1, "host").plan.arena_bytes


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"target": "cortex-m4"}, "has no operating system"),
        ({"target": "rv32imac"}, "has no operating system"),
        ({"target": "host", "emit": "llvm"}, "no OpenMP"),
    ],
)
def test_no_threads_there(options: dict[str, str], reason: str, tmp_path: Path) -> None:
    chosen, model = CompileOptions.model_validate({**options, "threads": 2}), small_net(tmp_path / "m.onnx")
    with pytest.raises(ModelError) as caught:
        compile_model(model, chosen, tmp_path / "out")
    assert caught.value.code == "E1040"
    assert reason in caught.value.facts["reason"]


@pytest.mark.needs_cmake
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_the_artifact_builds_with_openmp_and_without(language: str, tmp_path: Path) -> None:
    options = CompileOptions.model_validate({"target": "host", "threads": 2, "emit": language})
    artifact = compile_model(small_net(tmp_path / "m.onnx"), options, tmp_path / "out")
    assert artifact.report.validation is not None
    assert artifact.report.validation.passed
    assert "-fopenmp" in artifact.report.toolchain.flags
    source = f"src/model.{'c' if language == 'c' else 'cpp'}"
    assert b"    PARALLEL\n" in artifact.files[source]
    folder = artifact.directory
    for command in (["cmake", "-S", ".", "-B", "b"], ["cmake", "--build", "b"], ["ctest", "--test-dir", "b"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    strict = ["-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Iinclude", "-Isrc", "-c", source, "-o", "x.o"]
    compiler = shutil.which("gcc" if language == "c" else "g++")
    assert compiler
    subprocess.run([compiler, *strict], cwd=folder, check=True, timeout=120)

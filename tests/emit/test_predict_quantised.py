"""`predict` takes floats also where the model takes integers: it quantises them, in every language alike."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from compiler import emit, targets
from compiler.emit.c_api import predictable
from compiler.emulator.build import build
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Quant, TensorType
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map, Step
from compiler.ops.requantize import Requantize
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from tests.support.graphs import Build

MAIN = """
#include <stdio.h>
#include "model.h"
int main(void)
{
    float x[MODEL_INPUT_0_ELEMENTS];
    while (fread(x, sizeof x, 1, stdin) == 1) {
        printf("%d\\n", model_predict(x, 1, MODEL_INPUT_0_ELEMENTS, 1));
    }
    printf("%d %.9g %d\\n", model_predict(x, 2, 2, 2), MODEL_INPUT_0_SCALE, MODEL_INPUT_0_ZERO_POINT);
    return 0;
}
"""
SCALE, ZERO = 0.0625, -3


def quantised(dtype: str, outputs: int = 7) -> Graph:
    rng = np.random.default_rng(5)
    x = TensorType("int8", (1, 4), TensorType.of("int8", (1, 4)).layout, Quant((SCALE,), (ZERO,)))
    y = TensorType(dtype, (1, outputs), TensorType.of(dtype, (1, outputs)).layout, Quant((0.5,), (0,)))
    constants = {
        "w": rng.integers(-127, 128, (outputs, 4)).astype(np.int8),
        "b": rng.integers(-5000, 5000, outputs).astype(np.int32),
        "m": np.array(1 << 30, np.int32),
        "s": np.array(-6, np.int32),
    }
    values = {n: Value(n, TensorType.of(str(a.dtype), a.shape)) for n, a in constants.items()}
    zero, low, high = (0, -128, 127) if dtype == "int8" else (128, 0, 255)
    op = Dense(Map(3, (Step(Requantize(dtype, zero, low, high), (0, 1, 2)),)))
    given, made = Value("x", x), Value("y", y)
    return Graph("small", (given,), (made,), (Node(op, (given, *values.values()), (made,), "d"),), constants)


def answers(program: Program, x: np.ndarray) -> list[int]:
    scaled = np.clip(x.astype(np.float32) / np.float32(SCALE), -65536, 65536)
    scaled = np.where(np.isnan(x), -65536, scaled)
    whole = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5).astype(np.float32)) + ZERO
    stored = np.clip(whole, -128, 127).astype(np.int8)
    jitted = Jitted(program)
    return [int(np.argmax(jitted.run({"x": row[None]})["y"])) for row in stored]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("language", ["c", "cpp", "llvm"])
def test_floats_are_quantised(language: str, dtype: str, tmp_path: Path) -> None:
    program = lower(quantised(dtype))
    options = CompileOptions(target="host", emit=language)  # type: ignore[arg-type]
    built = build(program, emit.get(language).files(program, options), targets.target("host"), options, tmp_path)
    (tmp_path / "model.o").write_bytes(built.object)
    (tmp_path / "main.c").write_text(MAIN)
    compiler = which("gcc")
    assert compiler
    command = [compiler, "-Iinclude", "main.c", "model.o", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(0, 3, (40, 4)), rng.integers(-40, 40, (40, 4)) * SCALE / 2]).astype(np.float32)
    x[:4, 0] = [np.nan, np.inf, -np.inf, 1e30]
    ran = subprocess.run([tmp_path / "main"], input=x.tobytes(), capture_output=True, check=True, timeout=60)
    *found, last = ran.stdout.decode().splitlines()
    assert [int(n) for n in found] == answers(program, x)
    assert last == f"-1 {SCALE:g} {ZERO}"


@pytest.mark.parametrize("last", [True, False])
def test_height_width_and_channels_are_those_of_the_source(last: bool) -> None:
    b = Build()
    x = b.input(*((1, 5, 4, 3) if last else (1, 3, 5, 4)))
    image = b.add(Transpose((0, 3, 1, 2)), x) if last else x
    y = b.add(Reshape((1, 2 * 5 * 4)), b.conv(image, 2, 1))
    program = lower(optimize(b.graph(y)).graph)
    assert predictable(program) == (5, 4, 3)

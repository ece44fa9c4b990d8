"""Printed files as a whole: inputs and outputs, ways of carrying weights and arena, constants of all types, memory."""

from __future__ import annotations

import ctypes
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compiler import emit
from compiler.emit.literals import number
from compiler.graph.graph import Graph, Value
from compiler.graph.types import TensorType, fill
from compiler.lower import lower
from compiler.ops.activations import Clip, HardSwish, Relu
from compiler.ops.arithmetic import Add, Mul
from compiler.ops.conv import Conv
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from tests.support.engines import (
    SANITIZED,
    STRICT,
    fetch,
    host_compiler,
    interpret,
    load,
    new_arena,
    run_in_c,
    same_bits,
)
from tests.support.golden import Golden
from tests.support.graphs import Build, random_inputs

GoldenFile = Callable[[str], Golden]


def small_weights(b: Build, *shape: int) -> Value:
    """Numbers that are short in print."""
    size = int(np.prod(shape))
    return b.const((np.arange(size, dtype=np.float32).reshape(shape) - size // 2) / 8)


def program(graph: Graph, features: frozenset[str] = frozenset({"fpu32"})) -> Program:
    return lower(optimize(graph).graph, features)


def files(p: Program, **options: object) -> dict[str, str]:
    printed = emit.get("c").files(p, CompileOptions(**options))  # type: ignore[arg-type]
    return {path: data.decode("latin-1") for path, data in printed.items()}


def kernels_of(source: str) -> str:
    """The part between the qualifiers' block and the layers: weights and kernels."""
    start = source.index("static const float") if "static const float" in source else source.index("KERNEL void")
    return source[start : source.index("static inline void layer_0")]


def dense_program() -> Program:
    from compiler.ops.dense import Dense

    b = Build()
    y = b.add(Dense(), b.input(1, 6), small_weights(b, 3, 6), small_weights(b, 3))
    return program(b.graph(b.add(Relu(), y)))


def conv_program() -> Program:
    from compiler.ops.conv import Conv

    b = Build()
    op = Conv((1, 1), (1, 1, 1, 1))
    return program(b.graph(b.add(op, b.input(1, 2, 4, 5), small_weights(b, 2, 2, 3, 3), None)))


def chain_program() -> Program:
    b = Build()
    x = b.input(2, 3)
    y = b.add(Mul(), b.add(HardSwish(), b.add(Add(), x, b.input(2, 3))), x)
    return program(b.graph(b.add(Clip(-1.0, 6.0), y)))


def test_golden_elementwise_chain(golden: GoldenFile) -> None:
    golden("chain.c").check(kernels_of(files(chain_program())["src/model.c"]))


def two_by_two() -> Program:
    b = Build()
    x, y = b.input(1, 4), b.input(1, 4)
    total = b.add(Add(), x, y)
    return program(b.graph(b.add(Relu(), total), b.add(Mul(), total, y)))


def interface(source: str) -> str:
    """From model_run on."""
    return source[source.index("int model_run(") :]


def test_golden_two_inputs_and_outputs(golden: GoldenFile) -> None:
    golden("two_by_two.c").check(interface(files(two_by_two())["src/model.c"]))


def test_golden_incbin(golden: GoldenFile) -> None:
    printed = files(dense_program(), weights="incbin")
    source = printed["src/model.c"]
    golden("incbin.c").check(
        source[source.index("/* ", source.index("bytes of weights") - 8) : source.index("KERNEL void")]
    )


KINDS = {"float32": ctypes.c_float, "float64": ctypes.c_double, "int8": ctypes.c_int8, "int32": ctypes.c_int32,
         "int64": ctypes.c_int64, "uint8": ctypes.c_uint8, "uint32": ctypes.c_uint32}  # fmt: skip


def test_constants_read_back_as_the_same_bits(tmp_path: Path) -> None:
    """Random bit patterns, subnormals and limits, through gcc."""
    chance = np.random.default_rng(0)
    lines, wanted = ["#include <stdint.h>"], {}
    for dtype in KINDS:
        size = np.dtype(dtype).itemsize
        values = np.frombuffer(chance.bytes(size * 2000), dtype)
        if dtype.startswith("float"):
            info = np.finfo(dtype)
            edges = [
                0.0,
                -0.0,
                info.max,
                info.min,
                info.tiny,
                info.smallest_subnormal,
                0.1,
                1 / 3,
                16777216.0,
                1e10,
                -1.5,
            ]
            values = np.concatenate([values[np.isfinite(values)], np.array(edges, dtype)])
        else:
            values = np.concatenate([values, np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 0], dtype)])
        wanted[dtype] = values
        c = {"float32": "float", "float64": "double"}.get(dtype, f"{dtype}_t")
        text = ",\n".join(number(v, dtype) for v in values)
        lines.append(f"extern const {c} k_{dtype}[];\nconst {c} k_{dtype}[] = {{{text}}};")
    (tmp_path / "k.c").write_text("\n".join(lines))
    library = tmp_path / "k.so"
    strict = [f for f in STRICT if f != "-Wconversion"]  # gcc says so of some subnormal literals
    command = [host_compiler(), *strict, "-shared", "-fPIC", str(tmp_path / "k.c"), "-o", str(library)]
    subprocess.run(command, check=True, timeout=60)
    loaded = ctypes.CDLL(str(library))
    for dtype, values in wanted.items():
        array = (KINDS[dtype] * len(values)).in_dll(loaded, f"k_{dtype}")
        assert np.frombuffer(array, dtype).tobytes() == values.tobytes(), dtype


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinities_and_nan_as_operands(value: float, tmp_path: Path) -> None:
    """C99 has no literal for them that needs no header."""
    b = Build()
    x = b.input(3)
    y = b.add(Add(), b.add(Mul(), x, b.const(np.array([value], np.float32))), b.const(np.array([value], np.float32)))
    p = program(b.graph(y))
    arena = load(new_arena(p), p.inputs, {"x0": np.array([1, -2, 0], np.float32)})
    got = run_in_c(p, arena, tmp_path)
    assert same_bits(fetch(got.copy(), p.outputs[0]), fetch(interpret(p, arena), p.outputs[0]))


WAYS = {
    "static array": {},
    "caller": {"arena": "caller"},
    "incbin": {"weights": "incbin"},
    "incbin, caller": {"weights": "incbin", "arena": "caller"},
}


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", pytest.param("clang", marks=pytest.mark.needs_clang)])
@pytest.mark.parametrize("way", WAYS)
def test_ways_of_carrying_memory_and_weights(way: str, compiler: str, tmp_path: Path) -> None:
    """All build warning-free and compute the same bits; with the caller's arena, none is an error code."""
    b = Build()
    x = b.input(1, 2, 6, 6)
    y = b.conv(x, 4)
    p = program(b.graph(b.dense(b.add(Relu(), y), 3), b.add(Relu(), b.conv(x, 2))))
    inputs = random_inputs(b.graph(y))
    want = interpret(p, load(new_arena(p), p.inputs, inputs))
    options = CompileOptions(**WAYS[way])  # type: ignore[arg-type]
    flags = [f for f in STRICT if f != "-pedantic"] if "incbin" in way else list(STRICT)
    for path, data in emit.get("c").files(p, options).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    caller = "caller" in way
    (tmp_path / "main.c").write_text(main_of(p, inputs, caller))
    sanitizers = SANITIZED if compiler == "gcc" else ("-O1",)  # clang's sanitizer runtime is a package of its own
    command = [host_compiler(compiler), *flags, *sanitizers]
    command += [f"-I{tmp_path}/include", f"-I{tmp_path}/src", f"-Wa,-I{tmp_path}/src"]
    command += [str(tmp_path / "src/model.c"), str(tmp_path / "main.c"), "-o", str(tmp_path / "run")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "run"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    got = np.frombuffer(done.stdout, np.float32)
    expected = np.concatenate([fetch(want, s).reshape(-1) for s in p.outputs])
    assert same_bits(got.copy(), expected)


def main_of(p: Program, inputs: dict[str, np.ndarray], caller: bool) -> str:
    """A user's program: buffers of its own, model_run, the outputs to stdout."""
    x = ", ".join(number(v, "float32") for v in inputs[p.inputs[0].name].reshape(-1))
    arena = textwrap.dedent("""\
        static uint64_t arena[(MODEL_ARENA_BYTES + 7) / 8];
        if (model_run(inputs, outputs) >= 0) {
            return 2;
        }
        model_set_arena(arena);""")
    outputs = "\n".join(f"static float y{i}[MODEL_OUTPUT_{i}_ELEMENTS];" for i in range(len(p.outputs)))
    names = ", ".join(f"y{i}" for i in range(len(p.outputs)))
    write = "\n".join(f"if (fwrite(y{i}, sizeof y{i}, 1, stdout) != 1) {{ return 3; }}" for i in range(len(p.outputs)))
    return f"""
#include <stdint.h>
#include <stdio.h>
#include "model.h"
static const float x[MODEL_INPUT_0_ELEMENTS] = {{{x}}};
{outputs}
int main(void)
{{
    const void *const inputs[] = {{x}};
    void *const outputs[] = {{{names}}};
    {arena if caller else ""}
    if (model_run(inputs, outputs) != 0 || model_run_layer(-1) >= 0 || model_run_layer(MODEL_LAYER_COUNT) >= 0) {{
        return 1;
    }}
    if (model_input(9) != NULL || model_output(-1) != NULL) {{
        return 4;
    }}
    {write}
    return 0;
}}
"""


def test_printing_is_deterministic() -> None:
    assert files(conv_program()) == files(conv_program())


def test_a_scalar_model(tmp_path: Path) -> None:
    """Rank 0 in, rank 0 out."""
    b = Build()
    x = Value("x", TensorType.of("float32", ()))
    b.inputs.append(x)
    p = program(b.graph(b.add(Relu(), x)))
    arena = load(new_arena(p), p.inputs, {"x": np.array(-3, np.float32)})
    assert fetch(run_in_c(p, arena, tmp_path).copy(), p.outputs[0]) == 0


def test_an_operand_that_does_not_count_gives_no_warning(tmp_path: Path) -> None:
    """Every window of this convolution lies in the padding: the result is the bias."""
    b = Build()
    op = Conv((1, 1), (0, 1, 0, 1), (1, 2), groups=2)
    x = b.input(1, 2, 3, 1)
    w, bias = b.const(fill(0.5, "float32", (2, 1, 1, 2))), b.random(2)
    p = program(b.graph(b.add(op, x, w, bias)))
    arena = load(new_arena(p), p.inputs, {"x0": np.ones((1, 2, 3, 1), np.float32)})
    got = fetch(run_in_c(p, arena, tmp_path).copy(), p.outputs[0])
    assert (got == b.constants[bias.name].reshape(1, 2, 1, 1)).all()

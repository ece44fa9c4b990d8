"""exp, log, tanh, erf, pow as loop code: accuracy with stated bounds, special values, the same in C.

Bounds are units in the last place of the float32 result, measured over random and edge arguments and held here.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.emit.c_helpers import definition
from compiler.emit.c_kernel import KernelPrinter
from compiler.emit.literals import C_TYPES
from compiler.graph.types import Array
from compiler.loop import math as loop_math
from compiler.loop.interp import Machine
from compiler.loop.nodes import Function
from tests.support.engines import STRICT, host_compiler
from tests.support.op_cases import examples

EDGES = np.array(
    [0.0, -0.0, 1e-45, -1e-45, 1.1754942e-38, 1.1754944e-38, 1e-20, 0.5, 0.70710677, 0.99999994, 1.0, 1.0000001, 2.0,
     3.0, 88.0, 88.7, 88.72284, 88.8, 89.0, -87.3, -88.0, -100.0, -103.9, -104.1, 1e10, 3.4028235e38, -3.4028235e38,
     np.inf, -np.inf, np.nan, 0.625, 0.6249999, -0.625, 9.0, 1e-3, -1.0, -2.5, 16777216.0, 8388607.5], np.float32
)  # fmt: skip

# name -> (function, meaning in float64, argument range, largest error in ulp)
FUNCTIONS: dict[str, tuple[Callable[[], Function], Callable[[float], float], tuple[float, float], float]] = {
    "exp": (loop_math.exp_function, math.exp, (-103.0, 88.7), 2.0),
    "log": (loop_math.log_function, math.log, (1e-37, 1e37), 2.0),
    "tanh": (loop_math.tanh_function, math.tanh, (-10.0, 10.0), 4.0),
}


def call(f: Function, *args: Array) -> Array:
    """The function's results under the interpreter."""
    machine = Machine()
    with np.errstate(all="ignore"):
        return np.array([machine.call(f, [], list(a)) for a in zip(*args, strict=True)], np.float32)


def arguments(low: float, high: float, count: int = 400, seed: int = 0) -> Array:
    chance = np.random.default_rng(seed)
    uniform = chance.uniform(low, high, count)
    near = chance.normal(0, 1, count)
    values = np.concatenate([uniform, near, np.exp(chance.uniform(-30, 30, count))]).astype(np.float32)
    return values[(values >= low) & (values <= high)]


def ulps(got: Array, exact: Array) -> Array:
    """How many float32 steps lie between the result and the exact value."""
    step = np.spacing(np.maximum(np.abs(exact), np.finfo(np.float32).tiny).astype(np.float32)).astype(np.float64)
    return np.abs(got.astype(np.float64) - exact) / step


@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name: str) -> None:
    make, meaning, (low, high), bound = FUNCTIONS[name]
    x = arguments(low, high)
    exact = np.array([meaning(float(v)) for v in x])
    assert ulps(call(make(), x), exact).max() < bound


def test_accuracy_of_erf_is_absolute() -> None:
    x = arguments(-6, 6)
    exact = np.array([math.erf(float(v)) for v in x])
    assert np.abs(call(loop_math.erf_function(), x).astype(np.float64) - exact).max() < 3e-7


@examples(100)
@given(st.floats(2**-60, 2**60, width=32), st.floats(-6, 6, width=32))
def test_accuracy_of_pow(x: float, y: float) -> None:
    exact = math.pow(x, y)
    if 1e-37 < exact < 1e38:
        got = call(loop_math.pow_function(), np.float32([x]), np.float32([y]))
        assert ulps(got, np.array([exact])).max() < 1.0


SPECIAL = {
    "exp": (loop_math.exp_function, np.exp),
    "log": (loop_math.log_function, np.log),
    "tanh": (loop_math.tanh_function, np.tanh),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str) -> None:
    """NaN, infinities, zeros with sign, subnormal arguments and results."""
    make, meaning = SPECIAL[name]
    got = call(make(), EDGES)
    with np.errstate(all="ignore"):
        want = meaning(EDGES.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))
    finite = np.isfinite(want)
    np.testing.assert_allclose(got[finite], want[finite], rtol=1e-6, atol=3e-45)


def test_special_values_of_pow_are_those_of_c() -> None:
    values = np.array(
        [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e30], np.float32
    )
    x, y = (a.reshape(-1) for a in np.meshgrid(values, values))
    got = call(loop_math.pow_function(), x, y)
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    for a, b, g, w in zip(x, y, got, want, strict=True):
        same = (np.isnan(g) and np.isnan(w)) or np.isclose(g, w, rtol=1e-6, atol=0)
        assert same, f"pow({a}, {b}) is {w}, not {g}"


@pytest.mark.slow
def test_c_gives_the_same_bits(tmp_path: Path) -> None:
    """The printed functions, compiled for this computer, over many arguments."""
    made = [loop_math.exp_function(), loop_math.log_function(), loop_math.tanh_function(), loop_math.erf_function()]
    x = np.concatenate([EDGES, arguments(-90, 90, 200)])
    got = run_unary([f.name for f in made], printed(made), x, tmp_path)
    for f in made:
        want = call(f, x)
        assert_same_bits(got[f.name], want, x, f.name)


def printed(functions: list[Function]) -> str:
    """C definitions, helpers first, callees before callers."""
    printer = KernelPrinter()
    pending, texts = list(functions), {}
    while pending:
        f = pending.pop(0)
        texts.pop(f.name, None)  # a callee moves up
        texts = {f.name: printer.function(f, "static"), **texts}
        pending += [g for name, g in printer.functions.items() if name not in texts]
    names = {f.name: f for f in [*functions, *printer.functions.values()]}
    prototypes = [f"static float {n}({', '.join('float' for _ in f.scalars)});" for n, f in names.items()]
    helpers = [definition(h) for h in sorted(printer.helpers)]
    return "\n".join([*helpers, *prototypes, *("\n".join(t) for t in texts.values())])


_MAIN = """
#include <stdint.h>
#include <stdio.h>
{text}
int main(void)
{{
    {t} x;
    while (fread(&x, sizeof x, 1, stdin) == 1) {{
        const {t} y[] = {{{calls}}};
        if (fwrite(y, sizeof y, 1, stdout) != 1) {{
            return 1;
        }}
    }}
    return 0;
}}
"""


def run_unary(names: list[str], text: str, x: Array, folder: Path, *flags: str) -> dict[str, Array]:
    (folder / "f.c").write_text(
        _MAIN.format(text=text, t=C_TYPES[str(x.dtype)], calls=", ".join(f"{n}(x)" for n in names))
    )
    command = [host_compiler(), *STRICT, "-O1", *flags, str(folder / "f.c"), "-o", str(folder / "f")]
    subprocess.run(command, check=True, timeout=120)
    done = subprocess.run([folder / "f"], input=x.tobytes(), capture_output=True, check=True, timeout=60)
    table = np.frombuffer(done.stdout, x.dtype).reshape(len(x), len(names))
    return {name: table[:, i] for i, name in enumerate(names)}


def assert_same_bits(got: Array, want: Array, x: Array, name: str) -> None:
    bits = f"u{got.itemsize}"
    same = (got.view(bits) == want.view(bits)) | (np.isnan(got) & np.isnan(want))
    assert same.all(), f"{name}({x[~same][0]}) is {want[~same][0]}, C says {got[~same][0]}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("hardware", [True, False], ids=["instruction", "software"])
def test_sqrt_is_correctly_rounded(hardware: bool, kind: str, tmp_path: Path) -> None:
    """The processor's instruction, and the digit-by-digit code for processors without one, over random bit patterns."""
    chance = np.random.default_rng(0)
    width, fraction, dtype = (32, 23, np.float32) if kind == "f32" else (64, 52, np.float64)
    word = f"u{width // 8}"
    bits = chance.integers(0, 2**width, 100_000, dtype=word).view(dtype)
    subnormal = chance.integers(0, 2**fraction, 20_000, dtype=word).view(dtype)
    squares = chance.integers(1, 2 ** (fraction // 2), 5_000).astype(dtype) ** 2
    near = np.concatenate([squares, np.nextafter(squares, dtype(0)), np.nextafter(squares, dtype(np.inf))])
    x = np.concatenate([EDGES.astype(dtype), bits, subnormal, near])
    text = definition(f"sqrt_{kind}")
    if not hardware:
        text = "#undef __SSE__\n#undef __SSE2__\n#undef __aarch64__\n#undef __ARM_FP\n" + text
    got = run_unary([f"sqrt_{kind}"], text, x, tmp_path)[f"sqrt_{kind}"]
    with np.errstate(invalid="ignore"):
        assert_same_bits(got, np.sqrt(x), x, "sqrt")

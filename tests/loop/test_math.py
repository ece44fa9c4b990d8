"""exp, log, tanh, erf and pow as loop code, against numpy in float64: accuracy in units of the last place, edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from compiler.loop import interp
from compiler.loop import math as functions
from compiler.loop.nodes import Function
from compiler.loop.verify import verify


def call(f: Function, *args: float) -> np.float32:
    result = interp.Machine().call(f, [], [np.float32(a) for a in args])
    assert result is not None
    return np.float32(result)


def ulps(got: np.float32, exact: float) -> float:
    return abs(float(got) - exact) / float(np.spacing(np.float32(max(abs(exact), 1e-38))))


def points(low: float, high: float, count: int = 300) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, count).astype(np.float32)


CASES: list[tuple[Function, Callable[[float], float], np.ndarray, float]] = [
    (functions.exp_function(), math.exp, points(-86, 88), 2),
    (functions.log_function(), math.log, np.exp(points(-80, 80)), 2),
    (functions.log_function(), math.log, points(0.5, 2), 2),
    (functions.tanh_function(), math.tanh, points(-12, 12), 4),
    (functions.tanh_function(), math.tanh, points(-0.7, 0.7), 4),
]


@pytest.mark.parametrize(("f", "exact", "xs", "bound"), CASES, ids=lambda v: getattr(v, "name", None))
def test_accuracy(f: Function, exact: Callable[[float], float], xs: np.ndarray, bound: float) -> None:
    verify(f)
    assert max(ulps(call(f, x), exact(float(x))) for x in xs) <= bound


def test_erf_is_within_3e_7() -> None:
    f = functions.erf_function()
    assert max(abs(float(call(f, x)) - math.erf(x)) for x in points(-6, 6)) <= 3e-7


def test_pow_is_good_to_float32() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        x, y = np.float32(np.exp(rng.uniform(-5, 5))), np.float32(rng.uniform(-8, 8))
        exact = float(x) ** float(y)
        assert abs(float(call(functions.pow_function(), x, y)) - exact) <= 2e-7 * exact


@pytest.mark.parametrize(
    ("f", "args", "want"),
    [
        (functions.exp_function(), (0,), 1),
        (functions.exp_function(), (math.inf,), math.inf),
        (functions.exp_function(), (-math.inf,), 0),
        (functions.exp_function(), (100,), math.inf),
        (functions.exp_function(), (-200,), 0),
        (functions.log_function(), (1,), 0),
        (functions.log_function(), (0,), -math.inf),
        (functions.log_function(), (-1,), math.nan),
        (functions.log_function(), (math.inf,), math.inf),
        (functions.tanh_function(), (math.inf,), 1),
        (functions.tanh_function(), (-math.inf,), -1),
        (functions.erf_function(), (math.inf,), 1),
        (functions.pow_function(), (-2, 3), -8),
        (functions.pow_function(), (-2, 2), 4),
        (functions.pow_function(), (-2, 0.5), math.nan),
        (functions.pow_function(), (0, 0), 1),
        (functions.pow_function(), (0, -1), math.inf),
        (functions.pow_function(), (0, 3), 0),
        (functions.floor_function(), (-1.5,), -2),
        (functions.floor_function(), (1.5,), 1),
        (functions.floor_function(), (1e10,), 1e10),
    ],
)
def test_edges(f: Function, args: tuple[float, ...], want: float) -> None:
    np.testing.assert_equal(float(call(f, *args)), float(np.float32(want)))


@pytest.mark.parametrize("f", [f for f, *_ in CASES] + [functions.erf_function()], ids=lambda f: f.name)
def test_nan_stays(f: Function) -> None:
    assert np.isnan(call(f, math.nan))


def test_subnormal_results_of_exp_and_arguments_of_log() -> None:
    assert abs(float(call(functions.exp_function(), -95)) - math.exp(-95)) <= 2 * 1.5e-45
    assert abs(float(call(functions.log_function(), 1e-40)) - math.log(float(np.float32(1e-40)))) <= 1e-5

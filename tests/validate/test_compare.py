"""The measure of difference: what counts, relative to what."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compiler.compare import Difference, layer_error, shake, tolerance

finite = st.floats(-1e6, 1e6, width=32)
tensors = arrays(np.float32, 12, elements=finite)


def difference(got: object, wanted: object, dtype: str = "float32") -> Difference:
    found = Difference(dtype)
    found.add(np.asarray(got, dtype), np.asarray(wanted, dtype))
    return found


@given(tensors)
def test_equal_tensors_are_equal(x: np.ndarray) -> None:
    found = difference(x, x)
    assert (found.bit_exact, found.passed, found.max_abs, found.relative) == (True, True, 0.0, 0.0)


@given(tensors, st.integers(0, 11), st.sampled_from([-1.0, 1.0]))
def test_one_element_off_by_a_thousandth_of_the_range_fails(x: np.ndarray, at: int, sign: float) -> None:
    got = x.astype(np.float64)
    extent = max(1.0, float(max(x.max(), 0) - min(x.min(), 0)))
    got[at] += sign * extent / 1000
    assert not difference(got, x).passed


@given(tensors)
def test_rounding_passes(x: np.ndarray) -> None:
    assert difference(np.nextafter(x, np.float32(np.inf)), x).passed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_specials_must_be_the_same(value: float) -> None:
    assert difference([1, value, 2], [1, value, 2]).passed
    assert not difference([1, value, 2], [1, 0, 2]).passed
    assert not difference([1, 0, 2], [1, value, 2]).passed
    assert not difference([1, value, 2], [1, -value if value == value else np.inf, 2]).passed


def test_a_difference_beyond_all_measure_still_fits_into_json() -> None:
    found = difference([np.nan], [1.0])
    error = layer_error([found])
    assert error is not None
    assert all(math.isfinite(v) for v in (found.relative, error.max_abs, error.mean_abs))
    json.dumps(error.model_dump(), allow_nan=False)


def test_a_small_vector_is_not_hidden_by_a_large_one() -> None:
    found = Difference("float32")
    large = np.linspace(-100, 100, 8, dtype=np.float32)
    found.add(large, large)
    small = large / 1000
    found.add(small * np.float32(1.01), small)
    assert found.relative > tolerance("float32")


def test_the_range_of_a_constant_tensor_includes_zero() -> None:
    """1000 +- one unit in the last place is rounding, although the tensor itself has no spread."""
    wanted = np.full(5, 1000, np.float32)
    assert difference(np.nextafter(wanted, np.float32(2000)), wanted).passed


def test_an_amplifier_of_rounding_is_given_room_and_nothing_else_is() -> None:
    """A softmax over logits of hundreds: their last bits decide. The same error in a dense layer is a fault."""

    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp((x - x.max()).astype(np.float64))
        return (e / e.sum()).astype(np.float32)

    logits = np.array([900.0, 900.3, 800.0, 899.5, 900.1, 850.0, 899.9], np.float32)
    (moved,) = shake([{"x": logits}])
    off = logits + np.array([1.3e-4, 0, 0, 0, 0, 0, 0], np.float32)
    assert not difference(softmax(off), softmax(logits)).passed
    found = Difference("float32")
    found.add(softmax(off), softmax(logits), softmax(moved["x"]))
    assert found.passed
    dense = Difference("float32")
    dense.add(logits * np.float32(1.0001), logits, moved["x"])
    assert not dense.passed


@given(tensors)
def test_a_tensor_in_proportion_to_its_input_keeps_its_range(x: np.ndarray) -> None:
    (moved,) = shake([{"x": x}])
    plain, shaken = Difference("float32"), Difference("float32")
    plain.add(x, x)
    shaken.add(2 * x, 2 * x, 2 * moved["x"])
    extent = max(x.max(), 0) - min(x.min(), 0)
    assert shaken.vectors[0][1] <= max(2 * plain.vectors[0][1], extent)


def test_shaking_moves_floats_by_a_millionth_and_leaves_integers() -> None:
    vectors = [
        {"x": np.array([3, -400], np.float32), "i": np.array([1])},
        {"x": np.zeros(2, np.float32), "i": np.array([2])},
    ]
    for before, after in zip(vectors, shake(vectors), strict=True):
        np.testing.assert_allclose(np.abs(after["x"].astype(float) - before["x"]), 4e-4, rtol=0.1)
        assert after["i"] is before["i"]


def test_integers_and_booleans_must_be_equal() -> None:
    assert difference([1, 2], [1, 2], "int64").passed
    assert not difference([1, 2], [1, 3], "int64").passed
    assert not difference([True], [False], "bool").passed


def test_another_number_of_elements_fails() -> None:
    assert not difference([1, 2, 3], [1, 2]).passed


def test_numbers_of_the_report() -> None:
    error = layer_error([difference([1, 2, 2.5], [1, 2, 3])])
    assert error is not None
    assert (error.max_abs, error.mean_abs) == (0.5, pytest.approx(0.5 / 3))
    assert error.sqnr_db == pytest.approx(10 * math.log10(14 / 0.25))
    assert error.cosine == pytest.approx(12.5 / math.sqrt((1 + 4 + 6.25) * 14))
    assert layer_error([]) is None
    same = layer_error([difference([0, 0], [0, 0])])
    assert same is not None
    assert (same.cosine, same.sqnr_db) == (None, None)

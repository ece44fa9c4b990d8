"""What an inspection plans for a precision is what the compilation then needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.estimate import planned
from compiler.inspect import inspect_model
from compiler.options import CompileOptions, Precision
from compiler.passes.order import optimize
from compiler.quant.stage import Files, stage
from compiler.source import load
from compiler.targets import target
from compiler.trace import Trace
from tests.support.needs import ROOT

_BOTH: tuple[Precision, ...] = ("float32", "int8")
CONV = ROOT / "compiler" / "samples" / "data" / "conv.pth"


@pytest.mark.parametrize("precision", ["int8", "int8-weights"])
def test_the_plan_before_compiling_is_that_of_the_compilation(precision: Precision) -> None:
    options = CompileOptions(precision=precision, quantizer="quick")
    told = inspect_model(CONV, options, graphs=False)
    done = stage(load(CONV, options).graph, options, Files(), Trace())
    found = planned(optimize(done.graph).graph, target("cortex-m4").abilities, options.optimize)
    assert told.quantised == ""  # the file itself is a float model
    assert list(told.support[0].arithmetic) == [precision]
    assert told.estimate is not None
    assert told.estimate.arena == found.arena
    assert told.estimate.weights == pytest.approx(found.weights, rel=0.02)  # packing depends on the ranges a little


def test_a_quarter_of_flash_and_ram() -> None:
    costs = {p: inspect_model(CONV, CompileOptions(precision=p), graphs=False).estimate for p in _BOTH}
    float32, int8 = costs["float32"], costs["int8"]
    assert float32 is not None
    assert int8 is not None
    assert 3 < float32.weights / int8.weights <= 4.1
    assert int8.arena < float32.arena


def test_a_quantised_file_says_what_it_is(shared: Path) -> None:
    for precision in _BOTH:
        found = inspect_model(shared / "models" / "ad_int8.tflite", CompileOptions(precision=precision), graphs=False)
        assert found.quantised == "int8"
        assert found.support[0].arithmetic == {"int8": 264_192}

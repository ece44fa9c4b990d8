"""Every operator: numpy's meaning == the interpreter == LLVM == C on this computer, the last three bit for bit.

Operators are taken from the registry, so that a new file is tested as soon as it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings

from compiler import emit, targets
from compiler.emulator.measure import measure
from compiler.graph.run import run
from compiler.graph.types import FLOATS, Array
from compiler.kernels.base import Schedule, Situation
from compiler.kernels.generic import schedules
from compiler.lower import lower_planned
from compiler.memory.lifetimes import liveness
from compiler.memory.planner import plan
from compiler.ops.base import Op
from compiler.ops.comparison import Predicate
from compiler.ops.crop_resize import CropResize
from compiler.ops.elementwise import Elementwise, Map
from compiler.ops.grid_sample import GridSample
from compiler.ops.reduce import Reduce
from compiler.ops.requantize import Requantize
from compiler.ops.resize import Resample
from compiler.ops.roi_align import RoiAlign
from compiler.ops.tfidf import TfIdf
from compiler.options import CompileOptions
from compiler.program import Program
from tests.support.engines import (
    fetch,
    interpret,
    load,
    new_arena,
    parts,
    run_in_c,
    run_in_cpp,
    run_jitted,
    same_bits,
    side_by_side,
)
from tests.support.op_cases import Case, case, concrete_ops, examples

COUNT = 8  # the ONNX project's cases run in C, too
THROUGH_FLOATS = (Reduce, Resample, CropResize, GridSample, RoiAlign)  # integers, too, are computed as floats


def lowered(case: Case, schedule: Schedule | None = None) -> Program:
    """The one-layer program of a case, with the operator's own loops unless a schedule is given."""
    node = case.node
    chosen = schedule or schedules(node, Situation(case.graph, frozenset(), "balanced"))[0]
    table = {node.output.name: chosen}
    live = liveness(case.graph, table)
    return lower_planned(case.graph, table, live, plan(live.lives, len(live.layers)))


def expect_close(drawn: Case, got: Array, want: Array) -> None:
    """Elementwise: a few units in the last place. Sums: of what is added up, since the order of additions differs.

    Integers are equal, unless they are computed as floats; floats below 32 bits differ by units of their last place.
    """
    unit = 1e-5
    if got.dtype.name not in FLOATS:
        unit = 0.0 if not isinstance(drawn.node.op, THROUGH_FLOATS) else unit
    elif got.dtype.itemsize < 4:
        unit = 2 * float(ml_dtypes.finfo(got.dtype).eps)
    with np.errstate(all="ignore"):
        if not unit:
            np.testing.assert_array_equal(got, want)
            return
        got, want = got.astype(np.float64), want.astype(np.float64)
        atol = 1e-6
        if not isinstance(drawn.node.op, Elementwise):
            arrays = (*drawn.inputs.values(), *drawn.graph.constants.values(), want)
            given = [a.astype(np.float64) for a in arrays if a.size]
            reach = max(float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in given)
            atol = unit * max(1.0, reach)
        if drawn.node.output.type.dtype not in FLOATS:
            atol = 1.0  # a fraction that is cut off
        np.testing.assert_allclose(got, want, rtol=unit, atol=atol)


OPERATORS = pytest.mark.parametrize("cls", concrete_ops(), ids=lambda c: c.__name__)


@OPERATORS
def test_reference_interpreter_and_llvm_agree(cls: type[Op]) -> None:
    check_jitted(*agree(cls, 6))


@pytest.mark.slow
@OPERATORS
def test_reference_interpreter_llvm_and_c_agree(cls: type[Op], tmp_path: Path) -> None:
    ran = agree(cls, COUNT)
    check_jitted(*ran)
    check_in_c(*ran, tmp_path)


def agree(cls: type[Op], count: int) -> tuple[list[Program], list[np.ndarray], list[np.ndarray]]:
    """Draw cases, compare the interpreter with numpy; the programs, and their arenas before and after."""
    programs: list[Program] = []
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []

    @examples(count)
    @given(case(cls))
    def law(drawn: Case) -> None:
        program = lowered(drawn) if cls.layout_rule != "view" else lowered_view(drawn)
        arena = load(new_arena(program), program.inputs, drawn.inputs)
        result = interpret(program, arena)
        wanted = run(drawn.graph, drawn.inputs)
        outside = np.ones(len(arena), bool)
        for y in program.outputs:
            want, got = wanted[y.name], fetch(result, y)
            assert got.shape == want.shape
            if want.size:
                expect_close(drawn, got, want)
            outside[y.offset : y.offset + y.size] = False
        for b in program.plan.lives:  # working memory, too
            if b.scratch:
                outside[program.plan.offsets[b.name] : program.plan.offsets[b.name] + b.size] = False
        if not drawn.node.op.in_place():
            assert (arena[outside] == result[outside]).all(), "bytes outside the result changed"
        programs.append(program)
        before.append(arena)
        after.append(result)

    law()
    return programs, before, after


Engine = Callable[[Program, np.ndarray], np.ndarray]


def check_in_c(programs: list[Program], before: list[np.ndarray], after: list[np.ndarray], folder: Path) -> None:
    """All programs in one C file leave what the interpreter left."""
    check(programs, before, after, lambda whole, image: run_in_c(whole, image, folder), "C")


def check_jitted(programs: list[Program], before: list[np.ndarray], after: list[np.ndarray]) -> None:
    """The same as one module of LLVM IR, in this process."""
    check(programs, before, after, run_jitted, "LLVM")


def check(
    programs: list[Program], before: list[np.ndarray], after: list[np.ndarray], engine: Engine, name: str
) -> None:
    whole = side_by_side(programs)
    image = new_arena(whole)
    starts = parts(programs)
    for start, arena in zip(starts, before, strict=True):
        image[start : start + len(arena)] = arena
    left = engine(whole, image)
    for p, start, expected in zip(programs, starts, after, strict=True):
        for y in p.outputs:
            got, want = fetch(left[start : start + len(expected)].copy(), y), fetch(expected, y)
            assert same_bits(got, want), f"{name} and interpreter differ: {p.layers[0].op} {got} {want}"


def lowered_view(drawn: Case) -> Program:
    """Views run no kernel of their own in a compiled model; their loops are the meaning all the same."""

    class Kerneled(type(drawn.node.op)):  # type: ignore[misc]
        layout_rule = "row_major"

    op = Kerneled(**{f.name: getattr(drawn.node.op, f.name) for f in fields(drawn.node.op)})
    return lowered(Case(drawn.graph.with_nodes([replace(drawn.node, op=op)]), drawn.inputs))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_counting_n_grams_in_nothing_gives_zeros(shape: tuple[int, ...]) -> None:
    none = np.zeros(0, np.int32)
    y = TfIdf((), width=2).reference(np.zeros(shape, np.int32), none, none, np.ones(2, np.float32))
    assert y.tolist() == np.zeros((*shape[:-1], 2)).tolist()


def test_every_operator_has_a_strategy() -> None:
    for cls in concrete_ops():
        case(cls)


def test_a_new_operator_without_a_strategy_is_noticed() -> None:
    class Unheard(Op):
        pass

    with pytest.raises(LookupError, match="no strategy for Unheard"):
        case(Unheard)


@OPERATORS
def test_in_place_reads_before_it_writes(cls: type[Op]) -> None:
    """Where the generic loops allow it, the result over an operand, or begun before it, equals the result beside it."""
    seen = 0

    @examples(10)
    @given(case(cls))
    def law(drawn: Case) -> None:
        nonlocal seen
        schedule = schedules(drawn.node, Situation(drawn.graph, frozenset(), "balanced"))[0]
        table = {drawn.node.output.name: schedule}
        live = liveness(drawn.graph, table)
        apart = plan([*live.lives], len(live.layers))
        for index, allowed in schedule.overlap.items():
            x = drawn.node.inputs[index]
            if x is None or x.name not in drawn.inputs or not allowed.exact or not x.type.bytes:
                continue
            seen += 1
            offsets, at = {}, 0
            for b in live.lives:
                if b.name != "y":
                    offsets[b.name], at = at, at + -(-b.size // 8) * 8
            beside = {**offsets, "y": at}
            places = [beside, {**offsets, "y": offsets[x.name]}]
            if allowed.forward is not None:  # the result starts a little before the operand
                places.append({**offsets, "y": at, x.name: at + -(-allowed.forward // 8) * 8 + 8})
            results = []
            for chosen in places:
                where = type(apart)(chosen, apart.lives, max(at, *chosen.values()) + x.type.bytes + 8, 0)
                program = lower_planned(drawn.graph, table, live, where)
                arena = load(new_arena(program), program.inputs, drawn.inputs)
                results.append(fetch(interpret(program, arena), program.outputs[0]))
            assert all(same_bits(results[0], other) for other in results[1:])

    if cls.layout_rule == "view":
        return
    law()
    if issubclass(cls, (Elementwise, Map)) and not issubclass(cls, (Predicate, Requantize)):
        assert seen, "no example ran in place"


@dataclass
class Samples:
    """One-layer programs of every operator, what goes into them, and what the interpreter makes of it."""

    programs: list[Program] = field(default_factory=list)
    vectors: dict[str, Array] = field(default_factory=dict)
    before: list[np.ndarray] = field(default_factory=list)
    after: list[np.ndarray] = field(default_factory=list)


@pytest.fixture(scope="module")
def samples() -> Samples:
    found = Samples()
    for cls in concrete_ops():
        count = 0

        @settings(max_examples=12, derandomize=True, database=None)
        @given(case(cls))
        def draw(drawn: Case) -> None:
            nonlocal count
            if count == 3 or not all(v.type.elements for v in (*drawn.graph.inputs, *drawn.node.outputs)):
                return
            count += 1
            program = lowered(drawn)
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            found.before.append(arena)
            found.after.append(interpret(program, arena))
            found.vectors.update({f"p{len(found.programs)}_{name}": a for name, a in drawn.inputs.items()})
            found.programs.append(program)

        if cls.layout_rule != "view":
            draw()
            assert count, cls.__name__
    return found


def test_a_sample_of_every_operator_gives_the_same_bits_in_cpp(samples: Samples, tmp_path: Path) -> None:
    check(samples.programs, samples.before, samples.after, lambda p, image: run_in_cpp(p, image, tmp_path), "C++")


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_a_sample_of_every_operator_gives_the_same_bits_on_the_emulated_processor(
    samples: Samples, tmp_path: Path
) -> None:
    options = CompileOptions(run=True)
    for first in range(0, len(samples.programs), TOGETHER):
        some = slice(first, first + TOGETHER)
        whole = side_by_side(samples.programs[some])
        vector = {s.name: samples.vectors[_renumbered(s.name, first)] for s in whole.inputs}
        folder = tmp_path / str(first)
        folder.mkdir()
        sources = emit.get("c").files(whole, options)
        _, measured = measure(whole, sources, targets.target("cortex-m4"), options, folder, [vector])
        for program, results, after in zip(
            samples.programs[some], measured.runs[0].layers, samples.after[some], strict=True
        ):
            for got, y in zip(results, program.outputs, strict=True):
                assert same_bits(got, fetch(after, y)), program.layers[0].op


TOGETHER = 80  # programs in one firmware: after each, all of its memory is checked


def _renumbered(name: str, first: int) -> str:
    """p0_x of the programs from `first` on, among all of them."""
    number, _, rest = name.removeprefix("p").partition("_")
    return f"p{int(number) + first}_{rest}"

"""Loops that threads may share: what is proved is true of every run, and what cannot be proved stays serial."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from compiler.kernels.base import Situation, candidates
from compiler.loop.builder import Kernel, View
from compiler.loop.interp import Machine, Memory
from compiler.loop.nodes import F32, Body, Buffer, For, If, const
from compiler.loop.parallel import parallelize
from compiler.lower import lower_planned, unordered
from compiler.memory.lifetimes import liveness
from compiler.memory.planner import plan
from compiler.ops.base import Op
from compiler.program import Program
from tests.kernels.geometry import KINDS, nodes
from tests.support.engines import interpret, load, new_arena
from tests.support.op_cases import Case, case, concrete_ops, examples

X, Y = Buffer("x", F32, 64), Buffer("y", F32, 64)
x, y = View(F32, (8, 8), (8, 1), X), View(F32, (8, 8), (8, 1), Y)


def kinds(body: Body) -> list[str]:
    """The kind of each loop, outermost first."""
    found = []
    for s in body:
        match s:
            case For(body=inner, kind=kind):
                found += [kind, *kinds(inner)]
            case If(_, then, otherwise):
                found += kinds(then) + kinds(otherwise)
    return found


def rows(k: Kernel) -> None:
    with k.loop(8, "i") as i, k.loop(8, "j") as j:
        k.store(y, (i, j), x[i, j])


def columns(k: Kernel) -> None:
    with k.loop(8, "j") as j, k.loop(8, "i") as i:
        k.store(y, (i, j), x[i, j])


def downwards(k: Kernel) -> None:
    with k.loop(8, "i", step=2, down=True) as i, k.loop(2, "r") as r, k.loop(8, "j") as j:
        k.store(y, (i + r, j), x[i, j])


def windows(k: Kernel) -> None:
    with k.loop(8, "i") as i:
        row = k.window("row", y, i * 8)
        with k.loop(8, "j") as j:
            k.store_at(row, j, x[i, j])


def rows_that_meet(k: Kernel) -> None:
    with k.loop(7, "i") as i, k.loop(9, "j") as j:
        k.store_at(y, i * 8 + j, x[i, 0])


def running_sum(k: Kernel) -> None:
    acc = k.cell("acc", const(0.0, F32))
    with k.loop(64, "i") as i:
        acc += x.flat()[i]
        k.store_at(y, i, acc.value)


def own_sum(k: Kernel) -> None:
    with k.loop(8, "i") as i:
        acc = k.cell("acc", const(0.0, F32))
        with k.loop(8, "j") as j:
            acc += x[i, j]
        k.store(y, (i, 0), acc.value)


def neighbour(k: Kernel) -> None:
    with k.loop(63, "i") as i:
        k.store_at(y, i + 1, y.flat()[i])


def one_place(k: Kernel) -> None:
    with k.loop(8, "i") as i:
        k.store_at(y, 0, x[i, 0])


def scattered(k: Kernel) -> None:
    with k.loop(64, "i") as i:
        k.store_at(y, i * i, x.flat()[i])


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (rows, ["parallel", "serial"]),
        (columns, ["serial", "parallel"]),  # columns interleave: no bound on a rest tells them apart
        (downwards, ["parallel", "serial", "serial"]),
        (windows, ["parallel", "serial"]),
        (own_sum, ["parallel", "serial"]),
        (rows_that_meet, ["serial", "serial"]),
        (running_sum, ["serial"]),
        (neighbour, ["serial"]),
        (one_place, ["serial"]),
        (scattered, ["serial"]),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_which_loops_are_shared(write: Callable[[Kernel], None], expected: list[str]) -> None:
    k = Kernel()
    k.reserve("x", "y")
    write(k)
    assert kinds(parallelize(k.function("f", [X, Y]), least=1).body) == expected


def test_a_result_in_the_place_of_an_operand_is_shared_only_element_by_element() -> None:
    def shifted(k: Kernel) -> None:
        with k.loop(8, "i") as i, k.loop(8, "j") as j:
            k.store(y, (i, j), x.flat().at(((i + 1) % 8) * 8 + j))

    for write, expected in ((rows, "parallel"), (shifted, "serial")):
        k = Kernel()
        k.reserve("x", "y")
        write(k)
        found = kinds(parallelize(k.function("f", [X, Y]), {"y": "x"}, least=1).body)
        assert found[0] == expected, write.__name__


def test_small_loops_stay_serial() -> None:
    k = Kernel()
    k.reserve("x", "y")
    rows(k)
    assert kinds(parallelize(k.function("f", [X, Y]), least=65).body) == ["serial", "serial"]
    assert kinds(parallelize(k.function("f", [X, Y]), least=64).body) == ["parallel", "serial"]


class Watched(Machine):
    """Runs a parallel loop's iterations backwards, and looks whether two of them meet in memory."""

    def __init__(self, memory: dict[str, Memory]) -> None:
        super().__init__(self._look)
        self.memory = memory
        self.start = {name: m.array.__array_interface__["data"][0] for name, m in memory.items()}
        self.iteration: int | None = None
        self.shared = 0

    def run(self, body: Body) -> None:
        for s in body:
            if not isinstance(s, For) or s.kind != "parallel":
                super().run((s,))
                continue
            self.shared += 1
            self.writers: dict[int, set[int]] = {}
            self.readers: dict[int, set[int]] = {}
            for i in reversed(range(int(self.eval(s.start)), int(self.eval(s.stop)), s.step)):
                self.vars[s.var.name] = np.int32(i)
                self.iteration = i
                super().run(s.body)
            self.iteration = None
            for address, writers in self.writers.items():
                assert len(writers | self.readers.get(address, set())) == 1, "two iterations meet"

    def _look(self, how: str, root: str, place: int) -> None:
        if self.iteration is not None:
            address = self.start[root] + place * self.memory[root].array.itemsize
            by = self.writers if how == "store" else self.readers
            by.setdefault(address, set()).add(self.iteration)


def run_watched(program: Program, arena: np.ndarray) -> tuple[np.ndarray, int]:
    """The arena afterwards, and how many loops were shared."""
    arena = arena.copy()
    (layer,), (function,) = program.layers, program.kernels
    memory = {}
    for a, b in zip(layer.arguments, function.buffers, strict=True):
        start = a.slot.offset if a.slot is not None else a.offset
        if a.constant is not None:
            array = program.constants[a.constant].reshape(-1)
        else:
            array = arena[start : (start or 0) + (b.size or 0) * b.type.bytes].view(b.type.numpy)
        memory[b.name] = Memory(array, 0, b.name)
    machine = Watched(memory)
    machine.run(function.body)
    return arena, machine.shared


def check(drawn: Case, features: frozenset[str]) -> int:
    """The best schedules of the node, with its result over an operand where that is allowed."""
    node, shared = drawn.node, 0
    if not all(v.type.elements for v in (*drawn.graph.inputs, node.output)):
        return 0
    for offered in candidates(node, Situation(drawn.graph, features, "balanced"))[:6]:
        table = {node.output.name: unordered(offered)}
        live = liveness(drawn.graph, table)
        program = lower_planned(drawn.graph, table, live, plan(live.lives, len(live.layers)), threads=2)
        arena = load(new_arena(program), program.inputs, drawn.inputs)
        got, loops = run_watched(program, arena)
        assert interpret(program, arena).tobytes() == got.tobytes(), offered.name
        shared += loops
    return shared


@pytest.fixture
def _every_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops are shared however small they are."""
    monkeypatch.setattr("compiler.lower.parallelize", lambda f, same: parallelize(f, same, least=1))


@pytest.mark.usefixtures("_every_loop")
@pytest.mark.parametrize("cls", [c for c in concrete_ops() if c.layout_rule != "view"], ids=lambda c: c.__name__)
def test_iterations_of_shared_loops_never_meet(cls: type[Op]) -> None:
    @examples(6)
    @given(case(cls))
    def law(drawn: Case) -> None:
        check(drawn, frozenset())

    law()


@pytest.mark.usefixtures("_every_loop")
@pytest.mark.parametrize("features", [frozenset({"fpu32"}), frozenset({"simd256"})], ids=["fpu32", "simd256"])
@pytest.mark.parametrize("kind", KINDS)
def test_iterations_of_shared_tuned_loops_never_meet(kind: str, features: frozenset[str]) -> None:
    shared = 0

    @examples(4)
    @given(nodes(kind))
    def law(drawn: Case) -> None:
        nonlocal shared
        shared += check(drawn, features)

    law()
    assert shared, "no loop of any schedule was shared"

"""Listing, mix and map of a small network that was really built and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from compiler.anatomy import lines as lines_module
from compiler.anatomy import listing as listing_module
from compiler.anatomy.counts import paired
from compiler.anatomy.listing import listing
from compiler.anatomy.mix import layer_mix, mix_of
from compiler.anatomy.objdump import Instruction
from compiler.anatomy.sections import sections
from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement, measure
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.timing import time_run
from tests.emulator import tiny
from tests.emulator.test_measure import VECTORS
from tests.support import needs

pytestmark = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]

Listed = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Build, Measurement]:
    folder = tmp_path_factory.mktemp("build")
    return measure(tiny.program(), tiny.sources(), target("cortex-m4"), CompileOptions(), folder, VECTORS[:1])


def listed(built: Build, measured: Measurement | None) -> tuple[dict[str, Any], Listed]:
    data = listing(tiny.program(), built, CompileOptions(), tiny.sources(), measured)
    assert data is not None
    content = json.loads(data)
    return content, {f["name"]: f for f in content["functions"]}


def test_every_kernel_and_the_run_function_are_listed_with_their_layers(ran: tuple[Build, Measurement]) -> None:
    content, functions = listed(*ran)
    assert content["object"] == "lib/cortex-m4/model.o"
    assert {name: f["layers"] for name, f in functions.items()} == {
        "model_run": [],
        "scale": [0],
        "dense": [1, 3],
        "relu": [2],
    }


def test_executions_are_those_of_the_run(ran: tuple[Build, Measurement]) -> None:
    built, measured = ran
    _, functions = listed(built, measured)
    counts = {name: sum(i["executed"] or 0 for i in f["instructions"]) for name, f in functions.items()}
    assert sum(counts.values()) == measured.instructions
    mul = [i for i in functions["scale"]["instructions"] if i["text"].startswith("vmul.f32")]
    assert sum(i["executed"] for i in mul) == tiny.SIZE


def test_cycles_stand_beside_the_executions(ran: tuple[Build, Measurement]) -> None:
    built, measured = ran
    timing = time_run(built, measured, target("cortex-m4"))
    assert timing is not None
    data = listing(tiny.program(), built, CompileOptions(), tiny.sources(), measured, timing.addresses)
    assert data is not None
    rows = [i for f in json.loads(data)["functions"] for i in f["instructions"] if i["executed"] is not None]
    assert sum(i["cycles"] for i in rows) == sum(timing.addresses.values())
    assert all((i["executed"] == 0) <= (i["cycles"] == 0) for i in rows)


def test_lines_point_at_the_statement(ran: tuple[Build, Measurement]) -> None:
    _, functions = listed(*ran)
    text = tiny.sources()["src/model.c"].decode().splitlines()
    for name, operation, statement in (
        ("scale", "vmul.f32", "x[c * 12 + i] * 0.75f"),
        ("dense", "vmul.f32", "acc += x[i] * w[o * inputs + i]"),
        ("relu", "vstr", "y[i] = y[i] < 0.0f"),
    ):
        function = functions[name]
        first, last = function["source"]["first"], function["source"]["last"]
        assert f" {name}(" in "".join(text[first - 1 : first + 1])
        assert text[last - 1] == "}"
        lines = {i["line"] for i in function["instructions"] if i["text"].startswith(operation)}
        assert lines, name
        for line in lines:
            assert first <= line <= last
            assert statement in text[line - 1]


def test_no_lines_when_the_second_compilation_gives_other_code(
    ran: tuple[Build, Measurement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "LINE_TABLES", "-O0")
    content, functions = listed(*ran)
    assert content["lines"] is False
    assert {i["line"] for f in functions.values() for i in f["instructions"]} == {None}
    assert functions["dense"]["instructions"][0]["executed"] == 2  # the code is still that of the object


def test_nothing_is_known_of_what_was_not_run(ran: tuple[Build, Measurement]) -> None:
    content, functions = listed(ran[0], None)
    assert content["lines"] is True
    assert {i["executed"] for f in functions.values() for i in f["instructions"]} == {None}


def test_a_function_that_the_linker_changed_has_no_counts(ran: tuple[Build, Measurement], tmp_path: Path) -> None:
    built, measured = ran
    longer = tiny.SOURCE.replace("acc += x[i]", "acc += 2.0f * x[i]")
    other, _ = measure(
        tiny.program(), tiny.sources(source=longer), target("cortex-m4"), CompileOptions(), tmp_path, VECTORS[:1]
    )
    _, functions = listed(replace(built, harness=other.harness), measured)
    assert {i["executed"] for i in functions["dense"]["instructions"]} == {None}


def test_long_functions_are_cut_and_say_so(ran: tuple[Build, Measurement], monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = listed(*ran)
    monkeypatch.setattr(listing_module, "MOST_OF_A_FUNCTION", 5)
    _, functions = listed(*ran)
    for name, function in functions.items():
        assert len(function["instructions"]) == 5
        assert function["left_out"] == len(whole[name]["instructions"]) - 5


def test_without_a_disassembler_there_is_no_listing(
    ran: tuple[Build, Measurement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "disassembler", lambda target: None)
    assert listing(tiny.program(), ran[0], CompileOptions(), tiny.sources(), ran[1]) is None


def test_the_listing_repeats(ran: tuple[Build, Measurement]) -> None:
    make: Callable[[], bytes | None] = lambda: listing(tiny.program(), ran[0], CompileOptions(), tiny.sources(), ran[1])  # noqa: E731
    assert make() == make()


def test_the_mix_of_each_layer_adds_up_to_its_instructions(ran: tuple[Build, Measurement]) -> None:
    built, measured = ran
    mixes = layer_mix(built, measured)
    assert mixes is not None
    assert measured.layer_instructions is not None
    assert tuple(sum(mix.values()) for mix in mixes) == measured.layer_instructions
    assert [mix.get("multiply", 0) for mix in mixes[:2]] == [tiny.SIZE, tiny.SIZE * tiny.HIDDEN]
    assert mixes[3]["multiply"] == tiny.HIDDEN * tiny.OUT  # `dense` again: its own share


def test_what_is_no_instruction_of_the_program_is_other() -> None:
    assert mix_of([{0: 3, 4: 2}], {0: "add r0, r1"}, "EM_ARM") == [{"alu": 3, "other": 2}]


def test_the_map_has_every_byte_of_the_totals(ran: tuple[Build, Measurement]) -> None:
    built, _ = ran
    parts = sections(tiny.program(), built)
    size = {
        kind: sum(p.size for p in parts if p.kind == kind) for kind in ("code", "weights", "other", "arena", "static")
    }
    assert size["code"] == built.sizes.code
    assert size["weights"] == built.sizes.weights
    assert size["arena"] == tiny.program().arena_bytes
    assert size["static"] == built.sizes.static_ram
    flash = [p for p in parts if p.region == "flash"]
    assert max(p.address + p.size for p in flash) - min(p.address for p in flash) == built.sizes.total
    for earlier, later in pairwise(parts):
        assert earlier.region != later.region or earlier.address + earlier.size <= later.address


def test_symbols_of_the_map_name_their_first_layer(ran: tuple[Build, Measurement]) -> None:
    parts = sections(tiny.program(), ran[0])
    code = next(p for p in parts if p.kind == "code")
    assert {s.name: s.layer for s in code.symbols if s.layer} == {"scale": "scale", "dense": "hidden", "relu": "relu"}
    assert [s.size for s in code.symbols] == sorted((s.size for s in code.symbols), reverse=True)
    for part in parts:
        for symbol in part.symbols:
            assert part.address <= symbol.address
            assert symbol.address + symbol.size <= part.address + part.size


def code(*texts: str, start: int = 0) -> list[Instruction]:
    return [Instruction(start + 4 * i, text, None) for i, text in enumerate(texts)]


def test_shortened_calls_and_addresses_are_paired_with_what_the_linker_left() -> None:
    before = code("auipc ra,0x0 → f", "jalr ra", "lui a1,0x0 → w", "mv a1,a1 → w", "nop", "lw a0,0(a1)", "ret")
    after = code("jal 80 <f>", "lui a1,0x80007", "add a1,a1,-4", "lw a0,0(a1)", "ret", start=100)
    assert paired(before, after) == {4: 100, 8: 104, 12: 108, 20: 112, 24: 116}
    assert paired(before, after[:-1]) == {}
    assert paired(before, [*after, *code("ret", start=200)]) == {}
    assert paired(code("add a0,a0,a1", "ret"), code("sub a0,a0,a1", "ret")) == {}


def test_risc_v_code_that_the_linker_shortened_has_counts(tmp_path: Path) -> None:
    if reason := needs.missing_for("rv32imc"):
        pytest.skip(reason)
    options = CompileOptions(target="rv32imc")
    built, measured = measure(tiny.program(), tiny.sources(), target("rv32imc"), options, tmp_path, VECTORS[:1])
    data = listing(tiny.program(), built, options, tiny.sources(), measured)
    assert data is not None
    functions = {f["name"]: f["instructions"] for f in json.loads(data)["functions"]}
    calls = [i for i in functions["scale"] if "__mulsf3" in i["text"]]
    assert calls  # soft floating point: the object calls in two instructions
    assert {i["executed"] for i in calls} == {None}  # of which the linker leaves the second alone
    for name, times in (("model_run", 1), ("scale", 1), ("dense", 2), ("relu", 1)):
        assert functions[name][0]["executed"] == times, name

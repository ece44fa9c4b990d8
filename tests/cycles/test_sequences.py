"""Cortex-M4's rules on real code: sequences assembled, linked, run on the emulator, and priced.

Expected cycles are worked out by hand from the Cortex-M4 Technical Reference Manual (DDI 0439).
"""

from __future__ import annotations

import numpy as np
import pytest

from compiler.emulator.cycles import Run, read_run
from compiler.emulator.measure import measure
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.targets.base import FlashTiming
from compiler.toolchain.sizes import read_symbols
from tests.emulator import tiny

pytestmark = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]

# Instructions (r0 points to memory that is aligned to 16 bytes), and their cycles behind a nop.
SEQUENCES: dict[str, tuple[str, int]] = {
    "one_load": ("ldr r1, [r0]", 2),
    "two_loads_overlap": ("ldr r1, [r0]; ldr r2, [r0, #4]", 2 + 1),
    "three_loads_overlap": ("ldr r1, [r0]; ldr r2, [r0, #4]; ldr r3, [r0, #8]", 2 + 1 + 1),
    "a_load_between_others_does_not": ("ldr r1, [r0]; nop; ldr r2, [r0]", 2 + 1 + 2),
    "a_loaded_value_is_there": ("ldr r1, [r0]; add r2, r1, #1", 2 + 1),
    "a_store_behind_a_load": ("ldr r1, [r0]; str r1, [r0, #4]", 2 + 1),
    "stores": ("str r1, [r0]; str r1, [r0, #4]", 1 + 1),
    "a_load_behind_a_store": ("str r1, [r0]; ldr r1, [r0, #4]", 1 + 2),
    "a_store_with_register_offset": ("movs r1, #4; nop; str r2, [r0, r1]", 1 + 1 + 2),
    "an_address_just_computed": ("mov r1, r0; ldr r2, [r1]", 1 + 3),
    "an_address_computed_before": ("mov r1, r0; nop; ldr r2, [r1]", 1 + 1 + 2),
    "several_registers": ("ldm r0, {r1, r2, r3}", 1 + 3),
    "a_pair": ("ldrd r1, r2, [r0]", 1 + 2),
    "an_unaligned_word": ("ldr r1, [r0, #1]", 2 + 2),
    "a_halfword_aligned_word": ("ldr r1, [r0, #2]", 2 + 1),
    "an_aligned_byte": ("ldrb r1, [r0, #1]", 2),
    "multiply_and_add": ("smlad r1, r2, r3, r1; mla r1, r2, r3, r1; smull r1, r2, r3, r3", 3),
    "divide": ("movs r1, #1; udiv r2, r1, r1", 1 + 7),
    "folded_it": ("cmp r0, r0; it ne; movne r1, #2", 1 + 0 + 1),
    "float_waits_for_float": ("vmul.f32 s0, s1, s1; vadd.f32 s2, s0, s1", 1 + 2),
    "float_beside_float": ("vmul.f32 s0, s1, s1; vadd.f32 s2, s1, s1", 1 + 1),
    "float_after_one_other": ("vmul.f32 s0, s1, s1; nop; vadd.f32 s2, s0, s1", 1 + 1 + 1),
    "fused": ("vfma.f32 s0, s1, s2; vfma.f32 s0, s1, s2", 3 + 3),
    "the_addend_is_needed_later": ("vadd.f32 s0, s1, s2; vfma.f32 s0, s1, s2", 1 + 3),
    "a_factor_is_not": ("vadd.f32 s1, s1, s2; vfma.f32 s0, s1, s2", 1 + 3 + 1),
    "float_loads_overlap": ("vldr s0, [r0]; vldr s1, [r0, #4]", 2 + 1),
    "divide_floats": ("vdiv.f32 s0, s1, s1", 14),
    "a_loop": (".balign 4; movs r1, #10; nop; 7: subs r1, #1; bne 7b", 1 + 1 + 10 * 1 + 10 * 1 + 9 * 1),
    "a_loop_to_a_split_instruction": (
        ".balign 4; movs r1, #10; 7: subs.w r1, r1, #1; bne 7b",
        1 + 10 * 1 + 10 * 1 + 9 * 2,
    ),
    "a_branch_not_taken": ("movs r1, #1; beq 7f; nop; 7: nop", 1 + 1 + 1 + 1),
    "a_branch_taken": (".balign 4; movs r1, #0; beq 7f; nop; nop; 7: nop", 1 + (1 + 1) + 1),
}


def body() -> str:
    lines = ['    register float *p __asm("r0") = y;', "    __asm volatile("]
    for name, (text, _) in SEQUENCES.items():
        parts = [part.strip() for part in text.split(";")]
        aligned = [part for part in parts if part.startswith(".balign")]
        rest = [part for part in parts if not part.startswith(".balign")]
        inside = [f".global {name}", f"{name}:", *rest, f".global end_{name}", f"end_{name}:"]
        lines += [f'        "{line}\\n"' for line in (*aligned, "nop", "nop", *inside)]
    lines += ['        "nop\\n"', '        : "+r"(p) : : "r1", "r2", "r3", "s0", "s1", "s2", "cc", "memory");']
    return "\n".join(lines)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, int]]:
    """The priced run, and the addresses of all labels."""
    start = tiny.SOURCE.index("KERNEL void relu(")
    end = tiny.SOURCE.index("\n}\n", start)
    head = tiny.SOURCE[start : tiny.SOURCE.index("{", start)]
    source = tiny.SOURCE[:start] + f"{head}{{\n{body()}\n}}\n" + tiny.SOURCE[end + 3 :]
    vectors = [{"x": np.ones((1, 2, 3, 4), np.float32)}]
    files, folder = tiny.sources(source=source), tmp_path_factory.mktemp("sequences")
    built, measured = measure(tiny.program(), files, target("cortex-m4"), CompileOptions(), folder, vectors)
    assert measured.layer_histograms is not None
    assert built.harness is not None
    return read_run(built.harness, built.target, measured.layer_histograms, "cortex_m4"), read_symbols(built.harness)[1]


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence(name: str, run: tuple[Run, dict[str, int]]) -> None:
    priced, places = run
    spent = priced.estimate().addresses
    assert sum(n for at, n in spent.items() if places[name] <= at < places[f"end_{name}"]) == SEQUENCES[name][1]


def test_layers_and_functions_add_up(run: tuple[Run, dict[str, int]]) -> None:
    estimate = run[0].estimate()
    assert sum(estimate.layers) == estimate.cycles
    assert sum(estimate.functions.values()) == estimate.cycles
    assert sum(estimate.addresses.values()) == estimate.cycles
    assert (estimate.fetch_stalls, estimate.read_stalls) == (0, 0)


def test_flash_only_adds(run: tuple[Run, dict[str, int]]) -> None:
    """More wait states cost more; prefetch and caches never do."""
    priced = run[0]
    cycles = [priced.estimate(FlashTiming(wait_states=n)).cycles for n in range(8)]
    assert cycles == sorted(cycles)
    assert cycles[0] < cycles[1]
    for flash in (FlashTiming(5), FlashTiming(5, 8), FlashTiming(5, 32)):
        plain = priced.estimate(flash).cycles
        for better in ({"prefetch": True}, {"icache_bytes": 1024}, {"dcache_bytes": 256}):
            assert priced.estimate(FlashTiming(flash.wait_states, flash.line_bytes, **better)).cycles <= plain


def test_branches_are_counted_exactly(run: tuple[Run, dict[str, int]]) -> None:
    """Ten rounds: nine times back, once on; and a call returns where it came from."""
    priced, places = run
    taken = sum((part.taken for part in priced.parts), start=type(priced.parts[0].taken)())
    back = [at for at in priced.code if places["a_loop"] <= at < places["end_a_loop"] and priced.code[at].jumps]
    assert [taken[at] for at in back] == [9]
    for at, insn in priced.code.items():
        if insn.operation == "bl":
            assert taken[at] == sum(part.executed[at] for part in priced.parts)


def test_unaligned_accesses_are_counted(run: tuple[Run, dict[str, int]]) -> None:
    priced, places = run
    transfers = priced.parts[2].transfers
    assert transfers[places["an_unaligned_word"]] == 2
    assert transfers[places["a_halfword_aligned_word"]] == 1
    assert sum(transfers.values()) == 3


def test_weights_are_read_from_flash(run: tuple[Run, dict[str, int]]) -> None:
    """The first dense layer reads each of its 8 x 24 weights and 8 biases once, and a few literals."""
    reads = run[0].parts[1].reads
    for width in (16, 32):
        assert 200 <= sum(n for (line, _), n in reads.items() if line == width) <= 210
    assert run[0].estimate(FlashTiming(5)).read_stalls > 0

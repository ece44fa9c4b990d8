"""The rules of the cores that need no emulator: short sequences of instructions, priced by hand."""

from __future__ import annotations

import pytest

from compiler.emulator.cycles import Core, cores
from compiler.emulator.cycles.arm import decode as decode_arm
from compiler.emulator.cycles.flow import pipeline_cycles
from compiler.emulator.cycles.insn import Insn
from compiler.emulator.cycles.riscv import decode as decode_riscv
from compiler.emulator.plugin import Histogram
from compiler.targets import targets
from compiler.timing import core_of


def price(core: Core, *texts: str, taken: tuple[int, ...] = ()) -> float:
    """Cycles of instructions executed once, one behind the other; a text ends with `.w` or `/4` when it has 4 bytes."""
    decode = decode_arm if core.architecture == "arm" else decode_riscv
    code: dict[int, Insn] = {}
    counts, at = Histogram(), 0x100
    for place, text in enumerate(texts):
        long = text.endswith("/4") or text.partition(" ")[0].endswith(".w") or text.startswith("v")
        code[at] = decode(at, 4 if long else 2, text.removesuffix("/4"))
        counts.executed[at] = 1
        if place in taken:
            counts.taken[at] = 1
        at = code[at].end
    return sum(pipeline_cycles(code, counts, core).values())


def of(name: str) -> Core:
    return cores()[name]


SHORT = [
    ("cortex_m0", ("ldr r0, [r1, #0]",), 2),
    ("cortex_m0", ("movs r0, #1", "adds r0, #1"), 2),
    ("cortex_m0", ("push {r4, r5, lr}",), 4),
    ("cortex_m0plus", ("str r0, [r1, #0]", "muls r0, r1, r0"), 3),
    ("cortex_m3", ("mla r0, r1, r2, r3/4",), 2),
    ("cortex_m3", ("umull r0, r1, r2, r3/4",), 4),
    ("cortex_m3", ("ldr r0, [r1, #0]", "ldr r2, [r1, #4]"), 3),
    ("cortex_m4", ("umlal r0, r1, r2, r3/4",), 1),
    ("cortex_m4", ("vldmia r0!, {s14}",), 2),
    ("cortex_m4", ("vldr d7, [r0]",), 3),
    ("cortex_m33", ("adds r0, #1", "adds r1, #1"), 1.5),
    ("cortex_m33", ("adds r0, #1", "adds r1, r0, #1"), 2),
    ("cortex_m7", ("adds r0, #1", "adds r1, #1"), 1),
    ("cortex_m7", ("adds r0, #1", "adds r1, r0, #1"), 2),
    ("cortex_m7", ("adds r0, #1", "adds r1, #1", "adds r2, #1", "adds r3, #1"), 2),
    ("cortex_m7", ("ldr r0, [r4, #0]", "ldr r1, [r4, #4]"), 1),
    ("cortex_m7", ("str r0, [r4, #0]", "str r1, [r4, #4]"), 2),
    ("cortex_m7", ("vmul.f32 s0, s1, s2", "vadd.f32 s3, s4, s5"), 2),
    ("cortex_m7", ("vmul.f32 s0, s1, s2", "vadd.f32 s3, s0, s5"), 3 + 1),
    ("cortex_m55", ("adds r0, #1", "ldr r1, [r2, #0]"), 1),
    ("cortex_m55", ("ldr r1, [r2, #0]", "adds r0, r1, #1"), 2 + 1),
    ("cortex_m55", ("vldrw.u32 q0, [r0]", "vmul.f32 q1, q2, q3", "vldrw.u32 q4, [r1]"), 3),
    ("cortex_m55", ("vldrw.u32 q0, [r0]", "vldrw.u32 q4, [r1]"), 2 + 1),
    ("rv32", ("lw a0,0(a1)", "addi a2,a0,1"), 1 + 2),
    ("rv32", ("lw a0,0(a1)", "addi a2,a3,1"), 1 + 1),
    ("rv32", ("mulh a0,a1,a2/4", "mul a0,a1,a2/4"), 5 + 1),
    ("rv32", ("fmul.s fa0,fa1,fa2/4", "fadd.s fa3,fa0,fa4/4"), 1 + 2),
    ("rv32", ("addi a5,a5,4", "jr a5"), 1 + 2),
]


@pytest.mark.parametrize(("name", "texts", "cycles"), SHORT)
def test_sequence(name: str, texts: tuple[str, ...], cycles: float) -> None:
    assert price(of(name), *texts) == cycles


@pytest.mark.parametrize(
    ("name", "text", "cycles"),
    [
        ("cortex_m0", "bne.n 200 <f>", 3),
        ("cortex_m0", "bl 200 <f>/4", 4),
        ("cortex_m0", "pop {r4, pc}", 4 + 2),
        ("cortex_m0plus", "b.n 200 <f>", 2),
        ("cortex_m0plus", "bl 200 <f>/4", 3),
        ("cortex_m0plus", "pop {r4, pc}", 3 + 2),
        ("cortex_m3", "bne.n 200 <f>", 2),
        ("cortex_m4", "bx lr", 3),
        ("cortex_m4", "pop {r4, pc}", 1 + 2 + 2),
        ("rv32", "bne a0,a1,200 <f>/4", 3),
        ("rv32", "j 200 <f>", 2),
        ("rv32", "ret", 2),
    ],
)
def test_taken(name: str, text: str, cycles: float) -> None:
    assert price(of(name), text, taken=(0,)) == cycles


def test_a_long_chain_of_accumulations_is_slower_than_four() -> None:
    """On Cortex-M7 a multiply-add waits 3 cycles for its addend; four accumulators hide that."""
    one = ["vfma.f32 s0, s8, s9"] * 8
    four = [f"vfma.f32 s{k % 4}, s8, s9" for k in range(8)]
    assert price(of("cortex_m7"), *four) < price(of("cortex_m7"), *one)


@pytest.mark.parametrize("core", cores().values(), ids=lambda core: core.name)
def test_a_core_is_documented(core: Core) -> None:
    assert core.sources
    assert (core.cost is None) != (core.issue is None), "one of them"


def test_which_targets_have_a_model() -> None:
    """All microcontrollers that run; no processor with caches and an operating system."""
    for name, one in targets().items():
        micro = one.llvm.triple.startswith(("thumb", "riscv32")) and one.emulator is not None
        assert (core_of(one) is not None) == micro, name


@pytest.mark.parametrize(
    ("text", "kind", "reads", "writes", "base"),
    [
        ("add.w r7, r2, r7, lsl #2", "alu", {"r2", "r7"}, {"r7"}, set()),
        ("cmp r3, ip", "alu", {"r3", "r12"}, set(), set()),
        ("ldr.w r1, [r2], #4", "load", {"r2"}, {"r1", "r2"}, {"r2"}),
        ("str r1, [r2, #4]!", "store", {"r1", "r2"}, {"r2"}, {"r2"}),
        ("ldrh.w r4, [r1, r2, lsl #1]", "load", {"r1", "r2"}, {"r4"}, {"r1", "r2"}),
        ("ldmia.w sp!, {r4, r5, pc}", "load_many", {"sp"}, {"r4", "r5", "pc", "sp"}, {"sp"}),
        ("stmdb sp!, {r4-r6, lr}", "store_many", {"sp", "r4", "r5", "r6", "lr"}, {"sp"}, {"sp"}),
        ("strd r3, r6, [sp]", "store_many", {"r3", "r6", "sp"}, set(), {"sp"}),
        ("smlal r0, r1, r2, r3", "mlal", {"r0", "r1", "r2", "r3"}, {"r0", "r1"}, set()),
        ("vfma.f32 s0, s1, s2", "fp_mac", {"s0", "s1", "s2"}, {"s0"}, set()),
        ("vmov r0, r1, d1", "fp_move", {"s2", "s3"}, {"r0", "r1"}, set()),
        ("vldmia r3!, {s14-s15}", "load_many", {"r3"}, {"r3", "s14", "s15"}, {"r3"}),
        ("movne r1, #2", "alu", set(), {"r1"}, set()),
        ("bls.n ac <f+0x28>", "branch", set(), set(), set()),
        ("cbz r4, dc <f+0x6c>", "branch", {"r4"}, set(), set()),
        ("bfi r0, r1, #2, #3", "alu", {"r0", "r1"}, {"r0"}, set()),
        ("vfma.f32 q0, q1, r2", "vec_mac", {f"s{k}" for k in range(8)} | {"r2"}, {f"s{k}" for k in range(4)}, set()),
    ],
)
def test_decoding_arm(text: str, kind: str, reads: set[str], writes: set[str], base: set[str]) -> None:
    insn = decode_arm(0, 4, text)
    assert (insn.kind, set(insn.reads), set(insn.writes), set(insn.base)) == (kind, reads, writes, base)


@pytest.mark.parametrize(
    ("text", "kind", "reads", "writes"),
    [
        ("addi a0,a1,4", "alu", {"a1"}, {"a0"}),
        ("lw s0,8(sp)", "load", {"sp"}, {"s0"}),
        ("sw zero,8(a0)", "store", {"a0"}, set()),
        ("fmadd.s fa5,fa4,fa3,fa5", "fp_mac", {"fa3", "fa4", "fa5"}, {"fa5"}),
        ("bltu a0,a1,80000010 <f+0x4>", "branch", {"a0", "a1"}, set()),
        ("jal 80000010 <f>", "branch", set(), {"ra"}),
        ("ret", "jump", {"ra"}, set()),
        ("mv a0,s11", "alu", {"s11"}, {"a0"}),
    ],
)
def test_decoding_riscv(text: str, kind: str, reads: set[str], writes: set[str]) -> None:
    insn = decode_riscv(0, 4, text)
    assert (insn.kind, set(insn.reads), set(insn.writes)) == (kind, reads, writes)

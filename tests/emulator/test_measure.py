"""Running a model: the right numbers, exact counts by two methods, the stack, and what a bad model cannot hide."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from compiler.emulator import plugin
from compiler.emulator.build import Build, build
from compiler.emulator.measure import Measurement, measure, run
from compiler.emulator.profile import profile, render
from compiler.emulator.protocol import THOROUGH, VectorRun, from_slot, to_slot
from compiler.errors import CompilerBug, ToolError
from compiler.options import CompileOptions
from compiler.targets import target, targets
from compiler.targets.base import Qemu
from tests.emulator import tiny

M4 = target("cortex-m4")
TIMED = [
    pytest.param(name, marks=pytest.mark.needs_target(name))
    for name, one in targets().items()
    if isinstance(one.emulator, Qemu) and one.emulator.timer is not None and one.smaller is None
]
HOST = target("host")
VECTORS = [{"x": np.random.default_rng(k).standard_normal((1, 2, 3, 4)).astype(np.float32)} for k in range(2)]

arm = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]
ENGINES = [
    pytest.param("cortex-m4", "gcc", marks=arm),
    pytest.param("cortex-m4", "clang", marks=[*arm, pytest.mark.needs_clang]),
    pytest.param("host", "gcc"),
]


def measured(folder: Path, processor: str = "cortex-m4", source: str = tiny.SOURCE) -> tuple[Build, Measurement]:
    return measure(tiny.program(), tiny.sources(source=source), target(processor), CompileOptions(), folder, VECTORS)


def with_body(function: str, body: str) -> str:
    """The network's source with another body for a kernel without loops around it."""
    start = tiny.SOURCE.index(f"KERNEL void {function}(")
    end = tiny.SOURCE.index("\n}\n", start)
    head = tiny.SOURCE[start : tiny.SOURCE.index("{", start)]
    return tiny.SOURCE[:start] + f"{head}{{\n{body}\n}}\n" + tiny.SOURCE[end + 3 :]


@pytest.mark.parametrize(("processor", "compiler"), ENGINES)
def test_every_tensor_comes_back_in_source_order(processor: str, compiler: str, tmp_path: Path) -> None:
    options = CompileOptions(compiler=compiler)
    _, result = measure(tiny.program(), tiny.sources(), target(processor), options, tmp_path, VECTORS)
    for vector, seen in zip(VECTORS, result.runs, strict=True):
        wanted = tiny.reference(vector["x"])
        assert seen.layers[0][0].shape == (1, 2, 3, 4)
        for (got,), name in zip(seen.layers, "thry", strict=True):
            np.testing.assert_allclose(got, wanted[name], rtol=1e-5, atol=1e-6)
        assert seen.outside is not None
        for outputs in (seen.stepped, seen.whole, seen.outside):
            np.testing.assert_array_equal(outputs[0], seen.layers[-1][0])
        assert (seen.status, seen.guards) == (0, 0)
        assert seen.predicted == int(np.argmax(wanted["y"]))


def test_later_vectors_skip_the_callers_buffers_and_predict(tmp_path: Path) -> None:
    vectors = [VECTORS[k % 2] for k in range(THOROUGH + 2)]
    _, result = measure(tiny.program(), tiny.sources(), HOST, CompileOptions(), tmp_path, vectors)
    skipped = [seen.outside is None and seen.predicted is None for seen in result.runs]
    assert skipped == [False] * THOROUGH + [True] * 2
    np.testing.assert_array_equal(result.runs[-1].whole[0], result.runs[1].whole[0])


@pytest.mark.parametrize("processor", [pytest.param("cortex-m4", marks=arm), "host"])
def test_the_arena_of_the_caller(processor: str, tmp_path: Path) -> None:
    header = tiny.HEADER.replace("#define MODEL_H", "#define MODEL_H\n#define MODEL_CALLER_ARENA")
    files = tiny.sources(header=header)
    built, result = measure(
        tiny.program(), files, target(processor), CompileOptions(arena="caller"), tmp_path, VECTORS[:1]
    )
    np.testing.assert_allclose(result.runs[0].whole[0], tiny.reference(VECTORS[0]["x"])["y"], rtol=1e-5)
    assert built.sizes.static_ram == (4 if processor == "cortex-m4" else 8), "the pointer"


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
class TestCounts:
    @pytest.mark.parametrize("name", TIMED)
    def test_plugin_and_timer_agree(self, name: str, tmp_path: Path) -> None:
        built = build(tiny.program(), tiny.sources(), target(name), CompileOptions(), tmp_path)
        exact = run(built, tiny.program(), VECTORS, counting="plugin")
        timed = run(built, tiny.program(), VECTORS, counting="timer")
        assert (exact.counting, timed.counting) == ("plugin", "timer")
        assert exact.instructions is not None
        assert timed.instructions is not None
        # A tick is 1 / 1.6 instructions: rounding, nothing else.
        assert abs(exact.instructions - timed.instructions) <= 1
        assert exact.layer_instructions is not None
        assert timed.layer_instructions is not None
        # By the timer, layers run through model_run_layer: its dispatch differs from call to call by a few.
        for a, b in zip(exact.layer_instructions, timed.layer_instructions, strict=True):
            assert abs(a - b) <= 24

    def test_layers_add_up_and_runs_repeat(self, tmp_path: Path) -> None:
        built, first = measured(tmp_path)
        again = run(built, tiny.program(), VECTORS)
        assert first.layer_instructions is not None
        assert sum(first.layer_instructions) == first.instructions
        assert first.instructions_each == again.instructions_each
        assert first.layer_instructions == again.layer_instructions
        assert first.executions == again.executions

    @pytest.mark.parametrize("loops", [1, 1000, 300_000])
    def test_a_known_sequence(self, loops: int, tmp_path: Path) -> None:
        """One to load the number, two per round, one to return."""
        body = f'    __asm volatile("ldr r3, ={loops}\\n1: subs r3, #1\\n bne 1b" ::: "r3", "cc");'
        built, result = measured(tmp_path, source=with_body("relu", body))
        assert profile(built.harness, result.executions, M4).by_function()["relu"] == 2 + 2 * loops

    def test_histogram(self, tmp_path: Path) -> None:
        built, result = measured(tmp_path)
        found = profile(built.harness, result.executions, M4)
        assert found.total == result.instructions
        functions = found.by_function()
        assert set(functions) == {"scale", "dense", "relu", "model_run"}
        assert sum(functions.values()) == found.total
        opcodes = found.by_opcode()
        assert sum(opcodes.values()) == found.total
        assert opcodes["vmul.f32"] == 24 + 24 * 8 + 8 * 3
        assert "?" not in opcodes
        blocks = found.blocks()
        assert sum(block.executed for block in blocks) == found.total
        assert blocks[0].instructions[0].function == "dense"
        assert "vadd.f32" in render(found, function="dense")

    def test_without_plugin_the_timer_serves(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plugin, "path_of", lambda name: None)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        _, result = measured(tmp_path)
        assert result.counting == "timer"
        assert result.instructions is not None
        assert result.executions == {}

    def test_the_plugin_is_built_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        first = plugin.plugin_library(tmp_path)
        monkeypatch.setattr(plugin, "path_of", lambda name: None)
        assert first is not None
        assert plugin.plugin_library(tmp_path) == first
        assert [path.name for path in (tmp_path / "cache" / "deepmetal").iterdir()] == [first.name]

    def test_a_cache_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        library = plugin.plugin_library(tmp_path)
        assert library is not None
        assert library.parent == tmp_path


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
class TestStack:
    def touched(self, folder: Path, size: int) -> int:
        """The stack of a network with a kernel that touches the lowest of `size` bytes."""
        body = f'    __asm volatile("sub sp, #{size}\\n str r0, [sp]\\n add sp, #{size}" ::: "memory");'
        _, result = measured(folder, source=with_body("relu", body))
        assert result.stack is not None
        return result.stack

    def test_it_is_what_the_deepest_kernel_touches(self, tmp_path: Path) -> None:
        small, large = (self.touched(tmp_path / str(size), size) for size in (400, 1424))
        assert large - small == 1024
        assert 0 <= small - 400 <= 64, "beside it only saved registers"

    def test_none_at_all(self, tmp_path: Path) -> None:
        run_start = "int model_run(const void *const inputs[], void *const outputs[])\n{"
        bad = tiny.SOURCE.replace(run_start, run_start + "\n    if (inputs == NULL) return 0;")
        _, result = measured(
            tmp_path, source=bad.replace("int model_run(", '__attribute__((optimize("shrink-wrap"))) int model_run(')
        )
        assert result.stack == 0


class TestBadModels:
    """What must not pass unseen."""

    def of(self, folder: Path, source: str, processor: str = "host") -> VectorRun:
        return measured(folder, processor, source)[1].runs[0]

    def test_reading_what_nobody_wrote_gives_nan(self, tmp_path: Path) -> None:
        seen = self.of(tmp_path, tiny.SOURCE.replace("12 + i] * 0.75f", "12 + i] * 0.75f + 0.0f * t[i * 2 + c]"))
        assert np.isnan(seen.layers[0][0]).all()

    def test_writing_past_the_callers_buffer(self, tmp_path: Path) -> None:
        seen = self.of(
            tmp_path, tiny.SOURCE.replace("i < 3; i++) {\n            y[i]", "i < 4; i++) {\n            y[i]")
        )
        assert seen.guards == 1

    def test_writing_to_the_callers_input(self, tmp_path: Path) -> None:
        bad = tiny.SOURCE.replace("memory[i] = x[i];", "memory[i] = x[i]; ((float *)(uintptr_t)x)[i] = 0.0f;")
        assert self.of(tmp_path, bad).guards == 1

    def test_ignoring_the_callers_buffer(self, tmp_path: Path) -> None:
        seen = self.of(tmp_path, tiny.SOURCE.replace("y[i] = memory[8 + i];", "(void)y;"))
        assert seen.outside is not None
        assert not np.array_equal(seen.outside[0], seen.whole[0])

    def test_run_without_a_layer(self, tmp_path: Path) -> None:
        seen = self.of(tmp_path, tiny.SOURCE.replace("    relu(memory);\n    dense", "    dense"))
        assert not np.array_equal(seen.stepped[0], seen.whole[0])

    def test_an_error_code(self, tmp_path: Path) -> None:
        seen = self.of(tmp_path, tiny.SOURCE.replace("case 2: relu(memory); return 0;", "case 2: return -7;"))
        assert seen.status == -7

    def test_buffers_of_the_caller_are_aligned_to_four_bytes_only(self, tmp_path: Path) -> None:
        check = "const float *const x = inputs[0];"
        seen = self.of(tmp_path, tiny.SOURCE.replace(check, f"{check}\n        if ((uintptr_t)x % 8 != 4) return -9;"))
        assert seen.status == 0


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
class TestFirmwareThatFails:
    def test_a_crash_names_the_function(self, tmp_path: Path) -> None:
        with pytest.raises(CompilerBug) as caught:
            measured(tmp_path, source=with_body("relu", "    *(volatile float *)0xF0000000u = y[0];"))
        assert caught.value.code == "E0803"
        assert caught.value.facts["function"] == "relu"

    def test_a_hang_ends(self, tmp_path: Path) -> None:
        source = with_body("relu", '    for (;;) { __asm volatile("" : : "r"(y)); }')
        built = build(tiny.program(), tiny.sources(source=source), M4, CompileOptions(), tmp_path)
        with pytest.raises(ToolError) as caught:
            run(built, tiny.program(), VECTORS, seconds=2)
        assert caught.value.code == "E0802"


def test_sanitizers_find_what_the_numbers_do_not_show(tmp_path: Path) -> None:
    flags = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    options = CompileOptions()
    fine = build(tiny.program(), tiny.sources(), HOST, options, tmp_path / "fine", extra_flags=flags)
    assert run(fine, tiny.program(), VECTORS).runs[0].status == 0
    source = tiny.SOURCE.replace("float acc = b[o];", "float acc = b[o] + 0.0f * w[(int64_t)outputs * inputs];")
    bad = build(tiny.program(), tiny.sources(source=source), HOST, options, tmp_path / "bad", extra_flags=flags)
    with pytest.raises(CompilerBug) as caught:
        run(bad, tiny.program(), VECTORS)
    assert "AddressSanitizer" in caught.value.facts["it said"]
    assert str(tmp_path) not in str(caught.value)


def test_slots_with_gaps_and_scalars_survive_the_way_there_and_back() -> None:
    padded = dataclasses.replace(tiny.slot("p", (2, 3), (4, 1), 0), size=32)
    scalar = tiny.slot("s", (), (), 0)
    for slot in (padded, scalar):
        values = np.arange(np.prod(slot.shape, dtype=int), dtype=np.float32).reshape(slot.shape)
        data = to_slot(slot, values)
        assert len(data) == slot.size
        np.testing.assert_array_equal(from_slot(slot, data), values)
    with pytest.raises(ValueError, match="strides reach"):
        to_slot(dataclasses.replace(padded, size=24), np.zeros((2, 3), np.float32))

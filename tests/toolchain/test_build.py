"""Objects are reproducible, libraries link, and sizes are those of the linked image."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compiler.emulator.build import build
from compiler.emulator.measure import run
from compiler.errors import CompilerBug, ModelError, ToolError
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.targets.base import Gcc
from compiler.toolchain.archive import archive, defined_symbols
from compiler.toolchain.find import path_of
from compiler.toolchain.select import select
from tests.emulator import tiny

M4 = target("cortex-m4")
BOTH = [
    pytest.param("gcc", marks=pytest.mark.needs_gcc_arm),
    pytest.param("clang", marks=[pytest.mark.needs_clang, pytest.mark.needs_gcc_arm]),
]


@pytest.mark.parametrize("compiler", BOTH)
def test_the_same_source_gives_the_same_object_anywhere(compiler: str, tmp_path: Path) -> None:
    options = CompileOptions(compiler=compiler)
    folders = [tmp_path / "a", tmp_path / "elsewhere" / "deep"]
    built = [build(tiny.program(), tiny.sources(), M4, options, folder) for folder in folders]
    assert built[0].object == built[1].object
    assert built[0].library == built[1].library
    assert str(tmp_path).encode() not in built[0].object


@pytest.mark.parametrize("compiler", BOTH)
def test_sizes_add_up_to_the_image(compiler: str, tmp_path: Path) -> None:
    sizes = build(tiny.program(), tiny.sources(), M4, CompileOptions(compiler=compiler), tmp_path).sizes
    image = tmp_path / "image.bin"
    objcopy = path_of("arm-none-eabi-objcopy")
    subprocess.run([str(objcopy), "-O", "binary", "harness/firmware.elf", str(image)], cwd=tmp_path, check=True)
    assert sizes.total == image.stat().st_size
    assert sizes.other is not None
    assert sizes.code + sizes.weights + sizes.other == sizes.total
    constants = {name: value.nbytes for name, value in tiny.program().constants.items()}
    assert sizes.constants == constants
    assert sizes.weights >= sum(constants.values())
    assert {"scale", "dense", "relu", "model_run"} <= set(sizes.functions)
    assert "model_predict" not in sizes.functions, "not used by the smallest firmware"
    assert sizes.code >= sum(sizes.functions.values())
    assert sizes.static_ram == 0, "the arena is all there is"


@pytest.mark.needs_gcc_arm
def test_variables_beside_the_arena_are_static_ram_and_flash(tmp_path: Path) -> None:
    source = tiny.SOURCE.replace("@constants@", "@constants@\nstatic volatile int32_t seen = 5, calls[7];").replace(
        "int model_run(const void *const inputs[], void *const outputs[])\n{",
        "int model_run(const void *const inputs[], void *const outputs[])\n{ calls[0] += seen;",
    )
    plain = build(tiny.program(), tiny.sources(), M4, CompileOptions(), tmp_path / "plain").sizes
    sizes = build(tiny.program(), tiny.sources(source=source), M4, CompileOptions(), tmp_path / "more").sizes
    assert sizes.static_ram - plain.static_ram == 4 + 28
    assert sizes.weights - plain.weights == 4


@pytest.mark.needs_gcc_arm
def test_the_objective_decides_the_flags(tmp_path: Path) -> None:
    flags = {
        o: build(tiny.program(), tiny.sources(), M4, CompileOptions(optimize=o), tmp_path / o).flags
        for o in ("speed", "size")
    }
    assert "-O3" in flags["speed"]
    assert "-Os" in flags["size"]
    assert all("-ffp-contract=off" in each for each in flags.values())


@pytest.mark.needs_gcc_arm
def test_a_source_that_does_not_compile(tmp_path: Path) -> None:
    with pytest.raises(CompilerBug) as caught:
        build(tiny.program(), tiny.sources(source="int x = ;"), M4, CompileOptions(), tmp_path)
    assert caught.value.code == "E0705"
    assert "src/model.c:1" in caught.value.facts["it said"]
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.needs_gcc_arm
def test_a_header_that_contradicts_the_plan_does_not_build(tmp_path: Path) -> None:
    header = tiny.HEADER.replace("MODEL_OUTPUT_0_BYTES 12", "MODEL_OUTPUT_0_BYTES 16")
    with pytest.raises(ToolError) as caught:
        build(tiny.program(), tiny.sources(header=header), M4, CompileOptions(compiler="gcc"), tmp_path)
    assert "MODEL_OUTPUT_0_BYTES is not what was planned" in caught.value.facts["it said"]


@pytest.mark.needs_gcc_arm
def test_what_the_board_cannot_hold_is_the_models_fault(tmp_path: Path) -> None:
    source = tiny.SOURCE.replace("@constants@", "@constants@\nconst char huge[5u << 20] = {1};").replace(
        "void *model_arena(void) {",
        "extern const char huge[];\nvoid *model_arena(void) { (void)*(const volatile char *)huge;",
    )
    with pytest.raises(ModelError) as caught:
        build(tiny.program(), tiny.sources(source=source), M4, CompileOptions(), tmp_path)
    assert caught.value.code == "E0502"
    assert caught.value.facts["region"] == "flash"


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_large_models_use_the_boards_slow_memory(tmp_path: Path) -> None:
    big = np.zeros((5 << 20) // 4, np.float32)
    program = tiny.program()
    program = dataclasses.replace(program, constants={**program.constants, "big": big})
    source = tiny.SOURCE.replace("@constants@", f"@constants@\nstatic const float big[{big.size}] = {{3.0f}};").replace(
        "x[c * 12 + i] * 0.75f", "x[c * 12 + i] * 0.25f * *(const volatile float *)big"
    )
    built = build(program, tiny.sources(source=source), M4, CompileOptions(), tmp_path)
    assert built.sizes.weights > big.nbytes
    x = np.ones((1, 2, 3, 4), np.float32)
    measured = run(built, program, [{"x": x}])
    np.testing.assert_allclose(measured.runs[0].whole[0], tiny.reference(x)["y"], rtol=1e-5)


@pytest.mark.needs_clang
@pytest.mark.needs_qemu
def test_clang_and_lld_suffice(tmp_path: Path) -> None:
    alone = dataclasses.replace(M4, gcc=Gcc("no-such-prefix"))
    options = CompileOptions(optimize="size")  # calls memcpy and memset, which then are ours
    source = tiny.SOURCE.replace(
        "        for (int32_t i = 0; i < 24; i++) {\n            memory[i] = x[i];\n        }",
        "        __builtin_memset(memory, 1, 192);\n        __builtin_memcpy(memory, x, sizeof(float) * 24);",
    )
    assert "memcpy" in source
    assert select(alone).kind == "clang"
    built = build(tiny.program(), tiny.sources(source=source), alone, options, tmp_path)
    assert built.sizes.constants == {name: c.nbytes for name, c in tiny.program().constants.items()}
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4)
    measured = run(built, tiny.program(), [{"x": x}])
    assert measured.runs[0].outside is not None
    for output in (measured.runs[0].whole, measured.runs[0].outside):
        np.testing.assert_allclose(output[0], tiny.reference(x)["y"], rtol=1e-5)


@pytest.mark.needs_clang
def test_auto_takes_the_compiler_that_is_there() -> None:
    assert select(dataclasses.replace(M4, prefer="gcc", gcc=Gcc("no-such-prefix"))).kind == "clang"
    assert select(dataclasses.replace(M4, prefer="clang")).kind == "clang"
    with pytest.raises(ToolError) as caught:
        select(dataclasses.replace(M4, gcc=Gcc("no-such-prefix")), "gcc")
    assert caught.value.code == "E0701"


@pytest.mark.needs_gcc_arm
def test_the_library_is_one_that_binutils_read_and_linkers_search(tmp_path: Path) -> None:
    built = build(tiny.program(), tiny.sources(), M4, CompileOptions(), tmp_path)
    library = archive({"model.o": built.object, "a_member_with_a_long_name.o": built.object})
    (tmp_path / "libtwo.a").write_bytes(library)
    (tmp_path / "libmodel.a").write_bytes(built.library)
    listed = subprocess.run(
        ["arm-none-eabi-ar", "t", "libtwo.a"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert listed.stdout.split() == ["model.o", "a_member_with_a_long_name.o"]
    assert "model_run" in defined_symbols(built.object)
    (tmp_path / "user.c").write_text("int model_run(void *, void *);\nint main(void) { return model_run(0, 0); }\n")
    link = [
        "arm-none-eabi-gcc",
        *M4.gcc.machine.split(),
        "-nostartfiles",
        "-Wl,-emain",
        "user.c",
        "-L.",
        "-lmodel",
        "-o",
        "user.elf",
    ]
    subprocess.run(link, cwd=tmp_path, check=True, capture_output=True)

"""Objects that llvmlite makes: the ABI of gcc's, one section per kernel, the same bytes each time, errors and crashes.

That they link into the firmware and compute the bits of C on every target is tested with the targets.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from compiler import emit, targets
from compiler.emulator.measure import measure
from compiler.errors import CompilerBug, ToolError
from compiler.options import CompileOptions
from compiler.targets.base import Target
from compiler.toolchain.compiler import compile_c
from compiler.toolchain.llvm import compile_ll
from compiler.toolchain.select import select
from tests.emit.test_c import dense, gate, program
from tests.support.needs import missing_for

CROSS = [name for name, one in targets.targets().items() if one.llvm.triple]
SINGLE_FLOAT_ABI, DOUBLE_FLOAT_ABI, RVC = 0x2, 0x4, 0x1


def made(target: str, folder: Path, **options: object) -> ELFFile:
    """The object of a small network with two layers and a call of exp."""
    chosen = CompileOptions.model_validate({"target": target, "emit": "llvm", **options})
    return ELFFile(io.BytesIO(object_of(emit.get("llvm").files(program(gate()), chosen), chosen, folder)))


def object_of(files: dict[str, bytes], options: CompileOptions, folder: Path) -> bytes:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    compile_ll("src/model.ll", "lib/model.o", targets.target(options.target), options, folder)
    return (folder / "lib/model.o").read_bytes()


def abi(elf: ELFFile) -> tuple[object, ...]:
    """What a linker compares before it joins two objects."""
    machine = elf["e_machine"]
    if machine == "EM_RISCV":
        return machine, elf.elfclass, elf["e_flags"] & (SINGLE_FLOAT_ABI | DOUBLE_FLOAT_ABI | RVC)
    if machine == "EM_ARM":
        section = elf.get_section_by_name(".ARM.attributes")
        tags = {a.tag: a.value for s in section.iter_subsections() for p in s.iter_subsubsections()
                for a in p.iter_attributes()}  # fmt: skip
        shared = ("TAG_CPU_ARCH", "TAG_ABI_VFP_ARGS", "TAG_ABI_ALIGN_NEEDED")
        return machine, elf.elfclass, *(tags.get(tag) for tag in shared)
    return machine, elf.elfclass


def by_the_compiler(target: Target, folder: Path) -> ELFFile:
    """An object of the C compiler that builds the firmware."""
    (folder / "f.c").write_text("float f(float x) { return x + 1.0f; }\n")
    compiler = select(target)
    path = compile_c(compiler, "f.c", "f.o", flags=(*compiler.machine, "-O1"), workdir=folder)
    return ELFFile(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("name", CROSS)
def test_the_abi_is_that_of_the_compiler(name: str, tmp_path: Path) -> None:
    if (reason := missing_for(name)) and reason.startswith("needs"):
        pytest.skip(reason)
    assert abi(made(name, tmp_path)) == abi(by_the_compiler(targets.target(name), tmp_path))


@pytest.mark.parametrize("name", ["cortex-m4", "rv32imac", "x86-64", "host"])
def test_two_objects_are_equal(name: str, tmp_path: Path) -> None:
    options = CompileOptions(target=name, emit="llvm")
    files = emit.get("llvm").files(program(gate()), options)
    assert object_of(files, options, tmp_path / "a") == object_of(files, options, tmp_path / "b")


@pytest.mark.parametrize("level", ["0", "1", "2", "3", "s"])
def test_kernels_keep_their_names_and_have_sections_of_their_own(level: str, tmp_path: Path) -> None:
    elf = made("cortex-m4", tmp_path, opt_level=level)
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    functions = {s.name: s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
    for kernel in program(gate()).kernels:
        symbol = functions[kernel.name]
        assert symbol["st_info"]["bind"] == "STB_LOCAL", "two models in one firmware may share a name"
        assert elf.get_section(symbol["st_shndx"]).name == f".text.{kernel.name}"
    public = {name for name, s in functions.items() if s["st_info"]["bind"] == "STB_GLOBAL"}
    assert public == {f"model_{what}" for what in ("run", "input", "output", "run_layer", "arena")}
    assert elf.get_section_by_name(".bss.model_arena")["sh_type"] == "SHT_NOBITS"


def test_levels_differ(tmp_path: Path) -> None:
    def code(level: str) -> int:
        sections = made("cortex-m4", tmp_path / level, opt_level=level).iter_sections()
        return sum(s["sh_size"] for s in sections if s.name.startswith(".text"))

    assert code("0") > code("2") >= code("s")


@pytest.mark.parametrize("debug", [False, True])
def test_the_report_says_what_made_the_object(debug: bool, tmp_path: Path) -> None:
    options = CompileOptions(target="rv32imafc", emit="llvm", optimize="speed", debug=debug)
    for path, data in emit.get("llvm").files(program(dense()), options).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    said = compile_ll("src/model.ll", "model.o", targets.target("rv32imafc"), options, tmp_path)
    assert said.compiler == "llvmlite"
    assert "LLVM" in said.version
    assert said.flags[0] == ("-O0" if debug else "-O3")
    assert {"--target=riscv32-unknown-none-elf", "-mabi=ilp32f", "-relocation-model=static"} <= set(said.flags)


def test_weights_of_a_binary_are_in_the_object(tmp_path: Path) -> None:
    options = CompileOptions(emit="llvm", weights="incbin")
    files = emit.get("llvm").files(program(dense()), options)
    assert files["src/model_weights.bin"] in object_of(files, options, tmp_path)


def test_a_module_that_is_not_valid_is_our_bug(tmp_path: Path) -> None:
    broken = {"src/model.ll": b"define void @f() {\n  ret i32 %x\n}\n"}
    with pytest.raises(CompilerBug) as caught:
        object_of(broken, CompileOptions(emit="llvm"), tmp_path)
    assert caught.value.code == "E0705"
    assert "%x" in caught.value.facts["it said"]


def test_llvm_may_crash_without_us(tmp_path: Path) -> None:
    """An intrinsic of another processor ends LLVM's process."""
    foreign = b"""define <4 x float> @f(<4 x float> %x) {
  %y = call <4 x float> @llvm.x86.sse.rcp.ps(<4 x float> %x)
  ret <4 x float> %y
}
declare <4 x float> @llvm.x86.sse.rcp.ps(<4 x float>)
"""
    with pytest.raises(ToolError) as caught:
        object_of({"src/model.ll": foreign}, CompileOptions(emit="llvm"), tmp_path)
    assert caught.value.code == "E0702"
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.needs_target("cortex-m4")
@pytest.mark.parametrize("options", [{"arena": "caller"}, {"weights": "incbin"}, {"debug": True}], ids=str)
def test_options_on_the_emulated_processor(options: dict[str, object], tmp_path: Path) -> None:
    """The same bits as C; kernels are entered once for each layer, so instructions can be told apart."""
    p = program(dense())
    vectors = [{"x": np.array([[1, 2, 3, 4]], np.float32)}]
    results = []
    for language in ("c", "llvm"):
        chosen = CompileOptions.model_validate({"emit": language, **options})
        sources = emit.get(language).files(p, chosen)
        _, measured = measure(p, sources, targets.target("cortex-m4"), chosen, tmp_path / language, vectors)
        assert measured.layer_instructions is not None
        results.append([a.tobytes() for layer in measured.runs[0].layers for a in layer])
        assert (measured.runs[0].status, measured.runs[0].guards) == (0, 0)
    assert results[0] == results[1]

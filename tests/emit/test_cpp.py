"""Generated C++: as people read it (golden files), free of warnings, freestanding, and with C's results."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper

from compiler import emit, targets
from compiler.emit.literals import quoted
from compiler.emulator.measure import measure
from compiler.errors import ModelError
from compiler.graph.graph import Value
from compiler.graph.types import TensorType
from compiler.ops.activations import Relu
from compiler.ops.arithmetic import Add, Mul
from compiler.options import CompileOptions
from compiler.program import Program
from tests.emit.test_c import FPU, HOSTILE, conv, dense, gate, model, program, ramp
from tests.emit.test_files import program as lowered
from tests.loop.test_vectors import program as vector_program
from tests.support.engines import (
    CPP,
    SANITIZED,
    fetch,
    host_compiler,
    interpret,
    load,
    new_arena,
    run_in_cpp,
    same_bits,
    write,
)
from tests.support.golden import Golden
from tests.support.graphs import Build, random_inputs

GoldenFor = Callable[[str], Golden]
COMPILERS = ["g++", pytest.param("clang++", marks=pytest.mark.needs_clang)]
MODELS: dict[str, Callable[[], ModelProto]] = {"dense": dense, "conv": conv, "gate": gate}


def files(p: Program, **options: object) -> dict[str, bytes]:
    chosen = CompileOptions.model_validate({"emit": "cpp", "name": p.name, **options})
    return emit.get("cpp").files(p, chosen)


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def compiled(found: dict[str, bytes], folder: Path, *compiler: str) -> None:
    write(found, folder)
    unit = next(p for p in found if p.startswith("src/") and p.endswith(".cpp"))
    done = run(*compiler, *CPP, "-O1", "-Iinclude", "-Isrc", "-c", unit, "-o", "unit.o", cwd=folder)
    assert done.returncode == 0, done.stderr


def test_golden_source(golden: GoldenFor) -> None:
    golden("gate.cpp").check(files(program(gate()))["src/model.cpp"].decode())


def test_golden_header(golden: GoldenFor) -> None:
    golden("gate.hpp").check(files(program(gate(), name="gate"))["include/gate.hpp"].decode())


def test_printing_is_deterministic() -> None:
    assert files(program(conv())) == files(program(conv()))


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("features", [frozenset[str](), FPU], ids=["generic", "fpu32"])
@pytest.mark.parametrize("name", MODELS)
def test_it_compiles_without_a_warning(name: str, features: frozenset[str], compiler: str, tmp_path: Path) -> None:
    found = files(program(MODELS[name](), features))
    compiled(found, tmp_path, host_compiler(compiler))
    symbols = run("nm", "unit.o", cwd=tmp_path).stdout
    assert not re.search(r"init_array|__cxa|_Zn|_GLOBAL__sub", symbols), "heap, exceptions or code before main"
    for kernel in program(MODELS[name](), features).kernels:
        assert re.search(rf" t {kernel.name}$", symbols, re.MULTILINE), "profiles know kernels by their names"


@pytest.mark.needs_target("rv32imac")
@pytest.mark.parametrize("name", MODELS)
def test_it_compiles_where_c_plus_plus_has_no_headers(name: str, tmp_path: Path) -> None:
    flags = ("-march=rv32imac", "-mabi=ilp32", "-ffreestanding")
    compiled(files(program(MODELS[name]())), tmp_path, "riscv64-unknown-elf-g++", *flags)


@pytest.mark.needs_gcc_arm
@pytest.mark.parametrize("name", MODELS)
def test_it_compiles_where_int32_t_is_long(name: str, tmp_path: Path) -> None:
    flags = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard")
    compiled(files(program(MODELS[name](), FPU)), tmp_path, "arm-none-eabi-g++", *flags)


USE = """
#include <array>
#include <cstdio>
#include <vector>
#include "model.hpp"

static_assert(model::Input::rank == 2 && model::Input::elements == 4 && model::Output::dim(1) == 3);
static_assert(model::layer_count == 1 && model::layers[0].macs == 12 && model::macs == 12);

int main()
{
    const std::array<float, 4> fixed = {1, 2, 3, 4};
    std::vector<float> free(4, 1.0f), result(3), wrong(5);
    float plain[4] = {1, 2, 3, 4};
    std::printf("%d %d ", int(model::run(fixed, result)), int(model::run(free, result)));
    std::printf("%d %d ", int(model::run(wrong, result)), int(model::run(plain, model::Output())));
    std::printf("%d %d\\n", model::predict(plain), int(model::run_layer(1)));
    auto x = model::input();
    for (size_t i = 0; i < x.size(); i++) {
        x(0, i) = fixed[i];
    }
    if (!model::input() || model::run() != model::Status::ok) {
        return 1;
    }
    for (float y : model::output()) {
        std::printf("%g ", double(y));
    }
    std::printf("%s\\n", model::layers[0].op);
    return 0;
}
"""


def test_arrays_of_many_kinds_go_in_and_out(tmp_path: Path) -> None:
    write(files(program(dense())), tmp_path)
    (tmp_path / "use.cpp").write_text(USE)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", *SANITIZED, "-Iinclude", "src/model.cpp", "use.cpp"]
    built = run(*command, "-o", "use", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    done = run("./use", cwd=tmp_path)
    assert done.stdout == "0 0 -2 -2 2 -3\n0 0 1.75 Dense+Relu\n", done.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "std::array<float, 5> x{}; model::run(x, y);",  # another size
        "float x[3] = {}; model::run(x, y);",
        "std::array<double, 4> x{}; model::run(x, y);",  # another type
        "const std::array<float, 3> z{}; model::run(model::input(), z);",  # nothing can be written there
        "model::run(model::input(), model::Output(), y);",
        "model::input()(0);",  # one index for two dimensions
        "const float *p = nullptr; model::run(p, y);",  # a pointer does not say how much there is
    ],
)
def test_what_does_not_fit_does_not_compile(statement: str, tmp_path: Path) -> None:
    write(files(program(dense())), tmp_path)
    text = '#include <array>\n#include "model.hpp"\nvoid use(std::array<float, 3> y)\n{\n    %s\n    (void)y;\n}\n'
    for content, fine in (("(void)model::run(model::input(), y);", True), (statement, False)):
        (tmp_path / "use.cpp").write_text(text % content)
        done = run("g++", "-std=c++17", "-Iinclude", "-fsyntax-only", "use.cpp", cwd=tmp_path)
        assert (done.returncode == 0) == fine, done.stderr


@pytest.mark.parametrize("name", HOSTILE, ids=lambda n: repr(n[:12]))
def test_names_from_the_model_never_become_code(name: str, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", [name, "w" + name, "b" + name], ["h" + name], name=name, transB=1),
        helper.make_node("Relu", ["h" + name], ["y" + name], name=name + name),
    ]
    proto = model(nodes, {name: (1, 4)}, ["y" + name], {"w" + name: ramp(3, 4), "b" + name: ramp(3)})
    found = files(program(proto, FPU))
    compiled(found, tmp_path, "g++")
    done = run("g++", "-std=c++17", "-Iinclude", "-fsyntax-only", "examples/model_main.cpp", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for path, data in found.items():
        outside = re.sub(r'//[^\n]*|/\*.*?\*/|"(\\.|[^"\\])*"', "", data.decode("ascii"), flags=re.DOTALL)
        assert not any(bad in outside for bad in ("system(", "../")), path


@pytest.mark.parametrize("text", ["plain", 'a"b\\c', "??/", "\n\r\x00\x07", "größe 1\u20302", "7\x017"])
def test_strings_read_back(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.cpp").write_text(
        f"#include <cstdio>\nint main() {{ static const char s[] = {quoted(text)};\n"
        "return std::fwrite(s, 1, sizeof s - 1, stdout) == sizeof s - 1 ? 0 : 1; }\n"
    )
    assert run("g++", "-std=c++17", "-Wall", "-Werror", "-trigraphs", "s.cpp", "-o", "s", cwd=tmp_path).returncode == 0
    printed = subprocess.run([tmp_path / "s"], capture_output=True, timeout=60, check=True).stdout
    assert printed == text.encode()


@pytest.mark.parametrize("name", ["private", "std", "operator", "int8_t", "constexpr"])
def test_a_keyword_is_no_name(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        files(program(dense(), name="model"), name=name)
    assert caught.value.code == "E1002"


def two_by_two() -> Program:
    b = Build()
    x, y = b.input(1, 4), b.input(1, 4)
    total = b.add(Add(), x, y)
    return lowered(b.graph(b.add(Relu(), total), b.add(Mul(), total, y)))


def not_finite() -> Program:
    b = Build()
    x = b.input(4)
    odd = b.const(np.array([np.inf, -np.inf, np.nan, 1], np.float32))
    return lowered(b.graph(b.add(Add(), b.add(Mul(), x, b.const(np.array([np.inf], np.float32))), odd)))


def convolutions() -> Program:
    b = Build()
    x = b.input(1, 2, 6, 6)
    return lowered(b.graph(b.dense(b.add(Relu(), b.conv(x, 4)), 3), b.add(Relu(), b.conv(x, 2))))


def scalar() -> Program:
    b = Build()
    b.inputs.append(x := Value("x", TensorType.of("float32", ())))
    return lowered(b.graph(b.add(Relu(), x)))


@pytest.mark.parametrize("way", [{}, {"weights": "incbin"}], ids=["array", "incbin"])
@pytest.mark.parametrize("make", [two_by_two, not_finite, convolutions, scalar], ids=lambda f: f.__name__)
def test_the_interpreters_bits(make: Callable[[], Program], way: dict[str, object], tmp_path: Path) -> None:
    p = make()
    chance = np.random.default_rng(1)
    inputs = {s.name: chance.normal(size=s.shape).astype(np.float32) for s in p.inputs}
    arena = load(new_arena(p), p.inputs, inputs)
    options = CompileOptions.model_validate({"emit": "cpp", **way})
    got, want = run_in_cpp(p, arena, tmp_path, options=options, flags=SANITIZED), interpret(p, arena)
    for s in p.outputs:
        assert same_bits(fetch(got.copy(), s), fetch(want, s))


def test_the_callers_arena(tmp_path: Path) -> None:
    write(files(program(dense()), arena="caller"), tmp_path)
    (tmp_path / "use.cpp").write_text("""
#include "model.hpp"
int main()
{
    alignas(8) static unsigned char memory[model::arena_bytes];
    float x[4] = {1, 2, 3, 4}, y[3] = {};
    if (model::run(x, y) != model::Status::no_arena) {
        return 1;
    }
    model::set_arena(memory);
    return model::run(x, y) == model::Status::ok && y[2] == 1.75f && model::arena().data() == memory ? 0 : 2;
}
""")
    built = run("g++", *CPP, *SANITIZED, "-Iinclude", "src/model.cpp", "use.cpp", "-o", "use", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert run("./use", cwd=tmp_path).returncode == 0


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_on_the_target_it_is_c_bit_for_bit_and_as_fast(tmp_path: Path) -> None:
    """The same kernels and the same compiler: only what casts and helpers leave behind may differ."""
    b = Build()
    x = b.input(1, 3, 12, 12)
    y = b.add(Relu(), b.conv(b.add(Relu(), b.conv(x, 8)), 8))
    p = lowered(b.graph(b.dense(y, 10)))
    inputs = random_inputs(b.graph(y))
    ran = {}
    for language in ("c", "cpp"):
        options = CompileOptions.model_validate({"emit": language})
        sources = emit.get(language).files(p, options)
        _, ran[language] = measure(p, sources, targets.target("cortex-m4"), options, tmp_path / language, [inputs])
    c, cpp = ran["c"], ran["cpp"]
    for one, other in zip(c.runs[0].layers, cpp.runs[0].layers, strict=True):
        assert all(same_bits(a, b) for a, b in zip(one, other, strict=True))
    assert c.instructions
    assert cpp.instructions
    assert abs(cpp.instructions - c.instructions) < 0.03 * c.instructions
    assert cpp.layer_instructions
    assert min(cpp.layer_instructions) > 0, "every layer is told apart"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_vectors_have_the_interpreters_bits(compiler: str, tmp_path: Path) -> None:
    """Every operation on every width of vector."""
    p, arena = vector_program()
    want, got = interpret(p, arena), run_in_cpp(p, arena, tmp_path, compiler=compiler)
    for layer in p.layers:
        assert same_bits(fetch(want, layer.outputs[0]), fetch(got, layer.outputs[0])), layer.op

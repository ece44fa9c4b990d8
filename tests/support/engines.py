"""Three ways to run a lowered program: the interpreter of the loop IR, LLVM in this process, and C for this computer.

All work on an arena image, so that what they leave behind can be compared byte by byte.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler import emit
from compiler.graph.types import FLOATS, Array
from compiler.jit import Jitted
from compiler.loop.interp import Machine, Memory, Watch
from compiler.memory.planner import Plan
from compiler.options import CompileOptions
from compiler.program import Argument, Layer, Program, Slot

POISON = 0xA5
STRICT = (
    "-std=c99",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Werror",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wno-psabi",  # vectors wider than the machine: no call crosses a file
)
CPP = (
    "-std=c++17",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wold-style-cast",
    "-Werror",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wno-psabi",
)
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

_MAIN = """
#include <stdio.h>
#include <string.h>
#include "{name}.h"

/* The arena's bytes come in, {what}, and go out again. */
int main(int count, char **files)
{{
    unsigned char *arena = {name}_arena();
    FILE *in = count > 2 ? fopen(files[1], "rb") : NULL;
    if (in == NULL || fread(arena, 1, {size}, in) != {size}) {{
        return 1;
    }}
    fclose(in);
    {run}
    FILE *out = fopen(files[2], "wb");
    if (out == NULL || fwrite(arena, 1, {size}, out) != {size} || fclose(out) != 0) {{
        return 3;
    }}
    return 0;
}}
"""


def new_arena(program: Program) -> np.ndarray:
    """An arena in which everything not written yet is poison."""
    return np.full(max(8, program.arena_bytes), POISON, np.uint8)


def elements(arena: np.ndarray, slot: Slot) -> np.ndarray:
    """The slot's tensor in the arena, as a view with logical axis order."""
    dtype = np.dtype(slot.dtype)
    flat = arena[slot.offset : slot.offset + slot.size].view(f"u{dtype.itemsize}")
    steps = tuple(s * dtype.itemsize for s in slot.strides)
    return np.lib.stride_tricks.as_strided(flat, slot.shape, steps).view(dtype)


def load(arena: np.ndarray, slots: Iterable[Slot], arrays: Mapping[str, Array]) -> np.ndarray:
    """Put tensors into their slots."""
    for slot in slots:
        if slot.size:
            elements(arena, slot)[...] = arrays[slot.name]
    return arena


def fetch(arena: np.ndarray, slot: Slot) -> Array:
    """A copy of the tensor in a slot."""
    return elements(arena, slot).copy() if slot.size else np.empty(slot.shape, slot.dtype)


def interpret(program: Program, arena: np.ndarray, watch: Watch | None = None) -> np.ndarray:
    """Run all layers on a copy of the arena. Every buffer is bounded: a kernel that leaves one raises IndexError."""
    arena = arena.copy()
    for layer in program.layers:
        interpret_layer(program, layer, arena, watch)
    return arena


def interpret_layer(program: Program, layer: Layer, arena: np.ndarray, watch: Watch | None = None) -> None:
    function = next(f for f in program.kernels if f.name == layer.kernel)

    def memory(argument: Argument, dtype: str, size: int) -> Memory:
        if argument.constant is not None:
            return Memory(program.constants[argument.constant].reshape(-1), 0, argument.param)
        start = argument.slot.offset if argument.slot is not None else argument.offset
        assert start is not None
        itemsize = np.dtype(dtype).itemsize
        return Memory(arena[start : start + size * itemsize].view(dtype), 0, argument.param)

    memories = [memory(a, b.type.numpy, b.size or 0) for a, b in zip(layer.arguments, function.buffers, strict=True)]
    Machine(watch).call(function, memories, [])


def run_jitted(program: Program, arena: np.ndarray, *, level: str = "1") -> np.ndarray:
    """All layers on a copy of the arena, by LLVM in this process: the quickest engine."""
    made = Jitted(program, level=level)
    made.arena[:] = arena[: len(made.arena)]
    for layer in range(len(program.layers)):
        made.run_layer(layer)
    return made.arena.copy()


def side_by_side(programs: Sequence[Program], name: str = "model") -> Program:
    """Many programs as the layers of one, each on a part of the arena of its own; tensors get the names p0_x, p1_x."""
    layers: list[Layer] = []
    inputs: list[Slot] = []
    outputs: list[Slot] = []
    kernels, constants = [], {}
    base = 0
    for i, p in enumerate(programs):
        names = {f.name: f"k{i}_{f.name}"[:60] for f in p.kernels}
        symbols = {s: f"c{i}_{s}" for s in p.constants}
        kernels += [replace(f, name=names[f.name]) for f in p.kernels]
        constants |= {symbols[s]: a for s, a in p.constants.items()}

        def slot(s: Slot, base: int = base, i: int = i) -> Slot:
            return replace(s, name=f"p{i}_{s.name}", offset=s.offset + base)

        for layer in p.layers:
            arguments = tuple(
                replace(
                    a,
                    slot=None if a.slot is None else slot(a.slot),
                    constant=None if a.constant is None else symbols[a.constant],
                    offset=None if a.offset is None else a.offset + base,
                )
                for a in layer.arguments
            )
            moved = replace(
                layer, kernel=names[layer.kernel], arguments=arguments,
                inputs=tuple(map(slot, layer.inputs)), outputs=tuple(map(slot, layer.outputs)),
            )  # fmt: skip
            layers.append(moved)
        inputs += map(slot, p.inputs)
        outputs += map(slot, p.outputs)
        base += -(-p.arena_bytes // 16) * 16 + 16
    return Program(
        name,
        "many",
        tuple(layers),
        tuple(kernels),
        constants,
        tuple(inputs),
        tuple(outputs),
        Plan({}, (), base, 0),
        base,
    )


def parts(programs: Sequence[Program]) -> list[int]:
    """Where the arena of each program starts in `side_by_side(programs)`."""
    starts = [0]
    for p in programs:
        starts.append(starts[-1] + -(-p.arena_bytes // 16) * 16 + 16)
    return starts[:-1]


def host_compiler(name: str = "gcc") -> str:
    found = shutil.which(name) or shutil.which(f"{name}-19")
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def run_in_c(
    program: Program,
    arena: np.ndarray,
    folder: Path,
    *,
    options: CompileOptions | None = None,
    compiler: str = "gcc",
    flags: Sequence[str] = (*STRICT, *SANITIZED),
) -> np.ndarray:
    """Print the program with the emitter, compile it, run all layers on a copy of the arena."""
    options = options or CompileOptions(name=program.name)
    binary = build_in_c(program, folder, options=options, compiler=compiler, flags=flags)
    size = max(8, program.arena_bytes)
    (folder / "in.bin").write_bytes(arena[:size].tobytes())
    done = subprocess.run(
        [binary, folder / "in.bin", folder / "out.bin"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stderr[-4000:]}"
    return np.frombuffer((folder / "out.bin").read_bytes(), np.uint8)


def build_in_c(
    program: Program,
    folder: Path,
    *,
    options: CompileOptions,
    compiler: str = "gcc",
    flags: Sequence[str] = (*STRICT, *SANITIZED),
) -> Path:
    """The program's files, a main that moves the arena, and the executable made of them."""
    name = program.name
    for path, data in emit.get("c").files(program, options).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    size = max(8, program.arena_bytes)
    run = f"for (int i = 0; i < {len(program.layers)}; i++) {{ if ({name}_run_layer(i) != 0) {{ return 2; }} }}"
    (folder / "main.c").write_text(_MAIN.format(name=name, size=size, run=run, what="every layer runs"))
    sources = [str(folder / f"src/{name}.c"), str(folder / "main.c")]
    command = [host_compiler(compiler), *flags, f"-I{folder}/include", f"-Wa,-I{folder}/src", f"-I{folder}/src"]
    command += [*sources, "-o", str(folder / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
    return folder / "run"


def run_in_cpp(
    program: Program,
    arena: np.ndarray,
    folder: Path,
    *,
    options: CompileOptions | None = None,
    compiler: str = "g++",
    flags: Sequence[str] = ("-O1",),
) -> np.ndarray:
    """The same from C++; the main that calls it stays C."""
    name, size = program.name, max(8, program.arena_bytes)
    write(emit.get("cpp").files(program, options or CompileOptions(emit="cpp", name=name)), folder)
    run = f"for (int i = 0; i < {len(program.layers)}; i++) {{ if ({name}_run_layer(i) != 0) {{ return 2; }} }}"
    (folder / "main.c").write_text(_MAIN.format(name=name, size=size, run=run, what="every layer runs"))
    (folder / "in.bin").write_bytes(arena[:size].tobytes())
    cxx = [host_compiler(compiler), *CPP, *flags, "-Iinclude", "-Isrc", "-Wa,-Isrc"]
    for command in (
        [*cxx, "-c", f"src/{name}.cpp", "-o", "model.o"],
        [host_compiler("gcc"), "-Iinclude", "main.c", "model.o", *flags, "-o", "run"],
        ["./run", "in.bin", "out.bin"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-6000:]
    return np.frombuffer((folder / "out.bin").read_bytes(), np.uint8)


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Printed files, in a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def same_bits(a: Array, b: Array) -> bool:
    """Equal bit for bit, but any NaN equals any NaN: neither C nor IEEE says which one an operation gives."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.name not in FLOATS:
        return bool(np.array_equal(a, b))
    bits = f"u{a.dtype.itemsize}"
    lost = np.isnan(a.astype(np.float64)) & np.isnan(b.astype(np.float64))
    return bool(((a.view(bits) == b.view(bits)) | lost).all())

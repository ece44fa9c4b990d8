"""The C interface of a C++ model: run, input, output, predict, run_layer, arena; the header has C++'s, inline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from compiler.emit.c_api import layer_calls, must, predictable
from compiler.emit.literals import C_TYPES
from compiler.emit.predict import quantise_lines, quantised_input
from compiler.options import CompileOptions
from compiler.program import Program, Slot

Place = Callable[[Slot], str]  # the expression for a tensor's address in the arena


def definitions(program: Program, options: CompileOptions, place: Place) -> list[str]:
    """All of them, with a blank line between two."""
    name, layers = options.name, range(len(program.layers))
    inputs = [[f"return {place(s)};"] for s in program.inputs]
    outputs = [[f"return {place(s)};"] for s in program.outputs]
    blocks = [
        ['extern "C" {'],
        _set_arena(options) if options.arena == "caller" else [],
        _run(program, options, place),
        _switch(f"void* {name}_input(int i)", "i", inputs, "nullptr"),
        _switch(f"const void* {name}_output(int i)", "i", outputs, "nullptr"),
        _predict(program, options, place),
        _switch(f"int {name}_run_layer(int layer)", "layer", [[f"layer_{i}();", "return 0;"] for i in layers], "-1"),
        [f"void* {name}_arena()", "{", "    return memory;", "}"],
        ['}  // extern "C"'],
    ]
    return "\n\n".join("\n".join(b) for b in blocks if b).split("\n")


def _set_arena(options: CompileOptions) -> list[str]:
    check = must(options, "arena != nullptr && (reinterpret_cast<uintptr_t>(arena) & 7) == 0")
    keep = "    memory = static_cast<unsigned char*>(arena);"
    return [f"void {options.name}_set_arena(void* arena)", "{", *check, keep, "}"]


def _run(program: Program, options: CompileOptions, place: Place) -> list[str]:
    lines = [f"int {options.name}_run(const void* const inputs[], void* const outputs[])", "{"]
    if options.arena == "caller":
        lines += ["    if (memory == nullptr) {", "        return -1;", "    }"]
    for i, s in enumerate(program.inputs):
        lines += [
            f"    if (inputs != nullptr && inputs[{i}] != nullptr) {{",
            *_aligned(options, f"inputs[{i}]", s),
            f"        copy<{prod(s.shape)}>(static_cast<const {C_TYPES[s.dtype]}*>(inputs[{i}]), {place(s)});",
            "    }",
        ]
    lines += layer_calls(program, options)
    for i, s in enumerate(program.outputs):
        lines += [
            f"    if (outputs != nullptr && outputs[{i}] != nullptr) {{",
            *_aligned(options, f"outputs[{i}]", s),
            f"        copy<{prod(s.shape)}>({place(s)}, static_cast<{C_TYPES[s.dtype]}*>(outputs[{i}]));",
            "    }",
        ]
    return [*lines, "    return 0;", "}"]


def _aligned(options: CompileOptions, pointer: str, s: Slot) -> list[str]:
    """A debug build's check that an array may hold the tensor's elements."""
    return must(options, f"reinterpret_cast<uintptr_t>({pointer}) % sizeof({C_TYPES[s.dtype]}) == 0", "        ")


def _switch(signature: str, argument: str, cases: Sequence[Sequence[str]], otherwise: str) -> list[str]:
    """A function that runs the statements of one case."""
    lines = [signature, "{", f"    switch ({argument}) {{"]
    for i, statements in enumerate(cases):
        lines += [f"    case {i}:", *(f"        {s}" for s in statements)]
    return [*lines, "    default:", f"        return {otherwise};", "    }", "}"]


def _predict(program: Program, options: CompileOptions, place: Place) -> list[str]:
    name, size = options.name, predictable(program)
    if size is None:
        return []
    h, w, c = size
    y = program.outputs[0]
    given = f"input_h != {h} || input_w != {w} || input_ch != {c}"
    if h == 1 and c == 1:
        given = f"int64_t{{input_h}} * input_w * input_ch != {w}"
    return [
        f"int {name}_predict(const float* input, int input_h, int input_w, int input_ch)",
        "{",
        *must(options, "input != nullptr"),
        f"    if ({given}) {{",
        "        return -1;",
        "    }",
        *_inference(program, name, place),
        f"    const {C_TYPES[y.dtype]}* const y = {place(y)};",
        "    int best = 0;",
        f"    for (int i = 1; i < {prod(y.shape)}; i++) {{",
        "        if (y[i] > y[best]) {",
        "            best = i;",
        "        }",
        "    }",
        "    return best;",
        "}",
    ]


def _inference(program: Program, name: str, place: Place) -> list[str]:
    """One run on the floats at `input`."""
    x = quantised_input(program)
    if x is None:
        given, before = "inputs", ["    const void* const inputs[] = {input};"]
    else:
        given = "nullptr"
        before = quantise_lines(x, name, place(program.inputs[0]), False, lambda kind, e: f"static_cast<{kind}>({e})")
    return [*before, f"    if ({name}_run({given}, nullptr) != 0) {{", "        return -1;", "    }"]

"""The public functions of a C99 model: run, input, output, predict, run_layer, arena."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from compiler.emit.literals import C_TYPES, quoted
from compiler.emit.predict import comparable, quantise_lines, quantised_input, takes_floats
from compiler.options import CompileOptions
from compiler.program import Program, Slot

Place = Callable[[Slot], str]  # the C expression for a tensor's address in the arena


def definitions(program: Program, options: CompileOptions, place: Place) -> list[str]:
    """All of them, with a blank line between two."""
    name, layers = options.name, range(len(program.layers))
    blocks = [
        _set_arena(options) if options.arena == "caller" else [],
        _run(program, options, place),
        _switch(f"void *{name}_input(int i)", "i", [[f"return {place(s)};"] for s in program.inputs], "NULL"),
        _switch(f"const void *{name}_output(int i)", "i", [[f"return {place(s)};"] for s in program.outputs], "NULL"),
        _predict(program, options, place),
        _switch(f"int {name}_run_layer(int layer)", "layer", [[f"layer_{i}();", "return 0;"] for i in layers], "-1"),
        [f"void *{name}_arena(void)", "{", "    return ARENA.u8;", "}"],
    ]
    return "\n\n".join("\n".join(b) for b in blocks if b).split("\n")


def must(options: CompileOptions, condition: str, indent: str = "    ") -> list[str]:
    """A check in a debug build."""
    return [f"{indent}{options.name.upper()}_ASSERT({condition});"] if options.debug else []


def layer_calls(program: Program, options: CompileOptions) -> list[str]:
    """All layers; a debug build tells of each."""
    lines: list[str] = []
    for i, layer in enumerate(program.layers):
        lines.append(f"    layer_{i}();")
        if options.debug:
            lines.append(f"    {options.name.upper()}_TRACE({i}, {quoted(layer.name)});")
    return lines


def _set_arena(options: CompileOptions) -> list[str]:
    check = must(options, "arena != NULL && ((uintptr_t)arena & 7) == 0")
    return [f"void {options.name}_set_arena(void *arena)", "{", *check, "    memory = arena;", "}"]


def _run(program: Program, options: CompileOptions, place: Place) -> list[str]:
    lines = [f"int {options.name}_run(const void *const inputs[], void *const outputs[])", "{"]
    if options.arena == "caller":
        lines += ["    if (memory == NULL) {", "        return -1;", "    }"]
    for i, s in enumerate(program.inputs):
        lines += _copy(options, "inputs", i, s, f"inputs[{i}]", place(s))
    lines += layer_calls(program, options)
    for i, s in enumerate(program.outputs):
        lines += _copy(options, "outputs", i, s, place(s), f"outputs[{i}]")
    return [*lines, "    return 0;", "}"]


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
    classes = prod(y.shape)
    given = f"input_h != {h} || input_w != {w} || input_ch != {c}"
    if h == 1 and c == 1:
        given = f"(int64_t)input_h * input_w * input_ch != {w}"
    return [
        f"int {name}_predict(const float *input, int input_h, int input_w, int input_ch)",
        "{",
        *must(options, "input != NULL"),
        f"    if ({given}) {{",
        "        return -1;",
        "    }",
        *_inference(program, name, place),
        f"    const {C_TYPES[y.dtype]} *const y = {place(y)};",
        "    int best = 0;",
        f"    for (int i = 1; i < {classes}; i++) {{",
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
        given, before = "inputs", ["    const void *const inputs[] = {input};"]
    else:
        given = "NULL"
        before = quantise_lines(x, name, place(program.inputs[0]), True, lambda kind, e: f"({kind})({e})")
    return [*before, f"    if ({name}_run({given}, NULL) != 0) {{", "        return -1;", "    }"]


def _copy(options: CompileOptions, array: str, i: int, s: Slot, source: str, target: str) -> list[str]:
    """Copy one tensor when the caller gave an array for it."""
    kind = C_TYPES[s.dtype]
    return [
        f"    if ({array} != NULL && {array}[{i}] != NULL) {{",
        *must(options, f"(uintptr_t){array}[{i}] % sizeof({kind}) == 0", "        "),
        f"        const {kind} *const from = {source};",
        f"        {kind} *const to = {target};",
        f"        for (int32_t i = 0; i < {prod(s.shape)}; i++) {{",
        "            to[i] = from[i];",
        "        }",
        "    }",
    ]


def predictable(program: Program) -> tuple[int, int, int] | None:
    """(height, width, channels) of a single-input classifier of floats, or of integers that mean numbers; or None."""
    if len(program.inputs) != 1 or len(program.outputs) != 1:
        return None
    x, y = program.inputs[0], program.outputs[0]
    if not takes_floats(x) or not comparable(y) or prod(y.shape) < 2 or prod(y.shape) != max(y.shape):
        return None
    if len(x.shape) > 1 and x.shape[0] != 1:
        return None
    shape = x.shape[1:] if len(x.shape) > 1 else x.shape
    match shape:
        case (n,):
            return 1, n, 1
        case (a, b):
            return (1, a, b) if x.channels_last else (1, b, a)
        case (a, b, c):
            return (a, b, c) if x.channels_last else (b, c, a)
    return None

"""C99 files of a program: header, source, and the weights as a binary when they are large."""

from __future__ import annotations

from functools import cache
from math import prod

import jinja2

from compiler.emit.base import Emitter, Files
from compiler.emit.c_api import definitions, predictable
from compiler.emit.c_helpers import definition
from compiler.emit.c_kernel import KernelPrinter, comment
from compiler.emit.literals import C_TYPES, number, rows
from compiler.emit.predict import one_scale
from compiler.loop.call_ranges import scalar_ranges
from compiler.loop.nodes import Function
from compiler.loop.storage import memory_type
from compiler.options import CompileOptions
from compiler.program import Argument, Layer, Program, Slot
from compiler.version import VERSION

MAX_SOURCE_WEIGHTS = 1 << 20  # bytes; beyond that a compiler needs minutes and gigabytes for the text
_ALIGN = 16


def files(program: Program, options: CompileOptions) -> Files:
    """`include/<name>.h`, `src/<name>.c`, and `src/<name>_weights.bin` where weights leave the source."""
    name = options.name
    outside = weights_outside(program, options)
    unit = Unit(program, options, outside)
    result: Files = {
        f"include/{name}.h": header(program, options).encode(),
        f"src/{name}.c": unit.text().encode(),
    }
    if outside:
        result[f"src/{name}_weights.bin"] = unit.blob()
    return result


EMITTER = Emitter("c", "C99", files)


def weights_outside(program: Program, options: CompileOptions) -> bool:
    """Whether the weights become a binary file instead of arrays in the source."""
    large = options.weights == "auto" and program.weight_bytes() > MAX_SOURCE_WEIGHTS
    return bool(program.constants) and (options.weights == "incbin" or large)


@cache
def template(name: str) -> jinja2.Template:
    """A template of this folder, for text that is mostly fixed."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("compiler.emit", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (C text, not HTML; every name from a model goes through `comment`)
    )
    return templates.get_template(name)


def header(program: Program, options: CompileOptions) -> str:
    """The C interface, the same for every language of the source."""

    def described(s: Slot) -> dict[str, object]:
        quant = None
        if one_scale(s.quant):
            assert s.quant is not None
            quant = {"scale": number(s.quant.scale[0], "float32"), "zero": s.quant.zero_point[0]}
        text = comment(f"{s.name}: {shape_text(s)}")
        return {"elements": prod(s.shape), "bytes": s.size, "text": text, "quant": quant}

    predict = predictable(program)
    native = options.io_layout == "native"
    return template("model.h.j2").render(
        name=options.name,
        NAME=options.name.upper(),
        version=VERSION,
        source=comment(f"the model '{program.source}'"),
        arena=program.arena_bytes,
        macs=sum(layer.macs for layer in program.layers),
        inputs=[described(s) for s in program.inputs],
        outputs=[described(s) for s in program.outputs],
        layers=[comment(f"{layer.name}: {layer.op} -> {shape_text(layer.outputs[0])}") for layer in program.layers],
        caller=options.arena == "caller",
        debug=options.debug,
        order="channels last (the native order)" if native else "in the element order of the source model",
        predict=predict and dict(zip(("height", "width", "channels"), predict, strict=True)),
    )


def shape_text(s: Slot) -> str:
    """float[1][10]"""
    return f"{C_TYPES[s.dtype]}[{']['.join(map(str, s.shape))}]" if s.shape else C_TYPES[s.dtype]


class Unit:
    """One source file under construction."""

    def __init__(self, program: Program, options: CompileOptions, outside: bool) -> None:
        self.program, self.options, self.outside = program, options, outside
        self.name, self.NAME = options.name, options.name.upper()
        self.caller = options.arena == "caller"
        self.scalar = "static"  # what scalar functions begin with
        self.places: dict[str, int] = {}
        at = 0
        for symbol, array in program.constants.items():
            self.places[symbol] = at
            at += -(-array.nbytes // _ALIGN) * _ALIGN
        self.blob_size = at

    def blob(self) -> bytes:
        data = bytearray(self.blob_size)
        for symbol, array in self.program.constants.items():
            start = self.places[symbol]
            data[start : start + array.nbytes] = array.tobytes()
        return bytes(data)

    def text(self) -> str:
        printer = KernelPrinter(scalars=scalar_ranges(self.program.kernels))
        kernels: list[str] = []
        for f in self.program.kernels:
            if f.name in self.program.own:
                kernels += [f"KERNEL {printer.heading(f)};", self.program.own[f.name].rstrip(), ""]
            else:
                kernels += [*printer.function(f, "KERNEL"), ""]
        forward, functions = self._functions(printer)
        helpers = [line for h in sorted(printer.helpers) for line in (*definition(h).split("\n"), "")]
        blocks = [
            [f"/* Generated by DeepMetal {VERSION}. {self.name}.h says how to use it. */"],
            [f'#include "{self.name}.h"'],
            self._qualifiers(),
            parallel_macro(self.options.threads) if printer.parallel else [],
            debug_macros(self.NAME) if self.options.debug else [],
            self._arena(),
            self._weights(),
            printer.vectors.declarations(),
            helpers[:-1],
            forward,
            printer.vectors.definitions(),
            functions[:-1],
            kernels[:-1],
            self._layers(),
            definitions(self.program, self.options, self.place),
        ]
        return "\n\n".join("\n".join(b) for b in blocks if b) + "\n"

    def _functions(self, printer: KernelPrinter) -> tuple[list[str], list[str]]:
        """Functions that kernels call, such as exp: declarations where the order needs them, and definitions."""
        done: dict[str, list[str]] = {}
        order: list[str] = []
        pending = list(printer.functions)
        while pending:
            name = pending.pop(0)
            if name in done:
                continue
            before = set(printer.functions)
            done[name] = printer.function(printer.functions[name], self._shared(printer.functions[name]))
            order.append(name)
            pending += [n for n in printer.functions if n not in before]
        called = [printer.functions[n] for n in order]
        forward = [f"{self._shared(f)} {printer.heading(f)};".lstrip() for f in called]
        bodies = [line for n in order for line in (*done[n], "")]
        return forward if len(order) > 1 or printer.vectors.functions else [], bodies

    def _shared(self, f: Function) -> str:
        """Kernels that others call stay apart: a copy for each caller would have its loads moved out of its loops."""
        return "KERNEL" if f.result is None else self.scalar

    def _qualifiers(self) -> list[str]:
        return [
            "/* Kernels stay functions of their own, so that a profile shows one line for each. */",
            "#if defined(__GNUC__) && !defined(__clang__)",
            "#define KERNEL static __attribute__((noinline, noclone))",
            "#elif defined(__GNUC__)",
            "#define KERNEL static __attribute__((noinline))",
            "#else",
            "#define KERNEL static",
            "#endif",
        ]

    def _arena(self) -> list[str]:
        kinds = sorted({s.dtype for layer in self.program.layers for s in (*layer.inputs, *layer.outputs)} |
                       {s.dtype for s in (*self.program.inputs, *self.program.outputs)} |
                       {a.dtype for layer in self.program.layers for a in layer.arguments})  # fmt: skip
        size = max(8, self.program.arena_bytes)
        named = {member(d): f"    {C_TYPES[d]} {member(d)}[{size // _itemsize(d)}];" for d in kinds}
        members = [*named.values()] if "u8" in named else [*named.values(), f"    uint8_t u8[{size}];"]
        lines = ["/* All tensors live here; offsets were planned so that live ones never overlap. */"]
        lines += ["union arena {", *members, "    uint64_t align;", "};"]
        if self.caller:
            return [*lines, "static union arena *memory;", "#define ARENA (*memory)"]
        return [
            *lines,
            f"#ifndef {self.NAME}_ARENA_ATTRIBUTE",
            f'#define {self.NAME}_ARENA_ATTRIBUTE /* for instance __attribute__((section(".ccmram"))) */',
            "#endif",
            f"static union arena memory {self.NAME}_ARENA_ATTRIBUTE;",
            "#define ARENA memory",
        ]

    def _weights(self) -> list[str]:
        if not self.program.constants:
            return []
        if not self.outside:
            lines: list[str] = []
            for symbol, array in self.program.constants.items():
                kind = C_TYPES[str(array.dtype)]
                lines += [f"static const {kind} {symbol}[{array.size}] = {{", *rows(array), "};", ""]
            return lines[:-1]
        symbol = f"{self.name}_weights"
        return [
            f"/* {self.blob_size} bytes of weights, assembled from {symbol}.bin (found through the include path). */",
            *self._incbin(symbol),
            f'extern const uint8_t {symbol}[] __attribute__((visibility("hidden")));',
            f"#define WEIGHTS(type, offset) ((const type *)(const void *)({symbol} + (offset)))",
        ]

    def _incbin(self, symbol: str) -> list[str]:
        return [
            "__asm__(",
            f'    ".section .rodata.{symbol},\\"a\\"\\n"',
            f'    ".balign {_ALIGN}\\n"',
            f'    ".type {symbol}, %object\\n"',
            f'    "{symbol}:\\n"',
            f'    ".incbin \\"{symbol}.bin\\"\\n"',
            f'    ".size {symbol}, . - {symbol}\\n"',
            '    ".previous\\n");',
        ]

    def _argument(self, a: Argument) -> str:
        if a.slot is not None:
            return self.place(a.slot)
        if a.constant is not None:
            return self._constant(a.constant)
        assert a.offset is not None
        return self._scratch(a.offset, a.dtype)

    def _constant(self, symbol: str) -> str:
        if not self.outside:
            return symbol
        return f"WEIGHTS({C_TYPES[str(self.program.constants[symbol].dtype)]}, {self.places[symbol]})"

    def _scratch(self, offset: int, dtype: str) -> str:
        index = offset // _itemsize(dtype)
        return f"ARENA.{member(dtype)} + {index}" if index else f"ARENA.{member(dtype)}"

    def place(self, s: Slot) -> str:
        return self._scratch(s.offset, s.dtype)

    def _call(self, layer: Layer) -> str:
        return f"{layer.kernel}({', '.join(self._argument(a) for a in layer.arguments)});"

    def _layers(self) -> list[str]:
        lines: list[str] = []
        for i, layer in enumerate(self.program.layers):
            macs = f", {layer.macs:,} MACs" if layer.macs else ""
            about = comment(f"{layer.name}: {layer.op} -> {shape_text(layer.outputs[0])}{macs}")
            lines += self._layer(i, layer, about)
        return lines[:-1]

    def _layer(self, i: int, layer: Layer, about: str) -> list[str]:
        return [f"/* {about} */", f"static inline void layer_{i}(void)", "{", f"    {self._call(layer)}", "}", ""]


def parallel_macro(threads: int) -> list[str]:
    """Loops whose iterations are independent; without OpenMP one thread does them all."""
    return [
        "#if defined(_OPENMP)",
        f'#define PARALLEL _Pragma("omp parallel for schedule(static) num_threads({threads})")',
        "#else",
        "#define PARALLEL",
        "#endif",
    ]


def debug_macros(NAME: str) -> list[str]:
    """What a debug build checks by, and calls after each layer."""
    return [
        "/* A debug build. What does not hold stops the program; define these to see more. */",
        f"#ifndef {NAME}_ASSERT",
        f"#define {NAME}_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())",
        "#endif",
        f"#ifndef {NAME}_TRACE",
        f"#define {NAME}_TRACE(layer, name) ((void)0) /* after each layer, for instance puts(name) */",
        "#endif",
    ]


def member(dtype: str) -> str:
    """The arena's union member for a dtype: f32, i8, u8, ..."""
    return str(memory_type(dtype))


def _itemsize(dtype: str) -> int:
    return memory_type(dtype).bytes

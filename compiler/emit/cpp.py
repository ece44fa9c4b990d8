"""C++17 files of a program: the C interface, the C++ one around it, and the source.

The C++ is freestanding: no heap, no exceptions, no RTTI, no constructors that run before main, and no header but
<stddef.h> and <stdint.h>, since some bare-metal compilers come without those of C++.
"""

from __future__ import annotations

from math import prod

from compiler.emit.base import Emitter, Files
from compiler.emit.c import Unit, debug_macros, header, parallel_macro, shape_text, template, weights_outside
from compiler.emit.c_api import predictable
from compiler.emit.c_kernel import comment
from compiler.emit.cpp_api import definitions
from compiler.emit.cpp_helpers import definitions as helper_definitions
from compiler.emit.cpp_kernel import CppKernelPrinter
from compiler.emit.literals import C_TYPES, quoted, rows
from compiler.emit.predict import quantised_input
from compiler.errors import ModelError
from compiler.loop.call_ranges import scalar_ranges
from compiler.options import CompileOptions
from compiler.program import Layer, Program, Slot
from compiler.version import VERSION

_ALIGN = 8
# What no namespace can be called, beyond the names that every language refuses.
_RESERVED = frozenset(
    "alignas alignof and_eq bitand bitor catch char8_t char16_t char32_t compl concept consteval constexpr constinit "
    "const_cast co_await co_return co_yield decltype deepmetal dynamic_cast explicit export friend mutable noexcept "
    "not_eq nullptr operator or_eq private protected public reinterpret_cast requires static_assert static_cast std "
    "thread_local throw try typeid typename using virtual wchar_t xor_eq size_t ptrdiff_t int8_t int16_t int32_t "
    "int64_t uint8_t uint16_t uint32_t uint64_t intptr_t uintptr_t predict".split()
)
_NOT_FINITE = {"nan": '__builtin_nan{0}("")', "inf": "__builtin_huge_val{0}()"}


def files(program: Program, options: CompileOptions) -> Files:
    """Interfaces for C and C++, the source, perhaps `src/<name>_weights.bin`, and a program that runs the model."""
    name = options.name
    if name in _RESERVED:
        help = "give another one with --name; it becomes a namespace"
        raise ModelError("E1002", f"the name '{name}' means something else in C++", where="--name", help=help)
    unit = CppUnit(program, options, weights_outside(program, options))
    result: Files = {
        f"include/{name}.h": header(program, options).encode(),
        f"include/{name}.hpp": _rendered("model.hpp.j2", program, options).encode(),
        f"src/{name}.cpp": unit.text().encode(),
        f"examples/{name}_main.cpp": _rendered("main.cpp.j2", program, options).encode(),
    }
    if unit.outside:
        result[f"src/{name}_weights.bin"] = unit.blob()
    return result


EMITTER = Emitter("cpp", "C++17", files)


def _rendered(file: str, program: Program, options: CompileOptions) -> str:
    def described(slots: tuple[Slot, ...]) -> list[dict[str, str]]:
        return [
            {
                "type": C_TYPES[s.dtype],
                "dims": "".join(f", {d}" for d in _memory_order(s)),
                "suffix": str(i) if len(slots) > 1 else "",
                "text": comment(f"{s.name}: {shape_text(s)}"),
                "quoted": quoted(s.name),
            }
            for i, s in enumerate(slots)
        ]

    native = options.io_layout == "native"
    return template(file).render(
        name=options.name,
        NAME=options.name.upper(),
        version=VERSION,
        source=comment(f"the model '{program.source}'"),
        macs=sum(layer.macs for layer in program.layers),
        inputs=described(program.inputs),
        outputs=described(program.outputs),
        layers=[
            {"name": quoted(x.name), "op": quoted(x.op), "kernel": quoted(x.kernel), "macs": x.macs}
            for x in program.layers
        ],
        caller=options.arena == "caller",
        native=native,
        predict=predictable(program) is not None,
        quantised=predictable(program) is not None and quantised_input(program) is not None,
    )


def _memory_order(s: Slot) -> list[int]:
    """The dimensions from the slowest to the fastest: how the tensor lies in memory."""
    axes = sorted(range(len(s.shape)), key=lambda a: (-s.strides[a], a))
    if all(s.strides[a] == prod(s.shape[a + 1 :]) for a in range(len(s.shape)) if s.shape[a] != 1):
        axes = list(range(len(s.shape)))
    return [s.shape[a] for a in axes]


def _debug_macros(NAME: str) -> list[str]:
    _, *lines = debug_macros(NAME)
    about = "// A debug build. What does not hold stops the program; define these to see more."
    return [about, *(line.replace("(void)0", "static_cast<void>(0)") for line in lines)]


class CppUnit(Unit):
    """The source file."""

    def __init__(self, program: Program, options: CompileOptions, outside: bool) -> None:
        super().__init__(program, options, outside)
        self.scalar = ""  # everything private lies in a namespace without a name

    def text(self) -> str:
        printer = CppKernelPrinter(scalars=scalar_ranges(self.program.kernels))
        kernels: list[str] = []
        own: list[str] = []
        names: list[str] = []
        for f in self.program.kernels:
            name = f'KERNEL {printer.heading(f)} SYMBOL("{f.name}");'
            if f.name in self.program.own:
                own += [f"static {name}", self.program.own[f.name].rstrip(), ""]
            else:
                names.append(name)
                kernels += [*printer.function(f, "KERNEL"), ""]
        if own:
            own = ["#define restrict __restrict", "", *own, "#undef restrict"]
        forward, functions = self._functions(printer)
        private = [
            self._arena(),
            self._weights(),
            printer.vectors.declarations(),
            "\n\n".join(helper_definitions(printer.helpers)).split("\n") if printer.helpers else [],
            forward,
            printer.vectors.definitions(),
            functions[:-1],
            names,
            kernels[:-1],
            self._layers(),
        ]
        blocks = [
            [f"// Generated by DeepMetal {VERSION}. {self.name}.hpp says how to use it."],
            [f'#include "{self.name}.hpp"'],
            self._qualifiers(),
            parallel_macro(self.options.threads) if printer.parallel else [],
            _debug_macros(self.NAME) if self.options.debug else [],
            own,
            ["namespace {"],
            *private,
            ["}  // namespace"],
            definitions(self.program, self.options, self.place),
        ]
        return "\n\n".join("\n".join(b) for b in blocks if b) + "\n"

    def _qualifiers(self) -> list[str]:
        return [
            "// Kernels stay functions of their own, under plain names, so that a profile shows one line for each.",
            "#if defined(__GNUC__) && !defined(__clang__)",
            "#define KERNEL __attribute__((noinline, noclone))",
            "#elif defined(__GNUC__)",
            "#define KERNEL __attribute__((noinline))",
            "#else",
            "#define KERNEL",
            "#endif",
            "#if defined(__ELF__)",
            "#define SYMBOL(name) __asm__(name)",
            "#else",
            "#define SYMBOL(name)",
            "#endif",
        ]

    def _arena(self) -> list[str]:
        """Memory, and the two templates that read and write it."""
        size = max(8, self.program.arena_bytes)
        lines = ["// All tensors live here; offsets were planned so that live ones never overlap."]
        if self.caller:
            lines += ["unsigned char* memory = nullptr;"]
        else:
            attribute = f"{self.NAME}_ARENA_ATTRIBUTE"
            lines = [
                f"#ifndef {attribute}",
                f'#define {attribute} /* for instance __attribute__((section(".ccmram"))) */',
                "#endif",
                *lines,
                f"alignas({_ALIGN}) unsigned char memory[{size}] {attribute};",
            ]
        if any(s.size or not self.outside for layer in self.program.layers for s in layer.outputs):
            lines += [
                "",
                "template <typename T>",
                "inline T* at(size_t offset)",
                "{",
                "    return reinterpret_cast<T*>(memory + offset);",
                "}",
            ]
        return [
            *lines,
            "",
            "template <int32_t Count, typename T>",
            "inline void copy(const T* from, T* to)",
            "{",
            "    for (int32_t i = 0; i < Count; i++) {",
            "        to[i] = from[i];",
            "    }",
            "}",
        ]

    def _weights(self) -> list[str]:
        if not self.program.constants:
            return []
        if not self.outside:
            lines: list[str] = []
            for symbol, array in self.program.constants.items():
                kind = C_TYPES[str(array.dtype)]
                suffix = "f" if kind == "float" else ""
                special = {name: text.format(suffix) for name, text in _NOT_FINITE.items()}
                lines += [f"constexpr {kind} {symbol}[{array.size}] = {{", *rows(array, special=special), "};", ""]
            return lines[:-1]
        symbol = f"{self.name}_weights"
        return [
            f"// {self.blob_size} bytes of weights, assembled from {symbol}.bin (found through the include path).",
            *self._incbin(symbol),
            f'extern "C" const unsigned char {symbol}[] __attribute__((visibility("hidden")));',
            "",
            "template <typename T>",
            "inline const T* weights(size_t offset)",
            "{",
            f"    return reinterpret_cast<const T*>({symbol} + offset);",
            "}",
        ]

    def _constant(self, symbol: str) -> str:
        if not self.outside:
            return symbol
        return f"weights<{C_TYPES[str(self.program.constants[symbol].dtype)]}>({self.places[symbol]})"

    def _scratch(self, offset: int, dtype: str) -> str:
        if dtype != "uint8":
            return f"at<{C_TYPES[dtype]}>({offset})"
        return f"memory + {offset}" if offset else "memory"

    def place(self, s: Slot) -> str:
        return f"at<{C_TYPES[s.dtype]}>({s.offset})"

    def _layer(self, i: int, layer: Layer, about: str) -> list[str]:
        return [f"// {about}", f"inline void layer_{i}()", "{", f"    {self._call(layer)}", "}", ""]

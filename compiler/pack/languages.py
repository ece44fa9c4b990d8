"""How an artifact's source is built by hand, in the language that it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.options import CompileOptions
from compiler.report import Toolchain


@dataclass(frozen=True)
class Language:
    """`host` builds the source and the self-check on this computer, with `{name}` for the model's prefix."""

    title: str
    ending: str
    host: str
    rebuild: Callable[[str, Toolchain], list[str]]

    def source(self, name: str) -> str:
        return f"src/{name}{self.ending}"

    def check(self, options: CompileOptions) -> str:
        """One line that builds and runs the self-check in the artifact's folder."""
        threads = " -fopenmp" if options.threads > 1 else ""
        return self.host.format(name=options.name, threads=threads) + " && ./selfcheck"


def language(options: CompileOptions) -> Language:
    return LANGUAGES[options.emit]


def extra_files(options: CompileOptions, sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """An LLVM module only declares weights that lie in a binary; an assembler file brings them in."""
    name = options.name
    if options.emit != "llvm" or f"src/{name}_weights.bin" not in sources:
        return {}
    symbol = f"{name}_weights"
    lines = [
        f"/* The weights of {name}.ll. */",
        f'    .section .rodata.{symbol},"a"',
        "    .balign 16",
        f"    .globl {symbol}",
        f"    .hidden {symbol}",
        f"    .type {symbol}, %object",
        f"{symbol}:",
        f'    .incbin "{symbol}.bin"',
        f"    .size {symbol}, . - {symbol}",
        '    .section .note.GNU-stack,"",%progbits',
        "",
    ]
    return {f"src/{symbol}.S": "\n".join(lines).encode()}


def _archiver(tools: Toolchain, name: str) -> str:
    prefix, _, driver = tools.compiler.rpartition("-")
    gnu = driver in ("gcc", "g++")
    return f"{f'{prefix}-ar' if gnu and prefix else 'ar' if gnu else 'llvm-ar'} rcs lib{name}.a {name}.o"


def _compile(ending: str) -> Callable[[str, Toolchain], list[str]]:
    def commands(name: str, tools: Toolchain) -> list[str]:
        flags = " ".join(tools.flags)
        line = f"{tools.compiler} {flags} -Iinclude -Isrc -c src/{name}{ending} -o {name}.o"
        return [line, _archiver(tools, name)]

    return commands


def _compile_module(name: str, tools: Toolchain) -> list[str]:
    """clang in the place of llvmlite, whose LLVM may be another version: the same program, not the same bytes."""
    flags = [clang for flag in tools.flags for clang in _as_clang(flag)]
    return [f"clang {' '.join(flags)} -c src/{name}.ll -o {name}.o", f"llvm-ar rcs lib{name}.a {name}.o"]


def _as_clang(flag: str) -> list[str]:
    """The command line's spelling of what llvmlite was told."""
    option, _, value = flag.partition("=")
    if option == "-mattr":
        return [word for feature in value.split(",") for word in ("-Xclang", "-target-feature", "-Xclang", feature)]
    if option == "-relocation-model":
        return ["-fPIC" if value == "pic" else "-fno-pic"]
    return ["-march=native"] if flag == "-mcpu=native" else [flag]


_SELFCHECK = "-ffp-contract=off -Iinclude -Isrc"

LANGUAGES: Mapping[str, Language] = {
    "c": Language(
        "plain C",
        ".c",
        f"gcc -std=c99 -O2{{threads}} {_SELFCHECK} src/{{name}}.c test/selfcheck.c -o selfcheck",
        _compile(".c"),
    ),
    "cpp": Language(
        "C++17",
        ".cpp",
        f"g++ -std=c++17 -O2{{threads}} {_SELFCHECK} -c src/{{name}}.cpp -o {{name}}_host.o"
        f" && gcc -std=c99{{threads}} {_SELFCHECK} test/selfcheck.c {{name}}_host.o -o selfcheck",
        _compile(".cpp"),
    ),
    "llvm": Language(
        "LLVM IR",
        ".ll",
        "clang -Wno-override-module -O2 -c src/{name}.ll -o {name}_host.o"
        f" && clang -std=c99 {_SELFCHECK} test/selfcheck.c {{name}}_host.o -o selfcheck",
        _compile_module,
    ),
}

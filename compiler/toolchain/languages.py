"""A model's source, in the language of any emitter, becomes its object; the ending of the file tells the language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compiler.errors import CompilerBug
from compiler.options import CompileOptions
from compiler.targets.base import Target
from compiler.toolchain.compiler import Compiler, compile_c, compile_cpp

INCLUDE = ("include", "src")


@dataclass(frozen=True)
class ObjectBuild:
    """What made the object, for the report."""

    compiler: str
    version: str
    flags: tuple[str, ...]


def build_object(
    name: str,
    target: Target,
    compiler: Compiler,
    options: CompileOptions,
    output: str,
    workdir: Path,
    extra_flags: tuple[str, ...] = (),
) -> ObjectBuild:
    """Compile `src/<name>.{c,cpp,ll}` to `output`; names are relative to `workdir`."""
    if (workdir / f"src/{name}.ll").exists():
        from compiler.toolchain.llvm import compile_ll

        return compile_ll(f"src/{name}.ll", output, target, options, workdir)
    if (workdir / f"src/{name}.cpp").exists():
        flags = (*compiler.cpp_flags(options), *extra_flags)
        compile_cpp(compiler, f"src/{name}.cpp", output, flags=flags, workdir=workdir, include=INCLUDE)
        return ObjectBuild(compiler.cpp_label, compiler.tool.version, flags)
    if (workdir / f"src/{name}.c").exists():
        flags = (*compiler.flags(options), *extra_flags)
        compile_c(compiler, f"src/{name}.c", output, flags=flags, workdir=workdir, include=INCLUDE)
        return ObjectBuild(compiler.label, compiler.tool.version, flags)
    raise CompilerBug("E0601", "the emitter wrote no source")

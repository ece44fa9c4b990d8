"""`--kernel-dir DIR`: the user's own kernels in the place of ours.

`DIR/<kernel>.c` defines one C function with the name and the parameters of a kernel of the model, as `src/model.c` of a
compilation without the option shows them; weights arrive packed as that source reads them. Names and signatures are
checked before the build; what the functions compute is checked by the validation, layer by layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from compiler.emit.c_kernel import KernelPrinter
from compiler.emit.cpp_kernel import CppKernelPrinter
from compiler.errors import CompilerBug, DeepMetalError, Mismatch, ModelError, ToolError
from compiler.options import CompileOptions
from compiler.program import Program
from compiler.targets.base import Target
from compiler.toolchain.compiler import compile_c, compile_cpp
from compiler.toolchain.run import FAILED
from compiler.toolchain.select import select
from compiler.toolchain.sizes import object_sizes

NO_SUCH_KERNEL, UNFIT = "E1042", "E1043"
LARGEST_FILE = 1 << 20


def read(folder: Path, options: CompileOptions) -> dict[str, str]:
    """Kernel name -> C text of every `.c` file in the folder."""
    if options.emit == "llvm":
        raise _unfit("kernels in C have no place in LLVM IR", {}, "use --emit c or --emit cpp")
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix == ".c")
        if any(p.stat().st_size > LARGEST_FILE for p in files):
            raise _unfit("a kernel file is larger than 1 MiB", {"folder": folder.name})
        found = {p.stem: p.read_text("utf-8") for p in files}
    except (OSError, UnicodeDecodeError) as error:
        raise _unfit("the kernels cannot be read", {"folder": folder.name, "reason": str(error)[:200]}) from error
    if not found:
        raise _unfit("the folder holds no kernel", {"folder": folder.name}, "write <kernel>.c files into it")
    return found


def install(program: Program, own: Mapping[str, str]) -> Program:
    """The program with these kernels in the place of its own; a name that it does not have is an error."""
    ours = {f.name: f for f in program.kernels}
    if unknown := [name for name in own if name not in ours]:
        printer = KernelPrinter()
        raise ModelError(
            NO_SUCH_KERNEL,
            f"the model has no kernel '{unknown[0][:60]}'",
            where="--kernel-dir",
            facts={name: printer.heading(f) for name, f in ours.items()},
            help="name the file after one of these",
        )
    layers = tuple(replace(x, schedule=f"own ({x.kernel}.c)") if x.kernel in own else x for x in program.layers)
    return replace(program, layers=layers, own=dict(own))


def check(program: Program, target: Target, options: CompileOptions, workdir: Path) -> None:
    """Compile the user's kernels by themselves: what is wrong with them is no bug of the generated code."""
    if not program.own:
        return
    cpp = options.emit == "cpp"
    printer = CppKernelPrinter() if cpp else KernelPrinter()
    lines = ["#include <stddef.h>", "#include <stdint.h>", "#define KERNEL static"]
    lines += ["#define restrict __restrict"] if cpp else []
    for f in program.kernels:
        if f.name in program.own:
            name = f' __asm__("{f.name}")' if cpp else ""
            lines += [f"static {printer.heading(f)}{name};", f'#line 1 "{f.name}.c"', program.own[f.name]]
    uses = " ".join(f"(void)(*uses++ = (void (*)()){name});" for name in program.own)
    lines += [f"void own(void (**uses)());\nvoid own(void (**uses)()) {{ {uses} }}"]
    source = f"own/kernels.{'cpp' if cpp else 'c'}"
    (workdir / "own").mkdir(parents=True, exist_ok=True)
    (workdir / source).write_text("\n".join(lines) + "\n")
    compiler = select(target, options.compiler)
    try:
        if cpp:
            compile_cpp(compiler, source, "own/kernels.o", flags=compiler.cpp_flags(options), workdir=workdir)
        else:
            compile_c(compiler, source, "own/kernels.o", flags=compiler.flags(options), workdir=workdir)
    except ToolError as error:
        if error.code != FAILED or " error: " not in error.facts.get("it said", ""):
            raise
        raise _unfit(f"a kernel does not compile as {'C++' if cpp else 'C'}", dict(error.facts)) from error
    defined = object_sizes(workdir / "own/kernels.o", 0).functions
    for name in program.own:
        if name not in defined:
            wanted = next(printer.heading(f) for f in program.kernels if f.name == name)
            raise _unfit(f"{name}.c does not define the kernel", {"wanted": wanted})


def suspected(error: CompilerBug, program: Program) -> DeepMetalError:
    """Source that no compiler takes is a bug of ours, unless it holds kernels that are not."""
    if not program.own or error.code != "E0705":
        return error
    return _unfit("the source does not compile with these kernels in it", dict(error.facts))


def blamed(error: Mismatch, program: Program, layer: str | None) -> Mismatch:
    """The mismatch, with the user's kernel named where it computed the layer."""
    kernel = next((x.kernel for x in program.layers if x.name == layer), "")
    if kernel not in program.own:
        return error
    help = "the kernel of --kernel-dir computes something else than the layer means"
    return Mismatch(error.code, error.title, error.where, {"kernel": f"{kernel}.c", **error.facts}, help=help)


def _unfit(title: str, facts: dict[str, str], help: str = "") -> ModelError:
    help = help or "`deepmetal explain E1043` shows what a kernel is"
    return ModelError(UNFIT, title, where="--kernel-dir", facts=facts, help=help)

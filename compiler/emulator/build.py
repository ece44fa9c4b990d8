"""From generated C to programs: the object that is measured, validated and zipped, and the firmware around it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from compiler.emulator.protocol import THOROUGH, subject_header, subject_tables
from compiler.errors import CompilerBug, ModelError, ToolError
from compiler.options import CompileOptions
from compiler.targets.base import Qemu, QemuUser, Region, Target
from compiler.targets.computer import machine
from compiler.toolchain.archive import archive
from compiler.toolchain.compiler import Compiler, compile_c
from compiler.toolchain.find import path_of
from compiler.toolchain.languages import ObjectBuild, build_object
from compiler.toolchain.link import DOES_NOT_FIT, hosted, link
from compiler.toolchain.run import FAILED
from compiler.toolchain.select import select
from compiler.toolchain.sizes import Sizes, firmware_sizes, object_sizes, process_sizes
from compiler.trace import Trace

if TYPE_CHECKING:
    from compiler.program import Program

REJECTED = "E0705"
HARNESS_FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections", "-fno-common")
ALONE = ("-fno-stack-protector", "-fno-pie")  # no C library beside it
SUPPORT_FLAGS = (*HARNESS_FLAGS, "-fno-builtin")


@dataclass(frozen=True)
class Build:
    """One object, and the program that runs it. `harness` lies in `workdir`, which must live on for `run`.

    `target` is on the machine that the program fits. Where code is built and not run there is no harness.
    """

    target: Target
    workdir: Path
    name: str
    object: bytes
    library: bytes
    sizes: Sizes
    compiler: str
    compiler_version: str
    flags: tuple[str, ...]
    harness: Path | None
    predicts: bool
    thorough: int = THOROUGH  # vectors that are also run on the caller's buffers and through predict
    counter: Path | None = None  # this computer's: the harness at fixed addresses, for an emulator to count

    @property
    def object_path(self) -> str:
        """Where the object lies in the work folder and in the zip."""
        return f"lib/{self.target.name}/{self.name}.o"

    @property
    def library_path(self) -> str:
        return f"lib/{self.target.name}/lib{self.name}.a"


def build(
    program: Program,
    sources: Mapping[str, bytes],
    target: Target,
    options: CompileOptions,
    workdir: Path,
    trace: Trace | None = None,
    *,
    extra_flags: tuple[str, ...] = (),
    thorough: int = THOROUGH,
) -> Build:
    """Compile `sources` (path in the artifact -> bytes) for the target and link firmware and harness around it.

    The first `thorough` vectors are also run on buffers of the caller's and through predict, which takes as long again.
    `extra_flags` go to every compilation and to the link, e.g. `-fsanitize=address` on the host.
    """
    compiler = select(target, options.compiler)
    for path, data in sources.items():
        (workdir / path).parent.mkdir(parents=True, exist_ok=True)
        (workdir / path).write_bytes(data)
    object_path = f"lib/{target.name}/{program.name}.o"
    made = _compile_model(program.name, target, compiler, options, object_path, workdir, extra_flags)
    data = (workdir / object_path).read_bytes()
    if trace is not None:
        trace.log(f"{made.compiler} {made.version} {' '.join(made.flags)}: {len(data)} bytes")

    header = sources.get(f"include/{program.name}.h", b"").decode()
    floats = bool(program.inputs) and program.inputs[0].dtype == "float32"  # what the harness hands to predict
    predict = predict_shape(program.name, header) if floats else None

    def programs(target: Target) -> _Programs:
        shutil.rmtree(workdir / "harness", ignore_errors=True)  # what was built for another machine
        return _Programs(program, target, compiler, options.arena == "caller", predict, workdir, extra_flags, thorough)

    harness = None
    if smaller := target.on_smaller():
        maker = programs(smaller)
        try:
            harness = maker.harness(object_path)
        except ModelError as error:
            if error.code != DOES_NOT_FIT:
                raise
    if harness is None:
        maker = programs(target)
        harness = maker.harness(object_path) if target.emulator is not None else None
    arena_bytes = program.arena_bytes
    counter = None
    if target.memory:
        sizes = firmware_sizes(maker.firmware(object_path), maker.target, arena_bytes)
    else:
        sizes = object_sizes(workdir / object_path, 0 if options.arena == "caller" else arena_bytes)
        if not extra_flags and options.threads == 1:  # else the object needs libraries of the operating system
            small, counter = maker.process(object_path)
            sizes = process_sizes(small, workdir / object_path, arena_bytes) if small else sizes
    return Build(
        target=maker.target,
        workdir=workdir,
        name=program.name,
        object=data,
        library=archive({f"{program.name}.o": data}),
        sizes=sizes,
        compiler=made.compiler,
        compiler_version=made.version,
        flags=made.flags,
        harness=harness,
        counter=counter,
        predicts=predict is not None,
        thorough=thorough,
    )


def _compile_model(
    name: str,
    target: Target,
    compiler: Compiler,
    options: CompileOptions,
    output: str,
    workdir: Path,
    extra_flags: tuple[str, ...],
) -> ObjectBuild:
    try:
        return build_object(name, target, compiler, options, output, workdir, extra_flags)
    except ToolError as error:
        if error.code != FAILED or " error: " not in error.facts.get("it said", ""):
            raise  # out of memory, killed: not the source's fault
        facts = {"compiler": f"{compiler.label} {compiler.tool.version}", **error.facts}
        raise CompilerBug(REJECTED, "the compiler rejects the generated code", facts=facts) from error


def predict_shape(name: str, header: str) -> tuple[int, int, int] | None:
    """Height, width and channels that `<name>_predict` wants, from the header's macros; None when it has none."""
    if not re.search(rf"\b{name}_predict\s*\(", header):
        return None
    numbers = (
        re.search(rf"^#define {name.upper()}_PREDICT_{what}\s+\(?(\d+)", header, re.MULTILINE)
        for what in ("HEIGHT", "WIDTH", "CHANNELS")
    )
    height, width, channels = (int(number[1]) if number else 0 for number in numbers)
    return (height, width, channels) if height and width and channels else None


@dataclass(frozen=True)
class _Programs:
    """Links programs around the model's object. Everything of ours goes to `harness/` in the work folder."""

    program: Program
    target: Target
    compiler: Compiler
    caller_arena: bool
    predict: tuple[int, int, int] | None
    workdir: Path
    extra_flags: tuple[str, ...]
    thorough: int

    def __post_init__(self) -> None:
        folder = self.workdir / "harness"
        with as_file(files("compiler.emulator") / "firmware") as ours:
            for file in sorted(path for path in ours.rglob("*") if path.is_file()):
                copy = folder / file.relative_to(ours)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())  # the content alone: a confined process may not copy modes
        emulator = self.target.emulator
        timer = emulator.timer.at if isinstance(emulator, Qemu) and emulator.timer else None
        header = subject_header(
            self.program, caller_arena=self.caller_arena, predict=self.predict, timer=timer, thorough=self.thorough
        )
        (folder / "subject.h").write_text(header)
        (folder / "subject.c").write_text(subject_tables(self.program))

    def harness(self, model: str) -> Path:
        """The program that runs vectors."""
        ours = ["harness.c", "subject.c", *self._system("system.c", "start.c", "start.S", "measured_call.S")]
        if self.target.memory:
            ours.append("memory.c")
        return self._link([self._compile(name) for name in ours], model, "harness/harness.elf")

    def firmware(self, model: str) -> Path:
        """The smallest program that uses the model, for sizes."""
        ours = ["firmware.c", *(["memory.c"] if self.target.memory else self._system("system.c"))]
        ours += self._system("start.c", "start.S")
        return self._link([self._compile(name) for name in ours], model, "harness/firmware.elf")

    def process(self, model: str) -> tuple[Path | None, Path | None]:
        """The smallest static program of the operating system, for sizes; and on this computer, whose own programs lie
        anywhere in memory, a harness that user-mode QEMU can count. None where such a program cannot be linked."""
        static = as_process(self.target)
        if static is None:
            return None, None
        here = self.workdir / "process" if hosted(self.target) else self.workdir
        maker = self
        if here != self.workdir:
            shutil.rmtree(here, ignore_errors=True)  # what another build left
            here.mkdir()
            (here / "include").symlink_to(self.workdir / "include")
            model = f"../{model}"
            maker = replace(self, target=static, workdir=here, extra_flags=ALONE)
        try:
            small = maker.firmware(model)
            return small, maker.harness(model) if maker is not self else None
        except ToolError:
            return None, None

    def _system(self, *names: str) -> list[str]:
        """Those of the files that the target's start-up code has."""
        family = "cortex_m" if self.target.family == "Arm Cortex-M" else "riscv"
        folder = self.target.emulator.start_up if self.target.emulator else family
        return [f"{folder}/{name}" for name in names if (self.workdir / "harness" / folder / name).exists()]

    def _compile(self, name: str, flags: tuple[str, ...] = HARNESS_FLAGS) -> str:
        output = f"harness/{Path(name).with_suffix('.o')}"
        if not (self.workdir / output).exists():
            compile_c(
                self.compiler,
                f"harness/{name}",
                output,
                flags=(*self.compiler.machine, *flags, *self.extra_flags),
                workdir=self.workdir,
                include=("include", "harness"),
            )
        return output

    def _link(self, objects: list[str], model: str, output: str) -> Path:
        script = ""
        support = not hosted(self.target)
        if self.target.memory:
            script = "harness/firmware-filled.ld"
            text = (self.workdir / "harness/firmware.ld").read_text()
            (self.workdir / script).write_text(Template(text).substitute(self._layout(model)))
        if support:
            # Last and as a library: each function is taken only when no C library has it.
            (self.workdir / "harness/libsupport.a").write_bytes(
                archive({"support.o": (self.workdir / self._compile("support.c", SUPPORT_FLAGS)).read_bytes()})
            )
        return link(
            self.target,
            self.compiler,
            [*objects, model],
            output,
            workdir=self.workdir,
            script=script,
            last=("harness/libsupport.a",) if support else (),
            flags=self.extra_flags,
        )

    def _layout(self, model: str) -> dict[str, str]:
        """What the linker script leaves open. Large models use the board's slow memory."""
        more = self.target.region("more")
        return {
            "memory": "\n".join(_memory_line(region) for region in self.target.memory),
            "object": model,
            "constants": "more" if more and self._is_tight("flash", self.program.weight_bytes()) else "flash",
            "arena": "more" if more and self._is_tight("ram", self.program.arena_bytes) else "ram",
            "stack": str(self.target.stack),
        }

    def _is_tight(self, name: str, size: int) -> bool:
        """Whether `size` bytes leave less than an eighth of a region to everything else."""
        region = self.target.region(name)
        return region is not None and size > region.size // 8 * 7


def as_process(target: Target) -> Target | None:
    """The target as static programs of Linux; this computer's own are run by user-mode QEMU, when it is installed."""
    if not hosted(target):
        return target
    program = f"qemu-{machine()}"
    if machine() not in ("x86_64", "aarch64") or path_of(program) is None:
        return None
    llvm = replace(target.llvm, triple=f"{machine()}-unknown-linux-gnu")
    return replace(target, llvm=llvm, emulator=QemuUser(program, "max", start_up="linux"))


def _memory_line(region: Region) -> str:
    access = "rx" if region.name == "flash" else "rwx"
    return f"    {region.name} ({access}) : ORIGIN = {region.at:#010x}, LENGTH = {region.size:#x}"

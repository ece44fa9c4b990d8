"""What there is to choose from, for the API and the command line's tables; and the compiler's fingerprint."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, Field

from compiler.options import CompileOptions, Emitter, Objective, Precision
from compiler.targets.base import Qemu, QemuUser, Target
from compiler.targets.boards import Board
from compiler.version import VERSION

_LANGUAGES = {
    "c": ("C99", "Plain C99: no libraries, no heap, no operating system."),
    "cpp": ("C++17", "A header and a source with sizes in the types: no heap, no exceptions, no RTTI."),
    "llvm": ("LLVM IR", "Readable IR and an object file, made without a compiler installed."),
}
_ARITHMETIC = {
    "float32": ("float32", "Single-precision floating point, as the model was trained."),
    "int8": ("int8", "8-bit integers throughout: a quarter of flash and RAM. Ranges come from calibration data."),
    "int8-weights": ("int8 weights", "8-bit weights, float32 arithmetic: a quarter of flash, no calibration."),
}
_OBJECTIVES = {
    "balanced": ("Balanced", "Fast code of reasonable size."),
    "speed": ("Speed", "Fewer instructions, more flash."),
    "size": ("Size", "Less flash, more instructions."),
    "ram": ("RAM", "The smallest arena, at the cost of speed."),
}
_PACKAGES = ("llvmlite", "numpy", "onnx", "onnxruntime", "onnxscript", "torch", "pyelftools", "jinja2", "pydantic")


class TargetInfo(BaseModel):
    name: str
    title: str
    description: str = ""
    family: str = ""
    features: list[str] = Field(default_factory=list, description="what the generated code may use")
    float_unit: str = Field("none", description="none: floating point is computed by functions, slowly")
    clock_mhz: float | None = Field(None, description="assumed without a board; null: read where the code runs")
    clock_of: str = Field("", description="the board that the clock is taken from")
    flash: int | None = Field(None, description="bytes of flash of the emulated board")
    ram: int | None = Field(None, description="bytes of RAM of the emulated board")
    emulator: str | None = Field(None, description="null when the code runs on this computer, or not at all")
    runs_on: str = Field("", description="where the compiled code is run, in words; why not, where it is not")
    runnable: bool = Field(True, description="false: code is built here, but not run")
    buildable: bool = Field(True, description="false: no compiler for it is installed")
    aliases: list[str] = Field(default_factory=list, description="other names for the option")


class RamInfo(BaseModel):
    name: str
    bytes: int
    purpose: str = Field(description="main, tcm, ccm: for data; itcm, backup: not counted")


class BoardInfo(BaseModel):
    """A board or a chip; null is unknown."""

    name: str
    title: str
    vendor: str
    chip: str
    core: str
    target: str | None = Field(description="null: nothing is compiled for this core")
    fpu: str | None = Field(description="none, single or double")
    dsp: bool | None
    clock_mhz: float | None
    flash: int | None = Field(description="bytes")
    external_flash: bool
    ram: int | None = Field(description="bytes that can hold data, of all regions together")
    ram_largest: int | None = Field(description="bytes of RAM without a gap: the largest arena")
    ram_regions: list[RamInfo]
    wait_states: int | None = Field(description="of the flash, at this clock")
    timed: bool = Field(description="the flash is known well enough to estimate latencies")
    verified: bool = Field(description="core, clock, flash and RAM each have a source that was opened")
    note: str
    sources: dict[str, list[str]] = Field(description="figure -> where it was read; empty: nobody checked it")


class Choice(BaseModel):
    """One value of an option."""

    name: str
    title: str
    description: str


class PackInfo(Choice):
    """A package format; there is one of a compilation when its emitter's list has its target."""

    targets: dict[str, list[str]] = Field(description="emitter -> targets that there is such a package for")


class OperatorInfo(BaseModel):
    """An ONNX operator; generic code for it is always there."""

    name: str
    precisions: list[str]
    notes: str = ""
    tuned: list[str] = Field(default_factory=list, description="families of processors with a kernel of their own")
    fused: bool = Field(False, description="may be computed in the kernel of the layer before it")
    dtypes: list[str] = Field(default_factory=list, description="of the ONNX project's test cases that pass")
    cases: int | None = Field(None, description="of the ONNX project's tests; null: not counted here")
    passed: int | None = None


class FormatInfo(BaseModel):
    """A file format that is read; content decides, never a file's name."""

    kind: str
    title: str
    extensions: list[str] = Field(default_factory=list, description="what such files are usually called")


class Catalog(BaseModel):
    version: str
    targets: list[TargetInfo]
    boards: list[BoardInfo]
    formats: list[FormatInfo]
    operators: list[OperatorInfo]
    layers: list[str] = Field(description="what a list of layers may name, for files that hold weights alone")
    emitters: list[Choice]
    precisions: list[Choice]
    optimize: list[Choice]
    packs: list[PackInfo]
    limits: dict[str, int]
    samples: list[dict[str, Any]]
    options: dict[str, Any] = Field(description="JSON schema of the compile options.")


@cache
def catalog() -> Catalog:
    """Everything that `GET /catalog` returns and the compiler knows; the service adds its own limits."""
    return Catalog(
        version=VERSION,
        targets=list(targets()),
        boards=list(boards()),
        formats=list(formats()),
        operators=list(operators()),
        layers=list(layers()),
        emitters=_choices(get_args(Emitter), _LANGUAGES),
        precisions=_choices(get_args(Precision), _ARITHMETIC),
        optimize=_choices(get_args(Objective), _OBJECTIVES),
        packs=list(packs()),
        limits={"vectors": 64},
        samples=_samples(),
        options=CompileOptions.model_json_schema(),
    )


@cache
def packs() -> tuple[PackInfo, ...]:
    from compiler.pack.formats import registry

    def made(refuses: Callable[[CompileOptions], str | None], emit: str) -> list[str]:
        options = (CompileOptions(target=target.name, emit=emit) for target in targets())
        return [one.target for one in options if refuses(one) is None]

    return tuple(
        PackInfo(
            name=one.name,
            title=one.title,
            description=one.description,
            targets={emit: made(one.refuses, emit) for emit in get_args(Emitter)},
        )
        for one in registry().values()
    )


def _samples() -> list[dict[str, Any]]:
    from compiler.samples import catalogue

    return catalogue()


def _choices(names: tuple[str, ...], texts: dict[str, tuple[str, str]]) -> list[Choice]:
    return [Choice(name=name, title=texts[name][0], description=texts[name][1]) for name in names]


@cache
def targets() -> tuple[TargetInfo, ...]:
    from compiler.targets import targets as known

    return tuple(_target(one) for one in known().values())


def _target(target: Target) -> TargetInfo:
    from compiler.emulator.native import why_not_run
    from compiler.toolchain.select import installed

    flash, ram = target.region("flash"), target.region("ram")
    reason = why_not_run(target)
    emulator = target.emulated_by
    return TargetInfo(
        name=target.name,
        title=target.title,
        description=target.description,
        family=target.family,
        features=list(target.features),
        float_unit=target.float_unit,
        clock_mhz=target.clock_mhz,
        clock_of=target.clock_of,
        flash=flash.size if flash else None,
        ram=ram.size if ram else None,
        emulator=emulator,
        runs_on=f"not run: {reason}" if reason else emulator or "this computer",
        runnable=reason is None,
        buildable=bool(installed(target)),
        aliases=list(target.aliases),
    )


@cache
def boards() -> tuple[BoardInfo, ...]:
    """In the order of the table: by maker and family."""
    from compiler.targets.boards import boards as known

    return tuple(_board(one) for one in known().values())


def _board(one: Board) -> BoardInfo:
    same = ("name", "title", "vendor", "chip", "core", "target", "fpu", "dsp", "clock_mhz", "flash", "external_flash")
    return BoardInfo(
        **{name: getattr(one, name) for name in (*same, "wait_states", "verified", "note")},
        ram=one.ram_bytes,
        ram_largest=one.spans[0].size if one.spans else None,
        ram_regions=[RamInfo(name=r.name, bytes=r.size, purpose=r.purpose) for r in one.ram],
        timed=one.timing is not None and one.clock_mhz is not None,
        sources={figure: [str(source) for source in places] for figure, places in one.sources},
    )


def with_board(options: CompileOptions) -> CompileOptions:
    """The options with what their board brings; raises ModelError for a board that does not exist or contradicts."""
    from compiler.targets.choice import with_board as bring

    return bring(options)


@cache
def formats() -> tuple[FormatInfo, ...]:
    from compiler.importers.formats.base import formats as known

    return tuple(FormatInfo(kind=f.kind, title=f.title, extensions=list(f.extensions)) for f in known().values())


@cache
def layers() -> tuple[str, ...]:
    from compiler.importers.torch_layers import KINDS

    return tuple(sorted(KINDS))


@cache
def operators() -> tuple[OperatorInfo, ...]:
    """One row per ONNX operator, by name; the note is the first line of the operator's documentation."""
    from compiler.operator_table import conformance, fused, tuned
    from compiler.ops.base import Op, registry
    from compiler.quant.forms import precisions_of

    def info(name: str, operator: type[Op]) -> OperatorInfo:
        counted = conformance().get(name, {})
        return OperatorInfo(
            name=name,
            precisions=precisions_of(name, operator),
            notes=_first_line(operator),
            tuned=list(tuned().get(name, ())),
            fused=name in fused(),
            dtypes=sorted(d for d, n in counted.get("dtypes", {}).items() if n["passed"]),
            cases=counted.get("cases"),
            passed=counted.get("passed"),
        )

    rows = [info(name, operator) for operator in registry() for name in operator.onnx]
    return tuple(sorted(rows, key=lambda row: row.name.lower()))


def _first_line(operator: type) -> str:
    """Of the docstring that someone wrote; a dataclass without one gets its signature as docstring."""
    first = (operator.__doc__ or "").partition("\n")[0]
    return "" if first.startswith(f"{operator.__name__}(") else first


@cache
def fingerprint() -> str:
    """A hash of everything beside model and options that decides a compilation's result: our sources, tools, packages.

    Computed once per process: a worker that sees new tools must be restarted.
    """
    parts = {
        "version": VERSION,
        "sources": _sources_digest(),
        "tools": _tools(),
        "packages": {name: _package(name) for name in _PACKAGES},
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _sources_digest() -> str:
    root = Path(__file__).parent
    digest = sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _tools() -> dict[str, str]:
    from compiler.targets import targets as known
    from compiler.toolchain.find import find

    names = {"clang", "ld.lld"}
    for target in known().values():
        names |= {target.gcc.program("gcc"), target.gcc.program("objdump")}
        if isinstance(target.emulator, Qemu | QemuUser):
            names.add(target.emulator.program)
    found = {name: find(name) for name in sorted(names)}
    return {name: tool.version if tool else "" for name, tool in found.items()}


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""

"""README.md and CMakeLists.txt of the artifact, written for this very model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.compare import tolerance
from compiler.emit.literals import C_TYPES
from compiler.options import CompileOptions
from compiler.pack import summary
from compiler.pack.figures import shape
from compiler.pack.languages import language
from compiler.pack.render import render
from compiler.pack.verdict import verdict
from compiler.report import Report, TensorInfo

NEEDS = ("Flash", "code", "weights", "start-up and libc", "RAM", "arena", "static", "stack")
SOURCE_ORDER = (
    "Buffers have the shape and the element order of the source model, rows first, the last dimension fastest."
)
NATIVE_ORDER = (
    "Buffers have the internal element order (`--io-layout native`): for images that is channels last, whatever the "
    "source model uses; the shapes below are the source model's."
)


@dataclass(frozen=True)
class Contents:
    """What the texts need to know beside report and options."""

    header: str
    weights_file: str  # "" when the weights are in the source
    library: str  # "" when nothing was built
    build: Sequence[str]  # command lines
    reproduce: str
    vectors: int
    example: str = ""  # a program that reads files and prints the result


@dataclass(frozen=True)
class Tensor:
    role: str
    index: int
    name: str
    c_type: str
    shape: str
    elements: int
    bytes: int


def readme(report: Report, options: CompileOptions, contents: Contents) -> str:
    tensors = [*_tensors("input", report.model.inputs), *_tensors("output", report.model.outputs)]
    return render(
        "README.md.j2",
        report=report,
        verdict=verdict(report),
        target=options.target,
        name=options.name,
        upper=options.name.upper(),
        language=language(options),
        emit=options.emit,
        debug=options.debug and options.emit != "llvm",
        threads=options.threads,
        usage=list(_usage(options, tensors)),
        cpp_usage=list(_cpp_usage(options, tensors)) if options.emit == "cpp" else [],
        example=contents.example,
        has_predict=f"{options.name}_predict(" in contents.header,
        has_layers=f"{options.name}_run_layer(" in contents.header,
        tensors=tensors,
        layout=SOURCE_ORDER if options.io_layout == "source" else NATIVE_ORDER,
        needs=[row for row in summary.totals(report) if row.name in NEEDS],
        caller_arena=options.arena == "caller",
        library=contents.library,
        cross_build=contents.build,
        weights_file=contents.weights_file,
        vectors=contents.vectors,
        reference=report.validation.reference if report.validation else "the original model",
        tolerance=max((tolerance(t.dtype) for t in report.model.outputs), default=0.0),
        validation=report.validation,
        reproduce=contents.reproduce,
        check=language(options).check(options),
        compiler=f"{report.toolchain.compiler} {report.toolchain.compiler_version}",
    )


def cmake(options: CompileOptions, contents: Contents) -> str:
    return render(
        "CMakeLists.txt.j2",
        name=options.name,
        upper=options.name.upper(),
        emit=options.emit,
        source=language(options).source(options.name),
        debug=options.debug,
        threads=options.threads,
        weights_file=contents.weights_file,
        vectors=contents.vectors,
        example=contents.example,
    )


def _tensors(role: str, infos: Sequence[TensorInfo]) -> Iterator[Tensor]:
    for i, info in enumerate(infos):
        dtype = np.dtype(info.dtype)
        elements = int(np.prod(info.shape, dtype=np.int64))
        yield Tensor(role, i, info.name, C_TYPES[dtype.name], shape(info.shape), elements, elements * dtype.itemsize)


def _usage(options: CompileOptions, tensors: Sequence[Tensor]) -> Iterator[str]:
    """Both ways of running, as a reader would type them."""
    name = options.name
    if options.arena == "caller":
        yield f"static double memory[({name.upper()}_ARENA_BYTES + 7) / 8];"
        yield f"{name}_set_arena(memory);   /* once, before the first run */"
        yield ""
    inputs = [t for t in tensors if t.role == "input"]
    outputs = [t for t in tensors if t.role == "output"]
    for t in tensors:
        yield f"static {t.c_type} {t.role}_{t.index}[{t.elements}];"
    yield f"const void *inputs[] = {{{', '.join(f'input_{t.index}' for t in inputs)}}};"
    yield f"void *outputs[] = {{{', '.join(f'output_{t.index}' for t in outputs)}}};"
    yield f"int status = {name}_run(inputs, outputs);   /* 0: done */"
    yield ""
    yield "/* or without a copy, in the arena */"
    for t in inputs[:1]:
        yield f"{t.c_type} *x = {name}_input({t.index});          /* fill {t.elements} elements */"
    yield f"status = {name}_run(NULL, NULL);"
    for t in outputs[:1]:
        yield f"const {t.c_type} *y = {name}_output({t.index});   /* read {t.elements} elements */"


def _cpp_usage(options: CompileOptions, tensors: Sequence[Tensor]) -> Iterator[str]:
    """The same in C++."""
    name = options.name
    if options.arena == "caller":
        yield f"alignas(8) static unsigned char memory[{name}::arena_bytes];"
        yield f"{name}::set_arena(memory);   // once, before the first run"
        yield ""
    inputs = [t for t in tensors if t.role == "input"]
    outputs = [t for t in tensors if t.role == "output"]
    names = [(t, t.role.capitalize() + (str(t.index) if len(group) > 1 else "")) for group in (inputs, outputs)
             for t in group]  # fmt: skip
    for t, kind in names:
        yield f"static std::array<{t.c_type}, {name}::{kind}::elements> {kind.lower()};"
    yield f"{name}::Status status = {name}::run({', '.join(kind.lower() for _, kind in names)});"
    yield ""
    yield "// or without a copy, in the arena"
    for t, kind in names:
        if t.role == "input" and t.index == 0:
            yield f"auto x = {name}::{kind.lower()}();    // fill it: x[i], or x({_indices(t)})"
    yield f"status = {name}::run();"
    for t, kind in names:
        if t.role == "output" and t.index == 0:
            yield f"auto y = {name}::{kind.lower()}();   // read it"


def _indices(t: Tensor) -> str:
    return ", ".join("ijklmnop"[: t.shape.count("×") + 1]) if "×" in t.shape else "i"

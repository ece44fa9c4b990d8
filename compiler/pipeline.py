"""The product as one line: model file -> graph -> passes -> schedules and plan -> source -> object -> proof -> report.

The stages, and where they live:

    import    read the file, make shapes concrete                     source.py, importers/
    optimize  quantise if asked for; fold, fuse, choose layouts       quant/stage.py, passes/
    plan      schedules, execution order, memory, kernels             lower.py, kernels/, memory/
    generate  print the kernels                                       emit/
    build     one object, the firmware around it                      toolchain/, emulator/build.py
    emulate   run it on the target, count                             emulator/
    validate  compare every layer with the original                   validate.py
    report    write it down, pack everything                          assemble.py, pack/
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from compiler import emit, own_kernels, targets
from compiler.anatomy.listing import listing
from compiler.architecture import architecture
from compiler.assemble import assemble
from compiler.beside_c import beside_c
from compiler.budget import check_budget, refuse_uncheckable
from compiler.dump import dump
from compiler.emulator.build import build
from compiler.emulator.measure import run
from compiler.emulator.native import why_not_run
from compiler.emulator.protocol import in_memory_order
from compiler.errors import CompilerBug, DeepMetalError
from compiler.exactness import exactness, has_integers
from compiler.graph.types import Array
from compiler.inspect import inspect_model
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.pack import formats
from compiler.pack.artifact import Artifact, Vector
from compiler.pack.pack import pack
from compiler.passes.order import optimize
from compiler.program import Program, Slot
from compiler.quant.stage import Files, stage
from compiler.reference import reference_outputs
from compiler.source import load
from compiler.targets import boards
from compiler.targets.choice import with_board
from compiler.threads import OPENMP, threaded
from compiler.timing import time_run
from compiler.trace import Trace, debug_level, log
from compiler.validate import KEEP, SourceModel, ValidationResult, validate
from compiler.vectors import draw_vectors, load_vectors, whole_ranges

__all__ = ["compile_model", "inspect_model"]


def lower_model(path: Path, options: CompileOptions) -> Program:
    """The kernels and the plan of a model, as `compile_model` would print them."""
    source = load(path, options, None)
    graph = optimize(source.graph, options.io_layout == "native", rounding=options.rounding).graph
    return lower(graph, targets.target(options.target).abilities, options.optimize, options.name)


def compile_model(
    path: Path,
    options: CompileOptions,
    out: Path,
    *,
    trace: Trace | None = None,
    vectors: Path | None = None,
    display_name: str | None = None,
    kernel_dir: Path | None = None,
    calibration: Path | None = None,
    labels: Path | None = None,
    samples: Path | None = None,
) -> Artifact:
    """Compile `path`, prove the result on the emulator, write `out/` and `out.zip`.

    Raises ModelError, ToolError or CompilerBug; on Mismatch and BudgetExceeded the artifact is written first, for a
    look at what is wrong. `vectors` is an NPZ file with the inputs to validate with, `display_name` what to call the
    model, `kernel_dir` a folder with C kernels that replace ours. `calibration` are typical inputs for int8 (NPZ, NPY,
    or images and sounds in a folder or ZIP), `labels` an NPY file with the class of each of `samples`, which are the
    calibration inputs unless given.
    """
    trace = trace or Trace()
    options = with_board(options)
    target = threaded(targets.target(options.target), options)
    options = options.model_copy(update={"target": target.name})  # not the alias that it may have been called by
    emitter = emit.get(options.emit)
    refuse_uncheckable(options)
    own = own_kernels.read(kernel_dir, options) if kernel_dir is not None else {}
    if options.pack is not None:
        formats.check(options.pack, options)
    with _work_folder(trace) as workdir:
        with trace.stage("import"):
            source = load(path, options, display_name)
            count = len(source.graph.nodes)
            trace.log(f"{source.format} model, {count} operators, {source.graph.parameters():,} weights")
        with trace.stage("optimize"):
            staged = stage(source.graph, options, Files(calibration, labels, samples), trace)
            optimized = optimize(staged.graph, options.io_layout == "native", rounding=options.rounding)
            for step in optimized.passes:
                trace.log(f"{step.name}: {step.effect}")
        with trace.stage("plan"):
            program = lower(optimized.graph, target.abilities, options.optimize, options.name, options.threads, own)
            program = own_kernels.install(program, own)
            dump("plan.txt", program.text)
            if debug_level() >= 2:
                log.info("%s", program.text())
            trace.log(f"{len(program.layers)} layers, arena {program.arena_bytes:,} bytes")
        with trace.stage("generate"):
            sources = emitter.files(program, options)
            sources[f"{options.name}_config.json"] = architecture(program, optimized.graph, options)
            for name, content in sources.items():
                dump(Path(name).name, partial(bytes, content))
                if debug_level() >= 4 and not name.endswith(".bin"):
                    log.info("%s", content.decode())
        with trace.stage("build"):
            flags = OPENMP if options.threads > 1 else ()
            own_kernels.check(program, target, options, workdir)
            try:
                built = build(program, sources, target, options, workdir, trace, extra_flags=flags)
            except CompilerBug as error:
                raise own_kernels.suspected(error, program) from error
        reference = source.reference()
        if staged.is_reference:
            reference = SourceModel(staged.graph, tuple(v.name for v in staged.graph.outputs))
        if vectors is not None:
            drawn = load_vectors(vectors, program.inputs)
        elif staged.vectors and options.io == "source":
            drawn = [dict(vector) for vector in staged.vectors]
        else:
            drawn = draw_vectors(program.inputs, options.vectors, ranges=whole_ranges(program.inputs))
        measured = checked = timing = compared = None
        if options.run and why_not_run(target) is None:
            with trace.stage("emulate"):
                measured = run(built, program, drawn, trace)
                timing = time_run(built, measured, target, boards.board(options.board) if options.board else None)
                compared = beside_c(program, options, target, drawn, built, timing, workdir)
            with trace.stage("validate"):
                exact = exactness(program, optimized.graph, measured.runs, drawn) if has_integers(program) else None
                checked = validate(program, reference, measured.runs, drawn, exact)
        with trace.stage("report"):
            report = assemble(source, options, target, optimized.passes, program, built, measured, checked, timing)
            report = staged.told(report)
            if compared is not None:
                report.notes.append(compared)
            dump("report.json", report.to_json)
            artifact = pack(
                out,
                report=report,
                options=options,
                sources=sources,
                objects={built.object_path: built.object, built.library_path: built.library},
                vectors=_self_check(program, reference, drawn, checked),
                listing=listing(program, built, options, sources, measured, timing.addresses if timing else None),
            )
    report = report.model_copy(update={"timings": dict(trace.seconds)})
    if checked is not None and not checked.passed:
        raise own_kernels.blamed(checked.error(source.name), program, checked.layer)
    check_budget(report, options)
    return replace(artifact, report=report, program=program)


def _self_check(
    program: Program, reference: SourceModel, drawn: Sequence[Mapping[str, Array]], checked: ValidationResult | None
) -> list[Vector]:
    """The first vectors with what the source model answers, in the order of the generated API."""
    if checked is not None:
        expected, allowed = list(checked.expected), list(checked.allowed)
    else:
        expected, allowed = reference_outputs(reference.model, reference.outputs, drawn[:KEEP]), [()] * KEEP

    def flat(slots: Sequence[Slot], arrays: Iterable[Array]) -> tuple[Array, ...]:
        return tuple(in_memory_order(slot, array) for slot, array in zip(slots, arrays, strict=True))

    return [
        Vector(flat(program.inputs, (v[s.name] for s in program.inputs)), flat(program.outputs, outputs), limits)
        for v, outputs, limits in zip(drawn, expected, allowed, strict=False)
    ]


@contextmanager
def _work_folder(trace: Trace) -> Iterator[Path]:
    """A folder for tools; `DEEPMETAL_KEEP=1` leaves it and says where. Unexpected exceptions become CompilerBug."""
    folder = Path(tempfile.mkdtemp(prefix="deepmetal-"))
    try:
        yield folder
    except DeepMetalError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError) as error:
        what = f"{type(error).__name__} while in stage {trace.current}: {error}"
        raise CompilerBug("E9901", what, facts={"stage": str(trace.current)}) from error
    finally:
        if os.environ.get("DEEPMETAL_KEEP") == "1":
            trace.log(f"build folder kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)

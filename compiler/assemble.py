"""The report, put together from what every stage left behind."""

from __future__ import annotations

import hashlib
from typing import Any

from compiler.anatomy.mix import layer_mix
from compiler.anatomy.objdump import disassembler
from compiler.anatomy.sections import sections
from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement
from compiler.emulator.native import why_not_run
from compiler.emulator.soft_float import soft_float_note
from compiler.fits import fits
from compiler.float_layers import float_layers_note
from compiler.memory.lifetimes import Life
from compiler.options import CompileOptions
from compiler.program import Program, Slot
from compiler.report import (
    FlashTotals,
    Layer,
    LayerFlash,
    MemoryInfo,
    MemoryTensor,
    ModelInfo,
    PassInfo,
    QuantInfo,
    RamTotals,
    Report,
    TensorInfo,
    Toolchain,
    Totals,
)
from compiler.sandbox import confine
from compiler.source import Source
from compiler.targets.base import Target
from compiler.timing import Timing
from compiler.validate import ValidationResult
from compiler.version import VERSION


def assemble(
    source: Source,
    options: CompileOptions,
    target: Target,
    passes: tuple[PassInfo, ...],
    program: Program,
    built: Build,
    measured: Measurement | None,
    checked: ValidationResult | None,
    timing: Timing | None = None,
) -> Report:
    """Everything but the timings."""
    sizes = built.sizes
    stack = measured.stack if measured else None
    flash = FlashTotals(code=sizes.code, weights=sizes.weights, other=sizes.other, total=sizes.total)
    ram = RamTotals(
        arena=program.arena_bytes,
        static=sizes.static_ram,
        stack=stack,
        total=None if stack is None else program.arena_bytes + sizes.static_ram + stack,
    )
    layers = _layers(program, built, measured, checked, timing)
    return Report(
        deepmetal_version=VERSION,
        model=ModelInfo(
            name=source.name,
            sha256=source.sha256,
            format=source.format,
            inputs=[_info(s) for s in program.inputs],
            outputs=[_info(s, name) for s, name in zip(program.outputs, _names(source), strict=True)],
            parameters=source.graph.parameters(),
            macs=source.graph.macs(),
        ),
        options=_shown(options),
        toolchain=Toolchain(
            compiler=built.compiler,
            compiler_version=built.compiler_version,
            flags=list(built.flags),
            emulator=measured.emulator if measured else None,
            emulator_version=measured.emulator_version if measured else None,
            counting=measured.counting if measured else None,
            sandbox=confine.current(),
        ),
        totals=Totals(
            macs=sum(layer.macs for layer in program.layers),
            flash=flash,
            ram=ram,
            instructions=measured.instructions if measured else None,
            cycles=timing.cycles if timing else None,
            cycles_error_percent=timing.error_percent if timing else None,
            cycles_model=timing.model if timing else "",
            latency_ms=_rounded(timing.milliseconds) if timing else None,
            clock_mhz=timing.clock_mhz if timing else target.clock_mhz,
        ),
        layers=layers,
        passes=list(passes),
        memory=_memory(program),
        validation=checked.validation if checked else None,
        boards=fits(target.name, flash, ram, timing.run if timing else None),
        sections=sections(program, built),
        notes=[
            *_notes(options, target, built, measured, timing),
            *_about_options(options, program),
            *([floats] if (floats := float_layers_note(program, layers)) else []),
            *source.notes,
        ],
    )


def _names(source: Source) -> list[str]:
    return [v.name for v in source.graph.outputs]


def _info(slot: Slot, name: str | None = None) -> TensorInfo:
    q = slot.quant
    quant = None if q is None else QuantInfo(scale=list(q.scale), zero_point=list(q.zero_point), axis=q.axis)
    return TensorInfo(name=name or slot.name, dtype=slot.dtype, shape=list(slot.shape), quant=quant)


def _layers(
    program: Program,
    built: Build,
    measured: Measurement | None,
    checked: ValidationResult | None,
    timing: Timing | None,
) -> list[Layer]:
    seen: set[str] = set()
    mixes = layer_mix(built, measured)
    result = []
    for i, layer in enumerate(program.layers):
        first = layer.kernel not in seen
        seen.add(layer.kernel)
        result.append(
            Layer(
                name=layer.name,
                op=layer.op,
                source_nodes=list(layer.source_nodes),
                input_shapes=[list(s.shape) for s in layer.inputs],
                output_shape=list(layer.outputs[0].shape),
                dtype=layer.outputs[0].dtype,
                macs=layer.macs,
                parameters=layer.parameters,
                flash=LayerFlash(
                    code=built.sizes.functions.get(layer.kernel, 0) if first else 0,
                    weights=sum(program.constants[c].nbytes for c in layer.constants),
                ),
                ram_live=_live(program, i),
                instructions=measured.layer_instructions[i] if measured and measured.layer_instructions else None,
                mix=mixes[i] if mixes else None,
                cycles=timing.layers[i] if timing and timing.layers else None,
                latency_ms=_rounded(timing.in_milliseconds(timing.layers[i])) if timing and timing.layers else None,
                kernel=layer.kernel,
                schedule=layer.schedule,
                error=checked.layer_errors[i] if checked else None,
            )
        )
    return result


def _rounded(milliseconds: float | None) -> float | None:
    """To the nanosecond."""
    return None if milliseconds is None else round(milliseconds, 6)


def _live(program: Program, layer: int) -> int:
    """Bytes of the arena that hold something while a layer runs; overlapping buffers count once."""
    plan = program.plan
    spans = sorted(
        (plan.offsets[b.name], plan.offsets[b.name] + b.size) for b in plan.lives if b.first <= layer <= b.last
    )
    total, end = 0, 0
    for start, stop in spans:
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


def _memory(program: Program) -> MemoryInfo:
    writers: dict[str, str] = {s.name: layer.name for layer in program.layers for s in layer.outputs}
    last = len(program.layers) - 1

    def tensor(b: Life) -> MemoryTensor:
        layer = program.layers[b.first].name if b.scratch else writers.get(b.name, "")
        return MemoryTensor(
            name=b.name,
            layer=layer,
            offset=program.plan.offsets[b.name],
            size=b.size,
            first_use=b.first,
            last_use=min(b.last, last),
        )

    ordered = sorted(program.plan.lives, key=lambda b: (b.first, program.plan.offsets[b.name], b.name))
    return MemoryInfo(
        arena_bytes=program.arena_bytes,
        lower_bound_bytes=program.plan.lower_bound,
        tensors=[tensor(b) for b in ordered],
    )


def _notes(
    options: CompileOptions, target: Target, built: Build, measured: Measurement | None, timing: Timing | None
) -> list[str]:
    notes = []
    if measured is None:
        reason = why_not_run(target) if options.run else None
        notes.append(
            "Nothing was run: instructions, stack and validation are unknown."
            + (f" Built but not run, because {reason}." if reason else "")
        )
    elif measured.instructions is not None:
        notes.append(
            "Instructions are executed ones, from entry to return of the run function on the emulator, with inputs and "
            "outputs in the arena. They are no cycles."
        )
    if timing is not None:
        notes.append(_about_cycles(timing))
    if measured is not None and measured.instructions is None:
        notes.append("This target runs on this computer itself; nothing here could count its instructions.")
    if measured is not None and measured.instructions is not None and built.counter is not None:
        notes.append(
            "The code ran on this computer itself; instructions and stack are from a second run of the same object "
            f"under {measured.emulator}."
        )
    if measured is not None and (cost := soft_float_note(built, measured)):
        notes.append(cost)
    if options.arena == "caller":
        notes.append("The caller provides the arena; it counts as RAM all the same.")
    if disassembler(target) is None:
        notes.append(f"No disassembler for {target.name} is installed: there is no listing.json.")
    if target.memory and built.sizes.other:
        notes.append("flash.other is start-up code and what the model pulls in from the compiler's libraries.")
    return notes


WAITING_LONG = 0.1  # the model's references wait for code in 4 % of their cycles at most


def _about_cycles(timing: Timing) -> str:
    text = f"Cycles are estimated by a model of the pipeline ({timing.model}) from what was executed."
    if timing.waiting_for_code > WAITING_LONG:
        text += (
            f" {timing.waiting_for_code:.0%} of them are waits for code: inner loops are larger than the flash's cache."
            " The model's references have few such waits, so the error may be larger here."
        )
    if timing.error_percent is None:
        return f"{text} No measurement on a board was at hand to hold the model against: its error is unknown."
    return f"{text} Its worst error on published measurements is {timing.error_percent:g} %."


def _shown(options: CompileOptions) -> dict[str, Any]:
    """The options; of a long text its hash."""
    shown = options.model_dump(mode="json")
    if options.source is not None:
        shown["source"] = f"sha256 {hashlib.sha256(options.source.encode()).hexdigest()}"
    return shown


def _about_options(options: CompileOptions, program: Program) -> list[str]:
    """What numbers and code of unusual builds are."""
    notes = []
    if options.debug:
        notes.append("A debug build: nothing is optimised, and sizes, instructions and latency say so.")
    if options.threads > 1:
        notes.append(
            f"Large loops are shared by {options.threads} threads (OpenMP); results do not depend on how many."
        )
    if options.source is not None:
        notes.append(
            f"The layers come from the class {options.class_name} of a model.py, whose code ran in the sandbox "
            "(level L2: no network, no other files, no other programs). The comparison is with the ONNX form that came "
            "out of it."
        )
    if own := sorted(program.own):
        checked = "checked with the layers" if options.run else "not checked, because nothing was run"
        notes.append(f"Kernels from --kernel-dir, {checked}: {', '.join(own)}.")
    return notes

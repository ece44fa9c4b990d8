"""Run a built model over vectors: every layer's tensor, the outputs, instructions per layer, stack.

Instructions are those executed between entry and return of `model_run` with inputs and outputs in the arena, for the
first vector (float code without data-dependent branches takes the same number for each; `instructions_each` tells).
Layer k lasts from the entry of its kernel to the entry of the next one; the first begins with `model_run`, the last
ends with it, so the layers add up to the total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compiler.emulator.build import Build, as_process, build
from compiler.emulator.plugin import Counts, Histogram, Interval, plugin_library, read_counts
from compiler.emulator.protocol import Array, Results, Truncated, VectorRun, read_results, vectors_file
from compiler.emulator.qemu import CRASHED, run_firmware
from compiler.errors import CompilerBug, ToolError
from compiler.options import CompileOptions
from compiler.targets.base import Emulator, Native, Qemu, QemuUser, Target
from compiler.toolchain.find import require
from compiler.toolchain.run import clean
from compiler.toolchain.sizes import constant_ranges, read_symbols
from compiler.trace import Trace

if TYPE_CHECKING:
    from compiler.program import Program

Counting = Literal["plugin", "timer"]

LEAST_SECONDS = 120.0
SLOWEST_MACS = 2e6  # emulated multiply-accumulates per second that even a busy computer manages
SLOWEST_SOFT_MACS = 1e5  # without an FPU: some 160 instructions each
RUNS_PER_VECTOR = 4
UNMEASURED = "host"  # the start-up code in plain C, for whatever computer this is

# The jump from the harness's wrapper into model_run, which the empty call that is subtracted does not have; and that
# call's own two instructions.
TIMER_WRAPPER, TIMER_NOTHING = 1, 2


@dataclass(frozen=True)
class Measurement:
    """What ran, and what it took. Numbers are None where the target does not allow to measure them."""

    runs: tuple[VectorRun, ...]
    instructions: int | None
    instructions_each: tuple[int, ...]  # per vector; of the first one only where there is no FPU
    layer_instructions: tuple[int, ...] | None
    stack: int | None
    counting: Counting | None
    emulator: str | None
    emulator_version: str | None
    executions: Mapping[int, int]  # address -> executions during the first vector's model_run; empty without plugin
    histogram: Histogram | None = None  # the same with branches and lines of flash; None without plugin
    layer_histograms: tuple[Histogram, ...] | None = None


def measure(
    program: Program,
    sources: Mapping[str, bytes],
    target: Target,
    options: CompileOptions,
    workdir: Path,
    vectors: Sequence[Mapping[str, Array]],
    trace: Trace | None = None,
) -> tuple[Build, Measurement]:
    """`build` and `run` in one."""
    built = build(program, sources, target, options, workdir, trace)
    return built, run(built, program, vectors, trace)


def run(
    built: Build,
    program: Program,
    vectors: Sequence[Mapping[str, Array]],
    trace: Trace | None = None,
    *,
    counting: Counting | Literal["auto"] = "auto",
    seconds: float | None = None,
) -> Measurement:
    """Run the vectors (input name -> array) on the target's emulator, or natively.

    `counting="auto"` takes the plugin, and the timer where QEMU or the compiler cannot do plugins. The timer has 32
    bits: past 2.6 billion instructions in one call it tells nothing. Without `seconds` the limit follows the work.
    """
    if seconds is None:
        work = RUNS_PER_VECTOR * len(vectors) * sum(layer.macs for layer in program.layers)
        slowest = SLOWEST_SOFT_MACS if built.target.float_unit == "none" else SLOWEST_MACS
        seconds = LEAST_SECONDS + work / slowest
    emulator, harness = built.target.emulator, built.harness
    if emulator is None or harness is None:
        raise CompilerBug(CRASHED, f"{built.target.name} is built and not run")
    if counting == "auto" and built.target.float_unit == "none" and len(vectors) > 1:
        return _count_only_the_first(built, program, vectors, trace, seconds)
    rundir = built.workdir / "run"
    rundir.mkdir(exist_ok=True)
    for name in ("results.bin", "fault.bin", "counts.txt"):
        (rundir / name).unlink(missing_ok=True)
    (rundir / "vectors.bin").write_bytes(vectors_file(program, vectors))
    if isinstance(emulator, Native):
        _run_native(harness, built.workdir, emulator, seconds)
        measured = _measured(_results(built, program, len(vectors)), None, emulator, program)
        return _counted_apart(built, program, vectors[:1], measured, seconds)

    counts = None
    if counting != "timer":
        counts = _run_with_plugin(harness, built.workdir, program, emulator, rundir, seconds)
    if counts is None:
        if counting == "plugin":
            raise CompilerBug(CRASHED, "the counting plugin does not work with this QEMU")
        timer = isinstance(emulator, Qemu) and emulator.timer is not None
        run_firmware(emulator, harness, rundir, icount=timer, seconds=seconds)
    results = _results(built, program, len(vectors))
    measured = _measured(results, counts, emulator, program)
    if trace is not None:
        trace.log(f"{measured.instructions} instructions (by {measured.counting}), {measured.stack} bytes of stack")
    return measured


def _count_only_the_first(
    built: Build, program: Program, vectors: Sequence[Mapping[str, Array]], trace: Trace | None, seconds: float
) -> Measurement:
    """The other vectors without the plugin: four times as quick, where each takes up to billions of instructions."""
    counted = run(built, program, vectors[:1], trace, seconds=seconds)
    emulator, harness, rundir = built.target.emulator, built.harness, built.workdir / "run"
    assert emulator is not None and harness is not None
    (rundir / "results.bin").unlink()
    (rundir / "vectors.bin").write_bytes(vectors_file(program, vectors[1:]))
    run_firmware(emulator, harness, rundir, seconds=seconds)
    runs = (*counted.runs, *_results(built, program, len(vectors) - 1).runs)
    return replace(counted, runs=runs, stack=max(one.stack for one in runs))


def _counted_apart(
    built: Build, program: Program, vectors: Sequence[Mapping[str, Array]], native: Measurement, seconds: float
) -> Measurement:
    """Instructions and stack of the first vector, from a second run of the same object under user-mode QEMU.

    What was measured natively stays as it is where that is not possible: no QEMU, or one without this processor's
    instructions. Addresses are those of another program, so there is no histogram.
    """
    static = as_process(built.target)
    if built.counter is None or static is None or not isinstance(static.emulator, QemuUser):
        return native
    workdir = built.counter.parent.parent
    rundir = workdir / "run"
    rundir.mkdir(exist_ok=True)
    (rundir / "vectors.bin").write_bytes(vectors_file(program, vectors))
    try:
        counts = _run_with_plugin(built.counter, workdir, program, static.emulator, rundir, seconds)
        there = replace(built, workdir=workdir)
        counted = _measured(_results(there, program, len(vectors)), counts, static.emulator, program)
    except (ToolError, CompilerBug):
        return native
    return replace(
        native,
        instructions=counted.instructions,
        instructions_each=counted.instructions_each,
        layer_instructions=counted.layer_instructions,
        stack=counted.stack,
        counting=counted.counting,
        emulator=counted.emulator,
        emulator_version=counted.emulator_version,
    )


def _run_native(harness: Path, workdir: Path, emulator: Native, seconds: float) -> None:
    outcome = run_firmware(emulator, harness, workdir / "run", seconds=seconds, check=False)
    if outcome.status != 0:
        facts = {"status": str(outcome.status), "it said": clean(outcome.last_lines(40), workdir)}
        raise CompilerBug(CRASHED, "the compiled code crashed on this computer", facts=facts)


def _results(built: Build, program: Program, vectors: int) -> Results:
    path = built.workdir / "run" / "results.bin"
    try:
        return read_results(program, path.read_bytes(), vectors, predicts=built.predicts, thorough=built.thorough)
    except (Truncated, FileNotFoundError) as error:
        raise CompilerBug(CRASHED, "the compiled code ended before it had run all vectors") from error


def _run_with_plugin(
    harness: Path, workdir: Path, program: Program, emulator: Emulator, rundir: Path, seconds: float
) -> Counts | None:
    """None when no plugin could be built, or QEMU refuses it."""
    library = plugin_library(workdir)
    if library is None:
        return None
    symbols, address = read_symbols(harness)
    code = [symbol for symbol in symbols if symbol.kind == "function"]
    numbers = {
        "low": min(symbol.address for symbol in code),
        "high": max(symbol.address + symbol.size for symbol in code),
        "arm": address["measured_call"],
        "begin": address[f"{program.name}_run"],
        "end": address["measured_return"],
    }
    kernels = sorted({address[layer.kernel] for layer in program.layers if layer.kernel in address})
    path = str(library).replace(",", ",,")  # commas separate arguments, doubled ones are meant
    arguments = [path, "out=counts.txt", *(f"{name}={value:x}" for name, value in numbers.items())]
    arguments.append("marks=" + ":".join(f"{at:x}" for at in kernels))
    arguments.append("flash=" + ":".join(f"{at:x}:{end:x}" for at, end in constant_ranges(harness)))
    outcome = run_firmware(emulator, harness, rundir, plugin=",".join(arguments), seconds=seconds, check=False)
    report = rundir / "counts.txt"
    if not report.is_file():
        return None  # QEMU ended before the plugin was installed
    if outcome.status != 0:
        run_firmware(emulator, harness, rundir, seconds=seconds)  # says what is wrong, without the plugin
    with report.open() as lines:
        return read_counts(lines)


def _measured(results: Results, counts: Counts | None, emulator: Emulator, program: Program) -> Measurement:
    each: tuple[int, ...] = ()
    layers: tuple[int, ...] | None = None
    counting: Counting | None = None
    if counts is not None:
        counting = "plugin"
        each = tuple(interval.total for interval in counts.intervals)
        layers = _layers_between_marks(program, counts.intervals[0]) if counts.intervals else None
    elif isinstance(emulator, Qemu) and emulator.timer is not None:
        counting = "timer"
        per = emulator.timer.ticks_per_instruction
        each = tuple(_from_ticks(run.ticks, results.ticks_of_nothing, per) for run in results.runs)
        layers = tuple(round((ticks - results.ticks_of_no_layer) / per) for ticks in results.runs[0].layer_ticks)
    tool = None if isinstance(emulator, Native) else require(emulator.program, "running the compiled code")
    return Measurement(
        runs=results.runs,
        instructions=each[0] if each else None,
        instructions_each=each,
        layer_instructions=layers,
        stack=max((run.stack for run in results.runs), default=None) if emulator.start_up != UNMEASURED else None,
        counting=counting,
        emulator=tool.name if tool else None,
        emulator_version=tool.version if tool else None,
        executions=counts.executions if counts else {},
        histogram=Histogram.sum(counts.parts) if counts else None,
        layer_histograms=_layer_histograms(program, counts) if counts else None,
    )


def _from_ticks(ticks: int, nothing: int, per_instruction: float) -> int:
    return round((ticks - nothing) / per_instruction) + TIMER_NOTHING - TIMER_WRAPPER


def _layers_between_marks(program: Program, interval: Interval) -> tuple[int, ...] | None:
    """Instructions per layer; None when kernels were not entered exactly once per layer, as after inlining."""
    if len(interval.marks) != len(program.layers):
        return None
    edges = [0, *(total for _, total in interval.marks[1:]), interval.total]
    return tuple(after - before for before, after in pairwise(edges))


def _layer_histograms(program: Program, counts: Counts) -> tuple[Histogram, ...] | None:
    """What each layer executed, with the same edges as `_layers_between_marks`."""
    if len(counts.parts) != len(program.layers) + 1:
        return None
    before, first, *rest = counts.parts
    return (Histogram.sum([before, first]), *rest)

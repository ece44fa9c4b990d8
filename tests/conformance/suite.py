"""The ONNX project's backend tests, unmodified, one at a time in processes that may crash or hang."""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import re
import sys
import tempfile
import time
import traceback
import unittest
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

ATOL, PEERS_ATOL = 1e-7, 1e-5  # the tests' own tolerance, and the one that peers were measured with
CASES = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "onnx_cases.json"


@dataclass(frozen=True)
class Outcome:
    """One case: `reason` is "" when it passed; `kernels` are the operators that ran on the device, `inputs` how many
    operands reached them at run time."""

    name: str
    reason: str
    kernels: tuple[str, ...]
    seconds: float
    inputs: int = 0
    trace: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason


def listed() -> Mapping[str, Mapping[str, Any]]:
    """The cases of the list by name, with what is known about each."""
    found: dict[str, Mapping[str, Any]] = json.loads(CASES.read_text("utf-8"))
    return found


@cache
def by_name(atol: float | None) -> dict[str, unittest.TestCase]:
    """Every test of `onnx.backend.test` for the CPU, by the name of its case."""
    import onnx.backend.test

    from compiler.onnx_backend import OnnxBackend

    tolerances = {} if atol is None else {name: {"atol": atol} for name in listed()}
    suite = onnx.backend.test.BackendTest(OnnxBackend, __name__, tolerances)
    found = {}
    for case in suite.test_cases.values():
        for method in unittest.defaultTestLoader.getTestCaseNames(case):
            if method.endswith("_cpu"):
                found[method.removesuffix("_cpu")] = case(method)
    return found


def run(
    names: Sequence[str], engine: str, seconds: float = 120.0, workers: int = 2, atol: float | None = None
) -> Iterator[Outcome]:
    """The outcome of each case, in any order. A case that dies or takes longer than `seconds` has failed.

    `atol` replaces the tests' own tolerance.
    """
    by_name(atol)  # before the processes start: they share it
    todo = list(reversed(names))
    context = mp.get_context("fork")
    running: dict[Connection, tuple[Any, str, float]] = {}
    idle: list[tuple[Any, Connection]] = []
    while todo or running:
        while todo and len(running) < workers:
            process, pipe = idle.pop() if idle else _start(context, engine, atol)
            name = todo.pop()
            pipe.send(name)
            running[pipe] = (process, name, time.monotonic() + seconds)
        for pipe in wait(list(running), timeout=1.0):
            assert isinstance(pipe, Connection)
            process, name, _ = running.pop(pipe)
            try:
                yield pipe.recv()
                idle.append((process, pipe))
            except EOFError:
                process.join()
                yield Outcome(name, f"the process died with status {process.exitcode}", (), 0.0)
        for pipe, (process, name, until) in list(running.items()):
            if time.monotonic() > until:
                process.kill()
                process.join()
                del running[pipe]
                yield Outcome(name, f"took more than {seconds:.0f} s", (), seconds)
    for process, pipe in idle:
        pipe.send(None)
        process.join()


def _start(context: Any, engine: str, atol: float | None) -> tuple[Any, Connection]:
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, engine, atol), daemon=True)
    process.start()
    there.close()
    return process, here


def _serve(pipe: Connection, engine: str, atol: float | None) -> None:
    """A worker: names come in, outcomes go out. What a case prints is nobody's business."""
    os.environ["DEEPMETAL_BACKEND"] = engine
    with tempfile.TemporaryDirectory(prefix="deepmetal-onnx-") as home, Path(os.devnull).open("w") as null:
        os.environ["ONNX_HOME"] = home
        sys.stdout = sys.stderr = null
        known = by_name(atol)
        while (name := pipe.recv()) is not None:
            pipe.send(one(known[name], name))


def one(test: unittest.TestCase, name: str) -> Outcome:
    from compiler.onnx_backend import COMPILED

    COMPILED.clear()
    result = unittest.TestResult()
    started = time.monotonic()
    test.run(result)
    seconds = time.monotonic() - started
    kernels = tuple(k for compiled in COMPILED for k in compiled.kernels)
    inputs = sum(len(compiled.program.inputs) for compiled in COMPILED)
    problems = [*result.failures, *result.errors]
    trace = problems[0][1] if problems else ""
    reason = _reason(trace) if trace else ""
    if result.skipped and not problems:
        reason = f"skipped: {result.skipped[0][1]}"
    return Outcome(name, reason, kernels, seconds, inputs, trace)


def _reason(text: str) -> str:
    """The last line of a traceback that says something."""
    if mismatch := re.search(r"Max absolute difference among violations: \S+", text):
        return mismatch[0]
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"^[\w.]*(Error|Exception|Bug|Value|error\[)\S*", line)]
    return (errors or lines or [traceback.format_exc()])[-1][:240]

"""Lines of LLVM IR: every instruction of a real module points at itself, and the machine code stays the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from compiler import emit
from compiler.anatomy.ir_lines import with_lines
from compiler.anatomy.listing import listing
from compiler.emulator.build import build
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import load
from compiler.targets import target
from tests.pack.test_real_artifact import model  # noqa: F401 - a fixture

MODULE = """\
; a comment
define internal i32 @"f"(i32 %x) #0 {
entry:
  %y = add i32 %x, 1
  switch i32 %y, label %done [
    i32 0, label %zero
  ]
zero:
  br label %done   ; goes on
done:
  ret i32 %y
}

attributes #0 = { nounwind }
!0 = !{}
"""


def test_each_instruction_has_a_location_and_nothing_else_changes() -> None:
    annotated = with_lines(MODULE, "src/m.ll")
    lines = annotated.splitlines()
    assert [re.sub(r",? ?!dbg !\d+", "", line).replace(" {", "{") for line in lines[:12]] == [
        line.replace(" {", "{") for line in MODULE.splitlines()[:12]
    ]
    located = {int(n): int(line) for n, line in re.findall(r"!(\d+) = !DILocation\(line: (\d+)", annotated)}
    used = {at: int(m[1]) for at, line in enumerate(lines[:12], 1) if (m := re.search(r", !dbg !(\d+)$", line))}
    assert {at: located[node] for at, node in used.items()} == {4: 4, 11: 11}
    numbers = [int(n) for n in re.findall(r"^!(\d+) =", annotated, re.MULTILINE)]
    assert len(numbers) == len(set(numbers))


@pytest.mark.needs_gcc_arm
def test_lines_of_a_real_module(model: Path, tmp_path: Path) -> None:  # noqa: F811
    options = CompileOptions(emit="llvm")
    chosen = target("cortex-m4")
    graph = optimize(load(model, options, None).graph, native_io=False).graph
    program = lower(graph, chosen.abilities, options.optimize, options.name)
    sources = emit.get("llvm").files(program, options)
    built = build(program, sources, chosen, options, tmp_path)
    data = listing(program, built, options, sources, None)
    assert data is not None
    content = json.loads(data)
    assert content["lines"] is True
    text = sources["src/model.ll"].decode().splitlines()
    spellings = {"vmul.f32": "fmul", "vadd.f32": "fadd"}
    checked = 0
    for function in content["functions"]:
        for row in function["instructions"]:
            word = spellings.get(row["text"].split()[0])
            if word and row["line"] is not None:
                checked += 1
                assert word in text[row["line"] - 1], row
    assert checked > 20

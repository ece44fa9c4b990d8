"""listing.json: the source of each kernel beside the machine code that the compiler made of it.

The code is that of the very object in the zip. Where lines come from says `lines.py`, where counts come from
`counts.py`. Executions and cycles are those of the first vector, where the emulator counted; cycles are estimates
without waits for flash.

    {"schema", "object", "source", "lines": whether there are source lines, "disassembler",
     "functions": [{"name", "layers": [indices], "source": {"file", "first", "last"} | null, "left_out",
                    "instructions": [{"offset", "text", "line", "executed", "cycles"}]}]}

Offsets count from the function's first byte. `left_out` says how many instructions at the end of a long function are
not listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compiler.anatomy.counts import Count, Counts
from compiler.anatomy.definition import definitions
from compiler.anatomy.functions import Function, read_functions, wanted_functions
from compiler.anatomy.lines import add_lines
from compiler.anatomy.objdump import Instruction, disassembler, within
from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement
from compiler.options import CompileOptions
from compiler.toolchain.find import version_of

if TYPE_CHECKING:
    from compiler.program import Program

SCHEMA = "deepmetal.listing/1"
MOST_OF_A_FUNCTION = 4_000  # instructions
MOST_OF_ALL = 24_000


def listing(
    program: Program,
    built: Build,
    options: CompileOptions,
    sources: Mapping[str, bytes],
    measured: Measurement | None,
    cycles: Mapping[int, int] | None = None,
) -> bytes | None:
    """The file's bytes; None when no disassembler for the target is installed.

    `cycles` are those of all executions of an instruction, by address in the harness.
    """
    tool = disassembler(built.target)
    if tool is None:
        return None
    source = next(path for path in sources if path.startswith(f"src/{program.name}."))
    wanted = wanted_functions(program)
    functions = read_functions(tool, built.object_path, built.workdir, wanted)
    functions = add_lines(functions, program, built, options, tool, wanted, source)
    placed = definitions(sources[source].decode(), list(wanted))
    counts = Counts.of(built, measured, cycles, tool)
    room = MOST_OF_ALL
    entries = []
    for function in functions:
        shown = function.instructions[: min(MOST_OF_A_FUNCTION, room)]
        room -= len(shown)
        counted = counts.by_offset(function)
        at = placed.get(function.kernel)
        entries.append(
            {
                "name": function.name,
                "layers": wanted[function.kernel],
                "source": {"file": source, "first": at.first, "last": at.last} if at else None,
                "left_out": len(function.instructions) - len(shown),
                "instructions": [_entry(function, i, counted.get(i.offset, Count())) for i in shown],
            }
        )
    content = {
        "schema": SCHEMA,
        "object": built.object_path,
        "source": source,
        "lines": any(i.line is not None for function in functions for i in function.instructions),
        "disassembler": f"{tool.path.name} {version_of(tool.path)}",
        "functions": entries,
    }
    return _json(content)


def _entry(function: Function, instruction: Instruction, count: Count) -> dict[str, object]:
    return {
        "offset": instruction.offset - function.offset,
        "text": within(instruction.text, function.offset, function.size),
        "line": instruction.line,
        "executed": count.executed,
        "cycles": count.cycles,
    }


def _json(content: dict[str, Any]) -> bytes:
    """One line for each instruction: readable, and not much larger than it must be."""
    functions = content.pop("functions")
    head = json.dumps(content, indent=1)[:-2]
    parts = []
    for function in functions:
        rows = function.pop("instructions")
        lines = ",\n".join("   " + json.dumps(row, separators=(",", ":")) for row in rows)
        parts.append(f'  {json.dumps(function)[:-1]}, "instructions": [\n{lines}\n  ]}}')
    joined = ",\n".join(parts)
    return f'{head},\n "functions": [\n{joined}\n ]\n}}\n'.encode()

"""LLVM IR that knows its own lines: every instruction gets a debug location, the line that it stands on.

Only for the listing: the annotated module is compiled beside the real one, and counts only when the machine code of
both is the same to the byte.
"""

from __future__ import annotations

import re

_DEFINE = re.compile(r'^define\b.*?@"?([\w.$-]+)"?\(.*\{$')
_INSTRUCTION = re.compile(r"^  [%a-z]")  # the cases of a switch are indented further
_FLAGS = ('!{i32 2, !"Debug Info Version", i32 3}', '!{i32 2, !"Dwarf Version", i32 4}')


def with_lines(module: str, file: str) -> str:
    """`module` with line tables for `file`. Instructions stand on lines of their own, as our emitter prints them."""
    nodes = [
        "distinct !DICompileUnit(language: DW_LANG_C99, file: !@1, isOptimized: true, runtimeVersion: 0, "
        "emissionKind: LineTablesOnly)",
        f'!DIFile(filename: "{file}", directory: ".")',
        "!DISubroutineType(types: !@3)",
        "!{null}",
        *_FLAGS,
    ]
    first = 1 + max((int(n) for n in re.findall(r"^!(\d+) =", module, re.MULTILINE)), default=-1)
    made: list[str] = []
    scope = ""
    for number, line in enumerate(module.splitlines(), 1):
        if match := _DEFINE.match(line):
            scope = f"!{first + len(nodes)}"
            nodes.append(
                f'distinct !DISubprogram(name: "{match[1]}", scope: !@1, file: !@1, line: {number}, type: !@2, '
                "unit: !@0, spFlags: DISPFlagDefinition | DISPFlagOptimized)"
            )
            line = f"{line[:-1]}!dbg {scope} {{"
        elif line == "}":
            scope = ""
        elif scope and _INSTRUCTION.match(line) and _ends_here(line):
            line = f"{line}, !dbg !{first + len(nodes)}"
            nodes.append(f"!DILocation(line: {number}, column: 1, scope: {scope})")
        made.append(line)
    made += [f"!llvm.dbg.cu = !{{!{first}}}", f"!llvm.module.flags = !{{!{first + 4}, !{first + 5}}}"]
    made += [
        f"!{first + i} = " + re.sub(r"!@(\d)", lambda m: f"!{first + int(m[1])}", node) for i, node in enumerate(nodes)
    ]
    return "\n".join(made) + "\n"


def _ends_here(line: str) -> bool:
    """Not the first line of a switch, whose cases follow, and nothing behind which a comment stands."""
    return ";" not in line and not line.endswith("[")

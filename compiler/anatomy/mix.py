"""How many instructions of each class a layer executes; `classes/` says what the classes are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from elftools.elf.elffile import ELFFile

from compiler.anatomy.classes import CLASSES, classify
from compiler.anatomy.objdump import disassembler
from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement

UNKNOWN = "other"


def layer_mix(built: Build, measured: Measurement | None) -> list[dict[str, int]] | None:
    """Per layer the executed instructions by class, library functions that it called included.

    Each layer's classes add up to its instructions. None where executions were not counted layer by layer, or no
    disassembler is installed.
    """
    if measured is None or measured.layer_histograms is None or built.harness is None:
        return None
    tool = disassembler(built.target)
    if tool is None:
        return None
    with built.harness.open("rb") as file:
        machine = str(ELFFile(file)["e_machine"])
    code = tool.sections(built.harness.name, built.harness.parent)
    texts = {i.offset: i.text for _, instructions in code for i in instructions}
    return mix_of([part.executed for part in measured.layer_histograms], texts, machine)


def mix_of(parts: Sequence[Mapping[int, int]], texts: Mapping[int, str], machine: str) -> list[dict[str, int]]:
    """`parts` are executions by address, `texts` the program's instructions by address."""
    result = []
    for part in parts:
        count: Counter[str] = Counter()
        for address, executed in part.items():
            text = texts.get(address)
            count[classify(machine, text) if text else UNKNOWN] += executed
        result.append({name: count[name] for name in CLASSES if count[name]})
    return result

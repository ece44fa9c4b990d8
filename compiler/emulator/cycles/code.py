"""The program's instructions by address, as far as they were executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from compiler.emulator.cycles import arm, riscv
from compiler.emulator.cycles.cores.base import Architecture
from compiler.emulator.cycles.insn import Insn
from compiler.emulator.plugin import Histogram
from compiler.emulator.profile import disassembly
from compiler.targets.base import Target

DECODERS = {"arm": arm.decode, "riscv": riscv.decode}


def read_code(elf: Path, target: Target, counts: Histogram, architecture: Architecture) -> Mapping[int, Insn]:
    """Decoded instructions at the addresses that were executed."""
    decode = DECODERS[architecture]
    listing = disassembly(elf, target)
    return {at: decode(at, counts.sizes[at], listing[at]) for at in sorted(counts.executed)}

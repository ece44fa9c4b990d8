"""One machine instruction as the pipeline models see it: what it does, which registers, which address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "alu",  # also moves, shifts, extensions, parallel additions
    "mul",
    "mac",  # multiply and add
    "mull",  # 32 x 32 -> 64
    "mlal",  # the same and add
    "div",
    "load",
    "store",
    "load_many",  # `words` registers; also pop, ldrd, vldm
    "store_many",
    "branch",  # to a label
    "jump",  # to an address in a register or in memory
    "loop",  # low-overhead loops: `wls`, `dls`, `le`
    "it",
    "system",
    "fp_alu",  # also compares and conversions
    "fp_mul",
    "fp_mac",
    "fp_div",
    "fp_sqrt",
    "fp_move",  # between registers
    "vec_alu",  # Helium
    "vec_mul",
    "vec_mac",
    "vec_load",
    "vec_store",
    "unknown",
]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Insn:
    address: int
    size: int
    text: str
    operation: str  # the mnemonic without condition, width and type
    kind: Kind
    reads: frozenset[str] = NOTHING  # registers, those of the address among them
    writes: frozenset[str] = NOTHING
    base: frozenset[str] = NOTHING  # registers that make up an address
    addend: frozenset[str] = NOTHING  # the accumulator of a multiply-add
    words: int = 1  # registers moved by a load or store
    indexed: bool = False  # base plus register
    target: int | None = None  # of a direct branch
    jumps: bool = False  # may go elsewhere: a branch, or one that writes the program counter
    conditional: bool = False  # may do nothing: under an IT block, or a conditional branch
    floating: bool = False  # computes with or moves floating-point or vector registers
    double: bool = False  # double precision

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.size

    @property
    def is_load(self) -> bool:
        return self.kind in ("load", "load_many", "vec_load")

    @property
    def is_store(self) -> bool:
        return self.kind in ("store", "store_many", "vec_store")

"""RISC-V instructions, from objdump's text, pseudo-instructions included."""

from __future__ import annotations

import re

from compiler.emulator.cycles.insn import NOTHING, Insn, Kind

_LOAD = re.compile(r"(l[bhwd]u?|fl[wdh])$")
_STORE = re.compile(r"(s[bhwd]|fs[wdh])$")
_BRANCH = re.compile(r"b(eq|ne|lt|ge|ltu|geu|gt|le|gtu|leu)z?$")
_FLOAT = re.compile(r"f[a-z]+\.[a-z.]+$")
_SYSTEM = re.compile(r"(csr|fence|ecall|ebreak|wfi|mret|nop|fr|fs)")
_NUMBERS = r"(zero|ra|sp|gp|tp|fp|f?[ats]1?[0-9]|fa[0-7]|ft[0-9]+|fs[0-9]+)"
_REGISTER = re.compile(rf"\b{_NUMBERS}\b")
_ADDRESS = re.compile(rf"\({_NUMBERS}\)")
_PLACE = re.compile(r"\b([0-9a-f]+)(?: <|$)")


def decode(address: int, size: int, text: str) -> Insn:
    """One instruction; `text` is objdump's, comments removed."""
    operation, _, rest = text.partition(" ")
    operands = [part.strip() for part in rest.split(",")] if rest else []
    kind = _kind(operation)
    registers = [_named(operand) for operand in operands]
    first = registers[0] if registers else NOTHING
    others = frozenset[str]().union(*registers[1:])
    reads, writes, base, addend = others, first, NOTHING, NOTHING
    target: int | None = None
    if kind in ("branch", "jump"):
        reads, writes = _jump(operation, operands, first | others)
        if kind == "branch":
            place = _PLACE.search(operands[-1])
            target = int(place[1], 16) if place else None
    elif kind in ("load", "store"):
        base = _named(" ".join(_ADDRESS.findall(rest)))
        reads, writes = (base, first) if kind == "load" else (first | base, NOTHING)
    elif kind == "fp_mac":
        addend = registers[-1]
    elif kind == "system":
        reads, writes = others, NOTHING
    return Insn(
        address=address,
        size=size,
        text=text,
        operation=operation,
        kind=kind,
        reads=reads - {"zero"},
        writes=writes - {"zero"},
        base=base - {"zero"},
        addend=addend,
        target=target,
        jumps=kind in ("branch", "jump"),
        conditional=bool(_BRANCH.match(operation)),
        floating=kind.startswith("fp_") or operation in ("flw", "fsw", "fld", "fsd"),
        double=operation.endswith(".d") or operation in ("fld", "fsd"),
    )


def _kind(operation: str) -> Kind:
    if _LOAD.match(operation):
        return "load"
    if _STORE.match(operation):
        return "store"
    if _BRANCH.match(operation) or operation in ("j", "jal"):
        return "branch"
    if operation in ("jr", "jalr", "ret"):
        return "jump"
    if operation.startswith("mulh"):
        return "mull"
    if operation.startswith("mul"):
        return "mul"
    if re.match(r"(div|rem)u?w?$", operation):
        return "div"
    if _FLOAT.match(operation):
        return _float_kind(operation)
    return "system" if _SYSTEM.match(operation) else "alu"


def _float_kind(operation: str) -> Kind:
    name = operation.partition(".")[0]
    if name in ("fmadd", "fmsub", "fnmadd", "fnmsub"):
        return "fp_mac"
    if name == "fmv":
        return "fp_move"
    return {"fmul": "fp_mul", "fdiv": "fp_div", "fsqrt": "fp_sqrt"}.get(name, "fp_alu")  # type: ignore[return-value]


def _jump(operation: str, operands: list[str], named: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Registers read and written: `jal` and `jalr` link to `ra` unless another register is named first."""
    if operation == "ret":
        return frozenset({"ra"}), NOTHING
    if operation in ("jal", "jalr"):
        if len(operands) > 1:
            return named - _named(operands[0]), _named(operands[0])
        return (named if operation == "jalr" else NOTHING), frozenset({"ra"})
    return named, NOTHING


def _named(text: str) -> frozenset[str]:
    return frozenset(_REGISTER.findall(text.partition("<")[0]))

"""Arm's Thumb instructions, from objdump's text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from compiler.emulator.cycles.insn import NOTHING, Insn, Kind

CONDITIONS = ("eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
ALIASES = {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12", "r13": "sp", "r14": "lr", "r15": "pc"}

_PARALLEL = {
    f"{sign}{what}" for sign in ("s", "u", "q", "sh", "uh", "uq") for what in ("add8", "add16", "sub8", "sub16")
}
_TEST = {"cmp", "cmn", "tst", "teq", "vcmp", "vcmpe"}
_ALU = {
    *(
        "adc add adr and asr bfc bfi bic clz eor lsl lsr mov movt movw mrs msr mvn neg orn orr pkhbt pkhtb qadd qdadd"
    ).split(),
    *(
        "qdsub qsub rbit rev rev16 revsh ror rrx rsb sbc sbfx sel ssat ssat16 sub sxtab sxtab16 sxtah sxtb sxtb16"
    ).split(),
    *("sxth ubfx usad8 usada8 usat usat16 uxtab uxtab16 uxtah uxtb uxtb16 uxth addw subw sasx ssax uasx usax").split(),
    *("csel csinc csinv csneg cset csetm cinc cinv cneg asrl lsll lsrl sqshl srshr uqshl urshr").split(),
    *_PARALLEL,
    *_TEST,
}
_HALVES = [a + b for a in "bt" for b in "bt"]
_MUL = {
    "mul",
    *(f"smul{h}" for h in _HALVES),
    "smulwb",
    "smulwt",
    "smuad",
    "smuadx",
    "smusd",
    "smusdx",
    "smmul",
    "smmulr",
}
_MAC = {"mla", "mls", *(f"smla{h}" for h in _HALVES), "smlawb", "smlawt", "smlad", "smladx", "smlsd", "smlsdx"}
_MAC |= {"smmla", "smmlar", "smmls", "smmlsr"}
_MULL = {"smull", "umull"}
_MLAL = {"smlal", "umlal", "umaal", *(f"smlal{h}" for h in _HALVES), "smlald", "smlaldx", "smlsld", "smlsldx"}
_SYSTEM = {"nop", "dmb", "dsb", "isb", "bkpt", "cpsie", "cpsid", "svc", "udf", "yield", "sev", "wfe", "wfi", "pld"}
_SYSTEM |= {"lctp", "clrm"}
_LOOPS = {"wls", "wlstp", "dls", "dlstp", "le", "letp"}
_LOAD = re.compile(r"ldr(b|h|sb|sh|d|t|bt|ht|ex|exb|exh)?$|lda(b|h|ex)?$")
_STORE = re.compile(r"str(b|h|d|t|bt|ht|ex|exb|exh)?$|stl(b|h|ex)?$")
_MANY = re.compile(r"(v?ldm|v?stm)(ia|db|fd|ea)?$|v?push$|v?pop$")
_FP_ALU = {"vadd", "vsub", "vabs", "vneg", "vcvt", "vcvtr", "vcvta", "vcvtn", "vcvtp", "vcvtm", "vcvtb", "vcvtt"}
_FP_ALU |= {"vmaxnm", "vminnm", "vcmp", "vcmpe", *(f"vrint{x}" for x in "anpmzrx"), *(f"vsel{c}" for c in CONDITIONS)}
_FP_MUL = {"vmul", "vnmul"}
_FP_MAC = {"vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms"}
_ACCUMULATES = _FP_MAC | {"bfi", "movt"}
_TWO_ADDRESS = set("add adc sub sbc and orr eor bic mul lsl lsr asr ror".split())  # `adds r0, #1` reads r0
_VECTOR_LOAD = re.compile(r"vldr[bhwd]$|vld[24][0-3]$")
_VECTOR_STORE = re.compile(r"vstr[bhwd]$|vst[24][0-3]$")
_VECTOR_MAC = re.compile(r"v(r?mla|r?mls|fma|fms|qdmla|mladav|rmlaldavh|mlaldav|mlsdav|mlas|qrdmlah|cmla)")
_VECTOR_MUL = re.compile(r"v(mul|qdmul|qrdmul|rmulh|mulh|mull|cmul)")

_REGISTER = re.compile(
    r"\b(r1[0-5]|r[0-9]|sp|lr|pc|sb|sl|fp|ip|s[12]?[0-9]|s3[01]|d[12]?[0-9]|d3[01]|q[0-7]|apsr_nzcv|p0)\b"
)
_LIST = re.compile(r"\b([rsd])(\d+)-\1(\d+)\b")


def decode(address: int, size: int, text: str) -> Insn:
    """One instruction; `text` is objdump's, comments removed."""
    word, _, rest = text.partition(" ")
    name, *types = word.split(".")
    operation, conditional = _plain(name)
    kind = _kind(operation, types, rest)
    plain = Insn(address, size, text, operation, kind, conditional=conditional, floating=operation.startswith("v"))
    found = _with_registers(plain, rest)
    double = "f64" in types or (operation in ("vldr", "vstr") and rest.startswith("d"))
    return replace(found, jumps=found.jumps or "pc" in found.writes, indexed=len(found.base) > 1, double=double)


def _with_registers(plain: Insn, rest: str) -> Insn:
    operands = _operands(rest)
    if plain.kind in ("it", "system") or not operands:
        return plain
    if plain.kind in ("branch", "loop"):
        return _branch(plain, operands)
    if plain.kind == "jump":
        return replace(plain, reads=_registers(rest), jumps=True)
    if plain.kind in ("load", "store", "vec_load", "vec_store"):
        return _transfer(plain, operands)
    if plain.kind in ("load_many", "store_many"):
        if "{" not in rest:  # ldrd, strd
            return replace(_transfer(plain, [f"{operands[0]}, {operands[1]}", *operands[2:]]), words=2)
        return _transfer_many(plain, rest)
    return _computation(plain, operands)


def _branch(plain: Insn, operands: list[str]) -> Insn:
    aim = _place(operands[-1])
    links = plain.operation in ("bl", "dls", "wls", "dlstp", "wlstp")
    return replace(
        plain,
        reads=_registers(",".join(operands[:-1])),
        writes=frozenset({"lr"}) if links else NOTHING,
        target=aim,
        jumps=aim is not None,
        conditional=plain.conditional or plain.operation not in ("b", "bl"),
    )


def _transfer(plain: Insn, operands: list[str]) -> Insn:
    """A load or store: registers moved, the address, and the address written back."""
    moved = _registers(operands[0])
    address = _registers(",".join(operands[1:]))
    back = NOTHING
    if len(operands) > 2 or operands[-1].endswith("!"):
        back = _registers(operands[1].strip("[]!").partition(",")[0])
    if plain.is_load:
        return replace(plain, reads=address, writes=moved | back, base=address)
    return replace(plain, reads=moved | address, writes=back, base=address)


def _transfer_many(plain: Insn, rest: str) -> Insn:
    outside, _, inside = rest.partition("{")
    listed = _registers(inside)
    pointer = _registers(outside) or frozenset({"sp"})
    moves = pointer if "!" in outside or plain.operation.endswith(("push", "pop")) else NOTHING
    words = max(1, len(listed))
    if plain.kind == "load_many":
        return replace(plain, reads=pointer, writes=listed | moves, base=pointer, words=words)
    return replace(plain, reads=pointer | listed, writes=moves, base=pointer, words=words)


def _computation(plain: Insn, operands: list[str]) -> Insn:
    named = [_registers(operand) for operand in operands]
    first, others = named[0], frozenset[str]().union(*named[1:])
    if plain.operation in _TEST:
        return replace(plain, reads=first | others)
    if plain.kind in ("mull", "mlal"):
        addend = first | named[1] if plain.kind == "mlal" else NOTHING
        factors = frozenset[str]().union(*named[2:])
        return replace(plain, reads=addend | factors, writes=first | named[1], addend=addend)
    if plain.kind == "fp_move" and len(operands) == 3:  # vmov r0, r1, d0 and vmov d0, r0, r1
        if _floats(first):
            return replace(plain, reads=others, writes=first, words=2)
        return replace(plain, reads=named[2], writes=first | named[1], words=2)
    if plain.operation in _ACCUMULATES or plain.kind == "vec_mac":
        return replace(plain, reads=first | others, writes=first, addend=first)
    if plain.kind == "mac":
        return replace(plain, reads=others, writes=first, addend=named[-1])
    if len(operands) == 2 and plain.operation in _TWO_ADDRESS:
        return replace(plain, reads=first | others, writes=first)
    return replace(plain, reads=others, writes=first)


def _plain(name: str) -> tuple[str, bool]:
    """The operation, and whether a condition was cut off. `bls` is a branch, `muls` sets flags, `vmls` is itself."""
    if _known(name):
        return name, False
    if len(name) == 3 and name[0] == "b" and name[1:] in CONDITIONS:
        return "b", True
    if name.startswith("it") and set(name[2:]) <= {"t", "e"}:
        return "it", False
    for cut, conditional in ((name[:-1], False), (name[:-2], True)):
        if _known(cut) and (name.endswith("s") if not conditional else name[-2:] in CONDITIONS):
            return cut, conditional
    if name[-2:] in CONDITIONS and name[-3:-2] == "s" and _known(name[:-3]):
        return name[:-3], True
    if name[-1:] in ("t", "e") and name.startswith("v") and _kind(name[:-1], ["s8"], "q0") != "unknown":
        return name[:-1], True  # under a VPT block
    return name, False


def _known(name: str) -> bool:
    return name in ("b", "bl") or _kind(name, [], "") != "unknown"


def _kind(operation: str, types: Sequence[str], operands: str) -> Kind:
    if operation.startswith("v") and re.search(r"\bq[0-7]\b", operands):
        return _vector_kind(operation)
    for names, kind in _KINDS:
        if operation in names:
            return kind
    if _MANY.match(operation):
        return "load_many" if "ldm" in operation or "pop" in operation else "store_many"
    if _LOAD.match(operation):
        return "load_many" if operation == "ldrd" else "load"
    if _STORE.match(operation):
        return "store_many" if operation == "strd" else "store"
    if operation == "vldr":
        return "load"
    if operation == "vstr":
        return "store"
    if operation.startswith("it") and set(operation[2:]) <= {"t", "e"}:
        return "it"
    return "unknown"


_KINDS: tuple[tuple[set[str], Kind], ...] = (
    (_FP_ALU, "fp_alu"),
    (_ALU, "alu"),
    (_MUL, "mul"),
    (_MAC, "mac"),
    (_MULL, "mull"),
    (_MLAL, "mlal"),
    ({"sdiv", "udiv"}, "div"),
    ({"b", "bl", "cbz", "cbnz"}, "branch"),
    ({"bx", "blx", "bxns", "blxns", "tbb", "tbh"}, "jump"),
    (_LOOPS, "loop"),
    (_SYSTEM, "system"),
    (_FP_MUL, "fp_mul"),
    (_FP_MAC, "fp_mac"),
    ({"vdiv"}, "fp_div"),
    ({"vsqrt"}, "fp_sqrt"),
    ({"vmov", "vmrs", "vmsr", "vmovx", "vins"}, "fp_move"),
)


def _vector_kind(operation: str) -> Kind:
    if _VECTOR_LOAD.match(operation):
        return "vec_load"
    if _VECTOR_STORE.match(operation):
        return "vec_store"
    if _VECTOR_MAC.match(operation):
        return "vec_mac"
    return "vec_mul" if _VECTOR_MUL.match(operation) else "vec_alu"


def _operands(text: str) -> list[str]:
    """Split at commas outside brackets and braces."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _registers(text: str) -> frozenset[str]:
    """All registers named; double and vector ones by the single ones that they are made of."""
    found: set[str] = set()
    for match in _LIST.finditer(text):
        for number in range(int(match[2]), int(match[3]) + 1):
            found |= _parts(f"{match[1]}{number}")
    for match in _REGISTER.finditer(text):
        found |= _parts(match[0])
    return frozenset(found)


def _parts(register: str) -> set[str]:
    letter, number = register[0], register[1:]
    if letter == "d" and number.isdigit():
        return {f"s{2 * int(number) + k}" for k in range(2)}
    if letter == "q" and number.isdigit():
        return {f"s{4 * int(number) + k}" for k in range(4)}
    return {ALIASES.get(register, register)}


def _floats(registers: frozenset[str]) -> frozenset[str]:
    return frozenset(r for r in registers if r[0] == "s" and r != "sp")


def _place(text: str) -> int | None:
    """The address in `ac <dense+0x28>` or `r0, ac <dense+0x28>`."""
    match = re.search(r"\b(?:0x)?([0-9a-f]+) <", text)
    if match:
        return int(match[1], 16)
    last = text.rpartition(" ")[2].removeprefix("#")
    return int(last, 16) if re.fullmatch(r"(0x)?[0-9a-f]+", last) and last not in ALIASES else None

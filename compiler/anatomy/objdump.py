"""Disassembly by binutils or LLVM, read back: instructions with their offset, their text and their source line.

Texts are made the same for all architectures: one blank between words, no comments, and what the linker will fill in
is named: beside a relocation `bl 0 <model_run>` becomes `bl conv2d_3x3`, and `lui a1,0x0` `lui a1,0x0 → weights`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler.targets.base import Target
from compiler.toolchain.find import path_of
from compiler.toolchain.run import Limits, run_tool

LIMITS = Limits(seconds=120)

_SECTION = re.compile(r"^Disassembly of section (.+):$")
_SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(?!R_)(\S.*)$")
_RELOCATION = re.compile(r"\s*\b([0-9a-f]+):\s+R_\w+\s+(\S+)\s*$")
_LINE = re.compile(r"^(?:; )?(.*):(\d+|\?)(?: \(discriminator \d+\))?$")
_COMMENT = re.compile(r"\s(?:[@;#]|//)\s.*$")
_PLACE = re.compile(r"\b(?:0x)?([0-9a-f]+) <[^>]*>")
_BYTES = re.compile(r"[0-9a-f]{2}(?: |$)")  # LLVM prints literals so
_LOCAL = (".L", "$")  # labels inside a function


@dataclass(frozen=True)
class Instruction:
    """One line of a disassembly; `line` is null where the compiler gave none."""

    offset: int  # from the beginning of its section
    text: str
    line: int | None

    @property
    def is_data(self) -> bool:
        """A literal between instructions."""
        return self.text.startswith((".", "<", "(bad)")) or bool(_BYTES.match(self.text))


@dataclass(frozen=True)
class Disassembler:
    """A tool that is installed, with what it must be told about the target."""

    path: Path
    options: tuple[str, ...]

    def sections(self, program: str, workdir: Path, source: str = "") -> list[tuple[str, list[Instruction]]]:
        """Sections of `program` in file order with their instructions; lines are those of the file `source`."""
        lines = ["-l"] if source else []
        command: list[str | Path] = [self.path, "-d", "-r", *lines, "--no-show-raw-insn", *self.options, program]
        return list(read(run_tool(command, cwd=workdir, limits=LIMITS).stdout.splitlines(), source))


def disassembler(target: Target) -> Disassembler | None:
    """The one of the target's binutils, or LLVM's; None when neither is installed."""
    if own := path_of(target.gcc.program("objdump")):
        # It takes Helium's loads for those of a coprocessor unless it is told the architecture.
        helium = ("-m", "armv8.1-m.main") if target.llvm.triple.startswith("thumbv8.1m") else ()
        return Disassembler(own, ("-w", *helium))
    if llvm := path_of("llvm-objdump"):
        return Disassembler(llvm, ())
    return None


def read(lines: Iterable[str], source: str = "") -> Iterator[tuple[str, list[Instruction]]]:
    """What `disassemble` returns, from objdump's text."""
    section: list[Instruction] = []
    current: int | None = None
    for text in lines:
        if match := _SECTION.match(text):
            section = []
            current = None
            yield match[1], section
        elif match := _SYMBOL.match(text):
            # A line is printed when it changes; the next function must not inherit this one's.
            current = current if match[1].startswith(_LOCAL) else None
        elif match := _INSTRUCTION.match(text):
            section.append(Instruction(int(match[1], 16), _shown(match[2]), current))
        elif section and (match := _RELOCATION.match(text)):
            last = section[-1]
            if int(match[1], 16) == last.offset or not last.is_data:  # objdump leaves words of zeros out
                section[-1] = Instruction(last.offset, _named(last.text, match[2]), last.line)
        elif match := _LINE.match(text):
            known = match[2] != "?" and source and f"/{match[1]}".endswith(f"/{source}")
            current = int(match[2]) if known else None


def _shown(body: str) -> str:
    relocation = _RELOCATION.search(body)
    text = body[: relocation.start()] if relocation else body
    text = " ".join(_COMMENT.sub("", text).split())
    return _named(text, relocation[2]) if relocation else text


def _named(text: str, symbol: str) -> str:
    """`text` with the symbol that the linker will put in."""
    if symbol.startswith("*ABS*") or symbol.startswith(_LOCAL):
        return text  # a note to the linker, or a place in the same function that is shown already
    name = re.sub(r"-0x[0-9a-f]+$", "", symbol.removeprefix(".text."))  # x86 counts from the instruction's end
    if text.startswith((".word", ".long")):
        word, _, addend = text.partition(" ")
        return f"{word} {name}" + (f"+{addend.replace('0x0000', '0x')}" if addend.strip("0x") else "")
    if _PLACE.search(text):
        return _PLACE.sub(name, text)
    return f"{text} → {name}"


def within(text: str, start: int, size: int) -> str:
    """Branch targets as offsets into the function that begins at `start`; those elsewhere by the symbol's name."""

    def place(match: re.Match[str]) -> str:
        at = int(match[1], 16) - start
        return f"{at:#x}" if 0 <= at < size else match[0].split("<", 1)[1][:-1]

    return _PLACE.sub(place, text)

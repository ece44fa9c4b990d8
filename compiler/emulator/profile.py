"""Where the instructions go: by function, by opcode, and the hot blocks with their disassembly.

A profile joins the executed-address histogram of a `Measurement` with the disassembly of the very program that ran.
An instruction under an IT block counts whether or not its condition holds.

    python -m compiler.emulator.profile BUILD_FOLDER [--function NAME] [--blocks N]
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.emulator.plugin import read_counts
from compiler.errors import ToolError
from compiler.targets import target
from compiler.targets.base import Target
from compiler.toolchain.find import path_of
from compiler.toolchain.run import MISSING, run_tool
from compiler.toolchain.sizes import read_symbols

_LINE = re.compile(r"^\s*([0-9a-f]+):\s+(?:[0-9a-f]{2,8} )+\s*\t?(.*)$")
HELIUM = ("cortex-m55", "cortex-m85")  # processors with vector instructions
_FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")


@dataclass(frozen=True)
class Instruction:
    address: int
    function: str
    text: str  # "vldr s0, [r1]", without encoding and comment
    executed: int

    @property
    def opcode(self) -> str:
        """The mnemonic without width suffix."""
        word = self.text.split(maxsplit=1)[0] if self.text else "?"
        return word.removesuffix(".w").removesuffix(".n")


@dataclass(frozen=True)
class Block:
    """Consecutive instructions that were executed equally often."""

    instructions: tuple[Instruction, ...]

    @property
    def executed(self) -> int:
        """Instructions executed in the block, all together."""
        return sum(i.executed for i in self.instructions)


@dataclass(frozen=True)
class Profile:
    """Every instruction of the program that was executed, in order of address."""

    instructions: tuple[Instruction, ...]

    @property
    def total(self) -> int:
        return sum(i.executed for i in self.instructions)

    def by_function(self) -> dict[str, int]:
        """Executed instructions per function, largest first."""
        return _counted((i.function, i.executed) for i in self.instructions)

    def by_opcode(self, function: str | None = None) -> dict[str, int]:
        """Executed instructions per mnemonic, largest first."""
        chosen = (i for i in self.instructions if function is None or i.function == function)
        return _counted((i.opcode, i.executed) for i in chosen)

    def blocks(self) -> list[Block]:
        """Straight-line runs of equal counts, the costliest first."""
        found: list[list[Instruction]] = []
        last: Instruction | None = None
        for this in self.instructions:
            near = last is not None and this.address - last.address <= 4
            if last and near and this.executed == last.executed and this.function == last.function:
                found[-1].append(this)
            else:
                found.append([this])
            last = this
        return sorted((Block(tuple(b)) for b in found), key=lambda b: -b.executed)


def profile(elf: Path, executions: Mapping[int, int], processor: Target) -> Profile:
    """Join a histogram with the program it was taken from."""
    symbols, _ = read_symbols(elf)
    functions = sorted((s for s in symbols if s.kind == "function"), key=lambda s: s.address)
    text = disassembly(elf, processor)
    found = []
    for address, executed in sorted(executions.items()):
        name = next((f.name for f in functions if f.address <= address < f.address + f.size), "?")
        found.append(Instruction(address, name, text.get(address, "?"), executed))
    return Profile(tuple(found))


def disassembly(elf: Path, processor: Target) -> dict[int, str]:
    """Instruction texts by address."""
    helium = processor.llvm.cpu in HELIUM
    # binutils take Helium for coprocessor instructions, since linked programs do not say which extension they use.
    names = ["llvm-objdump"] if helium else [processor.gcc.program("objdump"), "llvm-objdump"]
    tool = next((path for name in names if (path := path_of(name))), None)
    if tool is None:
        raise ToolError(MISSING, f"no objdump for {processor.name} is installed")
    options = [f"--mcpu={processor.llvm.cpu}"] if helium and "llvm" in tool.name else []
    listing = run_tool([tool, "-d", *options, elf.name], cwd=elf.parent).stdout
    return dict(_instructions(listing.splitlines()))


def _instructions(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        if match := _LINE.match(line):
            words = match[2].partition(";")[0].partition("@")[0].split()
            yield int(match[1], 16), " ".join(words)


def _counted(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for name, executed in pairs:
        counts[name] += executed
    return dict(counts.most_common())


def render(profile: Profile, *, blocks: int = 8, function: str | None = None) -> str:
    """The profile for a terminal."""
    total = profile.total
    lines = [f"{total:,} instructions", "", "by function"]
    lines += [_share(name, n, total) for name, n in profile.by_function().items()]
    lines += ["", "by opcode"]
    lines += [_share(name, n, total) for name, n in list(profile.by_opcode(function).items())[:20]]
    hot = [b for b in profile.blocks() if function is None or b.instructions[0].function == function]
    for block in hot[:blocks]:
        first = block.instructions[0]
        share = 100 * block.executed / total
        lines += ["", f"{first.function}: {len(block.instructions)} x {first.executed:,} = {share:.1f} %"]
        lines += [f"  {i.address:8x}  {i.text}" for i in block.instructions]
    return "\n".join(lines)


def _share(name: str, count: int, total: int) -> str:
    return f"  {100 * count / max(1, total):5.1f} %  {count:14,}  {name}"


def main() -> None:
    """Print the profile of a build folder in which the emulator has run."""
    parser = argparse.ArgumentParser(prog="python -m compiler.emulator.profile")
    parser.add_argument("folder", type=Path, help="a build folder that was kept after a run")
    parser.add_argument("--function", help="only this function's opcodes and blocks")
    parser.add_argument("--blocks", type=int, default=8, help="how many hot blocks to print")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    processor = target(next((folder / "lib").iterdir()).name)
    with (folder / "run" / "counts.txt").open() as lines:
        executions = read_counts(lines).executions
    found = profile(folder / "harness" / "harness.elf", executions, processor)
    print(render(found, blocks=arguments.blocks, function=arguments.function))


if __name__ == "__main__":
    main()

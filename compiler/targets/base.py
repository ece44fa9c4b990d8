"""What a target is: processor, compilers' options, memory, emulator. Data only; each target is one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CompilerName = Literal["gcc", "clang"]


def KiB(count: int) -> int:
    """Bytes."""
    return count * 1024


def MiB(count: int) -> int:
    """Bytes."""
    return count * 1024 * 1024


def MHz(count: float) -> int:
    """Hertz."""
    return round(count * 1_000_000)


@dataclass(frozen=True)
class Llvm:
    """How LLVM names the processor; clang takes triple and `cpu` from here too.

    Write triples with four parts: `thumbv7em-none-eabihf` reads `none` as the vendor and loses the hard-float ABI.
    """

    triple: str
    cpu: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gcc:
    """`<prefix>-gcc` with `machine` options; an empty prefix is this computer's own `gcc`."""

    prefix: str
    machine: str = ""
    libc: bool = True  # False: the compiler comes without a C library, memcpy and memset are ours

    def program(self, name: str) -> str:
        return f"{self.prefix}-{name}" if self.prefix else name


@dataclass(frozen=True)
class Clang:
    """Options beside the triple; an empty triple in `Llvm` is this computer's own."""

    machine: str = ""


@dataclass(frozen=True)
class Region:
    """A range of addresses that holds code and constants ("flash") or data ("ram").

    A region "more" is slow memory of the emulated board for models that are larger than its flash or its RAM.
    """

    name: Literal["flash", "ram", "more"]
    at: int
    size: int


@dataclass(frozen=True)
class FlashTiming:
    """How a board's flash slows the core down. The defaults are those of memory as fast as the core, as in QEMU.

    `wait_states` are extra cycles of each read of `line_bytes`; `prefetch` reads the next line ahead. Caches lie
    between flash and core; `icache_bytes` and `dcache_bytes` are 0 where there is none.
    """

    wait_states: int = 0
    line_bytes: int = 16
    prefetch: bool = False
    icache_bytes: int = 0
    dcache_bytes: int = 0


@dataclass(frozen=True)
class Timer:
    """A 32-bit timer of the emulated board that counts down, one count per tick of `hertz`.

    `-icount shift=N` lets each instruction take 2^N ns, hence `hertz * 2^N / 1e9` ticks: at least one, so that
    single instructions can be told apart.
    """

    at: int
    hertz: int
    icount_shift: int

    @property
    def ticks_per_instruction(self) -> float:
        return self.hertz * (1 << self.icount_shift) / 1e9


@dataclass(frozen=True)
class Qemu:
    """A system emulator. `start_up` names the folder in `emulator/firmware/` with start-up code and system calls."""

    program: str
    machine: str
    cpu: str
    start_up: str
    timer: Timer | None = None


@dataclass(frozen=True)
class Target:
    name: str
    title: str
    llvm: Llvm
    gcc: Gcc
    clang: Clang
    prefer: CompilerName  # what `--compiler auto` takes
    memory: tuple[Region, ...] = ()
    emulator: Qemu | None = None  # None: the code runs on this computer
    cycles: str | None = None  # the pipeline model in emulator/cycles/
    features: tuple[str, ...] = ()  # what kernel families may use: fpu32 (32 single-precision registers), dsp, ...

    def region(self, name: str) -> Region | None:
        return next((region for region in self.memory if region.name == name), None)

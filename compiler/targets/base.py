"""What a target is: processor, compilers' options, memory, emulator. Data only; each target is one file."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    `features`, `abi` and `code_model` are what code generation is given beside them; empty ones are LLVM's defaults.
    `ordered_for` names another processor and features for our own objects, where LLVM orders instructions better for
    that one; the features must leave the same instruction set.
    """

    triple: str
    cpu: str
    features: tuple[str, ...] = ()
    abi: str = ""  # RISC-V: ilp32, ilp32f, lp64d
    code_model: str = ""  # "medium": code and data lie anywhere, within 2 GiB of each other
    ordered_for: tuple[str, tuple[str, ...]] | None = None
    options: tuple[str, ...] = ()  # LLVM's own, for our objects


@dataclass(frozen=True)
class Gcc:
    """`<prefix>-gcc` with `machine` options; an empty prefix is this computer's own `gcc`."""

    prefix: str
    machine: str = ""
    libc: bool = True  # False: the compiler comes without a C library, memcpy and memset are ours
    links_only: bool = False  # True: this version does not know the processor, but its linker and libgcc serve

    def program(self, name: str) -> str:
        return f"{self.prefix}-{name}" if self.prefix else name


@dataclass(frozen=True)
class Clang:
    """Options beside the triple; an empty triple in `Llvm` is this computer's own.

    `-mcpu` comes from `Llvm.cpu` unless `machine` says `-march`.
    """

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
    """What counts instructions where the emulator's plugin cannot: a 32-bit counter that advances by `hertz`.

    `at` is the address of a register that counts down; None is the core's own instruction counter, which counts up.
    `-icount shift=N` lets each instruction take 2^N ns, hence `hertz * 2^N / 1e9` ticks: at least one, so that
    single instructions can be told apart.
    """

    at: int | None
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
class QemuUser:
    """An emulator of one Linux process."""

    program: str
    cpu: str
    start_up: str


@dataclass(frozen=True)
class Native:
    """This computer itself, where its processor has `flags`, as Linux names them."""

    start_up: str
    flags: tuple[str, ...] = ()


Emulator = Qemu | QemuUser | Native


@dataclass(frozen=True)
class Machine:
    """Another emulated board for the same core, with its own memory and emulator."""

    memory: tuple[Region, ...]
    emulator: Qemu
    stack: int = KiB(16)  # at least this much is left for the stack of harness and model


FloatUnit = Literal["none", "single", "double"]
Family = Literal["Arm Cortex-M", "RISC-V", "x86-64", "AArch64", "This computer"]


@dataclass(frozen=True)
class Target:
    name: str
    title: str
    family: Family
    description: str  # what the core has, and chips or boards with it
    llvm: Llvm
    gcc: Gcc
    clang: Clang
    prefer: CompilerName  # what `--compiler auto` takes
    clock_mhz: float | None  # of the board that `description` names; None is known only where it runs
    clock_of: str  # that board, or how the clock is found
    memory: tuple[Region, ...] = ()
    emulator: Emulator | None = None  # None: code is built and not run
    stack: int = KiB(16)  # at least this much of the emulated RAM is left for the stack of harness and model
    smaller: Machine | None = None  # taken when the program fits it: a core nearer to the real one
    float_unit: FloatUnit = "none"  # "none": floating point is computed by functions of the compiler's library
    cycles: str | None = None  # the pipeline model in emulator/cycles/
    features: tuple[str, ...] = ()  # what kernel families may use, see kernels/tiles/registers.py; dsp
    aliases: tuple[str, ...] = ()  # other names for `--target`

    @property
    def abilities(self) -> frozenset[str]:
        """All that code for it may use: its features, and "sqrt" where an instruction takes square roots."""
        return frozenset(self.features) | (frozenset({"sqrt"}) if self.float_unit != "none" else frozenset())

    def region(self, name: str) -> Region | None:
        return next((region for region in self.memory if region.name == name), None)

    @property
    def emulated_by(self) -> str | None:
        """The emulator, and what it emulates; None where there is none."""
        match self.emulator:
            case Qemu(program=program, machine=machine):
                return f"{program} -M {machine}"
            case QemuUser(program=program, cpu=cpu):
                return f"{program} -cpu {cpu}"
            case _:
                return None

    def on_smaller(self) -> Target | None:
        """The target on its smaller machine."""
        if self.smaller is None:
            return None
        return replace(
            self, memory=self.smaller.memory, emulator=self.smaller.emulator, stack=self.smaller.stack, smaller=None
        )

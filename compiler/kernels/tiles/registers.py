"""Float registers of a processor: how many there are, and how many numbers one holds."""

from __future__ import annotations

from dataclasses import dataclass

_LANES = {"simd512": 16, "simd256": 8, "simd128": 4}


@dataclass(frozen=True)
class Registers:
    """`splat` instructions bring one number into every lane."""

    count: int
    lanes: int = 1
    splat: int = 1

    def unroll(self, objective: str) -> int:
        """How often the innermost loop is written out. Microcontrollers fetch code from slow flash through small
        caches: on an STM32L4R5 (1 KiB) four times instead of twice cost vww 23 % more estimated cycles."""
        if objective == "size":
            return 1
        return 2 if self.lanes == 1 or objective == "ram" else 4

    @property
    def family(self) -> str:
        return f"simd{32 * self.lanes}" if self.lanes > 1 else f"fpu{self.count}"


FPU32 = Registers(32)


def register_files(features: frozenset[str]) -> list[Registers]:
    """What a target's features allow, widest first: `simd128`, `simd256`, `simd512` are vectors of so many bits, 16
    of them or 32 with `vregs32` (8 with `vregs8`); `fpu32` is 32 single-precision registers.

    A wide vector register also serves as a narrower one and for a single number: layers may have few outputs.
    """
    # Of 32 vector registers 24 are planned with: splats and early loads take the others. With all 32 planned, ic on
    # AArch64 took 9.3 M instructions (gcc) and 9.5 M (clang) instead of 8.5 M and 7.7 M; on RVV 9.5 M instead of 9.3 M.
    count = 24 if "vregs32" in features else 8 if "vregs8" in features else 16
    widest = max((lanes for name, lanes in _LANES.items() if name in features), default=0)
    found = [
        Registers(count, lanes, 1 if lanes > 4 or count != 16 else 2) for lanes in _LANES.values() if lanes <= widest
    ]
    if "fpu32" in features:
        found.append(FPU32)
    elif found:
        found.append(Registers(count))
    return found


def pieces(total: int, lanes: int) -> list[int]:
    """`total` elements as vectors: as many full ones as fit, then halves of at least four lanes, then single ones."""
    result: list[int] = []
    width = lanes
    while total:
        if width < 4:
            width = 1
        result += [width] * (total // width)
        total %= width
        width //= 2
    return result


def runs(total: int, lanes: int) -> list[tuple[int, int, int]]:
    """The same as (start, stop, width): loops over equal widths."""
    result: list[tuple[int, int, int]] = []
    at = 0
    for width in pieces(total, lanes):
        if result and result[-1][2] == width:
            result[-1] = (result[-1][0], at + width, width)
        else:
            result.append((at, at + width, width))
        at += width
    return result

"""How good the cycle models are: estimates against published runs of known code, worst first.

    .venv/bin/python bench/cycles.py [--write]

A reference is a latency that somebody published together with the code that ran; what counts as one is in
compiler/decisions/0013-cycle-model.md. That code was rebuilt and run on the emulator; `bench/references/` keeps, per
reference, how often each kind of instruction pair, jump and line of flash occurred: numbers, none of the code. Here the
present models price them. Nothing is fitted. The worst error, not the mean, goes into reports: `--write` puts it into
the package's table, and a test compares the table with this bench. Exit status 1 when the table is old, or when
Cortex-M4 is off by more than 15 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from compiler.emulator.cycles import cores, worst_error
from compiler.emulator.cycles.calibration import TABLE
from compiler.emulator.cycles.condense import Condensed
from compiler.targets.base import FlashTiming

ROOT = Path(__file__).resolve().parent.parent
REFERENCES = ROOT / "bench" / "references"
RESULTS = ROOT / "bench" / "results"
LIMIT = {"cortex_m4": 15.0}  # percent

FLASH = {
    # STM32L4R5 at 120 MHz, all but the option word from ST's drivers. Five wait states: stm32l4xx_ll_utils.c, scale 1.
    # "Single bank with 128-bits data or two banks with 64-bits data": stm32l4xx_hal_flash.h, OB_USER_DBANK; two banks
    # as delivered: FLASH_OPTR is 0xFFEFF8AA, bit 22 is DBANK (stm32l4r5xx.h). 32 cache lines of 4*64 bits for code, 8
    # for data: stm32l4xx_hal_flash.c. Zephyr's soc.c for STM32L4 turns caches and prefetch on; mbed OS may leave
    # prefetch off, which changes its figures by less than 0.2 %.
    "stm32l4r5": FlashTiming(wait_states=5, line_bytes=8, prefetch=True, icache_bytes=1024, dcache_bytes=256),
    # nRF5340's application core: a cache of 2 ways and 256 sets of 16 bytes for code and data (nrf5340_application.h),
    # which Zephyr turns on (CONFIG_NRF_ENABLE_CACHE). The wait states behind it are not published: none are taken.
    "nrf5340": FlashTiming(wait_states=0, line_bytes=16, icache_bytes=8192, dcache_bytes=8192),
}


@dataclass(frozen=True)
class Row:
    core: str
    software: str
    model: str
    board: str
    clock_mhz: float
    instructions: int
    published_ms: float
    estimated_ms: float
    error_percent: float  # of the estimate; negative: too fast
    source: str
    code: str
    built: str


def rows() -> list[Row]:
    """All references, the worst first."""
    found = []
    for path in sorted(REFERENCES.glob("*.json")):
        data = json.loads(path.read_text())
        counted = Condensed.from_json(data)
        cycles = counted.cycles(cores()[data["core"]], FLASH[data["flash"]])
        estimated = cycles / data["clock_mhz"] / 1000
        found.append(
            Row(
                core=data["core"],
                software=data["software"],
                model=data["model"],
                board=data["board"],
                clock_mhz=data["clock_mhz"],
                instructions=counted.instructions,
                published_ms=data["published_ms"],
                estimated_ms=round(estimated, 4),
                error_percent=round(100 * (estimated / data["published_ms"] - 1), 2),
                source=data["source"],
                code=data["code"],
                built=data["built"],
            )
        )
    return sorted(found, key=lambda row: -abs(row.error_percent))


def worst(found: list[Row]) -> dict[str, tuple[float, int]]:
    """Core -> worst error in percent, and how many references it is the worst of."""
    names = sorted({row.core for row in found})
    return {
        name: (
            round(max(abs(r.error_percent) for r in found if r.core == name), 1),
            sum(r.core == name for r in found),
        )
        for name in names
    }


def table(found: list[Row]) -> str:
    head = ("core", "software", "model", "board", "MHz", "instructions", "cycles/instr.", "published ms",
            "estimated ms", "error %", "published in")  # fmt: skip
    lines = [head]
    for r in found:
        published = r.published_ms * r.clock_mhz * 1000
        lines.append((
            r.core, r.software, r.model, r.board, f"{r.clock_mhz:g}", f"{r.instructions:,}",
            f"{published / r.instructions:.2f}", f"{r.published_ms:g}", f"{r.estimated_ms:.2f}",
            f"{r.error_percent:+.1f}", r.source,
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in lines)


def calibration(found: list[Row]) -> str:
    """The text of the package's table."""
    text = "# Written by `bench/cycles.py --write`: each core's worst error on its references, and how many it has.\n"
    text += "# A core that is not here has none.\n"
    for name, (percent, count) in worst(found).items():
        text += f"\n[{name}]\nworst_error_percent = {percent}\nreferences = {count}\n"
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the worst errors into the package")
    args = parser.parse_args()
    found = rows()
    print(table(found))
    print()
    for name in cores():
        have = worst(found).get(name)
        print(f"{name}: " + (f"worst of {have[1]} references {have[0]:g} %" if have else "no reference, uncalibrated"))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cycles.json").write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    if args.write:
        TABLE.write_text(calibration(found))
        return 0
    old = [name for name, (percent, _) in worst(found).items() if worst_error(name) != percent]
    over = [name for name, (percent, _) in worst(found).items() if percent > LIMIT.get(name, float("inf"))]
    for name in old:
        print(f"{name}: the package's table is old; run with --write")
    for name in over:
        print(f"{name}: the worst error is over {LIMIT[name]:g} %")
    return 1 if old or over else 0


if __name__ == "__main__":
    sys.exit(main())

"""A project that is ready to build: Makefile, start-up code, linker script, a main, and a check that runs on QEMU."""

from __future__ import annotations

from importlib.resources import files as resources
from string import Template

from compiler.emit.literals import C_TYPES
from compiler.options import CompileOptions
from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit
from compiler.targets import target
from compiler.targets.base import Qemu, Region
from compiler.targets.boards import Board, board

# Where flash begins, by the beginning of the chip's name; boards.toml knows sizes only. From the reference manuals.
FLASH_AT = {"STM32": 0x0800_0000, "GD32": 0x0800_0000, "nRF5": 0x0000_0000, "ATSAM": 0x0000_0000}
STACK_BYTES = 4096


def refuses(options: CompileOptions) -> str | None:
    if not target(options.target).memory:
        return f"{options.target} has an operating system"
    return None


def files(kit: Kit) -> dict[str, bytes]:
    top = f"{kit.library_name}/"
    start = _start_up(kit)
    board_memory = _board_memory(kit)
    memory = board_memory or kit.target.memory
    facts = {
        "boarded": board_memory is not None,
        "run": isinstance(kit.target.emulator, Qemu) and kit.vectors,
    }
    made = {
        **kit.headers(f"{top}model/include/"),
        **kit.sources(f"{top}model/src/"),
        f"{top}model/lib/{kit.name}.o": kit.files[kit.object],
        **{f"{top}startup/{path}": data for path, data in start.items()},
        f"{top}linker.ld": _linker_script(kit, memory),
        f"{top}src/main.c": kit.render("example.c.j2", printer=""),
        f"{top}Makefile": kit.render(
            "bare-metal/Makefile.j2",
            start_up=sorted(path for path in start if path.endswith((".c", ".S"))),
            **facts,
        ),
        f"{top}README.md": kit.render("bare-metal/README.md.j2", memory=memory, **facts),
    }
    if board_memory is not None:
        made[f"{top}emulated.ld"] = _linker_script(kit, kit.target.memory)
    if kit.vectors:
        made[f"{top}model/test/vectors.h"] = kit.files["test/vectors.h"]
        made[f"{top}src/check.c"] = kit.render("bare-metal/check.c.j2", kinds=_kinds(kit))
    return made


def _kinds(kit: Kit) -> dict[str, str]:
    """The kinds of numbers in the vectors, with their C type."""
    tensors = (*kit.report.model.inputs, *kit.report.model.outputs)
    return {dtype.upper(): C_TYPES[dtype] for dtype in sorted({t.dtype for t in tensors})}


def _start_up(kit: Kit) -> dict[str, bytes]:
    """The very files that the emulated firmware starts with."""
    ours = resources("compiler.emulator") / "firmware"
    family = "cortex_m" if kit.target.family == "Arm Cortex-M" else "riscv"
    wanted = [f"{family}/start.c", f"{family}/start.S", f"{family}/system.c", "memory.c", "semihosting.h", "system.h"]
    if not kit.target.gcc.libc:
        wanted.append("support.c")
    return {path: (ours / path).read_bytes() for path in wanted if (ours / path).is_file()}


def _board_memory(kit: Kit) -> tuple[Region, ...] | None:
    """Flash and RAM of the chosen board; None without one, or where an address is not known."""
    if kit.options.board is None:
        return None
    chosen: Board = board(kit.options.board)
    flash_at = next((at for chip, at in FLASH_AT.items() if chosen.chip.upper().startswith(chip.upper())), None)
    ram = max((r for r in chosen.ram if r.at is not None), key=lambda r: r.size, default=None)
    if flash_at is None or chosen.flash is None or chosen.external_flash or ram is None or ram.at is None:
        return None
    return Region("flash", flash_at, chosen.flash), Region("ram", ram.at, ram.size)


def _linker_script(kit: Kit, memory: tuple[Region, ...]) -> bytes:
    text = (resources("compiler.emulator") / "firmware" / "firmware.ld").read_text()
    size: dict[str, int] = {region.name: region.size for region in memory}
    flash, totals = kit.report.totals.flash, kit.report.memory

    def place(wanted: str, needed: int) -> str:
        """Slow memory where the emulated board has some, and little else fits."""
        return "more" if "more" in size and needed > size[wanted] // 8 * 7 else wanted

    lines = (
        f"    {r.name} ({'rx' if r.name == 'flash' else 'rwx'}) : ORIGIN = {r.at:#010x}, LENGTH = {r.size:#x}"
        for r in memory
    )
    return (
        Template(text)
        .substitute(
            memory="\n".join(lines),
            object=f"*/lib/{kit.name}.o",
            constants=place("flash", flash.weights or 0),
            arena=place("ram", totals.arena_bytes),
            stack=str(min(STACK_BYTES, size["ram"] // 4)),
        )
        .encode()
    )


FORMAT = Format(
    name="bare-metal",
    title="Bare-metal project",
    description="Makefile, start-up code and linker script for the board or target; `make run` checks it on QEMU.",
    files=files,
    refuses=refuses,
)

"""The map of flash and RAM, drawn to scale: each part of the linked program is a rectangle, its symbols are in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.pack.figures import count, size
from compiler.pack.text import xml
from compiler.report import MapSection, MapSymbol, Report

_LEFT, _RIGHT, _WIDTH = 12, 12, 1076
_TITLE, _BAR, _AXIS, _GAP = 20, 56, 22, 18
_LETTER = 5.8  # width of a letter at 10 px, about
_NARROWEST = 0.6  # a symbol that would be narrower is not drawn by itself
NAMES = {"flash": "Flash", "ram": "RAM"}

# As in memory_svg: fills are light in both schemes and carry dark text.
STYLE = """
.map{font:10px system-ui,sans-serif;--paper:#fff;--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--edge:#24292f}
@media (prefers-color-scheme:dark){.map{--paper:#15181d;--ink:#e6e8eb;--dim:#a3abb5;--line:#39414b;--edge:#0d0f12}}
.map .paper{fill:var(--paper)}.map text{fill:var(--ink)}.map .dim{fill:var(--dim)}.map .tick{stroke:var(--dim)}
.map .name{font-weight:600;font-size:12px}.map rect.p{stroke:var(--edge);stroke-width:.8}.map text.in{fill:#14171a}
.map .s{fill:none;stroke:var(--edge);stroke-width:.4;stroke-opacity:.55}.map .hit{fill:#fff;fill-opacity:0}
.map .code{fill:#9ecbff}.map .weights{fill:#ffd59a}.map .other{fill:#c9ced4}
.map .arena{fill:#a5e3b5}.map .static{fill:#d3c2f5}.map .stack{fill:#f5b8c8}
""".strip()


@dataclass(frozen=True)
class Block:
    """A rectangle of a bar. `at` counts from the beginning of the bar: gaps between parts are not drawn."""

    name: str
    kind: str
    at: int
    size: int
    symbols: tuple[MapSymbol, ...] = ()
    address: int | None = None


def bars(report: Report) -> dict[str, list[Block]]:
    """Flash, and RAM with the stack that was measured; empty without a map."""
    found: dict[str, list[Block]] = {}
    for region in ("flash", "ram"):
        blocks, at = [], 0
        for part in (s for s in report.sections if s.region == region):
            blocks.append(Block(part.name, part.kind, at, part.size, tuple(part.symbols), part.address))
            at += part.size
        if region == "ram" and blocks and report.totals.ram.stack:
            blocks.append(Block("stack, as deep as it was measured", "stack", at, report.totals.ram.stack))
        if blocks:
            found[region] = blocks
    return found


def map_svg(report: Report) -> str:
    """The drawing, or empty text where no firmware was linked."""
    drawn = bars(report)
    if not drawn:
        return ""
    each = _TITLE + _BAR + _AXIS
    height = len(drawn) * each + (len(drawn) - 1) * _GAP + 8
    width = _LEFT + _WIDTH + _RIGHT
    desc = "; ".join(f"{NAMES[region]}: {_sentence(blocks)}" for region, blocks in drawn.items())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="map" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="map-title map-desc">',
        '<title id="map-title">Map of flash and RAM</title>',
        f'<desc id="map-desc">{xml(desc, 600)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
    ]
    for i, (region, blocks) in enumerate(drawn.items()):
        lines += _bar(region, blocks, i * (each + _GAP))
    return "\n".join([*lines, "</svg>"]) + "\n"


def kinds(report: Report) -> list[tuple[str, int]]:
    """What the colours stand for, with the bytes of each, largest first."""
    found: dict[str, int] = {}
    for blocks in bars(report).values():
        for block in blocks:
            found[block.kind] = found.get(block.kind, 0) + block.size
    return sorted(found.items(), key=lambda item: -item[1])


def _sentence(blocks: Sequence[Block]) -> str:
    return ", ".join(f"{b.name} {count(b.size)} bytes" for b in blocks)


def _bar(region: str, blocks: Sequence[Block], top: int) -> Iterator[str]:
    whole = sum(block.size for block in blocks)
    scale = _WIDTH / whole
    y = top + _TITLE
    yield f'<text class="name" x="{_LEFT}" y="{top + 14}">{NAMES[region]}: {size(whole)}</text>'
    for block in blocks:
        x, wide = _LEFT + block.at * scale, block.size * scale
        tip = f"{block.name}: {count(block.size)} bytes"
        if block.address is not None:
            tip += f" at {block.address:#010x}"
        yield (
            f'<g><title>{xml(tip, 200)}</title><rect class="p {block.kind}" x="{x:.1f}" y="{y}" '
            f'width="{max(wide, 0.5):.1f}" height="{_BAR}"/></g>'
        )
        yield from _symbols(block, x, wide, y, scale)
    yield from _axis(whole, scale, y + _BAR)


def _symbols(block: Block, left: float, wide: float, y: int, scale: float) -> Iterator[str]:
    """Rectangles at the symbols' addresses; a block without any carries its own name, and the arena is called so."""
    drawn = [s for s in block.symbols if s.size * scale >= _NARROWEST and block.kind != "arena"]
    for symbol in sorted(drawn, key=lambda s: s.address):
        assert block.address is not None
        x, width = left + (symbol.address - block.address) * scale, symbol.size * scale
        user = f", first used by {symbol.layer}" if symbol.layer else ""
        tip = xml(f"{symbol.name}: {count(symbol.size)} bytes{user}", 260)
        yield f'<g><title>{tip}</title><rect class="s hit" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}"/>'
        yield from _label(symbol.name, symbol.size, x, width, y)
        yield "</g>"
    if not drawn:
        yield from _label("arena" if block.kind == "arena" else block.name, block.size, left, wide, y)


def _label(name: str, length: int, x: float, width: float, y: int) -> Iterator[str]:
    letters = int((width - 6) / _LETTER)
    if letters >= 4:
        yield f'<text class="in" x="{x + 3:.1f}" y="{y + 24}">{xml(name, letters)}</text>'
        if letters >= 8:
            yield f'<text class="in" x="{x + 3:.1f}" y="{y + 38}">{size(length)}</text>'


def _axis(whole: int, scale: float, y: int) -> Iterator[str]:
    step = 1
    while whole / step > 10:
        step *= 2
    for at in range(0, whole + 1, step):
        x = _LEFT + at * scale
        anchor = "start" if at == 0 else "middle" if x < _LEFT + _WIDTH - 24 else "end"
        yield f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 4}"/>'
        yield f'<text class="dim" x="{x:.1f}" y="{y + 15}" text-anchor="{anchor}">{size(at)}</text>'


def largest_symbols(sections: Sequence[MapSection], most: int = 20) -> list[tuple[MapSection, MapSymbol]]:
    """The symbols that take most room, whatever they are."""
    every = [(section, symbol) for section in sections for symbol in section.symbols]
    return sorted(every, key=lambda pair: (-pair[1].size, pair[1].address))[:most]

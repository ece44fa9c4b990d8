"""memory.svg: the arena over time. Each tensor is a rectangle: the layers it lives for, the bytes it occupies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.pack.figures import count, size
from compiler.pack.text import xml
from compiler.report import MemoryInfo, MemoryTensor

_LEFT, _TOP, _RIGHT, _BOTTOM = 76, 34, 12, 92
_PLOT_HEIGHT = 300
_PLOT_WIDTH = 1100
_NARROWEST, _WIDEST = 7.0, 240.0
_COLOURS = 8
_LETTER = 5.8  # width of a letter at 10 px, about

# Fills are light in both schemes and carry dark text; only paper, ink and lines change.
STYLE = """
.dm{font:10px system-ui,sans-serif;--paper:#fff;--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--edge:#24292f}
@media (prefers-color-scheme:dark){.dm{--paper:#15181d;--ink:#e6e8eb;--dim:#a3abb5;--line:#39414b;--edge:#0d0f12}}
.dm .paper{fill:var(--paper)}.dm text{fill:var(--ink)}.dm .dim{fill:var(--dim)}
.dm .grid{stroke:var(--line);stroke-width:1}.dm .limit{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 3}
.dm .peak{fill:var(--line)}.dm rect.t{fill-opacity:.82;stroke:var(--edge);stroke-width:.8}.dm text.in{fill:#14171a}
.dm .c0{fill:#9ecbff}.dm .c1{fill:#ffd59a}.dm .c2{fill:#a5e3b5}.dm .c3{fill:#f5b8c8}
.dm .c4{fill:#d3c2f5}.dm .c5{fill:#f0e08c}.dm .c6{fill:#9fe0df}.dm .c7{fill:#d9c7b0}
""".strip()


@dataclass(frozen=True)
class _Scale:
    """From (step, byte) to pixels. Step -1 is the time before the first layer, when the caller fills the inputs."""

    column: float
    top: int  # bytes at the upper edge

    def x(self, step: int) -> float:
        return _LEFT + (step + 1) * self.column

    def y(self, at: int) -> float:
        return _TOP + _PLOT_HEIGHT * (1 - at / self.top)


def memory_svg(memory: MemoryInfo, layers: Sequence[str]) -> str:
    """The drawing as a document of its own, which can also be put into a page."""
    columns = len(layers) + 1
    column = min(_WIDEST, max(_NARROWEST, _PLOT_WIDTH / columns))
    scale = _Scale(column, max(memory.arena_bytes, 1))
    width = round(_LEFT + columns * column + _RIGHT)
    height = _TOP + _PLOT_HEIGHT + _BOTTOM
    peak, peak_bytes = peak_step(memory, len(layers))
    desc = (
        f"{len(memory.tensors)} tensors in an arena of {count(memory.arena_bytes)} bytes over {len(layers)} layers. "
        f"The most bytes are alive at {_step_name(layers, peak)}: {count(peak_bytes)}. "
        f"No plan can need less than {count(memory.lower_bound_bytes)} bytes. The report lists every tensor."
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dm" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="dm-title dm-desc">',
        '<title id="dm-title">Arena over time</title>',
        f'<desc id="dm-desc">{xml(desc, 600)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *_peak_band(scale, peak),
        *_byte_axis(scale, width),
        *(line for i, t in enumerate(memory.tensors) for line in _tensor(scale, i, t, layers)),
        *_limits(scale, memory, width),
        *_layer_axis(scale, layers),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def peak_step(memory: MemoryInfo, layers: int) -> tuple[int, int]:
    """The step at which most bytes of the arena are occupied (bytes shared in place count once), and how many."""
    best = (-1, 0)
    for step in range(-1, layers):
        spans = sorted((t.offset, t.offset + t.size) for t in memory.tensors if t.first_use <= step <= t.last_use)
        used, end = 0, 0
        for low, high in spans:
            used += max(0, high - max(low, end))
            end = max(end, high)
        if used > best[1]:
            best = (step, used)
    return best


def overlapping(memory: MemoryInfo) -> bool:
    """Whether tensors share bytes while both are alive, as in-place kernels allow."""
    tensors = sorted(memory.tensors, key=lambda t: t.offset)
    for i, low in enumerate(tensors):
        for high in tensors[i + 1 :]:
            if high.offset >= low.offset + low.size:
                break
            if low.first_use <= high.last_use and high.first_use <= low.last_use and min(low.size, high.size):
                return True
    return False


def _step_name(layers: Sequence[str], step: int) -> str:
    return "the inputs" if step < 0 else f"layer {step} ({layers[step]})"


def _tensor(scale: _Scale, index: int, t: MemoryTensor, layers: Sequence[str]) -> Iterator[str]:
    x, right = scale.x(t.first_use), scale.x(min(t.last_use, len(layers) - 1) + 1)
    y, bottom = scale.y(t.offset + t.size), scale.y(t.offset)
    wide, high = right - x, bottom - y
    tip = f"{xml(t.name)}: {count(t.size)} bytes at offset {count(t.offset)}, {_life(t)}"
    yield (
        f'<g><title>{tip}</title><rect class="t c{index % _COLOURS}" x="{x:.1f}" y="{y:.1f}" '
        f'width="{wide:.1f}" height="{high:.1f}"/>'
    )
    letters = int((wide - 6) / _LETTER)
    if high >= 12 and letters >= 4:
        yield f'<text class="in" x="{x + 3:.1f}" y="{y + high / 2 + 3.5:.1f}">{xml(t.name, letters)}</text>'
        if high >= 26 and letters >= 8:
            yield f'<text class="in" x="{x + 3:.1f}" y="{y + high / 2 + 15.5:.1f}">{size(t.size)}</text>'
    yield "</g>"


def _life(t: MemoryTensor) -> str:
    first = "from the inputs" if t.first_use < 0 else f"from layer {t.first_use}"
    return f"{first} to layer {t.last_use}"


def _peak_band(scale: _Scale, peak: int) -> Iterator[str]:
    yield (f'<rect class="peak" x="{scale.x(peak):.1f}" y="{_TOP - 16}" width="{scale.column:.1f}" height="14"/>')
    yield f'<text x="{scale.x(peak) + scale.column / 2:.1f}" y="{_TOP - 5.5}" text-anchor="middle">peak</text>'


def _byte_axis(scale: _Scale, width: int) -> Iterator[str]:
    step = 1
    while scale.top / step > 8:
        step *= 2
    for at in range(0, scale.top + 1, step):
        y = scale.y(at)
        yield f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="dim" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{size(at)}</text>'


def _limits(scale: _Scale, memory: MemoryInfo, width: int) -> Iterator[str]:
    marks = [(memory.arena_bytes, f"arena {size(memory.arena_bytes)}")]
    if 0 < memory.lower_bound_bytes < memory.arena_bytes:
        marks.append((memory.lower_bound_bytes, f"lower bound {size(memory.lower_bound_bytes)}"))
    for at, label in marks:
        y = scale.y(at)
        yield f'<line class="limit" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{width - _RIGHT - 3}" y="{y - 4:.1f}" text-anchor="end">{label}</text>'


def _layer_axis(scale: _Scale, layers: Sequence[str]) -> Iterator[str]:
    """Slanted layer names; when columns are narrow only every n-th is written."""
    every = max(1, round(14 / scale.column + 0.49))
    base = _TOP + _PLOT_HEIGHT + 12
    for step in range(-1, len(layers), every):
        x = scale.x(step) + scale.column / 2
        name = "inputs" if step < 0 else layers[step]
        yield (
            f'<text class="dim" transform="translate({x:.1f} {base}) rotate(-38)" text-anchor="end">'
            f"{xml(name, 17)}</text>"
        )

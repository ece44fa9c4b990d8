"""Mixed precision: tensors that hurt most leave int8, one after the other, until the accuracy budget holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from compiler.quant.choose import Chosen
from compiler.quant.grid import int8_grid, int16_grid
from compiler.quant.host import Host
from compiler.quant.insert import readers_of
from compiler.quant.measure import FloatSide, measure
from compiler.quant.observe import observe
from compiler.quant.points import find
from compiler.quant.quantize import Quantizing, Step

Holds = Callable[[Quantizing], tuple[bool, str]]


def promote(found: Quantizing, alone: Mapping[str, float], to: str, holds: Holds) -> tuple[Quantizing, str]:
    """The fewest promotions, worst tensor first, for which the budget holds; what the budget says of the result."""
    fits, text = holds(found)
    order = sorted((name for name in alone if found.choice.grids[name].dtype == "int8"), key=lambda n: alone[n])
    if fits or not order:
        return found, text
    best, said = with_promoted(found, order, to), ""
    fits, said = holds(best)
    if not fits:
        step = Step("mixed precision", f"all {len(order)} tensors became {to}, and the budget still does not hold",
                    best.measured.outputs.sqnr_db)  # fmt: skip
        return best.then(step), said
    least, most = 0, len(order)  # least does not hold, most does
    while most - least > 1:
        middle = (least + most) // 2
        tried = with_promoted(found, order[:middle], to)
        fits, text = holds(tried)
        if fits:
            most, best, said = middle, tried, text
        else:
            least = middle
    effect = f"{most} of {len(order)} tensors became {to}: {', '.join(order[:most][:8])}" + ("..." if most > 8 else "")
    return best.then(Step("mixed precision", effect, best.measured.outputs.sqnr_db)), said


def with_promoted(found: Quantizing, tensors: list[str], to: str) -> Quantizing:
    """int16: the tensors get finer grids. float32: whoever reads them computes with floats."""
    how = dict.fromkeys(tensors, to)
    if to == "int16":
        grids = {n: int16_grid(found.seen[n].low, found.seen[n].high) for n in tensors}
        choice = replace(found.choice, grids={**found.choice.grids, **grids})
        chosen = {**found.chosen, **{n: replace(found.chosen[n], grid=g, method="minmax") for n, g in grids.items()}}
        points = found.points
    else:
        by_name = {v.name: v for v in found.points.tensors}
        readers = {r.output.name for n in tensors for r in readers_of(found.graph, by_name[n])}
        floats = {n for n, h in found.kept.items() if h == "float32"} | readers
        points = find(found.graph, floats, found.points.float_outputs)
        choice, chosen = found.choice, dict(found.chosen)
    missing = [v for v in points.tensors if v.name not in choice.grids]  # they were inside of integer layers
    seen = dict(found.seen)
    if missing:
        seen |= observe(Host(found.graph, missing), found.floats.samples)
        grids = {v.name: int8_grid(seen[v.name].low, seen[v.name].high) for v in missing}
        choice = replace(choice, grids={**choice.grids, **grids})
        chosen |= {name: Chosen(grid, "minmax", {}) for name, grid in grids.items()}
    host = None if missing else found.floats.host
    side = FloatSide(found.graph, points, found.floats.samples, host, found.floats.rounding)
    measured = measure(side, points, choice)
    return replace(
        found,
        seen=seen,
        points=points,
        choice=choice,
        chosen=chosen,
        floats=side,
        measured=measured,
        kept={**found.kept, **how},
    )

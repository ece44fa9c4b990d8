"""Where each buffer lies in the arena.

- Buffers whose lives meet must not share bytes, with one exception: an output may overlap an input that dies in the
  same layer, in the ways the schedule names: at the same place, or at a distance at which writes follow reads.
- Best fit: buffers are placed one by one at the lowest offset that is free, over several orders (size, time, area).
- The best plan is improved by a bounded, seeded search that moves buffers within the order, until it meets the bound.
- `check` proves the result from the lives alone; it is run on every plan.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.errors import CompilerBug
from compiler.kernels.base import Overlap
from compiler.memory.lifetimes import ALIGN, Life, aligned, needed_at

_SEARCH_STEPS = 400


@dataclass(frozen=True)
class Plan:
    """Offsets in bytes. `lower_bound` is what the busiest layer needs by itself: no plan of this order beats it."""

    offsets: Mapping[str, int]
    lives: tuple[Life, ...]
    arena_bytes: int
    lower_bound: int


def plan(lives: Sequence[Life], layers: int) -> Plan:
    """Place the buffers; deterministic. O(buffers^2) for each order tried."""
    bound = max((needed_at(lives, i) for i in range(-1, layers + 1)), default=0)
    best: tuple[int, dict[str, int], list[Life]] | None = None
    orders = (
        sorted(lives, key=lambda b: (-b.size, b.first, b.name)),
        sorted(lives, key=lambda b: (b.first, -b.size, b.name)),
        sorted(lives, key=lambda b: (-b.last, -b.size, b.name)),
        sorted(lives, key=lambda b: (-b.size * (b.last - b.first + 1), b.name)),
    )
    for order in orders:
        best = _better(best, list(order), _place(order))
    assert best is not None or not lives
    if best is None:
        return Plan({}, (), 0, 0)
    chance = random.Random(0)
    steps = min(_SEARCH_STEPS, 200_000 // (len(lives) ** 2 + 1))
    for _ in range(steps):
        if best[0] <= bound or len(lives) < 2:
            break
        order = list(best[2])
        moved = order.pop(chance.randrange(len(order)))
        order.insert(chance.randrange(len(order) + 1), moved)
        best = _better(best, order, _place(order))
    result = Plan(best[1], tuple(lives), best[0], bound)
    check(result)
    return result


def _better(
    best: tuple[int, dict[str, int], list[Life]] | None, order: list[Life], offsets: dict[str, int]
) -> tuple[int, dict[str, int], list[Life]]:
    size = max((offsets[b.name] + aligned(b.size) for b in order), default=0)
    return (size, offsets, order) if best is None or size < best[0] else best


def _place(order: Sequence[Life]) -> dict[str, int]:
    """Each buffer at the lowest offset that conflicts with nothing placed before."""
    offsets: dict[str, int] = {}
    placed: list[Life] = []
    for b in order:
        near = [p for p in placed if p.first <= b.last and b.first <= p.last]
        choices = {0}
        for p in near:
            at = offsets[p.name]
            choices.add(at + aligned(p.size))
            if (share := _sharing(b, p)) is not None:  # b is the output, p its input
                choices.update(_near(at, share.backward, share.forward))
            if (share := _sharing(p, b)) is not None:
                choices.update(_near(at, share.forward, share.backward))
        offsets[b.name] = next(c for c in sorted(choices) if all(_apart(b, c, p, offsets[p.name]) for p in near))
        placed.append(b)
    return offsets


def _near(at: int, above: int | None, below: int | None) -> set[int]:
    """Aligned places around `at`: the same, and at the distances that are allowed above and below."""
    places = {at}
    if above is not None:
        places.add(at + aligned(max(0, above)))
    if below is not None and at - below >= 0:
        places.add((at - max(0, below)) // ALIGN * ALIGN)
    return places


def _sharing(output: Life, source: Life) -> Overlap | None:
    """How the two may overlap; None when they must not."""
    if output.first != source.last:
        return None
    return output.may_share.get(source.name)


def _apart(a: Life, at_a: int, b: Life, at_b: int) -> bool:
    """May both lie there? Disjoint, or an output running behind an input."""
    if at_a + a.size <= at_b or at_b + b.size <= at_a:
        return True
    if (share := _sharing(a, b)) is not None and share.allows(at_a, at_b):
        return True
    return (share := _sharing(b, a)) is not None and share.allows(at_b, at_a)


def check(result: Plan) -> None:
    """Raise CompilerBug unless live buffers are apart and everything lies inside the arena."""
    for i, a in enumerate(result.lives):
        at_a = result.offsets[a.name]
        if at_a % ALIGN or at_a + a.size > result.arena_bytes:
            raise CompilerBug("E0590", f"buffer {a.name} lies outside the arena or is not aligned")
        for b in result.lives[i + 1 :]:
            meet = a.first <= b.last and b.first <= a.last
            if meet and not _apart(a, at_a, b, result.offsets[b.name]):
                raise CompilerBug("E0591", f"buffers {a.name} and {b.name} overlap while both are alive")

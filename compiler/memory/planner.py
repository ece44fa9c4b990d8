"""Where each buffer lies in the arena.

- Buffers whose lives meet must not share bytes, with one exception: an output may overlap an input that dies in the
  same layer, where the schedule names the distance at which its writes stay behind its reads.
- Best fit: buffers are placed one by one at the lowest offset that is free, over several orders (size, time, area).
- The best plan is improved by a bounded, seeded search that moves buffers within the order, until it meets the bound.
- `check` proves the result from the lives alone; it is run on every plan.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.errors import CompilerBug
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
            if (d := _distance(b, p)) is not None:  # b is the output, p its input
                choices.add(max(0, (at - d) // ALIGN * ALIGN))
            if (d := _distance(p, b)) is not None:
                choices.add(at + aligned(max(0, d)))
        offsets[b.name] = next(c for c in sorted(choices) if all(_apart(b, c, p, offsets[p.name]) for p in near))
        placed.append(b)
    return offsets


def _distance(output: Life, source: Life) -> int | None:
    """How far behind the output's start the input must start for them to overlap; None when they must not."""
    if output.first != source.last:
        return None
    return output.may_follow.get(source.name)


def _apart(a: Life, at_a: int, b: Life, at_b: int) -> bool:
    """May both lie there? Disjoint, or an output running behind an input."""
    if at_a + a.size <= at_b or at_b + b.size <= at_a:
        return True
    if (d := _distance(a, b)) is not None and at_b >= at_a + d:
        return True
    return (d := _distance(b, a)) is not None and at_a >= at_b + d


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

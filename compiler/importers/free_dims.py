"""Dimensions that a model leaves open: which of them are settled, and what has to be asked.

A dimension may have a name, and one name is one size wherever it stands. So a size is asked for once, `--shape N=7`
settles it by name, and the shape of one input settles the others that share names with it. The batch is no question:
an open first dimension is 1. It is a question where its name also stands elsewhere or says that it counts steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.errors import ModelError

Dimension = int | str | None  # a size, the name of an open one, or open and nameless
Dimensions = tuple[Dimension, ...]

_STEPS = re.compile(r"seq|len|time|step|token|frame|pos", re.IGNORECASE)
_SHOWN = 40  # inputs, and characters of a name


@dataclass(frozen=True)
class Declared:
    """An input as the model declares it; `dims` is None when not even the rank is known."""

    name: str
    dims: Dimensions | None


@dataclass(frozen=True)
class Sizes:
    """`shapes` are known, `asked` are to be asked for (with what is known of them), `waiting` follow from those."""

    shapes: dict[str, tuple[int, ...]]
    asked: dict[str, list[int | None]]
    waiting: frozenset[str]


def settle(inputs: Sequence[Declared], given: Mapping[str, tuple[int, ...]]) -> Sizes:
    """Sizes for all inputs; E1004 for a `given` shape or size that does not fit the model."""
    whole, sizes = _sorted_out(inputs, given)
    for each in inputs:
        shape = whole.get(each.name)
        if shape is not None and each.dims is not None:
            _learn(each, shape, sizes)
    free_batches = {each.dims[0] for each in inputs if each.dims} - {
        d for each in inputs for d in (each.dims or ())[1:] if d is not None
    }
    shapes: dict[str, tuple[int, ...]] = {}
    asked: dict[str, list[int | None]] = {}
    waiting: set[str] = set()
    expected: set[str] = set()  # names whose sizes the questions so far will settle
    for each in inputs:
        if each.name in whole:
            shapes[each.name] = whole[each.name]
            continue
        if each.dims is None:
            asked[each.name] = [None]
            continue
        known = [_size(d, sizes, batch=i == 0 and d in free_batches) for i, d in enumerate(each.dims)]
        complete = tuple(n for n in known if n is not None)
        unknown = {d for d, n in zip(each.dims, known, strict=True) if n is None}
        if not unknown:
            shapes[each.name] = complete
        elif None not in unknown and unknown <= expected:
            waiting.add(each.name)
        else:
            asked[each.name] = known
            expected |= {d for d in unknown if isinstance(d, str)}
    return Sizes(shapes, asked, frozenset(waiting))


def question(inputs: Sequence[Declared], asked: Mapping[str, Sequence[int | None]]) -> ModelError:
    """E0308: what is open, and what to write."""
    declared = {each.name: each.dims for each in inputs}
    rows = {name: _shown(declared[name], known) for name, known in list(asked.items())[:_SHOWN]}
    first, shape = next(iter(rows.items()))
    names = list(dict.fromkeys(d for name in asked for d in _open_names(declared[name], asked[name])))
    help = f"give the shape: --shape {first[:_SHOWN]}={shape}"
    if names:
        by_name = " ".join(f"--shape {name[:_SHOWN]}=..." for name in names[:4])
        help += f" with numbers; or sizes by name, wherever they stand: {by_name}{' ...' if len(names) > 4 else ''}"
    return ModelError(
        "E0308",
        f"input '{first[:_SHOWN]}' has open dimensions: [{shape}]",
        facts={name[:_SHOWN]: f"[{row}]" for name, row in rows.items()},
        help=help,
    )


def _sorted_out(
    inputs: Sequence[Declared], given: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """What is given, as shapes of inputs and sizes of named dimensions."""
    names = [each.name for each in inputs]
    dimensions = list(dict.fromkeys(d for each in inputs for d in each.dims or () if isinstance(d, str)))
    whole: dict[str, tuple[int, ...]] = {}
    sizes: dict[str, int] = {}
    for key, shape in given.items():
        if key in names:
            whole[key] = shape
        elif key == "" and len(names) == 1:
            whole[names[0]] = shape
        elif key in dimensions and len(shape) == 1:
            sizes[key] = shape[0]
        else:
            facts = {"inputs": ", ".join(names[:_SHOWN])}
            if dimensions:
                facts["named dimensions"] = ", ".join(dimensions[:_SHOWN])
            if key in dimensions:
                title = f"the dimension '{key[:_SHOWN]}' takes one number, not {len(shape)}"
            elif key:
                title = f"--shape names '{key[:_SHOWN]}', which is neither an input of the model nor a dimension's name"
            else:
                title = "--shape needs a name: the model has several inputs"
            help = f"for instance --shape {names[0][:_SHOWN] if names else 'x'}=1,3,32,32"
            raise ModelError("E1004", title, facts=facts, help=help)
    return whole, sizes


def _learn(each: Declared, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Named dimensions get the sizes that they have in a given shape."""
    dims = each.dims or ()
    given = ",".join(map(str, shape))
    if not _fits(dims, shape):
        declared = ", ".join("?" if d is None else str(d)[:_SHOWN] for d in dims)
        raise ModelError(
            "E1004",
            f"--shape {each.name[:_SHOWN]}={given} does not fit the model's [{declared}]",
            help="only open dimensions can be chosen",
        )
    for d, n in zip(dims, shape, strict=True):
        if isinstance(d, str) and sizes.setdefault(d, n) != n:
            raise ModelError(
                "E1004",
                f"the dimension '{d[:_SHOWN]}' would be {sizes[d]} and {n}",
                where=f"--shape {each.name[:_SHOWN]}={given}",
                help="a name stands for the same size wherever it occurs",
            )


def _fits(declared: Dimensions, given: Sequence[int]) -> bool:
    """May these sizes be chosen? Open dimensions may, and a batch of 1."""
    if len(given) != len(declared):
        return False
    return all(
        not isinstance(d, int) or d == g or (i == 0 and d <= 1)
        for i, (d, g) in enumerate(zip(declared, given, strict=True))
    )


def _size(d: Dimension, sizes: Mapping[str, int], batch: bool) -> int | None:
    if isinstance(d, int):
        return d
    if isinstance(d, str) and d in sizes:
        return sizes[d]
    return 1 if batch and not (d and _STEPS.search(d)) else None


def _open_names(dims: Dimensions | None, known: Sequence[int | None]) -> list[str]:
    return [d for d, n in zip(dims or (), known, strict=False) if n is None and isinstance(d, str)]


def _shown(dims: Dimensions | None, known: Sequence[int | None]) -> str:
    if dims is None:
        return "..."
    return ",".join(
        str(n) if n is not None else (str(d)[:_SHOWN] if d else "?") for d, n in zip(dims, known, strict=True)
    )

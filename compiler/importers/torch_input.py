"""The shape of a model's input: derived from its layers, written in the file, given by the user, or asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compiler.errors import ModelError
from compiler.importers.torch_blueprint import Layer
from compiler.importers.torch_layers import MAX_ELEMENTS, Shape, Unfit
from compiler.importers.torch_pickle import shown

INPUT = "input"

COMMON_SIZES = {
    1: (16, 32, 49, 50, 64, 100, 128, 187, 256, 500, 512, 1000, 1024),
    2: (28, 32, 48, 64, 96, 128, 160, 224),
}
_SCANNED_SIZES = 512
_SCAN_BUDGET = 200_000  # layer evaluations


class Misfit(Exception):
    """A layer that cannot run on what reaches it."""

    def __init__(self, layer: Layer, reason: Unfit) -> None:
        name = layer.kind.name if layer.kind else layer.cls.name
        super().__init__(f"{name} '{shown(layer.path)}' {reason}")


@dataclass(frozen=True)
class InputShape:
    """`shape` when it is known; otherwise `proposal` (an unknown dimension is None) and why it is only that."""

    shape: Shape | None
    proposal: tuple[int | None, ...] | None = None
    reason: str = ""


def run_shapes(layers: Sequence[Layer], x: Shape) -> list[Shape]:
    """The output shape of each layer. Raises `Misfit`."""
    shapes = []
    for layer in layers:
        if layer.kind is not None:
            try:
                x = layer.kind.output(layer.options, x)
            except Unfit as reason:
                raise Misfit(layer, reason) from None
        shapes.append(x)
    return shapes


def fits(layers: Sequence[Layer], x: Shape) -> bool:
    try:
        run_shapes(layers, x)
    except Misfit:
        return False
    return True


def _first_misfit(layers: Sequence[Layer], x: Shape) -> str:
    try:
        run_shapes(layers, x)
    except Misfit as misfit:
        return str(misfit)
    return ""


def find_input_shape(root: Layer, layers: Sequence[Layer], where: str) -> InputShape:
    """What the file itself tells about its input."""
    noted = root.attributes.get("input_shape")
    if noted is not None:
        return InputShape(_checked(noted, where))
    for index, layer in enumerate(layers):
        told = _told_by(layer)
        if told is not None:
            before = layers[: index + 1]
            break
    else:
        return InputShape(None, None, "no layer says how large the input is")
    what, size, rank = told
    if rank == 2 and fits(before, (1, size)) and (what == "features" or fits(layers, (1, size))):
        return InputShape((1, size))
    if what == "features":
        return InputShape(None, None, f"{layer.title()} '{shown(layer.path)}' sees only a part of the input")
    return _proposed(layers, size, max(rank, 3))  # BatchNorm1d that is not on features is on a sequence


def resolve(root: Layer, layers: Sequence[Layer], given: Shape | None, where: str) -> Shape:
    """The shape to compile for. Raises E0131 when it must be asked for, E0132 when it does not fit."""
    if given is None:
        found = find_input_shape(root, layers, where)
        if found.shape is None:
            raise _question(found, where)
        given = found.shape
    if not given or any(n < 1 for n in given) or math.prod(given) > MAX_ELEMENTS:
        raise _does_not_fit(given, "is empty or far too large", root, layers, where)
    try:
        run_shapes(layers, given)
    except Misfit as reason:
        raise _does_not_fit(given, f"does not fit: {reason}", root, layers, where) from None
    return given


def _told_by(layer: Layer) -> tuple[str, int, int] | None:
    """What the first telling layer says: (features or channels, how many, rank of its input)."""
    if layer.kind is None or layer.kind.input is None:
        return None
    what, rank = layer.kind.input
    o = layer.options
    if what == "parts":
        if o["dim"] not in (1, -1) or -1 in o["unflattened_size"]:
            return None
        return "features", math.prod(o["unflattened_size"]), rank
    if what == "features":
        return what, o["in_features"], rank
    return what, o["in_channels"] if "in_channels" in o else o["num_features"], rank


def _proposed(layers: Sequence[Layer], channels: int, rank: int) -> InputShape:
    space = rank - 2
    scan = range(1, min(_SCANNED_SIZES, _SCAN_BUDGET // max(1, len(layers))) + 1)
    fitting = [n for n in scan if fits(layers, (1, channels, *(n,) * space))]
    far = [n for n in COMMON_SIZES[space] if n > scan[-1] and fits(layers, (1, channels, *(n,) * space))]
    common = [n for n in COMMON_SIZES[space] if n in fitting] + far
    one, what = ("length", "length") if space == 1 else ("square size", "height and width")
    if not fitting and not common:
        misfit = _first_misfit(layers, (1, channels, *(32,) * space))
        reason = f"no {one} up to {scan[-1]} fits all layers ({misfit} at 32)"
        return InputShape(None, (1, channels, *(None,) * space), reason)
    size = common[0] if common else fitting[0]
    if len(fitting) == 1:
        reason = f"{_times(size, space)} is the only {one} that fits all layers"
    elif fitting and fitting[-1] < scan[-1]:
        reason = f"{_times(fitting[0], space)} to {_times(fitting[-1], space)} fit all layers"
    else:
        reason = f"any {what} of at least {fitting[0] if fitting else size} fits; give the one you trained with"
    return InputShape(None, (1, channels, *(size,) * space), reason)


def _times(size: int, space: int) -> str:
    return "x".join([str(size)] * space)


def _checked(noted: Any, where: str) -> Shape:
    values = tuple(noted) if isinstance(noted, (tuple, list)) else ()
    if not 1 <= len(values) <= 8 or not all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in values):
        raise ModelError(
            code="E0128",
            title="The model's attribute 'input_shape' is not a list of positive numbers",
            where=where,
            help="Set model.input_shape = (1, 3, 32, 32), with your sizes, before torch.save.",
        )
    return values


def _question(found: InputShape, where: str) -> ModelError:
    facts = {"found": found.reason}
    example = "1,3,32,32"
    if found.proposal is not None:
        example = ",".join("?" if n is None else str(n) for n in found.proposal)
        facts["proposal"] = example
    return ModelError(
        code="E0131",
        title="How large is the input? The file does not say",
        where=where,
        facts=facts,
        help=f"Add --shape {INPUT}={example} (batch, channels, then sizes), or set "
        f"model.input_shape = ({example.replace(',', ', ')}) before torch.save.",
    )


def _does_not_fit(given: Shape, finding: str, root: Layer, layers: Sequence[Layer], where: str) -> ModelError:
    facts = {"given": ",".join(map(str, given))}
    help = "Give the shape the model was trained with, batch first."
    if "input_shape" not in root.attributes:
        found = find_input_shape(root, layers, where)
        if proposal := found.shape or found.proposal:
            text = ",".join("?" if n is None else str(n) for n in proposal)
            facts["proposal"] = text
            help = f"Try --shape {INPUT}={text}."
    return ModelError(code="E0132", title=f"The input shape {finding}", where=where, facts=facts, help=help)

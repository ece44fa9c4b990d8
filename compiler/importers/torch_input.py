"""The shapes of a model's inputs: derived from its layers, written in the file, given by the user, or asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.errors import ModelError
from compiler.importers.torch_blueprint import Layer
from compiler.importers.torch_checks import Shape, Unfit
from compiler.importers.torch_kind import Template
from compiler.importers.torch_pickle import shown
from compiler.importers.torch_shapes import MAX_ELEMENTS

INPUT, OUTPUT = "input", "output"
Shapes = dict[str, Shape]

COMMON_SIZES = {
    1: (16, 32, 49, 50, 64, 100, 128, 187, 256, 500, 512, 1000, 1024),
    2: (28, 32, 48, 64, 96, 128, 160, 224),
    3: (8, 16, 28, 32, 64),
}
_SCANNED_SIZES = 512
_SCAN_BUDGET = 200_000  # layer evaluations

# What does nothing to indices on their way to an embedding.
_KEEPS_INDICES = frozenset({"Flatten", "Unflatten", "Identity", "Dropout"})


class Misfit(Exception):
    """A layer that cannot run on what reaches it."""

    def __init__(self, layer: Layer, reason: Unfit) -> None:
        name = layer.kind.name if layer.kind else layer.cls.name
        super().__init__(f"{name} '{shown(layer.path)}' {reason}")


@dataclass(frozen=True)
class InputShapes:
    """`shapes` when they are known; otherwise `proposal` (an unknown size is None) and why it is only that."""

    shapes: Shapes | None
    proposal: Mapping[str, Template] = field(default_factory=dict)
    reason: str = ""


def input_names(layers: Sequence[Layer], given: Mapping[str, Shape]) -> tuple[str, ...]:
    """What the model reads. Only a single layer reads several inputs, and states when the user gives their shape."""
    computing = [layer for layer in layers if layer.kind is not None]
    if len(computing) != 1 or computing[0].kind is None:
        return (INPUT,)
    kind = computing[0].kind
    return kind.inputs + (kind.states if set(kind.states) & set(given) else ())


def output_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    computing = [layer.kind for layer in layers if layer.kind is not None]
    return computing[-1].outputs if computing else (OUTPUT,)


def reads_indices(layers: Sequence[Layer]) -> bool:
    """Whether the input is whole numbers: what an embedding looks up."""
    for layer in layers:
        if layer.kind is not None and layer.kind.name not in _KEEPS_INDICES:
            return layer.kind.integers
    return False


def run_shapes(layers: Sequence[Layer], *inputs: Shape) -> list[tuple[Shape, ...]]:
    """The output shapes of each layer. Raises `Misfit`."""
    found: list[tuple[Shape, ...]] = []
    x, indices = inputs, reads_indices(layers)
    for layer in layers:
        if layer.kind is not None:
            try:
                if layer.kind.integers and not indices:
                    raise Unfit("looks up whole numbers, and gets the results of another layer")
                if not len(layer.kind.inputs) <= len(x) <= len(layer.kind.inputs + layer.kind.states):
                    raise Unfit(_wrong_count(layer, found, len(x)))
                x = layer.kind.output(layer.options, *x)
            except Unfit as reason:
                raise Misfit(layer, reason) from None
            indices = indices and layer.kind.name in _KEEPS_INDICES
        found.append(x)
    return found


def _wrong_count(layer: Layer, before: Sequence[tuple[Shape, ...]], count: int) -> str:
    assert layer.kind is not None
    inputs = layer.kind.inputs
    needs = "one input" if len(inputs) == 1 else f"{len(inputs)} inputs ({', '.join(inputs)})"
    gives = "the layer before it gives" if before else "there are"
    way = "; PyTorch itself cannot run this in a Sequential: save the state dict and describe the layers"
    return f"needs {needs}, and {gives} {count}{way}"


def fits(layers: Sequence[Layer], *inputs: Shape) -> bool:
    try:
        run_shapes(layers, *inputs)
    except Misfit:
        return False
    return True


def _first_misfit(layers: Sequence[Layer], *inputs: Shape) -> str:
    try:
        run_shapes(layers, *inputs)
    except Misfit as misfit:
        return str(misfit)
    return ""


def find_input_shape(root: Layer, layers: Sequence[Layer], where: str) -> InputShapes:
    """What the file itself tells about its inputs."""
    names = input_names(layers, {})
    noted = root.attributes.get("input_shape")
    if noted is not None and len(names) == 1:
        return InputShapes({names[0]: _checked(noted, where)})
    for index, layer in enumerate(layers, start=1):
        told = layer.kind.templates(layer.options) if layer.kind and layer.kind.templates else ()
        if told:
            before = layers[:index]
            break
    else:
        return InputShapes(None, {}, "no layer says how large the input is")
    if len(told) > 1:
        return _of_one_layer(layer, dict(zip(names, told, strict=True)))
    [template] = told
    closed = tuple(n or 1 for n in template)
    if None not in template and fits(before, closed) and (_is_features(layer) or fits(layers, closed)):
        return InputShapes({INPUT: closed})
    title = f"{shown(layer.title(), 80)} '{shown(layer.path)}'"
    if _is_features(layer):
        return InputShapes(None, {}, f"{title} sees only a part of the input")
    if layer.kind is not None and (layer.kind.integers or "batch_first" in layer.options):
        return InputShapes(None, {INPUT: template}, f"{title} takes sequences of any length")
    rank = max(len(template), 3)  # BatchNorm1d that is not on features is on a sequence
    return _proposed(layers, template[1] or 1, rank)


def _is_features(layer: Layer) -> bool:
    return layer.kind is not None and layer.kind.name in ("Linear", "NonDynamicallyQuantizableLinear", "Unflatten")


def _of_one_layer(layer: Layer, templates: Mapping[str, Template]) -> InputShapes:
    """A model that is one layer with several inputs."""
    shapes = {name: tuple(n for n in template if n is not None) for name, template in templates.items()}
    if all(len(shapes[name]) == len(template) for name, template in templates.items()):
        return InputShapes(shapes)
    return InputShapes(None, templates, f"{shown(layer.title(), 80)} takes sequences of any length")


def resolve(root: Layer, layers: Sequence[Layer], given: Mapping[str, Shape], where: str) -> Shapes:
    """The shapes to compile for. Raises E0131 when they must be asked for, E0132 when they do not fit."""
    names = input_names(layers, given)
    if not given:
        found = find_input_shape(root, layers, where)
        if found.shapes is None:
            raise _question(found, where)
        wanted = found.shapes
    elif len(names) == 1 and len(given) == 1:
        wanted = {names[0]: next(iter(given.values()))}  # whatever the user calls the only input
    else:
        if set(given) != set(names):
            raise _wrong_names(names, given, where)
        wanted = {name: given[name] for name in names}
    if any(not shape or any(n < 1 for n in shape) or math.prod(shape) > MAX_ELEMENTS for shape in wanted.values()):
        raise _does_not_fit(wanted, "is empty or far too large", root, layers, where)
    try:
        run_shapes(layers, *wanted.values())
    except Misfit as reason:
        raise _does_not_fit(wanted, f"does not fit: {reason}", root, layers, where) from None
    return wanted


def _proposed(layers: Sequence[Layer], channels: int, rank: int) -> InputShapes:
    space = rank - 2

    def of(n: int | None) -> Template:
        return (1, channels, *(n,) * space)

    def all_fit(n: int) -> bool:
        return fits(layers, (1, channels, *(n,) * space))

    scan = range(1, min(_SCANNED_SIZES if space < 3 else 64, _SCAN_BUDGET // max(1, len(layers))) + 1)
    fitting = [n for n in scan if all_fit(n)]
    far = [n for n in COMMON_SIZES[space] if n > scan[-1] and all_fit(n)]
    common = [n for n in COMMON_SIZES[space] if n in fitting] + far
    one, what = ("length", "length") if space == 1 else ("square size", "height and width")
    if not fitting and not common:
        misfit = _first_misfit(layers, (1, channels, *(32,) * space))
        return InputShapes(None, {INPUT: of(None)}, f"no {one} up to {scan[-1]} fits all layers ({misfit} at 32)")
    size = common[0] if common else fitting[0]
    if len(fitting) == 1:
        reason = f"{_times(size, space)} is the only {one} that fits all layers"
    elif fitting and fitting[-1] < scan[-1]:
        reason = f"{_times(fitting[0], space)} to {_times(fitting[-1], space)} fit all layers"
    else:
        reason = f"any {what} of at least {fitting[0] if fitting else size} fits; give the one you trained with"
    return InputShapes(None, {INPUT: of(size)}, reason)


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


def written(template: Template) -> str:
    return ",".join("?" if n is None else str(n) for n in template)


def _flags(proposal: Mapping[str, Template]) -> str:
    return " ".join(f"--shape {name}={written(template)}" for name, template in proposal.items())


def _question(found: InputShapes, where: str) -> ModelError:
    facts = {"found": found.reason}
    proposal = dict(found.proposal) or {INPUT: (1, 3, 32, 32)}
    if found.proposal:
        facts["proposal"] = "; ".join(map(written, proposal.values()))
    help = f"Add {_flags(proposal)} (batch, channels, then sizes)"
    if len(proposal) == 1:
        noted = ", ".join("?" if n is None else str(n) for n in next(iter(proposal.values())))
        help += f", or set model.input_shape = ({noted}) before torch.save"
    return ModelError(
        code="E0131", title="How large is the input? The file does not say", where=where, facts=facts, help=help + "."
    )


def _wrong_names(names: Sequence[str], given: Mapping[str, Shape], where: str) -> ModelError:
    return ModelError(
        code="E0132",
        title=f"The model has {len(names)} {'input' if len(names) == 1 else 'inputs'}: {', '.join(names)}",
        where=where,
        facts={"given": ", ".join(shown(name) or "one without a name" for name in given)},
        help="Give the shape of each by its name: " + " ".join(f"--shape {name}=..." for name in names),
    )


def _does_not_fit(given: Shapes, finding: str, root: Layer, layers: Sequence[Layer], where: str) -> ModelError:
    facts = {"given": "; ".join(",".join(map(str, shape)) for shape in given.values())}
    help = "Give the shape the model was trained with, batch first."
    if "input_shape" not in root.attributes:
        found = find_input_shape(root, layers, where)
        if proposal := found.shapes or found.proposal:
            facts["proposal"] = "; ".join(map(written, proposal.values()))
            help = f"Try {_flags(proposal)}."
    return ModelError(code="E0132", title=f"The input shape {finding}", where=where, facts=facts, help=help)

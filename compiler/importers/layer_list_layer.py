"""One layer of an architecture: its arguments from the user, from its tensors, and from the constructor's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compiler.importers.layer_list_defaults import MUST_BE_SAID, default
from compiler.importers.layer_list_sizes import own_names, told_by_tensors
from compiler.importers.layer_list_steps import Step
from compiler.importers.torch_blueprint import Layer, Stored
from compiler.importers.torch_checks import Shape, Unfit
from compiler.importers.torch_kind import Kind
from compiler.importers.torch_pickle import Global, shown


def make_layer(
    kind: Kind, name: str, inside: Mapping[str, Stored], args: Mapping[str, Any], given: Sequence[Shape] = ()
) -> Layer:
    """A layer without inner ones. `inside` are the tensors under its name, `given` the shapes that reach it."""
    shapes = {key: tensor.shape for key, tensor in inside.items()}
    told = told_by_tensors(kind.name, shapes, args)
    if kind.name.startswith("Conv") and "groups" not in args and given and len(given[0]) > 1:
        told |= _groups(kind, told, shapes, given[0][1])
    if "num_features" in kind.arguments and "num_features" not in told and given and len(given[0]) > 1:
        told["num_features"] = given[0][1]
    options = arguments(kind, args, told)
    own = own_names(kind.name, shapes) if told else []
    buffers = {key: inside[key] for key in own if key.startswith(("running_", "num_batches"))}
    parameters: dict[str, Stored | None] = {key: inside[key] for key in own if key not in buffers}
    return Layer(name, Global("", kind.name), kind, options, parameters, dict(buffers), {})


def _groups(kind: Kind, told: Mapping[str, Any], shapes: Mapping[str, Shape], channels: int) -> dict[str, Any]:
    """A filter of one channel that reads many is depthwise: it can be nothing else."""
    depthwise = shapes["weight"][1] == 1 and channels > 1 and told["out_channels"] % channels == 0
    if kind.name.startswith("ConvTranspose") or not depthwise:
        return {}
    return {"groups": channels, "in_channels": channels}


def arguments(kind: Kind, args: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument of a kind: the user's, those that tensors tell, and the constructor's defaults."""
    spelled = {kind.spelled.get(name) or name: name for name in kind.arguments}
    extra = {"bias"} if kind.has_bias else set()
    if unknown := set(args) - set(spelled) - extra - set(told):
        known = ", ".join(
            sorted(set(spelled) - set(told) - {"mode"} if kind.name in ("LSTM", "GRU", "RNN") else spelled)
        )
        raise Unfit(f"has no argument '{shown(min(unknown))}'; it has {known or 'none'}")
    own_defaults = dict(kind.defaults) if isinstance(kind, Step) else {}
    options: dict[str, Any] = {}
    for argument, name in spelled.items():
        if argument in args:
            value = args[argument]
            if name in told and not _equal(value, told[name]):
                raise Unfit(f"has {argument} = {shown(str(value))}, but its tensors say {told[name]}")
        elif name in told:
            value = told[name]
        elif argument in own_defaults:
            value = own_defaults[argument]
        else:
            there, value = default(kind.name, argument)
            if not there or argument in MUST_BE_SAID:
                raise Unfit(f"needs '{argument}', which its tensors do not tell")
        if value is None and argument in args and argument in MUST_BE_SAID:
            raise Unfit(f"needs '{argument}', which its tensors do not tell")
        try:
            options[name] = kind.arguments[name](value)
        except Unfit as reason:
            raise Unfit(f"has {argument} = {shown(str(value))}, which {reason}") from None
    return options


def _equal(value: Any, told: Any) -> bool:
    if isinstance(told, tuple) and not isinstance(value, tuple):
        return all(value == each for each in told)
    return bool(value == told)

"""Attention and the transformer's layers from a state dict: inner layers are made of the tensors under their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.importers.layer_list_layer import arguments, make_layer
from compiler.importers.layer_list_sizes import own_names, told_by_tensors
from compiler.importers.torch_blueprint import Layer, Stored, joined
from compiler.importers.torch_checks import Unfit
from compiler.importers.torch_kind import Kind
from compiler.importers.torch_layers import KINDS
from compiler.importers.torch_pickle import Global, shown

Inside = Mapping[str, Stored]

_DROPOUTS = {"TransformerEncoderLayer": ("", "1", "2"), "TransformerDecoderLayer": ("", "1", "2", "3")}


def compose(kind: Kind, path: str, inside: Inside, args: Mapping[str, Any]) -> Layer:
    """Raises `Unfit`."""
    makers = {
        "MultiheadAttention": _attention,
        "TransformerEncoderLayer": _layer,
        "TransformerDecoderLayer": _layer,
        "TransformerEncoder": _stack,
        "TransformerDecoder": _stack,
        "Transformer": _whole,
    }
    layer = makers[kind.name](kind, path, inside, args)
    assert kind.derive is not None
    layer.options.update(kind.derive(layer))
    return layer


def _under(inside: Inside, name: str) -> dict[str, Stored]:
    found = {key.removeprefix(f"{name}."): t for key, t in inside.items() if key.startswith(f"{name}.")}
    if not found:
        raise Unfit(f"needs tensors called '{name}.…', which the file does not have")
    return found


def _plain(kind: str, path: str, inside: Inside, **args: Any) -> Layer:
    return make_layer(KINDS[kind], path, inside, args)


def _needed(kind: Kind, args: Mapping[str, Any], *names: str) -> list[Any]:
    missing = [name for name in names if args.get(name) is None]
    if missing:
        raise Unfit(f"needs '{missing[0]}', which its tensors do not tell")
    return [args[name] for name in names]


def _known(args: Mapping[str, Any], *names: str) -> None:
    if unknown := set(args) - set(names):
        raise Unfit(f"has no argument '{shown(min(unknown))}'; it has {', '.join(names)}")


def _attention(kind: Kind, path: str, inside: Inside, args: Mapping[str, Any]) -> Layer:
    _known(args, "num_heads", "batch_first", "add_zero_attn", "dropout")
    _needed(kind, args, "num_heads", "batch_first")
    shapes = {key: tensor.shape for key, tensor in inside.items()}
    options = arguments(kind, args, told_by_tensors(kind.name, shapes, args))
    out = _plain("NonDynamicallyQuantizableLinear", joined(path, "out_proj"), _under(inside, "out_proj"))
    packed = "in_proj_weight" in inside
    slots = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias")
    parameters: dict[str, Stored | None] = dict.fromkeys(slots)
    parameters |= {name: inside[name] for name in own_names(kind.name, shapes)}
    if packed and parameters["q_proj_weight"] is not None:
        raise Unfit("has both one weight for its inputs and three")
    return Layer(path, Global("", kind.name), kind, options, parameters, {}, {}, (("out_proj", out),))


def _layer(kind: Kind, path: str, inside: Inside, args: Mapping[str, Any]) -> Layer:
    names = ("nhead", "batch_first", "norm_first", "activation", "layer_norm_eps", "dropout")
    _known(args, *names)
    heads, batch_first = _needed(kind, args, "nhead", "batch_first")
    eps = args.get("layer_norm_eps", 1e-5)
    options = {
        "norm_first": kind.arguments["norm_first"](args.get("norm_first", False)),
        "activation": kind.arguments["activation"](args.get("activation", "relu")),
    }
    attentions = ("self_attn",) if kind.name == "TransformerEncoderLayer" else ("self_attn", "multihead_attn")
    children: dict[str, Layer] = {}
    for name in attentions:
        inner = {"num_heads": heads, "batch_first": batch_first}
        children[name] = compose(KINDS["MultiheadAttention"], joined(path, name), _under(inside, name), inner)
    for name in ("linear1", "linear2"):
        children[name] = _plain("Linear", joined(path, name), _under(inside, name))
    for number in range(1, len(attentions) + 2):
        name = f"norm{number}"
        children[name] = _plain("LayerNorm", joined(path, name), _under(inside, name), eps=eps)
    for suffix in _DROPOUTS[kind.name]:
        children[f"dropout{suffix}"] = _plain("Dropout", joined(path, f"dropout{suffix}"), {})
    return Layer(path, Global("", kind.name), kind, options, {}, {}, {}, tuple(children.items()))


def _stack(kind: Kind, path: str, inside: Inside, args: Mapping[str, Any]) -> Layer:
    under = _under(inside, "layers")
    count = len({key.partition(".")[0] for key in under})
    one = KINDS[f"{kind.name}Layer"]
    layers = [(str(i), compose(one, joined(path, f"layers.{i}"), _under(under, str(i)), args)) for i in range(count)]
    stack = Layer(joined(path, "layers"), Global("", "ModuleList"), None, {}, {}, {}, {}, tuple(layers))
    children = [("layers", stack)]
    if any(key.startswith("norm.") for key in inside):
        norm = _plain("LayerNorm", joined(path, "norm"), _under(inside, "norm"), eps=args.get("layer_norm_eps", 1e-5))
        children.append(("norm", norm))
    options: dict[str, Any] = {"num_layers": count}
    if kind.name == "TransformerEncoder":
        options |= {"enable_nested_tensor": False, "mask_check": True}
    return Layer(path, Global("", kind.name), kind, options, {}, {}, {}, tuple(children))


def _whole(kind: Kind, path: str, inside: Inside, args: Mapping[str, Any]) -> Layer:
    heads, batch_first = _needed(kind, args, "nhead", "batch_first")
    parts = [
        (name, compose(KINDS[f"Transformer{name.title()}"], joined(path, name), _under(inside, name), args))
        for name in ("encoder", "decoder")
    ]
    width = parts[0][1].options["d_model"]
    options = {"d_model": width, "nhead": heads, "batch_first": batch_first}
    return Layer(path, Global("", kind.name), kind, options, {}, {}, {}, tuple(parts))

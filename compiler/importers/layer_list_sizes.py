"""What the tensors of a layer tell about its arguments: sizes, and whether there is a bias."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from compiler.importers.torch_checks import Shape, Unfit

# Tensors by the last part of their name; those that a rule takes are the layer's own.
Shapes = Mapping[str, Shape]
Told = dict[str, Any]
Rule = Callable[[str, Shapes, Mapping[str, Any]], Told]


def told_by_tensors(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    """Arguments that follow from tensors; `given` are the user's. Raises `Unfit` for a tensor missing or odd."""
    rule = _RULES.get(kind)
    return rule(kind, shapes, given) if rule else {}


def takes_tensors(kind: str) -> bool:
    return kind in _RULES


def own_names(kind: str, shapes: Shapes) -> list[str]:
    """Which of the names the layer itself holds; the others belong to inner layers or to nobody."""
    pattern = _NAMES.get(kind, r"weight|bias")
    return [name for name in shapes if re.fullmatch(pattern, name)]


def _tensor(shapes: Shapes, name: str, *ranks: int) -> Shape:
    if name not in shapes:
        raise Unfit(f"lacks its tensor '{name}'")
    shape = shapes[name]
    if len(shape) not in ranks:
        raise Unfit(
            f"has the tensor '{name}' of {list(shape)}, which should have {' or '.join(map(str, ranks))} dimensions"
        )
    return shape


def _linear(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    weight = _tensor(shapes, "weight", 2)
    return {"out_features": weight[0], "in_features": weight[1]}


def _conv(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    weight = _tensor(shapes, "weight", int(kind[-2]) + 2)
    groups = given.get("groups", 1)
    groups = groups if isinstance(groups, int) else 1
    if kind.startswith("ConvTranspose"):
        return {"in_channels": weight[0], "out_channels": weight[1] * groups, "kernel_size": weight[2:]}
    return {"out_channels": weight[0], "in_channels": weight[1] * groups, "kernel_size": weight[2:]}


def _channels(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    told: Told = {"affine": "weight" in shapes, "track_running_stats": "running_mean" in shapes}
    for name in ("weight", "running_mean"):
        if name in shapes:
            told["num_features"] = _tensor(shapes, name, 1)[0]
    if "BatchNorm" in kind and given.get("track_running_stats") is not False:
        _tensor(shapes, "running_mean", 1)
    return told


def _group_norm(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    if "weight" not in shapes:
        return {"affine": False}
    return {"affine": True, "num_channels": _tensor(shapes, "weight", 1)[0]}


def _last_axes(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    if "weight" not in shapes:
        return {"elementwise_affine": False}
    return {"elementwise_affine": True, "normalized_shape": _tensor(shapes, "weight", 1, 2, 3, 4)}


def _prelu(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    return {"num_parameters": _tensor(shapes, "weight", 1)[0]}


def _bilinear(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    out, first, second = _tensor(shapes, "weight", 3)
    return {"out_features": out, "in1_features": first, "in2_features": second}


def _table(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    weight = _tensor(shapes, "weight", 2)
    return {"num_embeddings": weight[0], "embedding_dim": weight[1]}


def _recurrent(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    read, back = _tensor(shapes, "weight_ih_l0", 2), _tensor(shapes, "weight_hh_l0", 2)
    layers = 1
    while f"weight_ih_l{layers}" in shapes:
        layers += 1
    return {
        "input_size": read[1],
        "hidden_size": back[0] // _gates(kind, back),
        "num_layers": layers,
        "bias": "bias_ih_l0" in shapes,
        "bidirectional": "weight_ih_l0_reverse" in shapes,
        "proj_size": back[1] if "weight_hr_l0" in shapes else 0,
        "mode": f"RNN_{str(given.get('nonlinearity', 'tanh')).upper()}" if kind == "RNN" else kind,
    }


def _cell(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    read, back = _tensor(shapes, "weight_ih", 2), _tensor(shapes, "weight_hh", 2)
    return {"input_size": read[1], "hidden_size": back[0] // _gates(kind, back), "bias": "bias_ih" in shapes}


def _gates(kind: str, back: Shape) -> int:
    gates = {"LSTM": 4, "GRU": 3}.get(kind.removesuffix("Cell"), 1)
    if back[0] % gates:
        raise Unfit(f"has weights of {list(back)}, which are not those of {gates} gates")
    return gates


def _attention(kind: str, shapes: Shapes, given: Mapping[str, Any]) -> Told:
    out = _tensor(shapes, "out_proj.weight", 2)
    if "in_proj_weight" in shapes:
        return {"embed_dim": out[0], "kdim": out[0], "vdim": out[0]}
    return {
        "embed_dim": out[0],
        "kdim": _tensor(shapes, "k_proj_weight", 2)[1],
        "vdim": _tensor(shapes, "v_proj_weight", 2)[1],
    }


_RULES: dict[str, Rule] = {
    "Linear": _linear,
    "NonDynamicallyQuantizableLinear": _linear,
    **{f"Conv{kind}{rank}d": _conv for kind in ("", "Transpose") for rank in (1, 2, 3)},
    **{f"{kind}Norm{rank}d": _channels for kind in ("Batch", "Instance") for rank in (1, 2, 3)},
    "SyncBatchNorm": _channels,
    "GroupNorm": _group_norm,
    "LayerNorm": _last_axes,
    "RMSNorm": _last_axes,
    "PReLU": _prelu,
    "Bilinear": _bilinear,
    "Embedding": _table,
    "EmbeddingBag": _table,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("LSTMCell", "GRUCell", "RNNCell"), _cell),
    "MultiheadAttention": _attention,
}

_STATISTICS = r"weight|bias|running_mean|running_var|num_batches_tracked"
_NAMES: dict[str, str] = {
    **{kind: _STATISTICS for kind, rule in _RULES.items() if rule is _channels},
    **dict.fromkeys(("LSTM", "GRU", "RNN"), r"(weight|bias)_(ih|hh|hr)_l\d{1,3}(_reverse)?"),
    **dict.fromkeys(("LSTMCell", "GRUCell", "RNNCell"), r"(weight|bias)_(ih|hh)"),
    "MultiheadAttention": r"in_proj_(weight|bias)|[qkv]_proj_weight|bias_[kv]",
    **dict.fromkeys(("Embedding", "EmbeddingBag", "RMSNorm", "PReLU"), "weight"),
}

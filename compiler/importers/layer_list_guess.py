"""The layers of a state dict as far as names and shapes tell; what they do not tell is a hole, or a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.importers.layer_list_sizes import takes_tensors, told_by_tensors
from compiler.importers.torch_blueprint import Stored
from compiler.importers.torch_checks import Shape, Unfit
from compiler.importers.torch_kind import Template
from compiler.importers.torch_layers import KINDS
from compiler.layer_list import MOST_LAYERS, Architecture, ListedLayer

ACTIVATIONS = ("ReLU", "ReLU6", "LeakyReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "Hardswish", "ELU")
NORMS = ("LayerNorm", "GroupNorm", "InstanceNorm2d", "BatchNorm2d", "RMSNorm")
_POOLS = ("MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d")
_BETWEEN = (*ACTIVATIONS, "Dropout", "Identity")
_NOT_TOLD = "an activation, a pooling, or nothing: layers without tensors leave no trace here"
_BRANCHES = "; if the network branches here, connect the layers with from and Add"


def guess(tensors: Mapping[str, Stored]) -> Architecture:
    """A list to start from. Nothing in it is certain but what the tensors say."""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    guesser = _Guesser()
    for prefix, inner in list(_groups(shapes))[: MOST_LAYERS // 2]:
        guesser.add(prefix, inner)
    return Architecture(layers=guesser.layers, input=list(guesser.template) if guesser.template else None)


def _groups(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, dict[str, Shape]]]:
    """(name, its tensors by the rest of their names) in the order of the file; attention keeps its inner layers."""
    wholes = _wholes(shapes)
    groups: dict[str, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        inside = [whole for whole in wholes if name.startswith(f"{whole}." if whole else "")]
        prefix = min(inside, key=len) if inside else name.rpartition(".")[0]
        groups.setdefault(prefix, {})[name[len(prefix) + 1 :] if prefix else name] = shape
    yield from groups.items()


def _wholes(shapes: Mapping[str, Shape]) -> list[str]:
    """Names of attention and transformer layers, and of stacks of them."""
    attentions = {n.rpartition(".")[0] for n in shapes if n.rpartition(".")[2] in ("in_proj_weight", "q_proj_weight")}
    found = set()
    for name in attentions:
        outer, _, last = name.rpartition(".")
        in_layer = last in ("self_attn", "multihead_attn") and f"{outer}.linear1.weight".lstrip(".") in shapes
        layer = outer if in_layer else name
        stack, _, number = layer.rpartition(".")
        in_stack = in_layer and number.isdigit() and (stack == "layers" or stack.endswith(".layers"))
        found.add(stack.removesuffix("layers").rstrip(".") if in_stack else layer)
    for encoder in sorted(found):
        outer = encoder.removesuffix("encoder")  # with its dot
        pair = {encoder, f"{outer}decoder"}
        inside = (name.startswith((f"{encoder}.", f"{outer}decoder.")) for name in shapes if name.startswith(outer))
        if outer != encoder and pair <= found and all(inside):
            found = found - pair | {outer.rstrip(".")}
    return sorted(found)


@dataclass
class _Guesser:
    layers: list[ListedLayer] = field(default_factory=list)
    template: Template = ()
    channels: int | None = None  # that the last layer gives
    rank: int | None = None  # of what the last layer gives, with the batch
    last: str = ""

    def add(self, prefix: str, shapes: dict[str, Shape]) -> None:
        loose = not prefix and not any("." in name for name in shapes) and "in_proj_weight" not in shapes
        if loose and not _is_recurrent(shapes) and not _is_cell(shapes) and "weight" not in shapes:
            for name, shape in shapes.items():
                self._loose(name, shape)
            return
        kind, args, note = self._kind(prefix, shapes)
        told: dict[str, Any] = {}
        if kind is not None and takes_tensors(kind):
            try:
                told = told_by_tensors(kind, shapes, args)
            except Unfit as reason:
                kind, note = None, f"its tensors fit no layer that is known: {reason}"
        self._between(prefix, kind, told)
        if kind is not None and not self.template and not any(layer.type for layer in self.layers):
            self.template = _template(kind, told | args)
        self._follow(kind, told)
        choices = list(NORMS) if kind is None else []
        tensors = {name: list(shape) for name, shape in list(shapes.items())[:40]}
        self.layers.append(ListedLayer(name=prefix, type=kind, args=args, note=note, choices=choices, tensors=tensors))
        self.last = prefix

    def _loose(self, name: str, shape: Shape) -> None:
        """A tensor of the model itself: it may be added, multiplied or put in front of something."""
        note = (
            "a tensor of the model itself; join it with another layer's result by from and Add, Multiply, Concatenate"
        )
        tensors = {name: list(shape)}
        self.layers.append(ListedLayer(name=name, type="Parameter", note=note, tensors=tensors))

    def _kind(self, prefix: str, shapes: Mapping[str, Shape]) -> tuple[str | None, dict[str, Any], str]:
        """(type, arguments that must be given, what to look at)."""
        last = prefix.rpartition(".")[2].lower()
        if _is_recurrent(shapes) or _is_cell(shapes):
            return _recurrent(shapes)
        if "in_proj_weight" in shapes or "q_proj_weight" in shapes:
            return "MultiheadAttention", {"num_heads": None, "batch_first": None}, _HEADS
        if any("self_attn." in name for name in shapes):
            decoder = "Decoder" if any("multihead_attn." in name for name in shapes) else "Encoder"
            whole = any(name.startswith("encoder.layers.") for name in shapes)
            stack = any(name.startswith("layers.") for name in shapes)
            kind = "Transformer" if whole else f"Transformer{decoder}" + ("" if stack else "Layer")
            return kind, {"nhead": None, "batch_first": None}, _HEADS + "; say activation if it is not relu"
        weight = shapes.get("weight")
        if any(0 in shape for shape in shapes.values()) or weight == ():
            return None, {}, "its tensors are empty, or single numbers"
        if "running_mean" in shapes:
            return self._batch_norm()
        if weight is None:
            return None, {}, "no layer that is known has tensors of these names"
        if len(weight) == 1:
            return self._scales(last, shapes)
        if len(weight) == 2:
            if "bias" not in shapes and ("emb" in last or last in ("wte", "wpe", "tokens")):
                return "Embedding", {}, ""
            return "Linear", {}, "" if "bias" in shapes else "without a bias: it could also be an Embedding"
        if len(weight) <= 5:
            return self._conv(last, weight)
        return None, {}, "no layer that is known has tensors of this shape"

    def _batch_norm(self) -> tuple[str, dict[str, Any], str]:
        if self.rank is None:
            return "BatchNorm2d", {}, "BatchNorm1d, 2d or 3d: the tensors are the same"
        return f"BatchNorm{max(1, self.rank - 2)}d", {}, ""

    def _scales(self, last: str, shapes: Mapping[str, Shape]) -> tuple[str | None, dict[str, Any], str]:
        if shapes["weight"] == (1,) and "bias" not in shapes:
            return "PReLU", {}, ""
        if last.startswith(("ln", "layernorm", "layer_norm")) or (
            self.rank is not None and self.rank < 4 and "norm" in last
        ):
            return (
                "LayerNorm" if "bias" in shapes else None,
                {},
                "" if "bias" in shapes else "LayerNorm, RMSNorm or PReLU",
            )
        if last.startswith(("gn", "groupnorm", "group_norm")):
            return "GroupNorm", {"num_groups": None}, "num_groups is not in the tensors"
        return None, {}, "a norm: the tensors do not say which"

    def _conv(self, last: str, weight: Shape) -> tuple[str, dict[str, Any], str]:
        rank = len(weight) - 2
        hinted = any(part in last for part in ("convt", "deconv", "tconv", "transpose", "upconv"))
        misfits = self.channels is not None and self.channels % weight[1] != 0
        if hinted or (misfits and self.channels == weight[0]):
            return f"ConvTranspose{rank}d", {"stride": 1, "padding": 0}, _STRIDES
        args: dict[str, Any] = {"stride": 1, "padding": 0}
        return f"Conv{rank}d", args, _STRIDES

    def _between(self, prefix: str, kind: str | None, told: Mapping[str, Any]) -> None:
        """Holes for the layers without tensors that may stand between the last layer and this one."""
        first = not any(layer.type != "Parameter" for layer in self.layers)
        start = f"{prefix.rpartition('.')[0]}.-1".lstrip(".")  # a Sequential that begins without tensors
        for name in _skipped(start if first else self.last, prefix):
            choices = [*_BETWEEN, *_POOLS, "Flatten"]
            self.layers.append(ListedLayer(name=name, note=f"'{name}' has no tensors: {_NOT_TOLD}", choices=choices))
        if first or _are_neighbours(self.last, prefix):
            return
        if kind is not None and kind.startswith("BatchNorm") and self.channels == told.get("num_features"):
            return  # a norm right behind what it normalises
        flat = kind == "Linear" and self.rank is not None and self.rank > 3
        pools = _POOLS if self.rank in (4, None) else tuple(p.replace("2d", "1d") for p in _POOLS)
        choices = [*_BETWEEN, *pools] if self.rank is None or self.rank > 2 else list(_BETWEEN)
        if self.rank == 3:
            choices += ["Select", "Mean"]
        self.layers.append(ListedLayer(note=_NOT_TOLD + _BRANCHES, choices=choices))
        if flat:
            self.layers.append(ListedLayer(type="Flatten", note="a dense layer follows layers of images"))

    def _follow(self, kind: str | None, told: Mapping[str, Any]) -> None:
        if kind is None:
            return
        for option in ("out_channels", "out_features", "embedding_dim", "hidden_size", "embed_dim"):
            if option in told:
                self.channels = told[option] * (2 if told.get("bidirectional") else 1)
        if kind[-2:] in ("1d", "2d", "3d"):
            self.rank = int(kind[-2]) + 2
        elif kind in ("LSTM", "GRU", "RNN", "Embedding") or "ttention" in kind or kind.startswith("Transformer"):
            self.rank = 3
        elif kind == "Linear" and self.rank != 3:
            self.rank = 2


_HEADS = "the number of heads and batch_first are not in the tensors"
_STRIDES = "stride, padding and dilation are not in the tensors"


def _is_recurrent(shapes: Mapping[str, Shape]) -> bool:
    return "weight_ih_l0" in shapes and "weight_hh_l0" in shapes


def _is_cell(shapes: Mapping[str, Shape]) -> bool:
    return "weight_ih" in shapes and "weight_hh" in shapes


def _recurrent(shapes: Mapping[str, Shape]) -> tuple[str | None, dict[str, Any], str]:
    cell = "" if _is_recurrent(shapes) else "Cell"
    read, back = (shapes[f"weight_{part}_l0" if not cell else f"weight_{part}"] for part in ("ih", "hh"))
    if len(read) != 2 or len(back) != 2 or not back[1]:
        return None, {}, "its tensors fit no recurrent layer"
    kind = {4: "LSTM", 3: "GRU", 1: "RNN"}.get(back[0] // back[1])
    if kind is None:
        return None, {}, "its tensors fit no recurrent layer"
    args: dict[str, Any] = {} if cell else {"batch_first": None}
    note = "" if cell else "batch_first is not in the tensors"
    if kind == "RNN":
        note = (note + "; " if note else "") + "say nonlinearity if it is not tanh"
    return kind + cell, args, note


def _skipped(before: str, after: str) -> list[str]:
    """Members of one Sequential that stand between two and have no tensors: 2 and 3 between x.1 and x.4."""
    (outer, _, first), (other, _, second) = before.rpartition("."), after.rpartition(".")
    if outer != other or not (first.removeprefix("-").isdigit() and second.isdigit()):
        return []
    names = range(int(first[:6]) + 1, min(int(second[:6]), int(first[:6]) + 20))
    return [f"{outer}.{n}" if outer else str(n) for n in names]


def _are_neighbours(before: str, after: str) -> bool:
    (outer, _, first), (other, _, second) = before.rpartition("."), after.rpartition(".")
    return outer == other and first.isdigit() and second.isdigit()


def _template(kind: str, options: Mapping[str, Any]) -> Template:
    """What the first layer tells about the input."""
    known = {**options, "batch_first": True}
    templates = KINDS[kind].templates if kind in KINDS else None
    try:
        found = templates(known) if templates else ()
    except KeyError:
        return ()
    return tuple(n or None for n in found[0]) if found else ()

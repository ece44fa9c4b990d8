"""Attention and the transformer's layers: modules made of modules, whose sizes the inner ones tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compiler.importers.torch_checks import Check, Options, Shape, Unfit, count, flag, number
from compiler.importers.torch_kind import Kind, Template

# The functions that a transformer layer may hold as its activation: pickled name -> name in torch.nn.functional.
ACTIVATIONS: dict[tuple[str, str], str] = {
    ("torch._C._nn", "gelu"): "gelu",
    **{("torch.nn.functional", name): name for name in ("relu", "gelu", "silu", "elu", "selu", "celu", "leaky_relu")},
    **{("torch.nn.functional", name): name for name in ("mish", "hardswish", "hardtanh", "relu6", "softplus")},
    **{("torch.nn.functional", name): name for name in ("sigmoid", "tanh", "hardsigmoid", "softsign")},
}


def _activation(value: Any) -> str:
    """The name of an allowed function. Inert: `torch_build.py` takes the function of that name from torch itself."""
    name = value if isinstance(value, str) else ACTIVATIONS.get((getattr(value, "module", ""), _name(value)))
    if not isinstance(name, str) or name not in ACTIVATIONS.values():
        raise Unfit(f"must be one of {', '.join(sorted(set(ACTIVATIONS.values())))}")
    return name


def _name(value: Any) -> str:
    return str(getattr(value, "name", ""))


def _inner(layer: Any) -> Mapping[str, Any]:
    return dict(layer.children)


def _option(layer: Any, name: str, option: str) -> Any:
    inner = _inner(layer).get(name)
    if inner is None or inner.kind is None or option not in inner.options:
        raise Unfit(f"lacks its inner module '{name}'")
    return inner.options[option]


# -- multi-head attention -----------------------------------------------------------------------------------------


def _rows(o: Options, *xs: Shape) -> list[tuple[int, int, int]]:
    """(steps, batch, features) of each input."""
    if any(len(x) != 3 for x in xs):
        raise Unfit(f"needs inputs with 3 dimensions and gets {' and '.join(str(list(x)) for x in xs)}")
    return [(x[1], x[0], x[2]) if o["batch_first"] else (x[0], x[1], x[2]) for x in xs]


def _attention_shape(o: Options, q: Shape, k: Shape, v: Shape) -> tuple[Shape, ...]:
    (steps, batch, width), (keys, batch_k, width_k), (values, batch_v, width_v) = _rows(o, q, k, v)
    if (width, width_k, width_v) != (o["embed_dim"], o["kdim"], o["vdim"]):
        raise Unfit(f"needs {o['embed_dim']}, {o['kdim']} and {o['vdim']} features")
    if not batch == batch_k == batch_v or keys != values:
        raise Unfit("needs keys and values of one length, and one batch")
    keys += int(o["add_bias_kv"]) + int(o["add_zero_attn"])
    return q, (batch, steps, keys)


def _attention_macs(o: Options, q: Shape, k: Shape, *rest: Shape) -> int:
    (steps, batch, width), (keys, *_) = _rows(o, q, k)
    projections = 2 * steps * width * width + keys * width * int(o["kdim"] + o["vdim"])
    return batch * (projections + 2 * steps * keys * width)


def _sequence_of(width: int, o: Options) -> Template:
    return (1, None, width) if o["batch_first"] else (None, 1, width)


_ATTENTION_ARGUMENTS: dict[str, Check] = {
    "embed_dim": count,
    "num_heads": count,
    "dropout": number,
    "add_zero_attn": flag,
    "kdim": count,
    "vdim": count,
    "batch_first": flag,
}


def _attention_derived(layer: Any) -> Mapping[str, Any]:
    if layer.options.get("embed_dim", 0) % layer.options.get("num_heads", 1):
        raise Unfit("needs a number of features that its heads divide")
    return {
        "bias": layer.parameters.get("in_proj_bias") is not None,
        "add_bias_kv": layer.parameters.get("bias_k") is not None,
    }


# -- transformer layers -------------------------------------------------------------------------------------------


def _layer_derived(layer: Any) -> Mapping[str, Any]:
    linear1 = _inner(layer).get("linear1")
    return {
        "d_model": _option(layer, "self_attn", "embed_dim"),
        "nhead": _option(layer, "self_attn", "num_heads"),
        "batch_first": _option(layer, "self_attn", "batch_first"),
        "dim_feedforward": _option(layer, "linear1", "out_features"),
        "dropout": _option(layer, "dropout", "p"),
        "layer_norm_eps": _option(layer, "norm1", "eps"),
        "bias": linear1 is not None and linear1.parameters.get("bias") is not None,
    }


def _stack_derived(layer: Any) -> Mapping[str, Any]:
    """The width and the order of axes of a stack of layers, which must all have the same."""
    stack = _inner(layer).get("layers")
    layers = [inner for _, inner in stack.children] if stack is not None else []
    told = {(inner.options.get("d_model"), inner.options.get("batch_first")) for inner in layers}
    if len(told) != 1 or len(layers) != layer.options.get("num_layers"):
        raise Unfit("has layers of different widths, or another number of them than it says")
    ((width, batch_first),) = told
    return {"d_model": width, "batch_first": batch_first, "inner": tuple(inner.options for inner in layers)}


def _whole_derived(layer: Any) -> Mapping[str, Any]:
    for name in ("encoder", "decoder"):
        if _option(layer, name, "d_model") != layer.options.get("d_model"):
            raise Unfit(f"has another width than its {name}")
    return {"inner": tuple(_inner(layer)[name].options for name in ("encoder", "decoder"))}


def _memory_shape(swap: bool) -> Callable[..., Shape]:
    """A decoder reads (target, memory), a whole transformer (source, target); the result is like the target."""

    def shape(o: Options, first: Shape, second: Shape) -> Shape:
        target, memory = (second, first) if swap else (first, second)
        (_, batch, width), (_, batch_memory, width_memory) = _rows(o, target, memory)
        if width != o["d_model"] or width_memory != o["d_model"] or batch != batch_memory:
            raise Unfit(f"needs inputs of one batch and {o['d_model']} features")
        return target

    return shape


def _layer_shape(o: Options, x: Shape) -> Shape:
    [(_, _, width)] = _rows(o, x)
    if width != o["d_model"]:
        raise Unfit(f"needs {o['d_model']} features and gets {list(x)}")
    return x


def _layer_macs(o: Options, x: Shape, memory: Shape | None = None) -> int:
    """Attention, with memory twice, and the two dense layers; `memory` belongs to decoders."""
    rows = _rows(o, x) if memory is None else _rows(o, x, memory)
    steps, batch, width = rows[0]
    total = steps * (4 * width * width + 2 * steps * width) + 2 * steps * width * int(o["dim_feedforward"])
    if memory is not None:
        read = rows[1][0]
        total += 2 * (steps + read) * width * width + 2 * steps * read * width
    return batch * total


def _stack_macs(o: Options, *xs: Shape) -> int:
    """`xs` are the inputs and the output."""
    return sum(_layer_macs(inner, *xs[:-1]) for inner in o["inner"])


def _whole_macs(o: Options, source: Shape, target: Shape, _: Shape) -> int:
    encoder, decoder = o["inner"]
    return _stack_macs(encoder, source, source) + _stack_macs(decoder, target, source, target)


_DECODER_INPUTS = ("tgt", "memory")
_ENCODER_PARTS = "self_attn linear1 dropout linear2 norm1 norm2 dropout1 dropout2 activation"


def _told(inputs: int) -> Callable[[Options], tuple[Template, ...]]:
    return lambda o: (_sequence_of(o["d_model"], o),) * inputs


_STACK: dict[str, Check] = {"num_layers": count}

ATTENTION: tuple[Kind, ...] = (
    Kind(
        "MultiheadAttention",
        _ATTENTION_ARGUMENTS,
        _attention_shape,
        _attention_macs,
        inputs=("query", "key", "value"),
        outputs=("output", "weights"),
        templates=lambda o: tuple(_sequence_of(o[width], o) for width in ("embed_dim", "kdim", "vdim")),
        derive=_attention_derived,
        children=frozenset({"out_proj"}),
        added=frozenset({"batch_first"}),
    ),
    Kind(
        "TransformerEncoderLayer",
        {"norm_first": flag, "activation": _activation},
        _layer_shape,
        lambda o, x, y: _layer_macs(o, x),
        templates=_told(1),
        derive=_layer_derived,
        children=frozenset(_ENCODER_PARTS.split()),
        added=frozenset({"norm_first", "activation"}),
    ),
    Kind(
        "TransformerDecoderLayer",
        {"norm_first": flag, "activation": _activation},
        _memory_shape(swap=False),
        lambda o, x, memory, y: _layer_macs(o, x, memory),
        inputs=_DECODER_INPUTS,
        templates=_told(2),
        derive=_layer_derived,
        children=frozenset(f"{_ENCODER_PARTS} multihead_attn norm3 dropout3".split()),
        added=frozenset({"norm_first", "activation"}),
    ),
    Kind(
        "TransformerEncoder",
        _STACK | {"enable_nested_tensor": flag, "mask_check": flag},
        _layer_shape,
        _stack_macs,
        templates=_told(1),
        derive=_stack_derived,
        children=frozenset({"layers", "norm"}),
        added=frozenset({"enable_nested_tensor", "mask_check"}),
        spelled={"d_model": "", "batch_first": "", "inner": ""},
    ),
    Kind(
        "TransformerDecoder",
        _STACK,
        _memory_shape(swap=False),
        _stack_macs,
        inputs=_DECODER_INPUTS,
        templates=_told(2),
        derive=_stack_derived,
        children=frozenset({"layers", "norm"}),
        spelled={"d_model": "", "batch_first": "", "inner": ""},
    ),
    Kind(
        "Transformer",
        {"d_model": count, "nhead": count, "batch_first": flag},
        _memory_shape(swap=True),
        _whole_macs,
        inputs=("src", "tgt"),
        templates=_told(2),
        derive=_whole_derived,
        children=frozenset({"encoder", "decoder"}),
        added=frozenset({"batch_first"}),
        spelled={"inner": ""},
    ),
)

"""Layers over sequences: recurrent layers, their cells, embeddings."""

from __future__ import annotations

from collections.abc import Callable

from compiler.importers.torch_checks import Check, Options, Shape, Unfit, count, flag, number, only, optional, whole
from compiler.importers.torch_kind import Kind, Template

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def _sequence(o: Options, x: Shape) -> tuple[int, int]:
    """(steps, batch) of an input with a batch."""
    if len(x) != 3 or x[2] != o["input_size"]:
        order = "batch, steps" if o["batch_first"] else "steps, batch"
        raise Unfit(f"needs an input of {order} and {o['input_size']} features, and gets {list(x)}")
    return (x[1], x[0]) if o["batch_first"] else (x[0], x[1])


def _recurrent_shape(o: Options, x: Shape, *states: Shape) -> tuple[Shape, ...]:
    steps, batch = _sequence(o, x)
    ways = 2 if o["bidirectional"] else 1
    carried = (o["num_layers"] * ways, batch, o["hidden_size"])
    if any(state != carried for state in states):
        raise Unfit(f"needs states of {list(carried)} and gets {list(next(s for s in states if s != carried))}")
    width = o["hidden_size"] * ways
    y = (batch, steps, width) if o["batch_first"] else (steps, batch, width)
    return (y, carried, carried) if o["mode"] == "LSTM" else (y, carried)


def _recurrent_macs(o: Options, x: Shape, y: Shape) -> int:
    steps, batch = _sequence(o, x)
    ways, hidden, total = (2 if o["bidirectional"] else 1), o["hidden_size"], 0
    for layer in range(o["num_layers"]):
        read = o["input_size"] if layer == 0 else hidden * ways
        total += ways * _GATES[o["mode"].partition("_")[0]] * hidden * (read + hidden)
    return steps * batch * int(total)


def _recurrent_input(o: Options) -> tuple[Template, ...]:
    return ((1, None, o["input_size"]) if o["batch_first"] else (None, 1, o["input_size"]),)


def _recurrent(name: str, *modes: str, cells: bool = False) -> Kind:
    arguments: dict[str, Check] = {
        "mode": only(*modes),
        "input_size": count,
        "hidden_size": count,
        "num_layers": count,
        "bias": flag,
        "batch_first": flag,
        "dropout": number,
        "bidirectional": flag,
        "proj_size": only(0),
    }
    if name == "RNN":
        arguments["nonlinearity"] = only("tanh", "relu")
    states = ("h_0", "c_0") if cells else ("h_0",)
    return Kind(
        name,
        arguments,
        _recurrent_shape,
        _recurrent_macs,
        added=frozenset({"proj_size"}),
        states=states,
        outputs=("output", *(state[0] + "_n" for state in states)),
        templates=_recurrent_input,
        spelled={"mode": "", "proj_size": ""},
    )


def _cell_shape(cells: bool) -> Callable[..., tuple[Shape, ...]]:
    def shape(o: Options, x: Shape, *states: Shape) -> tuple[Shape, ...]:
        if len(x) != 2 or x[1] != o["input_size"]:
            raise Unfit(f"needs {o['input_size']} features and gets {list(x)}")
        carried = (x[0], o["hidden_size"])
        if any(state != carried for state in states):
            raise Unfit(f"needs states of {list(carried)} and gets {list(next(s for s in states if s != carried))}")
        return (carried,) * (2 if cells else 1)

    return shape


def _cell(name: str, *, cells: bool = False, nonlinearity: bool = False) -> Kind:
    arguments: dict[str, Check] = {"input_size": count, "hidden_size": count, "bias": flag}
    if nonlinearity:
        arguments["nonlinearity"] = only("tanh", "relu")
    gates = _GATES[name.removesuffix("Cell")]

    def macs(o: Options, x: Shape, *_: Shape) -> int:
        return x[0] * gates * int(o["hidden_size"]) * int(o["input_size"] + o["hidden_size"])

    def told(o: Options) -> tuple[Template, ...]:
        carried = (1, o["hidden_size"])
        return ((1, o["input_size"]), *(carried,) * (2 if cells else 1))

    return Kind(
        name,
        arguments,
        _cell_shape(cells),
        macs,
        inputs=("input", "h_0", "c_0") if cells else ("input", "h_0"),
        outputs=("h_1", "c_1") if cells else ("h_1",),
        templates=told,
    )


def _embedding_shape(o: Options, x: Shape) -> Shape:
    return (*x, o["embedding_dim"])


def _bag_shape(o: Options, x: Shape) -> Shape:
    if len(x) != 2:
        raise Unfit(f"needs bags of equal length, an input of 2 dimensions, and gets {list(x)}")
    return (x[0], o["embedding_dim"])


_TABLE: dict[str, Check] = {
    "num_embeddings": count,
    "embedding_dim": count,
    "padding_idx": optional(whole),
    "max_norm": only(None),
    "norm_type": number,
    "scale_grad_by_freq": flag,
    "sparse": flag,
}

SEQUENCE: tuple[Kind, ...] = (
    _recurrent("LSTM", "LSTM", cells=True),
    _recurrent("GRU", "GRU"),
    _recurrent("RNN", "RNN_TANH", "RNN_RELU"),
    _cell("LSTMCell", cells=True),
    _cell("GRUCell"),
    _cell("RNNCell", nonlinearity=True),
    Kind("Embedding", _TABLE, _embedding_shape, integers=True, templates=lambda o: ((1, None),)),
    Kind(
        "EmbeddingBag",
        _TABLE | {"mode": only("sum", "mean", "max"), "include_last_offset": only(False), "padding_idx": only(None)},
        _bag_shape,
        added=frozenset({"padding_idx", "include_last_offset"}),
        integers=True,
        templates=lambda o: ((1, None),),
    ),
)

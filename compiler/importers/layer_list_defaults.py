"""What torch.nn's constructors assume when an argument is not given. A test compares this with the constructors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COMMON: Mapping[str, Any] = {
    "stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros",
    "eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True, "elementwise_affine": True,
    "process_group": None, "ceil_mode": False, "count_include_pad": True, "divisor_override": None,
    "return_indices": False, "negative_slope": 0.01, "lower": 1 / 8, "upper": 1 / 3, "num_parameters": 1,
    "init": 0.25, "min_val": -1.0, "max_val": 1.0, "lambd": 0.5, "alpha": 1.0, "approximate": "none", "beta": 1.0,
    "threshold": 20.0, "start_dim": 1, "end_dim": -1, "p": 0.5, "num_layers": 1, "dropout": 0.0,
    "bidirectional": False, "proj_size": 0, "nonlinearity": "tanh", "padding_idx": None, "max_norm": None,
    "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False, "include_last_offset": False, "size": None,
    "scale_factor": None, "align_corners": None, "recompute_scale_factor": None, "keepdim": False,
    "add_zero_attn": False, "norm_first": False, "activation": "relu", "enable_nested_tensor": True,
    "mask_check": True, "bias": True,
}  # fmt: skip

_WINDOW: Mapping[str, Any] = {"stride": None}  # the window's size
_NO_DEFAULT = object()
_OWN: Mapping[str, Mapping[str, Any]] = {
    **{f"{kind}Pool{rank}d": _WINDOW for kind in ("Max", "Avg", "LP") for rank in (1, 2, 3)},
    **{f"LPPool{rank}d": {"stride": None, "norm_type": _NO_DEFAULT} for rank in (1, 2, 3)},
    **{f"InstanceNorm{rank}d": {"affine": False, "track_running_stats": False} for rank in (1, 2, 3)},
    **{
        f"{kind}Pad{rank}d": {"padding": _NO_DEFAULT}
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for rank in (1, 2, 3)
    },
    "GLU": {"dim": -1},
    "RMSNorm": {"eps": None},
    "LocalResponseNorm": {"size": _NO_DEFAULT, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "Threshold": {"threshold": _NO_DEFAULT},
    "Upsample": {"mode": "nearest"},
    "EmbeddingBag": {"mode": "mean"},
    "CosineSimilarity": {"dim": 1, "eps": 1e-8},
    "PairwiseDistance": {"p": 2.0, "eps": 1e-6},
    "ChannelShuffle": {"groups": _NO_DEFAULT},
}

# What the constructors do assume, but an architecture must say: the tensors do not tell, and a wrong guess is not seen.
MUST_BE_SAID = frozenset({"batch_first"})


def default(kind: str, argument: str) -> tuple[bool, Any]:
    """Whether the argument may be left out, and what it is then."""
    value = _OWN.get(kind, {}).get(argument, _COMMON.get(argument, _NO_DEFAULT))
    return (False, None) if value is _NO_DEFAULT else (True, value)

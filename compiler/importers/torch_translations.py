"""How PyTorch's functions are spelled in ONNX where its own exporter has no good way, or none."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from compiler.importers.torch_quantized import quantized


def translations(torch: Any) -> dict[Any, Any]:
    """PyTorch's function -> ours, in operators that every ONNX compiler has."""
    import onnxscript

    op: Any = onnxscript.opset20  # its own types know no Python numbers
    aten = torch.ops.aten
    return {
        **_activations(aten, op),
        **_pools(aten, op),
        **_recurrent(aten, op),
        **quantized(torch, op),
        aten.conv3d.default: _conv3d(op),
        aten.group_norm.default: _group_norm(op),
        aten.scaled_dot_product_attention.default: _attention(op),
        aten.pixel_unshuffle.default: _pixel_unshuffle(op),
        aten.upsample_linear1d.vec: _upsample_linear(op),
    }


def exportable(torch: Any, module: Any) -> Any:
    """The module, or a copy in which layers that torch.export takes apart badly are written with others."""
    if not any(isinstance(inner, torch.nn.EmbeddingBag) for inner in module.modules()):
        return module

    class Bags(torch.nn.Module):  # type: ignore[misc]
        """An EmbeddingBag whose bags have one length: look up, then reduce."""

        def __init__(self, bag: Any) -> None:
            super().__init__()
            self.weight, self.mode = bag.weight, bag.mode

        def forward(self, x: Any) -> Any:
            rows = torch.nn.functional.embedding(x, self.weight)
            if self.mode == "max":
                return rows.amax(1)
            return rows.sum(1) if self.mode == "sum" else rows.mean(1)

    if isinstance(module, torch.nn.EmbeddingBag):
        return Bags(module).eval()
    module = copy.deepcopy(module)
    for name, inner in list(module.named_modules()):
        if isinstance(inner, torch.nn.EmbeddingBag):
            module.set_submodule(name, Bags(inner).eval())
    return module


def _activations(aten: Any, op: Any) -> dict[Any, Any]:
    """The exporter writes Elu as three nodes and LogSigmoid as log(sigmoid(x)), which is -inf for x < -88."""

    def elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
        inner = x if input_scale == 1.0 else op.Mul(x, op.CastLike(op.Constant(value_float=input_scale), x))
        y = op.Elu(inner, alpha=alpha)
        return y if scale == 1.0 else op.Mul(y, op.CastLike(op.Constant(value_float=scale), x))

    def selu(x: Any) -> Any:
        return elu(x, alpha=1.6732632423543772, scale=1.0507009873554805)

    def celu(x: Any, alpha: float = 1.0) -> Any:
        return elu(x, alpha=1.0, scale=alpha, input_scale=1.0 / alpha)

    def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
        """From a threshold of 15 on, switching to a straight line changes nothing in float32."""
        scaled = x if beta == 1.0 else op.Mul(x, op.CastLike(op.Constant(value_float=float(beta)), x))
        y = op.Softplus(scaled)
        if beta != 1.0:
            y = op.Div(y, op.CastLike(op.Constant(value_float=float(beta)), x))
        if threshold >= 15:
            return y
        return op.Where(op.Greater(scaled, op.CastLike(op.Constant(value_float=float(threshold)), x)), x, y)

    def mish(x: Any) -> Any:
        return op.Mul(x, op.Tanh(op.Softplus(x)))

    def log_sigmoid(x: Any) -> Any:
        return op.Neg(op.Softplus(op.Neg(x)))

    def rrelu(x: Any, lower: float = 0.125, upper: float = 1 / 3, training: bool = False, generator: Any = None) -> Any:
        return op.LeakyRelu(x, alpha=(float(lower) + float(upper)) / 2)

    def rrelu_with_noise(
        x: Any, noise: Any, lower: float = 0.125, upper: float = 1 / 3, training: bool = False, generator: Any = None
    ) -> Any:
        return rrelu(x, lower, upper), noise

    return {
        aten.elu.default: elu,
        aten.selu.default: selu,
        aten.celu.default: celu,
        aten.softplus.default: softplus,
        aten.mish.default: mish,
        aten.log_sigmoid.default: log_sigmoid,
        aten.rrelu.default: rrelu,
        aten.rrelu_with_noise_functional.default: rrelu_with_noise,
    }


# -- pools --------------------------------------------------------------------------------------------------------


def _pools(aten: Any, op: Any) -> dict[Any, Any]:
    def adaptive(x: Any, sizes: Sequence[int], pool: Any, reduce: Any) -> Any:
        """One pool where all windows are alike, otherwise axis by axis: slices, reduced and joined."""
        rank = len(sizes)
        space = [int(n) for n in x.shape[-rank:]]
        windows = [_windows(n, int(size)) for n, size in zip(space, sizes, strict=True)]
        if all(size == 1 for size in sizes):
            return reduce(x, list(range(2, 2 + rank)))
        if all(map(_is_regular, windows)):
            kernel = [ends[0] for _, ends in (tuple(zip(*w, strict=True)) for w in windows)]
            strides = [w[1][0] if len(w) > 1 else 1 for w in windows]
            y = pool(x, kernel_shape=kernel, strides=strides)
            return y[0] if isinstance(y, (tuple, list)) else y  # a MaxPool's indices are not wanted
        for axis, (n, spans) in enumerate(zip(space, windows, strict=True), start=2):
            if len(spans) == n and _is_regular(spans):
                continue
            parts = [reduce(_slice(x, axis, start, stop), [axis]) for start, stop in spans]
            x = parts[0] if len(parts) == 1 else op.Concat(*parts, axis=axis)
        return x

    def _slice(x: Any, axis: int, start: int, stop: int) -> Any:
        return op.Slice(x, _whole(op, [start]), _whole(op, [stop]), _whole(op, [axis]))

    def average(x: Any, output_size: Sequence[int]) -> Any:
        def mean(part: Any, axes: Sequence[int]) -> Any:
            return op.ReduceMean(part, _whole(op, axes), keepdims=1)

        return adaptive(x, output_size, op.AveragePool, mean)

    def largest(x: Any, output_size: Sequence[int]) -> Any:
        def maximum(part: Any, axes: Sequence[int]) -> Any:
            return op.ReduceMax(part, _whole(op, axes), keepdims=1)

        return adaptive(x, output_size, op.MaxPool, maximum), op.Constant(value_int=0)  # indices that nobody reads

    def divided(rank: int) -> Any:
        def average_pool(
            x: Any,
            kernel_size: Sequence[int],
            stride: Sequence[int] = (),
            padding: Sequence[int] = (0,),
            ceil_mode: bool = False,
            count_include_pad: bool = True,
            divisor_override: int | None = None,
        ) -> Any:
            kernel, pads = _per_axis(kernel_size, rank), _per_axis(padding, rank)
            override = divisor_override is not None
            y = op.AveragePool(
                x,
                kernel_shape=kernel,
                strides=_per_axis(stride, rank) if stride else kernel,
                pads=pads * 2,
                ceil_mode=int(ceil_mode),
                count_include_pad=int(count_include_pad or override),
            )
            if divisor_override is None:
                return y
            return op.Mul(y, op.CastLike(op.Constant(value_float=math.prod(kernel) / divisor_override), x))

        return average_pool

    return {
        aten.adaptive_avg_pool1d.default: average,
        aten._adaptive_avg_pool2d.default: average,
        aten.adaptive_avg_pool2d.default: average,
        aten._adaptive_avg_pool3d.default: average,
        aten.adaptive_avg_pool3d.default: average,
        aten.adaptive_max_pool1d.default: largest,
        aten.adaptive_max_pool2d.default: largest,
        aten.adaptive_max_pool3d.default: largest,
        aten.avg_pool2d.default: divided(2),
        aten.avg_pool3d.default: divided(3),
    }


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    """Start and end of each window of an adaptive pool."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _is_regular(windows: Sequence[tuple[int, int]]) -> bool:
    """Whether the windows have one size and one distance, so that a plain pool has the same."""
    lengths = {stop - start for start, stop in windows}
    steps = {b[0] - a[0] for a, b in pairwise(windows)}
    return len(lengths) == 1 and len(steps) <= 1


def _per_axis(value: int | Sequence[int], rank: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * rank if len(values) == 1 else values


def _whole(op: Any, values: Sequence[int]) -> Any:
    return op.Constant(value_ints=list(values))


# -- recurrent layers ---------------------------------------------------------------------------------------------


def _recurrent(aten: Any, op: Any) -> dict[Any, Any]:
    """ONNX's own LSTM, GRU and RNN, one for each layer; PyTorch's gates reordered. The exporter unrolls plain RNNs."""

    def layers(
        kind: str, gates: Sequence[int], x: Any, states: Sequence[Any], weights: Sequence[Any], has_biases: bool,
        num_layers: int, bidirectional: bool, batch_first: bool, **attributes: Any,
    ) -> Any:  # fmt: skip
        ways, each = (2 if bidirectional else 1), (4 if has_biases else 2)
        hidden = int(states[0].shape[2])

        def ordered(tensor: Any) -> Any:
            """The rows of PyTorch's gates in ONNX's order."""
            if list(gates) == list(range(len(gates))):
                return tensor
            rows = [g * hidden + i for g in gates for i in range(hidden)]
            return op.Gather(tensor, _whole(op, rows), axis=0)

        def stacked(parts: Sequence[Any]) -> Any:
            raised = [op.Unsqueeze(part, _whole(op, [0])) for part in parts]
            return raised[0] if len(raised) == 1 else op.Concat(*raised, axis=0)

        y = op.Transpose(x, perm=[1, 0, 2]) if batch_first else x
        last: list[list[Any]] = [[] for _ in states]
        for layer in range(num_layers):
            groups = [weights[(layer * ways + way) * each :][:each] for way in range(ways)]
            read = stacked([ordered(group[0]) for group in groups])
            back = stacked([ordered(group[1]) for group in groups])
            bias = None
            if has_biases:
                bias = stacked([op.Concat(ordered(group[2]), ordered(group[3]), axis=0) for group in groups])
            first = [
                op.Slice(state, _whole(op, [layer * ways]), _whole(op, [(layer + 1) * ways]), _whole(op, [0]))
                for state in states
            ]
            made = getattr(op, kind)(
                y, read, back, bias, None, *first, hidden_size=hidden,
                direction="bidirectional" if bidirectional else "forward", **attributes,
            )  # fmt: skip
            steps, batch = int(x.shape[1 if batch_first else 0]), int(x.shape[0 if batch_first else 1])
            if ways == 1:
                y = op.Squeeze(made[0], _whole(op, [1]))
            else:
                turned = op.Transpose(made[0], perm=[0, 2, 1, 3])
                y = op.Reshape(turned, _whole(op, [steps, batch, ways * hidden]))
            for kept, state in zip(last, made[1:], strict=True):
                kept.append(state)
        y = op.Transpose(y, perm=[1, 0, 2]) if batch_first else y
        return y, *(kept[0] if len(kept) == 1 else op.Concat(*kept, axis=0) for kept in last)

    def lstm(
        x: Any, hx: Sequence[Any], params: Sequence[Any], has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool,
    ) -> Any:  # fmt: skip
        gates = (0, 3, 1, 2)  # PyTorch: input, forget, cell, output; ONNX: input, output, forget, cell
        return layers("LSTM", gates, x, hx, params, has_biases, num_layers, bidirectional, batch_first)

    def gru(
        x: Any, hx: Any, params: Sequence[Any], has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool,
    ) -> Any:  # fmt: skip
        gates = (1, 0, 2)  # PyTorch: reset, update, new; ONNX: update, reset, hidden
        return layers(
            "GRU", gates, x, [hx], params, has_biases, num_layers, bidirectional, batch_first, linear_before_reset=1
        )

    def rnn(function: str) -> Any:
        def plain(
            x: Any, hx: Any, params: Sequence[Any], has_biases: bool, num_layers: int, dropout: float,
            train: bool, bidirectional: bool, batch_first: bool,
        ) -> Any:  # fmt: skip
            functions = [function] * (2 if bidirectional else 1)
            return layers(
                "RNN", (0,), x, [hx], params, has_biases, num_layers, bidirectional, batch_first, activations=functions
            )

        return plain

    return {
        aten.lstm.input: lstm,
        aten.gru.input: gru,
        aten.rnn_tanh.input: rnn("Tanh"),
        aten.rnn_relu.input: rnn("Relu"),
    }


# -- convolutions and norms --------------------------------------------------------------------------------------


def _conv3d(op: Any) -> Any:
    def conv3d(
        x: Any, weight: Any, bias: Any = None, stride: Sequence[int] = (1,), padding: Sequence[int] = (0,),
        dilation: Sequence[int] = (1,), groups: int = 1,
    ) -> Any:  # fmt: skip
        """The exporter gives a grouped one without a bias a bias of a wrong length."""
        strides, pads, dilations = (_per_axis(value, 3) for value in (stride, padding, dilation))
        return op.Conv(x, weight, bias, strides=strides, pads=pads * 2, dilations=dilations, group=groups)

    return conv3d


def _group_norm(op: Any) -> Any:
    def group_norm(
        x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn_enabled: bool = True
    ) -> Any:
        """Each group as one instance, then scaled channel by channel."""
        shape = [int(n) for n in x.shape]
        ones, zeros = (op.Constant(value_floats=[value] * num_groups) for value in (1.0, 0.0))
        groups = op.Reshape(x, _whole(op, [shape[0], num_groups, -1]))
        y = op.Reshape(op.InstanceNormalization(groups, ones, zeros, epsilon=eps), _whole(op, shape))
        along = _whole(op, [shape[1], *[1] * (len(shape) - 2)])
        y = y if weight is None else op.Mul(y, op.Reshape(weight, along))
        return y if bias is None else op.Add(y, op.Reshape(bias, along))

    return group_norm


# -- attention ----------------------------------------------------------------------------------------------------


def _attention(op: Any) -> Any:
    def attention(
        query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
        scale: float | None = None, enable_gqa: bool = False,
    ) -> Any:  # fmt: skip
        """softmax(q kᵀ · scale + mask) v. Heads that share keys see them repeated."""
        heads, shared = int(query.shape[-3]), int(key.shape[-3])
        if enable_gqa and heads != shared:
            key, value = (_repeated(op, x, heads // shared) for x in (key, value))
        factor = float(scale) if scale is not None else 1 / math.sqrt(int(query.shape[-1]))
        rank = len(key.shape)
        turned = op.Transpose(key, perm=[*range(rank - 2), rank - 1, rank - 2])
        scores = op.Mul(op.MatMul(query, turned), op.Constant(value_float=factor))
        if is_causal:
            steps, keys = int(query.shape[-2]), int(key.shape[-2])
            hidden = [0.0 if j <= i else -math.inf for i in range(steps) for j in range(keys)]
            scores = op.Add(scores, op.Reshape(op.Constant(value_floats=hidden), _whole(op, [steps, keys])))
        elif attn_mask is not None:
            if "BOOL" in str(attn_mask.dtype):
                zero, never = op.Constant(value_float=0.0), op.Constant(value_float=-math.inf)
                attn_mask = op.Where(attn_mask, zero, never)
            scores = op.Add(scores, attn_mask)
        return op.MatMul(op.Softmax(scores, axis=-1), value)

    return attention


def _repeated(op: Any, x: Any, times: int) -> Any:
    """Each head `times` times, one after the other."""
    *batch, heads, steps, width = (int(n) for n in x.shape)
    wide = op.Expand(op.Unsqueeze(x, _whole(op, [-3])), _whole(op, [*batch, heads, times, steps, width]))
    return op.Reshape(wide, _whole(op, [*batch, heads * times, steps, width]))


# -- moving pixels ------------------------------------------------------------------------------------------------


def _pixel_unshuffle(op: Any) -> Any:
    def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
        r, shape = downscale_factor, [int(n) for n in x.shape]
        *batch, channels, height, width = shape
        split = op.Reshape(x, _whole(op, [*batch, channels, height // r, r, width // r, r]))
        b = len(batch)
        turned = op.Transpose(split, perm=[*range(b + 1), b + 2, b + 4, b + 1, b + 3])
        return op.Reshape(turned, _whole(op, [*batch, channels * r * r, height // r, width // r]))

    return pixel_unshuffle


def _upsample_linear(op: Any) -> Any:
    def upsample(x: Any, output_size: Any, align_corners: bool, scale_factors: Sequence[float] | None = None) -> Any:
        mode = "align_corners" if align_corners else "pytorch_half_pixel"
        if scale_factors:
            scales = op.Constant(value_floats=[1.0, 1.0, *map(float, scale_factors)])
            return op.Resize(x, None, scales, None, mode="linear", coordinate_transformation_mode=mode)
        sizes = _whole(op, [*(int(n) for n in x.shape[:2]), *map(int, output_size)])
        return op.Resize(x, None, None, sizes, mode="linear", coordinate_transformation_mode=mode)

    return upsample

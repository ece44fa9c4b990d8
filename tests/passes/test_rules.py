"""Each rule: a graph where it fires and computes the same as before, and graphs where it must not, with the reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compiler.graph.graph import Graph
from compiler.graph.types import fill
from compiler.graph.verify import verify
from compiler.ops.activations import Relu
from compiler.ops.arithmetic import Add, Div, Mul, Sub
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.normalize import BatchNorm
from compiler.ops.pool import MaxPool
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.transpose import Transpose
from compiler.passes.flatten_in_memory_order import flatten_in_memory_order
from compiler.passes.fold_affine import fold_batch_norm, fold_scale_and_shift, split_batch_norm
from compiler.passes.fold_pad import fold_pad_into_conv
from compiler.passes.fuse_elementwise import fuse_elementwise, fuse_tail
from compiler.passes.order import RULES
from compiler.passes.remove_no_ops import merge_reshapes, merge_transposes, remove_no_ops
from compiler.passes.rule import Rule, Skip
from compiler.quant.fold import after_fusion, before_fusion
from tests.support.graphs import Build, expect_same

Make = Callable[[Build], Graph]


def conv_bn(b: Build) -> Graph:
    return b.graph(b.batch_norm(b.conv(b.input(1, 2, 5, 4))))


def dense_bn(b: Build) -> Graph:
    return b.graph(b.batch_norm(b.dense(b.input(1, 6))))


def lonely_bn(b: Build) -> Graph:
    return b.graph(b.batch_norm(b.input(1, 3, 2, 2)))


def bn_two_readers(b: Build) -> Graph:
    y = b.conv(b.input(1, 2, 5, 4))
    return b.graph(b.batch_norm(y), b.add(Relu(), y))


def bn_after_relu(b: Build) -> Graph:
    return b.graph(b.batch_norm(b.add(Relu(), b.conv(b.input(1, 2, 5, 4)))))


def bn_of_runtime_scale(b: Build) -> Graph:
    x, scale = b.input(1, 3, 2, 2), b.input(3)
    return b.graph(b.add(BatchNorm(), x, scale, b.random(3), b.random(3), b.positive(3)))


def scaled(op: type, left: bool = False, *shape: int, dense: bool = False) -> Make:
    def make(b: Build) -> Graph:
        y = b.dense(b.input(2, 5), 3) if dense else b.conv(b.input(1, 2, 5, 4))
        c = b.positive(*shape)
        return b.graph(b.add(op(), *((c, y) if left else (y, c))))

    return make


def scalar_plus_scalar(b: Build) -> Graph:
    return b.graph(b.add(Add(), b.input(), b.random()))


def conv_then_pixel_constant(b: Build) -> Graph:
    y = b.conv(b.input(1, 2, 5, 4))
    return b.graph(b.add(Mul(), y, b.random(1, 1, *y.shape[2:])))


def fill_weights_bn(b: Build) -> Graph:
    x = b.input(1, 2, 4, 4)
    w = b.const(fill(0.5, "float32", (3, 2, 3, 3)))
    return b.graph(b.batch_norm(b.add(Conv(), x, w, None)))


def padded(value: float = 0.0, pads: tuple[int, ...] = (0, 0, 1, 0, 0, 0, 2, 1), mode: str = "constant") -> Make:
    def make(b: Build) -> Graph:
        x = b.add(Pad(pads, mode, value), b.input(1, 2, 5, 4))  # type: ignore[arg-type]
        return b.graph(b.conv(x, pads=(1, 0, 0, 1)))

    return make


def pad_two_readers(b: Build) -> Graph:
    x = b.add(Pad((0, 0, 1, 1, 0, 0, 1, 1)), b.input(1, 2, 5, 4))
    return b.graph(b.conv(x), b.add(Relu(), x))


def chain(b: Build) -> Graph:
    x = b.input(2, 3)
    return b.graph(b.add(Mul(), b.add(Relu(), b.add(Add(), x, b.random(3))), x))


def chain_with_second_reader(b: Build) -> Graph:
    y = b.add(Relu(), b.input(2, 3))
    return b.graph(b.add(Mul(), y, b.random(3)), b.add(Concat(0), y, y))


def chain_broadcast(b: Build) -> Graph:
    return b.graph(b.add(Add(), b.add(Relu(), b.input(1, 3)), b.input(4, 3)))


def conv_residual(b: Build) -> Graph:
    x = b.input(1, 3, 5, 4)
    y = b.conv(x, pads=(1, 1, 1, 1))
    return b.graph(b.add(Relu(), b.add(Add(), x, y)))


def pool_relu(b: Build) -> Graph:
    return b.graph(b.add(Relu(), b.add(MaxPool((2, 2)), b.input(1, 2, 4, 4))))


def two_convs_added(b: Build) -> Graph:
    x = b.input(1, 2, 5, 4)
    return b.graph(b.add(Sub(), b.conv(x), b.conv(x)))


def no_ops(b: Build) -> Graph:
    x = b.add(Identity(), b.add(Relu(), b.input(1, 3, 1)))
    x = b.add(Pad((0,) * 6), b.add(Slice((0, 0, 0), (1, 1, 1), (1, 3, 1)), x))
    x = b.add(Transpose((2, 1, 0)), b.add(Concat(0), b.add(Reshape((1, 3, 1)), x)))
    return b.graph(b.add(Relu(), x))


def identity_of_input_is_output(b: Build) -> Graph:
    return b.graph(b.add(Identity(), b.input(2, 2)))


def identity_at_the_end(b: Build) -> Graph:
    return b.graph(b.add(Identity(), b.add(Relu(), b.input(2, 2))))


def identity_of_an_output(b: Build) -> Graph:
    y = b.add(Relu(), b.input(2, 2))
    return b.graph(y, b.add(Identity(), y))


def identity_of_a_tensor_with_readers(b: Build) -> Graph:
    y = b.add(Relu(), b.input(2, 2))
    return b.graph(b.add(Identity(), y), b.add(Concat(0), y, y))


def reversing_slice(b: Build) -> Graph:
    return b.graph(b.add(Relu(), b.add(Slice((1, 0), (-1, 1), (2, 3)), b.input(2, 3))))


def reshapes(b: Build) -> Graph:
    return b.graph(b.add(Reshape((3, 2)), b.add(Reshape((6,)), b.input(2, 3))))


def transposes(b: Build) -> Graph:
    return b.graph(b.add(Transpose((1, 2, 0)), b.add(Transpose((2, 0, 1)), b.input(2, 3, 4))))


def one_reshape(b: Build) -> Graph:
    return b.graph(b.add(Reshape((6,)), b.input(2, 3)))


def one_transpose(b: Build) -> Graph:
    return b.graph(b.add(Transpose((1, 0)), b.input(2, 3)))


def conv_flatten_dense(b: Build) -> Graph:
    y = b.add(Relu(), b.conv(b.input(1, 2, 5, 4)))
    return b.graph(b.dense(b.add(Reshape((1, y.type.elements)), y)))


def flatten_dense_of_input(b: Build) -> Graph:
    return b.graph(b.dense(b.add(Reshape((1, 40)), b.input(1, 2, 5, 4))))


def flatten_of_one_pixel(b: Build) -> Graph:
    y = b.conv(b.input(1, 2, 3, 3))
    return b.graph(b.dense(b.add(Reshape((1, 3)), y)))


def flatten_two_readers(b: Build) -> Graph:
    y = b.conv(b.input(1, 2, 5, 4))
    x = b.add(Reshape((1, y.type.elements)), y)
    return b.graph(b.dense(x), b.add(Relu(), x))


def flatten_into_rows(b: Build) -> Graph:
    y = b.conv(b.input(1, 2, 5, 4))
    return b.graph(b.dense(b.add(Reshape((3, y.type.elements // 3)), y)))


def flatten_runtime_weights(b: Build) -> Graph:
    y = b.conv(b.input(1, 2, 5, 4))
    return b.graph(b.add(Dense(), b.add(Reshape((1, y.type.elements)), y), b.input(2, y.type.elements), None))


FIRES: list[tuple[Rule, Make, int]] = [
    (fold_batch_norm, conv_bn, 1),
    (fold_batch_norm, dense_bn, 1),
    (fold_batch_norm, fill_weights_bn, 1),
    (split_batch_norm, lonely_bn, 1),
    (fold_scale_and_shift, scaled(Mul, False, 3, 1, 1), 1),
    (fold_scale_and_shift, scaled(Add, True, 3, 1, 1), 1),
    (fold_scale_and_shift, scaled(Sub, False, 1, 3, 1, 1), 1),
    (fold_scale_and_shift, scaled(Sub, True, 1), 1),
    (fold_scale_and_shift, scaled(Div, False, 3, 1, 1), 1),
    (fold_scale_and_shift, scaled(Mul, False, 3, dense=True), 1),
    (fold_scale_and_shift, scaled(Sub, True, 1, 3, dense=True), 1),
    (fold_pad_into_conv, padded(), 1),
    (fuse_elementwise, chain, 2),
    (fuse_tail, conv_residual, 2),
    (fuse_tail, pool_relu, 1),
    (fuse_tail, two_convs_added, 1),
    (remove_no_ops, no_ops, 6),
    (remove_no_ops, identity_at_the_end, 1),
    (merge_reshapes, reshapes, 1),
    (merge_transposes, transposes, 1),
    (flatten_in_memory_order, conv_flatten_dense, 1),
]

SKIPS: list[tuple[Rule, Make, str]] = [
    (fold_batch_norm, lonely_bn, "not produced by a Conv or Dense"),
    (fold_batch_norm, bn_two_readers, "a second reader"),
    (fold_batch_norm, bn_after_relu, "not produced by a Conv or Dense"),
    (fold_batch_norm, bn_of_runtime_scale, "a parameter is not a constant"),
    (split_batch_norm, bn_of_runtime_scale, "a parameter is not a constant"),
    (fold_scale_and_shift, scaled(Div, True, 3, 1, 1), "divided by the tensor"),
    (fold_scale_and_shift, scaled(Mul, False, 2, 3, 3, 2), "not one number for each channel"),
    (fold_scale_and_shift, conv_then_pixel_constant, "not one number for each channel"),
    (fold_scale_and_shift, scalar_plus_scalar, "not one number for each channel"),
    (fold_scale_and_shift, chain, "not produced by a Conv or Dense"),
    (fold_scale_and_shift, two_convs_added, "neither operand is a constant"),
    (fold_pad_into_conv, padded(value=1.0), "not with zeros"),
    (fold_pad_into_conv, padded(mode="edge"), "not with zeros"),
    (fold_pad_into_conv, padded(pads=(0, 0, -1, 0, 0, 0, 2, 1)), "not with zeros"),
    (fold_pad_into_conv, padded(pads=(1, 0, 0, 0, 0, 0, 0, 0)), "batch or channels are padded"),
    (fold_pad_into_conv, pad_two_readers, "a second reader"),
    (fold_pad_into_conv, conv_bn, "not produced by a Pad"),
    (fuse_elementwise, chain_with_second_reader, "a second reader"),
    (fuse_elementwise, chain_broadcast, "broadcast"),
    (fuse_elementwise, pool_relu, "no operand is elementwise"),
    (fuse_tail, bn_two_readers, "a second reader"),
    (fuse_tail, chain, "no operand is produced by"),
    (remove_no_ops, identity_of_input_is_output, "a tensor of its own"),
    (remove_no_ops, identity_of_an_output, "a tensor of its own"),
    (remove_no_ops, identity_of_a_tensor_with_readers, "other readers"),
    (remove_no_ops, reversing_slice, "it changes the tensor"),
    (merge_reshapes, one_reshape, "not produced by a Reshape"),
    (merge_transposes, one_transpose, "not produced by a Transpose"),
    (flatten_in_memory_order, flatten_dense_of_input, "does not lie channels-last"),
    (flatten_in_memory_order, flatten_of_one_pixel, "both orders are the same"),
    (flatten_in_memory_order, flatten_two_readers, "second reader"),
    (flatten_in_memory_order, flatten_into_rows, "does not flatten all but the batch"),
    (flatten_in_memory_order, flatten_runtime_weights, "weights are not constant"),
    (flatten_in_memory_order, dense_bn, "not produced by a Reshape"),
]


def name_of(case: object) -> str:
    return getattr(case, "__name__", None) or getattr(case, "name", None) or str(case)


@pytest.mark.parametrize(("rule", "make", "count"), FIRES, ids=name_of)
def test_fires_and_computes_the_same(rule: Rule, make: Make, count: int) -> None:
    before = make(Build())
    after, applied = rule.apply(before)
    after = after.without_dead_code()
    verify(after, rule.name)
    assert applied == count
    expect_same(before, after)
    assert rule.apply(after)[1] == 0, "a second run finds nothing"


@pytest.mark.parametrize(("rule", "make", "reason"), SKIPS, ids=name_of)
def test_says_why_it_does_not_fire(rule: Rule, make: Make, reason: str) -> None:
    graph = make(Build())
    reasons = []
    for node in graph.nodes:
        if isinstance(node.op, rule.ops):
            result = rule.rewrite(graph, node)
            if isinstance(result, Skip):
                reasons.append(result.reason)
    assert any(reason in r for r in reasons), reasons


def test_every_rule_is_tested_both_ways() -> None:
    elsewhere = {r.name for r in (*before_fusion(), *after_fusion())}  # tests/quant
    own = {r.name for r in RULES} - elsewhere
    assert own == {r.name for r, _, _ in FIRES} == {r.name for r, _, _ in SKIPS}


def test_a_scale_that_is_not_finite_stays() -> None:
    b = Build()
    y = b.conv(b.input(1, 2, 5, 4))
    graph = b.graph(b.add(Div(), y, b.const(np.array([1, 0, 2], np.float32).reshape(3, 1, 1))))
    assert fold_scale_and_shift.apply(graph)[1] == 0


def test_fill_weights_stay_symbolic_where_the_scale_is_uniform() -> None:
    b = Build()
    y = b.add(Conv(), b.input(1, 2, 4, 4), b.const(fill(0.5, "float32", (3, 2, 3, 3))), None)
    graph = b.graph(b.add(Mul(), y, b.const(np.full((3, 1, 1), 2, np.float32))))
    after, _ = fold_scale_and_shift.apply(graph)
    w = after.constants[after.nodes[-1].value(1).name]
    assert w.strides == (0, 0, 0, 0)
    expect_same(graph, after.without_dead_code())


def test_the_longest_chain_is_bounded() -> None:
    b = Build()
    x = b.input(2)
    for _ in range(60):
        x = b.add(Relu(), x)
    after, _ = fuse_elementwise.apply(b.graph(x))
    assert max(len(n.op.steps) for n in after.nodes if isinstance(n.op, Map)) <= 24
    expect_same(b.graph(x), after)

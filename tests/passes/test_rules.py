"""Each rewrite: where it fires the function stays the same, where it must not it says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import Array, Layout, TensorType
from compiler.graph.verify import verify
from compiler.ops.activations import Relu, Sigmoid
from compiler.ops.arithmetic import Add, Div, Mul, Sub
from compiler.ops.base import Op
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map
from compiler.ops.index_map import Pad
from compiler.ops.normalize import BatchNorm
from compiler.ops.pool import MaxPool
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.transpose import Copy, Transpose
from compiler.passes.choose_layouts import choose_layouts
from compiler.passes.flatten_in_memory_order import flatten_in_memory_order
from compiler.passes.fold_affine import fold_batch_norm, fold_scale_and_shift, split_batch_norm
from compiler.passes.fold_pad import fold_pad_into_conv
from compiler.passes.fuse_elementwise import fuse_elementwise, fuse_tail
from compiler.passes.order import optimize
from compiler.passes.remove_no_ops import merge_reshapes, merge_transposes, remove_no_ops
from compiler.passes.rule import Rule, Skip


@dataclass
class Net:
    """A small graph, built node by node."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def input(self, *shape: int) -> Value:
        self.inputs.append(Value(f"in{len(self.inputs)}", TensorType.of("float32", shape)))
        return self.inputs[-1]

    def const(self, *shape: int, positive: bool = False) -> Value:
        array = self.rng.normal(size=shape).astype(np.float32)
        name = f"c{len(self.constants)}"
        self.constants[name] = np.abs(array) + np.float32(0.5) if positive else array
        return Value(name, TensorType.of("float32", shape))

    def add(self, op: Op, *inputs: Value | None) -> Value:
        t = op.infer(*(None if v is None else v.type for v in inputs))
        assert isinstance(t, TensorType)
        y = Value(f"t{len(self.nodes)}", t)
        self.nodes.append(Node(op, inputs, (y,), f"n{len(self.nodes)}", (f"n{len(self.nodes)}",), (y.name,)))
        return y

    def graph(self, *outputs: Value) -> Graph:
        return Graph("net", tuple(self.inputs), outputs, tuple(self.nodes), self.constants)

    def conv(self, x: Value, channels: int = 4, bias: bool = True) -> Value:
        w = self.const(channels, x.shape[1], 3, 3)
        return self.add(Conv(pads=(1, 1, 1, 1)), x, w, self.const(channels) if bias else None)

    def norm(self, x: Value) -> Value:
        c = x.shape[1]
        return self.add(BatchNorm(), x, self.const(c), self.const(c), self.const(c), self.const(c, positive=True))


def outputs(graph: Graph, names: Sequence[str]) -> list[Array]:
    rng = np.random.default_rng(1)
    feed = {v.name: rng.normal(size=v.shape).astype(np.float32) for v in graph.inputs}
    values = run(graph, feed)
    return [values[n] for n in names]


def same_function(before: Graph, after: Graph) -> None:
    verify(after, "the rule")
    wanted = outputs(before, [v.name for v in before.outputs])
    for a, b in zip(wanted, outputs(after, [v.name for v in after.outputs]), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def conv_norm(n: Net) -> Value:
    return n.norm(n.conv(n.input(1, 3, 6, 6)))


def dense_norm(n: Net) -> Value:
    return n.norm(n.add(Dense(), n.input(2, 5), n.const(4, 5), None))


def per_channel(op: Op, shape: tuple[int, ...], left: bool = False) -> Callable[[Net], Value]:
    def build(n: Net) -> Value:
        y = n.conv(n.input(1, 3, 6, 6), bias=False)
        c = n.const(*shape, positive=True)
        return n.add(op, c, y) if left else n.add(op, y, c)

    return build


def pad_conv(n: Net) -> Value:
    return n.conv(n.add(Pad((0, 0, 1, 0, 0, 0, 2, 3)), n.input(1, 3, 5, 5)))


def chain(n: Net) -> Value:
    x = n.input(2, 3)
    return n.add(Mul(), n.add(Relu(), n.add(Add(), x, n.const(3))), x)


def tail(n: Net) -> Value:
    x = n.conv(n.input(1, 3, 6, 6))
    return n.add(Relu(), n.add(Add(), n.conv(x), x))


def pool_tail(n: Net) -> Value:
    return n.add(Sigmoid(), n.add(MaxPool((2, 2), (2, 2)), n.input(1, 3, 6, 6)))


def flatten(n: Net) -> Value:
    x = n.add(Reshape((1, 4 * 36)), n.conv(n.input(1, 3, 6, 6)))
    return n.add(Dense(), x, n.const(5, 144), n.const(5))


def no_ops(n: Net) -> Value:
    x = n.add(Identity(), n.input(2, 3))
    x = n.add(Reshape((2, 3)), n.add(Relu(), x))
    return n.add(Transpose((1, 0)), n.add(Transpose((1, 0)), n.add(Relu(), x)))


def reshapes(n: Net) -> Value:
    return n.add(Relu(), n.add(Reshape((6,)), n.add(Reshape((3, 2)), n.input(2, 3))))


FIRES: list[tuple[Rule, Callable[[Net], Value], int]] = [
    (fold_batch_norm, conv_norm, 1),
    (fold_batch_norm, dense_norm, 1),
    (split_batch_norm, conv_norm, 1),
    (fold_scale_and_shift, per_channel(Add(), (1, 4, 1, 1)), 1),
    (fold_scale_and_shift, per_channel(Sub(), (4, 1, 1)), 1),
    (fold_scale_and_shift, per_channel(Sub(), (4, 1, 1), left=True), 1),
    (fold_scale_and_shift, per_channel(Mul(), (4, 1, 1)), 1),
    (fold_scale_and_shift, per_channel(Mul(), ()), 1),
    (fold_scale_and_shift, per_channel(Div(), (1, 4, 1, 1)), 1),
    (fold_pad_into_conv, pad_conv, 1),
    (fuse_elementwise, chain, 2),
    (fuse_tail, tail, 2),
    (fuse_tail, pool_tail, 1),
    (flatten_in_memory_order, flatten, 1),
    (remove_no_ops, no_ops, 2),
    (merge_transposes, no_ops, 1),
    (merge_reshapes, reshapes, 1),
]


@pytest.mark.parametrize(
    ("rule", "build", "times"), FIRES, ids=lambda v: getattr(v, "name", getattr(v, "__name__", ""))
)
def test_a_rule_fires_and_keeps_the_function(rule: Rule, build: Callable[[Net], Value], times: int) -> None:
    net = Net()
    graph = net.graph(build(net))
    after, count = rule.apply(graph)
    assert count == times
    same_function(graph, after)


def second_reader(n: Net) -> Value:
    y = n.conv(n.input(1, 3, 6, 6))
    return n.add(Add(), n.norm(y), y)


def norm_of_input(n: Net) -> Value:
    return n.norm(n.input(1, 3, 4, 4))


def pad_with_ones(n: Net) -> Value:
    return n.conv(n.add(Pad((0, 0, 1, 1, 0, 0, 1, 1), value=1.0), n.input(1, 3, 5, 5)))


def pad_channels(n: Net) -> Value:
    return n.conv(n.add(Pad((0, 1, 0, 0, 0, 0, 0, 0)), n.input(1, 3, 5, 5)))


def grows(n: Net) -> Value:
    return n.add(Add(), n.add(Relu(), n.input(1, 3)), n.input(4, 3))


REFUSES: list[tuple[Rule, Callable[[Net], Value], str]] = [
    (fold_batch_norm, second_reader, "second reader"),
    (fold_batch_norm, norm_of_input, "not produced by"),
    (fold_scale_and_shift, per_channel(Add(), (1, 1, 6, 1)), "one number for each channel"),
    (fold_scale_and_shift, per_channel(Div(), (4, 1, 1), left=True), "divided by the tensor"),
    (fold_pad_into_conv, pad_with_ones, "not with zeros"),
    (fold_pad_into_conv, pad_channels, "batch or channels"),
    (fuse_elementwise, grows, "broadcast"),
    (fuse_tail, grows, "not produced|no operand"),
]


@pytest.mark.parametrize(
    ("rule", "build", "reason"), REFUSES, ids=lambda v: getattr(v, "name", getattr(v, "__name__", ""))
)
def test_a_rule_says_why_it_does_not_fire(rule: Rule, build: Callable[[Net], Value], reason: str) -> None:
    net = Net()
    graph = net.graph(build(net))
    matching = [n for n in graph.nodes if isinstance(n.op, rule.ops)]
    results = [rule.rewrite(graph, n) for n in matching]
    assert all(isinstance(r, Skip) for r in results)
    assert any(__import__("re").search(reason, r.reason) for r in results if isinstance(r, Skip))
    assert rule.apply(graph) == (graph, 0)


def test_dead_code_goes_and_inputs_stay() -> None:
    net = Net()
    x, unused = net.input(2, 3), net.input(4)
    net.add(Relu(), net.add(Sigmoid(), x))
    y = net.add(Relu(), x)
    graph = net.graph(y).without_dead_code()
    assert [n.output for n in graph.nodes] == [y]
    assert graph.inputs == (x, unused)


def test_convolutions_lie_channels_last_and_transposes_cost_nothing() -> None:
    net = Net()
    y = net.conv(net.input(1, 3, 6, 5))
    z = net.add(Transpose((0, 2, 3, 1)), y)
    graph = choose_layouts(net.graph(net.add(Relu(), z)))
    verify(graph, "layouts")
    assert graph.nodes[0].output.type.layout == Layout.channels_last(4)
    assert graph.nodes[1].output.type.layout == Layout.row_major(4)  # the very memory of its input
    assert not any(isinstance(n.op, Copy) for n in graph.nodes)


def test_an_output_that_must_be_channels_first_is_copied_unless_native_is_asked_for() -> None:
    net = Net()
    graph = net.graph(net.conv(net.input(1, 3, 6, 5)))
    assert [type(n.op) for n in choose_layouts(graph).nodes] == [Conv, Copy]
    assert [type(n.op) for n in choose_layouts(graph, native_io=True).nodes] == [Conv]


def test_an_output_is_never_the_memory_of_an_input_or_of_another_output() -> None:
    net = Net()
    x = net.input(2, 3)
    y = net.add(Relu(), x)
    graph = net.graph(net.add(Reshape((6,)), x), y, net.add(Reshape((3, 2)), y))
    after = choose_layouts(graph)
    assert sum(isinstance(n.op, Copy) for n in after.nodes) == 2
    same_function(graph, after)


def test_the_whole_line_of_passes_keeps_the_function_and_says_what_it_did() -> None:
    net = Net()
    x = net.add(Relu(), net.norm(net.conv(net.add(Pad((0, 0, 1, 1, 0, 0, 1, 1)), net.input(1, 3, 6, 6)))))
    y = net.add(Relu(), net.add(Add(), net.norm(net.conv(x)), x))
    z = net.add(Dense(), net.add(Reshape((1, 4 * 64)), y), net.const(5, 256), None)
    graph = net.graph(net.add(Add(), z, net.const(5)))
    result = optimize(graph)
    same_function(graph, result.graph)
    kernels = [n for n in result.graph.nodes if n.op.layout_rule != "view"]
    assert [type(n.op) for n in kernels] == [Conv, Conv, Dense]
    assert isinstance(kernels[1].op, Conv) and isinstance(kernels[1].op.tail, Map)
    assert {p.name for p in result.passes} >= {"fold_pad_into_conv", "fold_batch_norm", "fuse_tail", "choose_layouts"}
    assert sum(p.ram_saved for p in result.passes) > 0


def test_verify_refuses_a_graph_that_a_pass_broke() -> None:
    net = Net()
    graph = net.graph(net.add(Relu(), net.add(Relu(), net.input(2))))
    with pytest.raises(Exception, match="which nothing before it writes"):
        verify(graph.with_nodes(graph.nodes[1:]), "a bad pass")
    with pytest.raises(Exception, match=r"two types|infers"):
        bad = replace(graph.nodes[0], outputs=(Value("t0", TensorType.of("float32", (3,))),))
        verify(graph.with_nodes((bad, graph.nodes[1])), "a bad pass")

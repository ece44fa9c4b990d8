"""Every tensor gets its place in memory: channels-last behind convolutions and pools, and no copy where none is needed.

Transposes and reshapes become views wherever a layout can express them; a Copy is inserted where it cannot.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import INTEGERS, Layout, TensorType
from compiler.ops.conv import Conv
from compiler.ops.elementwise import layout_of
from compiler.ops.quantize import Quantize
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Copy, Transpose


def choose_layouts(graph: Graph, native_io: bool = False) -> Graph:
    """The same graph with layouts in its types. `native_io` lets inputs and outputs be channels-last, too."""
    return _Chooser(graph, native_io).run()


class _Chooser:
    def __init__(self, graph: Graph, native_io: bool) -> None:
        self.graph, self.native_io = graph, native_io
        self.values: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.copies: dict[str, Value] = {}

    def run(self) -> Graph:
        for v in self.graph.inputs:
            layout = Layout.channels_last(v.type.rank) if self.native_io else Layout.row_major(v.type.rank)
            self.values[v.name] = Value(v.name, _normal(v.type.with_layout(layout)))
        for node in self.graph.nodes:
            self._node(node)
        outputs = tuple(self._output(v) for v in self.graph.outputs)
        inputs = tuple(self.values[v.name] for v in self.graph.inputs)
        return replace(self.graph, inputs=inputs, outputs=outputs, nodes=tuple(self.nodes))

    def _node(self, node: Node) -> None:
        inputs = tuple(None if v is None else self.values.get(v.name, v) for v in node.inputs)
        rule = node.op.layout_rule
        if rule == "row_major":
            inputs = tuple(None if v is None else self._row_major(v) for v in inputs)
        elif isinstance(node.op, Conv) and node.value(0).type.dtype in INTEGERS:
            assert inputs[0] is not None
            inputs = (self._pixels(inputs[0]), *inputs[1:])
        outputs = []
        for v in node.outputs:
            if rule == "channels_last" or self._becomes_pixels(node, v):
                layout = Layout.channels_last(v.type.rank)
            elif rule == "same":
                layout = self._same(tuple(x for x in inputs if x is not None), v)
            elif rule == "view":
                assert inputs[0] is not None
                layout, moved = self._view(node, inputs[0], v)
                inputs = (moved,)
            else:
                layout = Layout.row_major(v.type.rank)
            outputs.append(Value(v.name, _normal(v.type.with_layout(layout))))
            self.values[v.name] = outputs[-1]
        self.nodes.append(replace(node, inputs=inputs, outputs=tuple(outputs)))

    def _becomes_pixels(self, node: Node, y: Value) -> bool:
        """Floats become integers in the order that convolutions read: kernels for integers know no other."""
        readers = self.graph.readers(y)
        convolved = bool(readers) and all(isinstance(r.op, Conv) and r.value(0) == y for r in readers)
        return isinstance(node.op, Quantize) and convolved

    def _pixels(self, x: Value) -> Value:
        """`x` channels-last, copied when it is not."""
        wanted = Layout.channels_last(x.type.rank)
        if x.type.layout.same_memory(wanted, x.shape) or x.name in self.graph.constants:
            return x
        name = f"{x.name}:channels_last"
        if name not in self.copies:
            copy = Value(name, _normal(x.type.with_layout(wanted)))
            self.nodes.append(Node(Copy(), (x,), (copy,), copy.name, (), ("",)))
            self.copies[name] = copy
        return self.copies[name]

    def _same(self, inputs: tuple[Value, ...], y: Value) -> Layout:
        running = [v for v in inputs if v.name not in self.graph.constants]
        first = layout_of(tuple(v.type for v in (*running, *inputs)), y.shape)
        if any(v.shape == y.shape for v in inputs):
            return first
        return running[0].type.layout if running and running[0].type.rank == y.type.rank else first

    def _view(self, node: Node, x: Value, y: Value) -> tuple[Layout, Value]:
        """The layout that makes the result the very memory of `x`; copies `x` row-major first where there is none."""
        if isinstance(node.op, Transpose):
            return x.type.layout.permuted(node.op.axes), x
        if isinstance(node.op, Reshape):
            kept = _squeezed(x.type, y.shape)
            if kept is not None:
                return kept, x
            return Layout.row_major(y.type.rank), self._row_major(x)
        return x.type.layout, x

    def _row_major(self, x: Value) -> Value:
        if x.name in self.graph.constants or x.type.layout == Layout.row_major(x.type.rank):
            return x
        if x.name not in self.copies:
            copy = Value(f"{x.name}:row_major", x.type.with_layout(Layout.row_major(x.type.rank)))
            self.nodes.append(Node(Copy(), (x,), (copy,), copy.name, (), ("",)))
            self.copies[x.name] = copy
        return self.copies[x.name]

    def _output(self, v: Value) -> Value:
        """Outputs lie as the source has them; each is a tensor of its own, written by a kernel."""
        value = self.values[v.name]
        wanted = Layout.channels_last(v.type.rank) if self.native_io else Layout.row_major(v.type.rank)
        wanted = _normal(v.type.with_layout(wanted)).layout
        if value.type.layout == wanted and not self._borrowed(value):
            return value
        copy = Value(f"{v.name}:out", value.type.with_layout(wanted))
        producer = next(n for n in self.nodes if value in n.outputs)
        equal = producer.equals[producer.outputs.index(value)] if producer.equals else ""
        self.nodes.append(Node(Copy(), (value,), (copy,), copy.name, (), (equal,)))
        return copy

    def _borrowed(self, value: Value) -> bool:
        """Is it another name for an input, a constant, or another output?"""
        owners = {v.name: n for n in self.nodes for v in n.outputs}
        root, taken = value, {v.name for v in self.graph.outputs if v.name != value.name}
        while (node := owners.get(root.name)) is not None and node.op.layout_rule == "view":
            root = node.value(0)
            if root.name in taken:
                return True
        return root.name not in owners


def _normal(t: TensorType) -> TensorType:
    """Layouts that put every element at the same place are the same layout."""
    plain = Layout.row_major(t.rank)
    return t.with_layout(plain) if t.layout.same_memory(plain, t.shape) else t


def _squeezed(x: TensorType, shape: tuple[int, ...]) -> Layout | None:
    """The layout of a reshape that only adds or drops axes of length one, or None if it does more."""
    if x.layout == Layout.row_major(x.rank):
        return Layout.row_major(len(shape))
    before = [a for a, n in enumerate(x.shape) if n != 1]
    after = [a for a, n in enumerate(shape) if n != 1]
    if [x.shape[a] for a in before] != [shape[a] for a in after]:
        return None
    where = dict(zip(before, after, strict=True))
    order = [where[a] for a in x.layout.order if a in where]
    ones = [a for a, n in enumerate(shape) if n == 1]
    return Layout((*ones, *order))

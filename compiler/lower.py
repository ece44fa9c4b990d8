"""Graph to program: schedules are chosen, memory is planned, then every layer is lowered to a kernel.

Schedules come before the plan because they decide about scratch memory and about overlapping operands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.text import op_text
from compiler.graph.types import Array, is_fill
from compiler.kernels.base import Overlap, Schedule, Situation, candidates
from compiler.loop import storage, verify
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import Buffer, Function
from compiler.loop.parallel import parallelize
from compiler.loop.storage import compute_type, memory_type, storage_of
from compiler.memory.lifetimes import Liveness, liveness, scratch_name
from compiler.memory.order import reorder
from compiler.memory.planner import Plan, plan
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Elementwise, Map
from compiler.ops.requantize import Requantize
from compiler.ops.transpose import Transpose
from compiler.program import Argument, Layer, Program, Slot

_MAX_NAME = 40
_UNPACKING = (Conv, Dense, Elementwise, Map)  # read constants through views alone, which find bits in bytes


def lower(
    graph: Graph,
    features: frozenset[str] = frozenset(),
    objective: str = "balanced",
    name: str = "model",
    threads: int = 1,
    own: Collection[str] = (),
) -> Program:
    """The whole of code generation short of printing. `name` becomes the prefix of every public symbol.

    `own` are kernels that somebody else writes: their results never share memory with their operands.
    """
    situation = Situation(graph, features, objective)
    schedules = {n.output.name: candidates(n, situation)[0] for n in graph.nodes if n.op.layout_rule != "view"}
    if threads > 1:
        schedules = {y: unordered(s) for y, s in schedules.items()}
    for n in graph.nodes:
        if own and n.output.name in schedules and _base(identifier(kernel_name(n))) in map(_base, own):
            schedules[n.output.name] = replace(schedules[n.output.name], overlap={}, backward=None)
    graph = reorder(graph, schedules)
    live = liveness(graph, schedules)
    program = lower_planned(graph, schedules, live, plan(live.lives, len(live.layers)), name, threads)
    return replace(program, features=features)


def lower_planned(
    graph: Graph,
    schedules: Mapping[str, Schedule],
    live: Liveness,
    where: Plan,
    name: str = "model",
    threads: int = 1,
) -> Program:
    """The kernels for schedules and a memory plan that are given."""
    return _Lowering(graph, schedules, live, where, threads).program(name)


def _base(kernel: str) -> str:
    """The name without the number that tells kernels of equal shapes apart."""
    return re.sub(r"_\d+$", "", kernel)


def unordered(schedule: Schedule) -> Schedule:
    """The schedule without the overlaps that rely on the order in which a kernel walks through memory."""
    overlap = {i: Overlap(exact=o.exact) for i, o in schedule.overlap.items()}
    return replace(schedule, overlap=overlap, backward=None)


@dataclass(frozen=True)
class _Lowered:
    function: Function
    arguments: tuple[Argument, ...]
    constants: tuple[str, ...]


@dataclass
class _Operands:
    """What a kernel works on: views for the lowering, and the parameters and arguments behind them."""

    views: list[View | None] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)

    def add(self, view: View | None, argument: Argument | None = None) -> None:
        """A view without memory (absent, or one value repeated) needs no parameter."""
        self.views.append(view)
        if view is not None and view.buffer is not None and argument is not None:
            self.buffers.append(view.buffer)
            self.arguments.append(argument)


class _Lowering:
    def __init__(
        self, graph: Graph, schedules: Mapping[str, Schedule], live: Liveness, where: Plan, threads: int
    ) -> None:
        self.graph, self.schedules, self.live, self.plan, self.threads = graph, schedules, live, where, threads
        self.constants: dict[str, Array] = {}
        self.by_content: dict[str, str] = {}
        self.functions: dict[tuple[object, ...], Function] = {}
        self.users: dict[str, list[str]] = {}
        self.symbols: set[str] = set()
        self.layer_names: set[str] = set()

    def program(self, name: str) -> Program:
        layers = tuple(self._layer(n) for n in self.live.layers)
        kernels = tuple(self._documented(f) for f in self.functions.values())
        return Program(
            name,
            self.graph.name,
            layers,
            kernels,
            self.constants,
            tuple(replace(self.slot(v), channels_last=_channels_behind(self.graph, v)) for v in self.graph.inputs),
            tuple(self.slot(v) for v in self.graph.outputs),
            self.plan,
            self.plan.arena_bytes,
        )

    def slot(self, v: Value) -> Slot:
        offset = self.plan.offsets[self.live.home[v.name]]
        return Slot(v.name, v.type.dtype, v.shape, v.type.strides, offset, v.type.bytes, v.type.quant)

    def _layer(self, node: Node) -> Layer:
        name = self._layer_name(node)
        lowered = self._lower(node, name)
        schedule = self.schedules[node.output.name]
        self.users.setdefault(lowered.function.name, []).append(name)
        runtime = tuple(self.slot(v) for v in node.present if v.name not in self.graph.constants)
        return Layer(
            name=name,
            op=describe(node),
            source_nodes=node.sources,
            source_tensors=node.equals,
            inputs=runtime,
            outputs=tuple(self.slot(v) for v in node.outputs),
            kernel=lowered.function.name,
            schedule=schedule.name,
            arguments=lowered.arguments,
            macs=node.macs,
            parameters=sum(int(a.size) for v in node.present if (a := self.graph.constant(v)) is not None),
            constants=lowered.constants,
        )

    def _layer_name(self, node: Node) -> str:
        base = node.sources[0] if node.sources else node.name
        return _unused(base, self.layer_names, ".")

    def _lower(self, node: Node, layer: str) -> _Lowered:
        schedule = self.schedules[node.output.name]
        k = Kernel()
        operands = _Operands()
        new: list[str] = []
        names = operand_names(node)
        k.reserve(*names)
        for v, name in zip((*node.inputs, *node.outputs), names, strict=True):
            if v is None:
                operands.add(None)
                continue
            array = schedule.packed.get(len(operands.views), self.graph.constant(v))
            if array is None:
                operands.add(*self._runtime(v, name))
            else:
                view, argument, added = self._constant(array, name, layer, isinstance(node.op, _UNPACKING))
                operands.add(view, argument)
                new += added
        for i, (kind, count) in enumerate(schedule.scratch):
            name = f"scratch{i or ''}"
            offset = self.plan.offsets[scratch_name(node.output.name, i)]
            view = View(kind, (count,), (1,), Buffer(name, kind, count))
            operands.add(view, Argument(name, offset=offset, dtype=kind.numpy))
        lowering = schedule.lower
        if schedule.backward is not None and self._runs_backward(node, schedule):
            lowering = schedule.backward
        lowering(k, *operands.views)
        function = k.function("", operands.buffers, (_doc(node),))
        if self.threads > 1:
            function = parallelize(function, _same_place(operands.arguments))
        return _Lowered(self._shared(function, node), tuple(operands.arguments), tuple(new))

    def _runs_backward(self, node: Node, schedule: Schedule) -> bool:
        """Does the plan let the output overlap an input in the way that only the downward kernel bears?"""
        y = self.slot(node.output)
        for i, allowed in schedule.overlap.items():
            v = node.inputs[i]
            if v is None or v.name not in self.live.home or allowed.backward is None:
                continue
            x = self.slot(v)
            apart = x.offset + x.size <= y.offset or y.offset + y.size <= x.offset
            if not apart and not replace(allowed, backward=None).allows(y.offset, x.offset):
                return True
        return False

    def _runtime(self, v: Value, name: str) -> tuple[View, Argument]:
        buffer = Buffer(name, memory_type(v.type.dtype), v.type.elements)
        return _view(v.type.dtype, v.shape, v.type.strides, buffer), Argument(name, slot=self.slot(v))

    def _constant(self, array: Array, name: str, layer: str, unpacks: bool) -> tuple[View, Argument | None, list[str]]:
        """A constant operand: one value is printed where it is used, anything else becomes an array."""
        dtype, strides = str(array.dtype), _row_major(array.shape)
        if array.size <= 1 or is_fill(array):
            value = array.astype(compute_type(dtype).numpy).reshape(-1)[0].item() if array.size else 0
            return replace(_view(dtype, array.shape, (0,) * array.ndim, None), value=value), None, []
        small = storage.packed(dtype, array) if unpacks else None
        packed = np.ascontiguousarray(array).view(memory_type(dtype).numpy) if small is None else small[1]
        content = hashlib.sha256(packed.reshape(-1).data).hexdigest() + str(packed.dtype)
        added = []
        if content not in self.by_content:
            symbol = self._symbol(f"{identifier(layer)}_{name}")
            self.by_content[content] = symbol
            self.constants[symbol] = packed
            added.append(symbol)
        symbol = self.by_content[content]
        view = _view(dtype, array.shape, strides, Buffer(name, memory_type(dtype), packed.size, const=True))
        if small is not None:
            view = replace(view, storage=small[0])
        return view, Argument(name, constant=symbol), added

    def _symbol(self, text: str) -> str:
        return _unused(text, self.symbols, "_")

    def _shared(self, function: Function, node: Node) -> Function:
        """The same kernel again, or this one under a name of its own."""
        key = (function.buffers, function.body)
        if key not in self.functions:
            named = replace(function, name=self._symbol(identifier(kernel_name(node))))
            verify.verify(named)
            self.functions[key] = named
        return self.functions[key]

    def _documented(self, f: Function) -> Function:
        users = self.users[f.name]
        shown = ", ".join(users[:6]) + (f" and {len(users) - 6} more" if len(users) > 6 else "")
        return replace(f, doc=(*f.doc, f"layer{'s' if len(users) > 1 else ''}: {shown}"))


def _channels_behind(graph: Graph, v: Value) -> bool:
    """Is the first thing that happens to an input that its last axis becomes the channels?"""
    rank = v.type.rank
    axes = (0, rank - 1, *range(1, rank - 1))
    return rank > 2 and any(isinstance(n.op, Transpose) and n.op.axes == axes for n in graph.readers(v))


def _view(dtype: str, shape: tuple[int, ...], strides: tuple[int, ...], buffer: Buffer | None) -> View:
    return View(compute_type(dtype), shape, strides, buffer, storage=storage_of(dtype))


def _same_place(arguments: Sequence[Argument]) -> dict[str, str]:
    """Parameters that share their memory with an earlier one; plans for threads have no other overlaps."""
    first: dict[int, str] = {}
    same: dict[str, str] = {}
    for a in arguments:
        if a.slot is not None and a.slot.size and first.setdefault(a.slot.offset, a.param) != a.param:
            same[a.param] = first[a.slot.offset]
    return same


def _unused(base: str, taken: set[str], separator: str) -> str:
    """`base`, or with the first number that makes it new; taken from now on."""
    name, n = base, 1
    while name in taken:
        n += 1
        name = f"{base}{separator}{n}"
    taken.add(name)
    return name


def identifier(text: str) -> str:
    """A C identifier from any text: ASCII letters, digits and single underscores, at most 40; never empty."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text)[:_MAX_NAME].strip("_").lower()
    return name if name and not name[0].isdigit() else f"n{name}"


def operand_names(node: Node) -> list[str]:
    """Parameter names: x w b for weighted layers, r for what is added as results are stored, y for the result."""
    weighted = isinstance(node.op, (Conv, Dense))
    first = ["x", "w", "b"] if weighted else ["x"]
    rest = "r" if weighted else "x"
    names = first[: len(node.inputs)]
    names += [f"{rest}{i + 1}" for i in range(len(node.inputs) - len(names))]
    return names + (["y"] if len(node.outputs) == 1 else [f"y{i}" for i in range(len(node.outputs))])


def describe(node: Node) -> str:
    """Conv2d+Relu, Conv2d int8: the operator and its tail, and the type of what it reads when that is quantised."""
    tail = getattr(node.op, "tail", None)
    base = type(node.op).__name__
    if base == "Map":
        return str(node.op)
    if isinstance(node.op, Conv):
        base = f"Conv{node.op.spatial}d"
        if node.op.groups > 1 and node.op.groups == node.value(0).shape[1]:
            base = f"Depthwise{base}"
    quantised = tail is not None and isinstance(tail.steps[-1].op, Requantize)
    if quantised or base.endswith("Integer"):
        steps = "" if tail is None or len(tail.steps) == 1 else f"+{Map(tail.operands, tail.steps[:-1])}"
        return f"{base.removesuffix('Integer')}{steps} {node.present[0].type.dtype}"
    return base if tail is None else f"{base}+{tail}"


def kernel_name(node: Node) -> str:
    """conv2d_3x3_32x32x16_to_32x32x16: what it is and the shapes, channels last."""
    size = ""
    if isinstance(node.op, Conv):
        size = "_" + "x".join(map(str, node.value(1).shape[2:]))
    x, y = node.present[0], node.output
    base = re.sub(r"[^a-z0-9]+", "_", describe(node).lower())[:24].strip("_")
    return f"{base}{size}_{_dims(x)}" + (f"_to_{_dims(y)}" if x.shape != y.shape else "")


def _dims(v: Value) -> str:
    shape = v.shape[1:] if v.type.rank > 1 and v.shape[0] == 1 else v.shape
    if v.type.rank > 2:
        shape = (*shape[1:], shape[0])
    return "x".join(map(str, shape)) or "1"


def _doc(node: Node) -> str:
    x, y = node.present[0], node.output
    text = f"{op_text(node.op)}: {'x'.join(map(str, x.shape))} -> {'x'.join(map(str, y.shape))}"
    return text + (f", {node.macs:,} MACs" if node.macs else "")


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape)))

"""An architecture and weights become a checked plan: layers with all their arguments, what each reads, and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from compiler.errors import ModelError
from compiler.importers.layer_list_compose import compose
from compiler.importers.layer_list_layer import make_layer
from compiler.importers.layer_list_steps import STEPS, Step
from compiler.importers.state_dict import State
from compiler.importers.torch_blueprint import Layer, Stored, joined
from compiler.importers.torch_checks import Shape, Unfit
from compiler.importers.torch_input import INPUT, OUTPUT, Shapes, written
from compiler.importers.torch_kind import Kind
from compiler.importers.torch_layers import KINDS, why_refused
from compiler.importers.torch_pickle import Global, shown
from compiler.layer_list import Architecture, ListedLayer

Ref = tuple[int, int]  # (position of the layer, or -1 - the input's number; which of its results)

_LISTED = 8
_IGNORED = frozenset({"inplace", "device", "dtype"})  # arguments that say nothing about what is computed
_INNER = frozenset({"NonDynamicallyQuantizableLinear"})


@dataclass(frozen=True)
class Placed:
    """A layer in its place."""

    name: str
    layer: Layer
    reads: tuple[Ref, ...]
    gives: tuple[Shape, ...]


@dataclass(frozen=True)
class Plan:
    inputs: Shapes
    indices: frozenset[str]  # inputs that are whole numbers
    placed: tuple[Placed, ...]
    outputs: tuple[tuple[str, Ref], ...]

    def shape(self, ref: Ref) -> Shape:
        position, index = ref
        return list(self.inputs.values())[-1 - position] if position < 0 else self.placed[position].gives[index]

    @property
    def is_chain(self) -> bool:
        """Each layer reads the one before it, and the last one's only result is the model's."""
        straight = all(item.reads == ((i - 1, 0),) for i, item in enumerate(self.placed))
        return straight and len(self.inputs) == 1 and [ref for _, ref in self.outputs] == [(len(self.placed) - 1, 0)]

    @property
    def macs(self) -> int:
        total = 0
        for item in self.placed:
            assert item.layer.kind is not None
            total += item.layer.kind.macs(item.layer.options, *map(self.shape, item.reads), item.gives[0])
        return total

    @property
    def tensors(self) -> list[Stored]:
        layers = (layer for item in self.placed for layer in item.layer.walk())
        found = {id(t): t for layer in layers for t in layer.parameters.values() if t is not None}
        return list(found.values())


def plan(architecture: Architecture, state: State, shapes: Mapping[str, Shape]) -> Plan:
    """Raises E0151 for what the architecture leaves open or gets wrong, E0152 for tensors that no layer uses, E0153
    for layers that do not fit each other."""
    return _Planner(architecture, state, shapes).plan()


@dataclass
class _Planner:
    architecture: Architecture
    state: State
    shapes: Mapping[str, Shape]
    placed: list[Placed] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    inputs: Shapes = field(default_factory=dict)

    def plan(self) -> Plan:
        self._check_holes()
        self.inputs = self._inputs()
        for position, listed in enumerate(self.architecture.layers):
            self._place(position, listed)
        self._check_used()
        outputs = self._outputs()
        return Plan(self.inputs, self._indices(), tuple(self.placed), outputs)

    # -- what goes in ------------------------------------------------------------------------------------------

    def _check_holes(self) -> None:
        layers = self.architecture.layers
        if not layers:
            self._open("The architecture lists no layers", "List them in the order in which they run.")
        holes = {f"layer {i + 1}": layers[i].note or "choose its type" for i in self.architecture.holes[:_LISTED]}
        if holes:
            count = len(self.architecture.holes)
            self._open(
                f"The architecture has {count} {'layer' if count == 1 else 'layers'} still to be chosen",
                'Give each a type, for instance "ReLU", or remove it where there is nothing.',
                **{name: shown(text, 160) for name, text in holes.items()},
            )

    def _inputs(self) -> Shapes:
        given, wanted = self.architecture, {}
        for name in given.inputs:
            if not name.isidentifier():
                self._open(f"An input has the impossible name {shown(name)!r}", "Use letters, digits and underscores.")
        known = {name: tuple(shape) for name, shape in given.inputs.items()}
        if not known:
            known = {INPUT: tuple(given.input or ())}
        for name, template in known.items():
            shape = self.shapes.get(name, self.shapes.get("") if len(known) == 1 else None)
            if shape is None and template and None not in template:
                shape = tuple(n for n in template if n is not None)
            if not shape or any(n < 1 for n in shape):
                raise ModelError(
                    code="E0131",
                    title=f"How large is the input '{shown(name)}'? The architecture does not say",
                    where=self.state.where,
                    facts={"architecture": written(template)} if template else {},
                    help=f'Write "input": [1, 3, 32, 32] into it, with your sizes, or add --shape {name}=1,3,32,32.',
                )
            wanted[name] = shape
        if unknown := set(self.shapes) - set(wanted) - {""}:
            title = f"The architecture has no input '{shown(min(unknown))}'"
            self._open(title, f"It has {', '.join(map(shown, wanted))}.")
        return wanted

    # -- a layer -----------------------------------------------------------------------------------------------

    def _place(self, position: int, listed: ListedLayer) -> None:
        assert listed.type is not None
        kind = STEPS.get(listed.type) or (None if listed.type in _INNER else KINDS.get(listed.type))
        label = self._label(position, listed)
        if kind is None:
            reason = why_refused(listed.type)
            self._open(f"{label} is no layer that is known: {reason}", "`deepmetal explain E0151` lists all types.")
        reads = self._reads(position, listed, kind, label)
        given = tuple(self._shape(ref) for ref in reads)
        try:
            layer = self._layer(listed, kind, given)
        except Unfit as reason:
            self._open(f"{label} {reason}", "Correct its name or its arguments; inspect shows the tensors.")
        try:
            gives = kind.output(layer.options, *given)
        except Unfit as reason:
            raise ModelError(
                code="E0153",
                title=f"{label} {reason}",
                where=self.state.where,
                facts={"reads": "; ".join(str(list(x)) for x in given)},
                help="Look at the layers before it: a pooling, a Flatten, stride, padding or groups may be missing.",
            ) from None
        name = listed.name or f"{listed.type.lower()}{position + 1}"
        if name in self.names or name in self.inputs:
            self._open(f"The name '{shown(name)}' is given twice", "Give each layer a name of its own.")
        self.names[name] = position
        self.placed.append(Placed(name, layer, reads, gives))

    def _reads(self, position: int, listed: ListedLayer, kind: Kind, label: str) -> tuple[Ref, ...]:
        least, most = len(kind.inputs), len(kind.inputs) + len(kind.states)
        if isinstance(kind, Step):
            least, most = kind.least, kind.most
        if listed.from_ is None:
            before = [(-1 - i, 0) for i in range(len(self.inputs))] if position == 0 else [(position - 1, 0)]
            refs = [] if most == 0 else before
        else:
            refs = [self._ref(name, label) for name in listed.from_]
        if kind.name == "MultiheadAttention" and len(refs) == 1:
            refs = refs * 3  # attention of a sequence to itself
        if not least <= len(refs) <= most:
            names = f" ({', '.join(kind.inputs + kind.states)})" if not isinstance(kind, Step) and most > 1 else ""
            wanted = str(least) if least == most else f"{least} to {most}"
            self._open(f"{label} reads {wanted} inputs{names} and gets {len(refs)}", 'Name them: "from": ["a", "b"].')
        return tuple(refs)

    def _ref(self, name: str, label: str) -> Ref:
        base, _, index = name.rpartition(":") if name.rpartition(":")[2].isdigit() else (name, "", "0")
        inputs = list(self.inputs)
        if base in inputs:
            return (-1 - inputs.index(base), 0)
        if base not in self.names:
            known = ", ".join(map(shown, [*inputs, *self.names][-_LISTED:]))
            self._open(
                f"{label} reads '{shown(name)}', which no earlier layer is called", f"Before it there are {known}."
            )
        position, number = self.names[base], int(index[:4])
        if number >= len(self.placed[position].gives):
            self._open(
                f"{label} reads '{shown(name)}', which has {len(self.placed[position].gives)} results", "Count from 0."
            )
        return (position, number)

    def _shape(self, ref: Ref) -> Shape:
        position, index = ref
        return list(self.inputs.values())[-1 - position] if position < 0 else self.placed[position].gives[index]

    def _layer(self, listed: ListedLayer, kind: Kind, given: Sequence[Shape]) -> Layer:
        if kind.name == "Parameter":
            ref = self._take(listed.name)
            return Layer(listed.name, Global("", kind.name), kind, {"shape": ref.shape}, {"value": ref}, {}, {})
        prefix = joined(listed.name, "")
        inside = {n.removeprefix(prefix): t for n, t in self.state.tensors.items() if n.startswith(prefix)}
        args = {key: _plain(value) for key, value in listed.args.items() if key not in _IGNORED}
        if kind.children:
            layer = compose(kind, listed.name, inside, args)
        else:
            layer = make_layer(kind, listed.name, inside, args, given)
        for inner in layer.walk():
            for name, tensor in (*inner.parameters.items(), *inner.buffers.items()):
                if tensor is not None:
                    self._take(joined(inner.path, name))
        return layer

    def _take(self, name: str) -> Stored:
        if name not in self.state.tensors:
            raise Unfit(f"needs the tensor '{shown(name)}', which the file does not have")
        self.used.add(name)
        return self.state.tensors[name]

    # -- the end -----------------------------------------------------------------------------------------------

    def _outputs(self) -> tuple[tuple[str, Ref], ...]:
        if not self.architecture.outputs:
            last = self.placed[-1]
            results = last.layer.kind.outputs if last.layer.kind else (OUTPUT,)
            return tuple((name, (len(self.placed) - 1, i)) for i, name in enumerate(results))
        refs = [self._ref(name, "The list of outputs") for name in self.architecture.outputs]
        names = [name.replace(":", "_").replace(".", "_") for name in self.architecture.outputs]
        if len(set(names)) != len(names):
            self._open("An output is listed twice", "List each once.")
        return tuple(zip((OUTPUT,) if len(names) == 1 else names, refs, strict=True))

    def _indices(self) -> frozenset[str]:
        """Inputs that an embedding looks up, directly or through layers that only move them."""
        wanted: set[Ref] = set()
        for position, item in reversed(list(enumerate(self.placed))):
            kind = item.layer.kind
            assert kind is not None
            moved = kind.name in ("Flatten", "Unflatten", "Identity", "Dropout", "Reshape", "Select", "Slice")
            if kind.integers or (moved and (position, 0) in wanted):
                wanted.update(item.reads)
        numbers = [(i, ref) for i, item in enumerate(self.placed) for ref in item.reads]
        for i, ref in numbers:
            kind = self.placed[i].layer.kind
            computes = kind is not None and not kind.integers and (i, 0) not in wanted
            if ref in wanted and (
                computes or (ref[0] >= 0 and (self.placed[ref[0]].reads == () or not self._moves(ref)))
            ):
                label = self._label(i, self.architecture.layers[i])
                self._open(f"{label} and an embedding read the same values", "An embedding reads whole numbers alone.")
        return frozenset(name for i, name in enumerate(self.inputs) if (-1 - i, 0) in wanted)

    def _moves(self, ref: Ref) -> bool:
        kind = self.placed[ref[0]].layer.kind
        return kind is not None and kind.name in (
            "Flatten",
            "Unflatten",
            "Identity",
            "Dropout",
            "Reshape",
            "Select",
            "Slice",
        )

    def _check_used(self) -> None:
        skipped = tuple(self.architecture.unused)
        left = [
            name for name in self.state.tensors if name not in self.used and not name.startswith(skipped or ("\0",))
        ]
        if left:
            facts = {shown(name, 60): str(list(self.state.tensors[name].shape)) for name in left[:_LISTED]}
            more = {"…": f"and {len(left) - _LISTED} more"} if len(left) > _LISTED else {}
            raise ModelError(
                code="E0152",
                title=f"{len(left)} {'tensor is' if len(left) == 1 else 'tensors are'} used by no layer",
                where=self.state.where,
                facts=facts | more,
                help='Add the layers they belong to, or name what is not wanted: "unused": ["'
                + shown(left[0].rpartition(".")[0] or left[0], 40)
                + '"].',
            )

    def _label(self, position: int, listed: ListedLayer) -> str:
        name = f" '{shown(listed.name)}'" if listed.name else ""
        return f"Layer {position + 1}, {shown(str(listed.type), 40)}{name},"

    def _open(self, title: str, help: str, **facts: str) -> NoReturn:
        raise ModelError(code="E0151", title=title, where=self.state.where, facts=facts, help=help)


def _plain(value: Any) -> Any:
    """JSON has lists where PyTorch has tuples."""
    return tuple(value) if isinstance(value, list) else value

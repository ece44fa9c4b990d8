"""A program of ATen operators as torch.fx graph, built call by call and checked as it grows.

Each call is tried on tensors that have a shape and a type but no memory, so shapes are known while a file is being
read and no size in it can make PyTorch allocate. What comes out is an exported program, as torch.export would make it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError
from compiler.importers.aten import TRAINED, Tensor, listed, why_not, writes
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_dtypes import DTYPES
from compiler.importers.torch_pickle import shown
from compiler.importers.torch_quantized import register

MAX_NODES = 10_000
MAX_RANK = 16
MAX_ELEMENTS = 1 << 26  # of one tensor: 256 MiB of float32, far more than any target has


@dataclass(frozen=True)
class Scope:
    """The module that a call belongs to."""

    path: str = ""
    cls: str = ""


@dataclass(eq=False)
class Value(Tensor):
    """A tensor of the program: its node, and what is known of it."""

    node: Any
    fake: Any
    known: Any = None  # the real tensor, where it is a small constant

    @property
    def shape(self) -> Shape:
        return tuple(int(n) for n in self.fake.shape)

    @property
    def dtype(self) -> str:
        return str(self.fake.dtype).removeprefix("torch.")

    @property
    def number(self) -> float | int | bool | None:
        return None if self.known is None else self.known.item()


# What PyTorch's shape functions raise for arguments that do not fit.
_COMPLAINTS = (
    RuntimeError,
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AssertionError,
    AttributeError,
)


class Misfit(Exception):
    """An operator that cannot run on what reaches it; the text says why, in PyTorch's words."""

    def __init__(self, operator: str, scope: Scope, reason: str) -> None:
        inside = f" in '{shown(scope.path)}'" if scope.path else ""
        super().__init__(f"{shown(operator)}{inside}: {reason}")


@dataclass(frozen=True, eq=False)
class Program:
    """A finished program: the exported form for the exporter, and a way to run it."""

    exported: Any  # torch.export.ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[Any, ...]
    names: Mapping[str, str]  # of weights: in the program -> in the file

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs, by PyTorch itself."""
        torch = import_torch()
        given = [torch.from_numpy(np.array(inputs[name])) for name in self.inputs]
        with torch.no_grad():
            results = torch.fx.Interpreter(self.exported.graph_module).run(*self.weights, *given)
        return [np.asarray(y.detach().numpy()) for y in results]


class Builder:
    """Calls in, program out."""

    def __init__(self, where: str) -> None:
        torch = import_torch()
        from torch._subclasses.fake_tensor import FakeTensorMode

        self.where = where
        self.torch = torch
        self.graph = torch.fx.Graph()
        self.scope = Scope()
        self._mode = FakeTensorMode(allow_non_fake_inputs=False)
        self._inputs: list[tuple[str, Value]] = []
        self._weights: list[tuple[str, Value, Any]] = []
        self._memory: set[int] = set()  # of weights
        self._nodes = 0

    # -- what a program is made of ---------------------------------------------------------------------------

    def input(self, name: str, shape: Shape, dtype: str = "float32") -> Value:
        self._check_size(shape, f"input '{shown(name)}'")
        with self._mode:
            fake = self.torch.empty(shape, dtype=getattr(self.torch, dtype))
        value = Value(self._placeholder(f"input_{len(self._inputs)}", fake, None), fake)
        self._inputs.append((name, value))
        return value

    def weight(self, name: str, tensor: Any) -> Value:
        """A tensor of the file. Small ones take part in the arithmetic on numbers that a program does with itself."""
        first_input = self._inputs[0][1].node if self._inputs else None
        fake = self._mode.from_tensor(tensor, static_shapes=True)
        value = Value(
            self._placeholder(f"weight_{len(self._weights)}", fake, first_input),
            fake,
            known=tensor if tensor.dim() == 0 else None,
        )
        self._weights.append((name, value, tensor))
        self._memory.add(_memory(fake))
        return value

    def number(self, value: float | int | bool) -> Value:
        """A number as a tensor without dimensions; it becomes a constant only when a call needs it as one."""
        real = self.torch.tensor(value)
        return Value(None, self._mode.from_tensor(real, static_shapes=True), known=real)

    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], overload: str = "") -> Any:
        """`aten::name` on values and plain arguments: a value, or a list of them. Raises Misfit, or ModelError."""
        if not listed(name):
            self._refuse(name)
        return self.allowed(name, arguments, keywords, overload)

    def allowed(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], overload: str = "") -> Any:
        """`call` for operators that we chose."""
        found = _values((*arguments, *keywords.values()))
        if writes(name) and arguments and isinstance(arguments[0], Value) and self._is_of_weight(arguments[0]):
            raise ModelError(
                "E0142",
                f"The program changes its own weights ({shown(name)})",
                where=self.where,
                facts={"module": shown(self.scope.path)} if self.scope.path else {},
                help="Save the model in evaluation mode (model.eval()), and keep no state between calls.",
            )
        if found and all(v.known is not None for v in found) and not writes(name):
            return self._folded(name, arguments, keywords, overload)
        target, positional, named = self._resolved(name, arguments, keywords, overload)
        return self._record(target, positional, named)

    def finish(self, outputs: Sequence[tuple[str, Any]]) -> Program:
        """The program that returns these values under these names. An output is a node of its own."""
        torch = self.torch
        from torch.export.exported_program import ExportedProgram, ModuleCallEntry, ModuleCallSignature
        from torch.export.graph_signature import (
            ExportGraphSignature,
            InputKind,
            InputSpec,
            OutputKind,
            OutputSpec,
            TensorArgument,
        )  # fmt: skip
        from torch.utils import _pytree as pytree

        nodes: list[Any] = []
        for _, value in outputs:
            node = self._node(value)
            if node in nodes or node.op == "placeholder":
                node = self._node(self._record(self.torch.ops.aten.clone.default, [value], {}))
            nodes.append(node)
        self.graph.output(tuple(nodes))
        self.graph.lint()
        # PyTorch writes Python text around these names and runs it: no name of the file may be among them.
        safely = {f"weight_{number}": weight for number, weight in enumerate(self._weights)}
        specs = [
            InputSpec(InputKind.BUFFER, TensorArgument(value.node.name), safe, persistent=True)
            for safe, (_, value, _) in safely.items()
        ]
        specs += [InputSpec(InputKind.USER_INPUT, TensorArgument(value.node.name), None) for _, value in self._inputs]
        returned = [OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(node.name), None) for node in nodes]
        positions = tuple(value.node.name for _, value in self._inputs)
        _, given = pytree.tree_flatten((tuple(positions), {}))
        _, made = pytree.tree_flatten(tuple(node.name for node in nodes))
        exported = ExportedProgram(
            torch.nn.Module(),
            self.graph,
            ExportGraphSignature(specs, returned),
            {safe: tensor for safe, (_, _, tensor) in safely.items()},
            {},
            [ModuleCallEntry("", ModuleCallSignature([], [], given, made, list(positions)))],
            verifiers=[_verifier()],
        )
        return Program(
            exported,
            tuple(name for name, _ in self._inputs),
            tuple(name for name, _ in outputs),
            tuple(tensor for _, _, tensor in self._weights),
            {safe: name for safe, (name, _, _) in safely.items() if name},
        )

    # -- one call --------------------------------------------------------------------------------------------

    def _resolved(
        self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], overload: str
    ) -> tuple[Any, list[Any], dict[str, Any]]:
        """The operator's variant that fits the arguments, and these as it wants them."""
        library, _, plain = name.rpartition(".")
        if library:
            register()
        packet = getattr(getattr(self.torch.ops, library or "aten"), plain)
        if not overload:
            try:
                overload = self.torch._C._jit_resolve_packet(
                    f"{library or 'aten'}::{plain}",
                    *map(self._as_tensors, arguments),
                    **{k: self._as_tensors(v) for k, v in keywords.items()},
                )
            except (RuntimeError, TypeError) as error:
                raise Misfit(name, self.scope, _first_line(error)) from None
        if overload not in packet.overloads() and (overload or "default") not in packet.overloads():
            raise Misfit(name, self.scope, "it has no such variant")
        target = getattr(packet, overload or "default")
        wanted = target._schema.arguments
        if len(arguments) > len(wanted):
            raise Misfit(name, self.scope, "it has too many arguments")
        positional = [self._converted(v, a.real_type) for v, a in zip(arguments, wanted, strict=False)]
        types = {a.name: a.real_type for a in wanted}
        if unknown := set(keywords) - set(types):
            raise Misfit(name, self.scope, f"it has no argument {shown(min(unknown))}")
        named = {k: self._converted(v, types[k]) for k, v in keywords.items() if v is not None}
        self._check_mode(name, {a.name: v for a, v in zip(wanted, positional, strict=False)} | named)
        return target, positional, named

    def _check_mode(self, name: str, given: Mapping[str, Any]) -> None:
        """Dropout and statistics of the batch belong to training, and are random or depend on the batch."""
        training = given.get("train") is True or given.get("training") is True
        if training and (name.rstrip("_") in TRAINED or given.get("dropout")):
            raise ModelError(
                "E0146",
                f"The program was saved in training mode: '{shown(name)}' is that of training",
                where=self.where,
                facts={"module": shown(self.scope.path)} if self.scope.path else {},
                help="Call model.eval() before torch.jit.trace or torch.export.export, and save it again.",
            )

    def _converted(self, value: Any, kind: Any) -> Any:
        """An argument as PyTorch's own type, where programs write a number or a name."""
        text = str(kind)
        if value is None:
            return None
        if "ScalarType" in text and isinstance(value, int) and not isinstance(value, bool):
            if value not in DTYPES:
                raise Misfit("element type", self.scope, f"{value} is none that is known here")
            return getattr(self.torch, DTYPES[value])
        if "Layout" in text:
            return self.torch.strided
        if "MemoryFormat" in text:
            return self.torch.contiguous_format
        if "Device" in text:
            return self.torch.device("cpu")
        return value

    def _record(self, target: Any, positional: list[Any], named: dict[str, Any]) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ModelError(
                "E0141", f"The program has more than {MAX_NODES} operators", where=self.where,
                help="Save a smaller model, or export loops as ONNX Loop operators.",
            )  # fmt: skip
        fake = self._tried(target, positional, named)
        replace = self._nodes_of
        node = self.graph.call_function(
            target, tuple(map(replace, positional)), {k: replace(v) for k, v in named.items()}
        )
        self._note(node, fake)
        if isinstance(fake, self.torch.Tensor):
            self._check_size(tuple(fake.shape), target._schema.name)
            return Value(node, fake)
        if not isinstance(fake, (tuple, list)):
            raise Misfit(target._schema.name, self.scope, "its result is not a tensor")
        parts: list[Value | None] = []
        for index, part in enumerate(fake):
            if not isinstance(part, self.torch.Tensor):
                parts.append(None)
                continue
            self._check_size(tuple(part.shape), target._schema.name)
            taken = self.graph.call_function(_getitem(), (node, index), {})
            self._note(taken, part)
            parts.append(Value(taken, part))
        return parts

    def _tried(self, target: Any, positional: list[Any], named: dict[str, Any]) -> Any:
        try:
            with self._mode, self.torch.no_grad():
                return target(*map(_fakes_of, positional), **{k: _fakes_of(v) for k, v in named.items()})
        except _COMPLAINTS as error:
            raise Misfit(target._schema.name.removeprefix("aten::"), self.scope, _first_line(error)) from None

    def _folded(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], overload: str) -> Any:
        """Numbers computed with numbers."""
        target, positional, named = self._resolved(name, arguments, keywords, overload)
        fake = self._tried(target, positional, named)
        parts = fake if isinstance(fake, (tuple, list)) else [fake]
        if any(not isinstance(p, self.torch.Tensor) or p.dim() for p in parts):
            return self._record(target, positional, named)
        with self.torch.no_grad():
            real = target(*map(_known_of, positional), **{k: _known_of(v) for k, v in named.items()})
        made = [
            Value(None, self._mode.from_tensor(r, static_shapes=True), known=r)
            for r in (real if isinstance(real, (tuple, list)) else [real])
        ]
        return made if isinstance(real, (tuple, list)) else made[0]

    # -- small things ----------------------------------------------------------------------------------------

    def _placeholder(self, name: str, fake: Any, before: Any) -> Any:
        if before is None:
            node = self.graph.placeholder(name)
        else:
            with self.graph.inserting_before(before):
                node = self.graph.placeholder(name)
        node.meta["val"] = fake
        return node

    def _note(self, node: Any, fake: Any) -> None:
        node.meta["val"] = fake
        stack = {"L__self__": ("", "torch.nn.Module")}
        if self.scope.path:
            stack[f"L__self___{self.scope.path}"] = (self.scope.path, self.scope.cls or "torch.nn.Module")
        node.meta["nn_module_stack"] = stack

    def _node(self, value: Value) -> Any:
        if value.node is None:
            value.node = self.weight("", value.known).node
        return value.node

    def _nodes_of(self, argument: Any) -> Any:
        if isinstance(argument, Value):
            return self._node(argument)
        if isinstance(argument, (list, tuple)):
            return [self._nodes_of(a) for a in argument]
        return argument

    def _is_of_weight(self, value: Value) -> bool:
        """A weight or a view of one."""
        return _memory(value.fake) in self._memory

    def _as_tensors(self, argument: Any) -> Any:
        return _fakes_of(argument)

    def _check_size(self, shape: Sequence[Any], what: str) -> None:
        if len(shape) > MAX_RANK or math.prod(int(n) for n in shape) > MAX_ELEMENTS:
            raise ModelError(
                "E0141", f"A tensor of the program is far too large: {shown(what)} gives {list(map(int, shape))}",
                where=self.where, facts={"limit": f"{MAX_ELEMENTS} elements"},
                help="Give the shape the model was trained with (--shape), batch 1.",
            )  # fmt: skip

    def _refuse(self, name: str) -> NoReturn:
        raise unlisted({name: why_not(name)}, self.where)


def unlisted(names: Mapping[str, str], where: str) -> ModelError:
    """The error for operators that may not be called, and why."""
    first = min(names)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return ModelError(
        "E0143",
        f"The operator '{shown(first)}'{more} cannot be compiled",
        where=where,
        facts={shown(name): reason for name, reason in sorted(names.items())},
        help="Replace it in the model by layers of torch.nn, or export the model to ONNX and compile that file.",
    )


def _memory(fake: Any) -> int:
    """The storage that a tensor lies in, which it shares with its views."""
    return int(fake.untyped_storage()._cdata)


def _verifier() -> Any:
    from torch._export.verifier import TrainingIRVerifier

    return TrainingIRVerifier


def _getitem() -> Any:
    import operator

    return operator.getitem


def _values(arguments: Sequence[Any]) -> list[Value]:
    found: list[Value] = []
    for argument in arguments:
        if isinstance(argument, Value):
            found.append(argument)
        elif isinstance(argument, (list, tuple)):
            found += _values(argument)
    return found


def _fakes_of(argument: Any) -> Any:
    if isinstance(argument, Value):
        return argument.fake
    if isinstance(argument, (list, tuple)):
        return [_fakes_of(a) for a in argument]
    return argument


def _known_of(argument: Any) -> Any:
    if isinstance(argument, Value):
        return argument.known
    if isinstance(argument, (list, tuple)):
        return [_known_of(a) for a in argument]
    return argument


def _first_line(error: BaseException) -> str:
    return shown((str(error).splitlines() or [type(error).__name__])[0], 200)

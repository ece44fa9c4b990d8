"""Reads the pickle inside a `.pth` file without running anything it asks for.

A pickle is a small program for a stack machine. Here that machine has no `import` and no call: a class is a name
(`Global`), an object is that name with the state the file gives it (`Object`), a tensor is a reference to bytes in
the archive (`TensorRef`). Calls other than the handful that `torch.save` writes for tensors and empty containers
leave an inert `Object` behind and are listed in `Unpickled.calls`, so that the error can name them.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from compiler.errors import ModelError

MAX_PICKLE_BYTES = 8 << 20
MAX_INSTRUCTIONS = 1_000_000
MAX_RANK = 8

# Bytes per element of the storage types that torch.save names.
ITEM_BYTES = {
    "FloatStorage": 4,
    "DoubleStorage": 8,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
    "UntypedStorage": 1,
}


def shown(text: str, width: int = 100) -> str:
    """A name chosen by the file, safe to print: one line, no control characters, not too long."""
    clean = "".join(c if c.isprintable() else "?" for c in text[: width + 1])
    return clean if len(clean) <= width else clean[: width - 1] + "…"


@dataclass(frozen=True)
class Global:
    """The name of a class or function; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        module = "builtins" if self.module == "__builtin__" else self.module
        return shown(f"{module}.{self.name}")


@dataclass(eq=False)
class Object:
    """What would have been an instance: the name of its class and its attributes."""

    cls: Global
    state: dict[str, Any] | None = None
    called: bool = False  # made by a call with arguments instead of by plain creation


@dataclass(frozen=True)
class Storage:
    """A run of equal elements: the record `data/<key>` of the archive."""

    key: str
    kind: str
    elements: int

    @property
    def item_bytes(self) -> int:
        return ITEM_BYTES[self.kind]


@dataclass(frozen=True, eq=False)
class TensorRef:
    """A view of a storage, checked to lie inside it; strides and offset count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def elements(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def bytes(self) -> int:
        return self.elements * self.storage.item_bytes


@dataclass
class Unpickled:
    """The root object and what was met on the way."""

    root: Any = None
    globals: dict[Global, None] = field(default_factory=dict)  # in order of first use
    calls: dict[Global, None] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    tensors: list[TensorRef] = field(default_factory=list)


Call = Callable[..., Any]  # what a call in a pickle gives; its first argument is the machine


def unpickle(data: bytes, where: str, calls: Mapping[tuple[str, str], Call] | None = None) -> Unpickled:
    """Interpret a pickle. Raises `ModelError`: E0126 for what no stock model contains, E0127 for an impossible
    tensor, E0133 for a damaged pickle. `calls` are meanings beside those of `torch.save`."""
    machine = _Machine(where, {**_CALLS, **(calls or {})})
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                machine.damaged(f"it has more than {MAX_INSTRUCTIONS} instructions")
            step = _STEPS.get(opcode.name)
            if step is None:
                machine.hostile(f"it contains the instruction {opcode.name}")
            step(machine, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        machine.damaged(f"{type(error).__name__}: {error}"[:200])
    return machine.result


_MARK = object()


class _Machine:
    """The stack, the memo, and the few calls that have a meaning here."""

    def __init__(self, where: str, calls: dict[tuple[str, str], Call]) -> None:
        self.where = where
        self.calls = calls
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.result = Unpickled()

    def hostile(self, finding: str, **facts: str) -> NoReturn:
        raise ModelError(
            code="E0126",
            title=f"The pickle is refused: {finding}",
            where=self.where,
            facts=facts,
            help="A model made of stock torch.nn layers never contains this. Nothing of it was executed.",
        )

    def damaged(self, finding: str) -> NoReturn:
        raise ModelError(
            code="E0133",
            title=f"The pickle inside the file is damaged: {finding}",
            where=self.where,
            help="Save the model again with torch.save(model, file) and upload that very file.",
        )

    def impossible(self, finding: str, **facts: object) -> NoReturn:
        raise ModelError(
            code="E0127",
            title=f"A tensor in the file is impossible: {finding}",
            where=self.where,
            facts={key: str(value) for key, value in facts.items()},
            help="Copy the tensor (tensor.clone().contiguous()) and save the model again.",
        )

    # -- the stack -------------------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value belongs")
        return value

    def pop_to_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark on the stack")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values

    def top(self) -> Any:
        value = self.stack[-1]
        if value is _MARK:
            raise ValueError("a mark where a value belongs")
        return value

    # -- names, creation, state ------------------------------------------------------------------------------

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a class must be named by two strings")
        found = Global(module, name)
        self.result.globals[found] = None
        self.push(found)

    def create(self) -> None:
        arguments, cls = self.pop(), self.pop()
        if not isinstance(cls, Global):
            self.hostile("it creates an object of something that is not a class")
        self.push(Object(cls) if arguments == () else self._inert_call(cls))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Global):
            self.hostile("it calls something that is not a name")
        if not isinstance(arguments, tuple):
            raise TypeError("the arguments of a call must be a tuple")
        known = self.calls.get((function.module, function.name))
        self.push(self._inert_call(function) if known is None else known(self, *arguments))

    def _inert_call(self, function: Global) -> Object:
        self.result.calls[function] = None
        return Object(function, called=True)

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if isinstance(target, Object):
            if target.called:
                return  # stays inert, and is refused later
            if target.state is not None:
                self.hostile(f"it sets the state of an object twice (class {target.cls})")
            if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
                self.hostile(f"it gives an object of class {target.cls} a state that is not a table of attributes")
            target.state = state
        elif not (isinstance(target, dict) and isinstance(state, dict) and set(state) <= {"_metadata"}):
            self.hostile("it changes the attributes of something that has none")

    def set_items(self, pairs: list[Any]) -> None:
        target = self.top()
        if isinstance(target, Object):
            self.result.calls[target.cls] = None  # a class of its own that behaves like a dictionary
            return
        if not isinstance(target, dict) or len(pairs) % 2:
            raise TypeError("items for something that is not a dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[self.checked_key(key)] = value

    def append(self, values: list[Any]) -> None:
        target = self.top()
        if isinstance(target, Object):
            self.result.calls[target.cls] = None
            return
        if not isinstance(target, list):
            raise TypeError("elements for something that is not a list")
        target.extend(values)

    def add(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, set):
            raise TypeError("elements for something that is not a set")
        target.update(self.checked_key(value) for value in values)

    def checked_key(self, key: Any) -> Any:
        """Names and small numbers only: no key whose hash a file could choose to make tables slow."""
        if isinstance(key, (str, bool, Global)) or key is None or (isinstance(key, int) and abs(key) < 1 << 32):
            return key
        raise TypeError(f"a {type(key).__name__} is no key")

    # -- what torch.save calls -------------------------------------------------------------------------------

    def storage(self, identifier: Any) -> None:
        match identifier:
            case ("storage", Global("torch", kind), str(key), str(), int(elements)) if kind in ITEM_BYTES:
                pass
            case _:
                self.hostile("it refers to data that is not a tensor's storage")
        if not key.isascii() or not key.isdigit() or isinstance(elements, bool) or elements < 0:
            self.impossible("its storage has no valid name or size", storage=key[:40], elements=elements)
        found = Storage(key, kind, elements)
        if self.result.storages.setdefault(key, found) != found:
            self.impossible("one storage is described in two ways", storage=key)
        self.push(found)

    def tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> TensorRef:
        """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None)`."""
        if not (isinstance(storage, Storage) and _are_counts(shape) and _are_counts(strides) and _is_count(offset)):
            self.impossible("its description is not one")
        if len(shape) != len(strides) or len(shape) > MAX_RANK:
            self.impossible("shape and strides do not belong together", shape=shape, strides=strides)
        if any(rest[1:]):
            self.hostile("a tensor carries hooks or metadata")
        ref = TensorRef(storage, offset, tuple(shape), tuple(strides))
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if ref.elements and (last >= storage.elements or ref.elements > storage.elements):
            self.impossible(
                "it shows more elements than the file stores",
                shape=ref.shape, strides=ref.strides, offset=offset, stored=storage.elements,
            )  # fmt: skip
        if any(stride == 0 and size > 1 for size, stride in zip(shape, strides, strict=True)):
            self.impossible("its elements share their memory", shape=ref.shape, strides=ref.strides)
        self.result.tensors.append(ref)
        return ref

    def parameter(self, data: Any, requires_grad: Any, hooks: Any) -> TensorRef:
        if not isinstance(data, TensorRef):
            self.impossible("a parameter is made of something else than a tensor")
        if hooks:
            self.hostile("a parameter carries hooks")
        return data

    def ordered_dict(self, items: Any = ()) -> dict[Any, Any]:
        return {self.checked_key(key): value for key, value in items}

    def set_of(self, items: Any = ()) -> set[Any]:
        return {self.checked_key(item) for item in items}

    def size(self, items: Any = ()) -> tuple[Any, ...]:
        return tuple(items)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48


def _are_counts(values: Any) -> bool:
    return isinstance(values, tuple) and all(map(_is_count, values))


_CALLS: dict[tuple[str, str], Call] = {
    ("torch._utils", "_rebuild_tensor_v2"): _Machine.tensor,
    ("torch._utils", "_rebuild_parameter"): _Machine.parameter,
    ("torch", "Size"): _Machine.size,
    ("collections", "OrderedDict"): _Machine.ordered_dict,
    ("__builtin__", "set"): _Machine.set_of,
    ("builtins", "set"): _Machine.set_of,
}


def _push_argument(machine: _Machine, argument: Any) -> None:
    if isinstance(argument, str):
        argument.encode()  # half a surrogate pair is an error here, not when a message is printed
    machine.push(argument)


def _remember(machine: _Machine, argument: Any) -> None:
    machine.memo[argument] = machine.top()


def _tuple_of(count: int) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _: Any) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(values)))

    return step


# What each instruction does; an instruction that is not here is refused.
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda m, a: None),
    **dict.fromkeys(
        ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        _push_argument,
    ),
    "NONE": lambda m, a: m.push(None),
    "NEWTRUE": lambda m, a: m.push(True),
    "NEWFALSE": lambda m, a: m.push(False),
    "MARK": lambda m, a: m.push(_MARK),
    "EMPTY_TUPLE": _tuple_of(0),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": lambda m, a: m.push(tuple(m.pop_to_mark())),
    "EMPTY_LIST": lambda m, a: m.push([]),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "EMPTY_SET": lambda m, a: m.push(set()),
    "APPEND": lambda m, a: m.append([m.pop()]),
    "APPENDS": lambda m, a: m.append(m.pop_to_mark()),
    "ADDITEMS": lambda m, a: m.add(m.pop_to_mark()),
    "SETITEM": lambda m, a: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, a: m.set_items(m.pop_to_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _remember),
    "MEMOIZE": lambda m, a: _remember(m, len(m.memo)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, a: m.push(m.memo[a])),
    "GLOBAL": lambda m, a: m.name(*a.split(" ", 1)),
    "STACK_GLOBAL": lambda m, a: m.name(*[m.pop(), m.pop()][::-1]),
    "NEWOBJ": lambda m, a: m.create(),
    "REDUCE": lambda m, a: m.call(),
    "BUILD": lambda m, a: m.build(),
    "BINPERSID": lambda m, a: m.storage(m.pop()),
    "STOP": lambda m, a: setattr(m.result, "root", m.pop()),
}

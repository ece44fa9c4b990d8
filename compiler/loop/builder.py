"""Writing kernels: `Kernel` collects statements, `View` turns logical indices into addresses.

Python is the macro language: an ordinary `for` unrolls, `with k.loop(...)` makes a loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from compiler.loop.nodes import (
    Assign,
    Body,
    Buffer,
    Cast,
    Comment,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Operand,
    Stmt,
    Store,
    Type,
    Var,
    Window,
    const,
)
from compiler.loop.unused import without_unused


@dataclass(frozen=True)
class Storage:
    """Elements whose form in memory differs from what kernels compute with (`storage.py` has them)."""

    memory: Type
    compute: Type
    decode: Callable[[Expr], Expr]
    encode: Callable[[Expr], Expr]
    per_byte: int = 1  # elements that share a byte, the first in its low bits; only of constants


@dataclass(frozen=True)
class View:
    """A tensor in a buffer: element (i, j, ...) is `buffer[base + i*strides[0] + j*strides[1] + ...]`.

    A view without a buffer is one value repeated: a symbolic fill, or a scalar that was computed. `type` is what
    kernels compute with; where elements lie in memory in another form, `storage` converts.
    """

    type: Type
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    buffer: Buffer | None = None
    base: Expr = field(default_factory=lambda: Const(0))
    value: float | int | Expr = 0
    storage: Storage | None = None

    @property
    def size(self) -> int:
        result = 1
        for n in self.shape:
            result *= n
        return result

    def index(self, *indices: Operand) -> Expr:
        assert len(indices) == len(self.shape), f"{len(indices)} indices for {self.shape}"
        total = self.base
        axes = sorted(zip(indices, self.strides, self.shape, strict=True), key=lambda a: -a[1])
        for i, stride, n in axes:  # the outermost first: so people read addresses
            if n != 1 or (isinstance(i, int) and i != 0):
                total = total + (i if isinstance(i, Expr) else Const(i)) * stride
        return total

    def __getitem__(self, indices: Operand | tuple[Operand, ...]) -> Expr:
        indices = indices if isinstance(indices, tuple) else (indices,)
        if self.buffer is None:
            return self._value(self.type)
        return self._load(self.buffer, self.index(*indices))

    def at(self, offset: Operand) -> Expr:
        """The element `offset` places after the base, whatever the shape."""
        if self.buffer is None:
            return self._value(self.type)
        return self._load(self.buffer, self.base + offset)

    def _value(self, kind: Type) -> Expr:
        return self.value if isinstance(self.value, Expr) else const(self.value, kind)

    def _load(self, buffer: Buffer, index: Expr) -> Expr:
        if self.storage is None:
            return Load(buffer, index, self.type)
        if self.storage.per_byte == 1:
            return self.storage.decode(Load(buffer, index, buffer.type))
        each = self.storage.per_byte.bit_length() - 1  # a byte has 2**each elements of 2**(3 - each) bits
        place = (index & (self.storage.per_byte - 1)) << (3 - each)
        return self.storage.decode(Load(buffer, index >> each, buffer.type) >> Cast(place, buffer.type))

    def stored(self, value: Expr) -> Expr:
        """What lies in memory for a value."""
        return value if self.storage is None else self.storage.encode(value)

    def again(self, value: Expr) -> Expr:
        """The value as it would be read back after being stored."""
        return value if self.storage is None else self.storage.decode(self.storage.encode(value))

    def in_memory(self) -> View:
        """The same view on the bits that lie in memory."""
        if self.storage is None or self.buffer is None:
            return self
        return replace(self, type=self.storage.memory, storage=None)

    def vector(self, index: Expr, lanes: int) -> Expr:
        """`lanes` consecutive elements from an index into the buffer on (see `index`)."""
        kind = self.type.of_lanes(lanes)
        if self.buffer is None:
            return self._value(kind)
        if self.storage is not None and lanes == 1:
            return self._load(self.buffer, index)
        assert self.storage is None, "elements are converted one at a time"
        return Load(self.buffer, index, kind)

    def flat(self) -> View:
        """The same memory as one axis; only for tensors without gaps."""
        return replace(self, shape=(self.size,), strides=(1,))


class Cell:
    """A mutable variable: `acc += x` assigns."""

    def __init__(self, kernel: Kernel, var: Var) -> None:
        self.kernel, self.var = kernel, var

    @property
    def value(self) -> Expr:
        return self.var

    def set(self, value: Expr) -> None:
        self.kernel.emit(Assign(self.var, value))

    def __iadd__(self, value: Expr) -> Cell:
        self.set(self.var + value)
        return self


class Kernel:
    """A function under construction."""

    def __init__(self) -> None:
        self._blocks: list[list[Stmt]] = [[]]
        self._names: set[str] = set()

    def fresh(self, name: str) -> str:
        """A name not used yet in this function: `acc`, `acc1`, ..."""
        name = re.sub(r"\W", "_", name)
        candidate, n = name, 0
        while candidate in self._names:
            n += 1
            candidate = f"{name}{n}"
        self._names.add(candidate)
        return candidate

    def emit(self, statement: Stmt) -> None:
        self._blocks[-1].append(statement)

    def comment(self, text: str) -> None:
        self.emit(Comment(text))

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        """Collect statements apart; the caller places them."""
        statements: list[Stmt] = []
        self._blocks.append(statements)
        try:
            yield statements
        finally:
            self._blocks.pop()

    @contextmanager
    def loop(
        self, stop: Operand, name: str = "i", start: Operand = 0, step: int = 1, down: bool = False
    ) -> Iterator[Expr]:
        """`for name in range(start, stop, step)`; a loop of one round becomes a plain block.

        `down` takes the same values from the last to the first; its bounds must be numbers.
        """
        low = start if isinstance(start, Expr) else Const(start)
        high = stop if isinstance(stop, Expr) else Const(stop)
        once = isinstance(low, Const) and isinstance(high, Const) and 0 < int(high.value) - int(low.value) <= step
        if once:
            yield low
            return
        var = Var(self.fresh(name))
        with self.block() as body:
            yield var
        if down:
            assert isinstance(low, Const)
            assert isinstance(high, Const)
            values = range(int(low.value), int(high.value), step)
            low, high, step = Const(values[-1] if values else 0), Const(values[0] - 1 if values else 0), -step
        never = isinstance(low, Const) and isinstance(high, Const) and (high.value - low.value) * step <= 0
        if not never:
            self.emit(For(var, low, high, tuple(body), step=step))
        self._names.discard(var.name)  # siblings may use the name again

    @contextmanager
    def grid(self, shape: Sequence[int], names: str = "ijklmnopqr") -> Iterator[tuple[Expr, ...]]:
        """Nested loops over a shape, outermost first."""
        if not shape:
            yield ()
            return
        with self.loop(shape[0], names[0]) as i, self.grid(shape[1:], names[1:]) as rest:
            yield (i, *rest)

    @contextmanager
    def over(self, view: View) -> Iterator[tuple[Expr, ...]]:
        """Loops over a view in the order of its memory; yields logical indices."""
        order = sorted(range(len(view.shape)), key=lambda a: -view.strides[a])
        with self.grid([view.shape[a] for a in order]) as at:
            index = dict(zip(order, at, strict=True))
            yield tuple(index[a] for a in range(len(order)))

    @contextmanager
    def when(self, condition: Expr) -> Iterator[None]:
        with self.block() as body:
            yield
        self.emit(If(condition, tuple(body)))

    def let(self, name: str, value: Expr) -> Expr:
        """Name an expression; constants and variables stay as they are."""
        if isinstance(value, (Const, Var)):
            return value
        var = Var(self.fresh(name), value.type)
        self.emit(Let(var, value))
        return var

    def cell(self, name: str, value: Expr) -> Cell:
        var = Var(self.fresh(name), value.type)
        self.emit(Let(var, value, mutable=True))
        return Cell(self, var)

    def sum(self, init: Expr, name: str = "acc") -> Cell:
        return self.cell(name, init)

    def window(self, name: str, base: View, offset: Expr) -> View:
        """The view moved by `offset` elements, as a pointer of its own; keeps inner index expressions short."""
        if base.buffer is None:
            return base
        whole = base.base + offset
        if isinstance(whole, Const) and whole.value == 0:
            return base
        if base.storage is not None and base.storage.per_byte > 1:
            return replace(base, base=whole)  # it may start within a byte
        buffer = Buffer(self.fresh(name), base.buffer.type, None, base.buffer.const)
        self.emit(Window(buffer, base.buffer, whole))
        return replace(base, buffer=buffer, base=Const(0))

    def store(self, view: View, indices: tuple[Operand, ...], value: Expr) -> None:
        assert view.buffer is not None
        self.emit(Store(view.buffer, view.index(*indices), view.stored(value)))

    def store_at(self, view: View, offset: Operand, value: Expr) -> None:
        assert view.buffer is not None
        self.emit(Store(view.buffer, view.base + offset, view.stored(value)))

    def body(self) -> Body:
        assert len(self._blocks) == 1
        return tuple(self._blocks[0])

    def reserve(self, *names: str) -> None:
        self._names.update(names)

    def function(self, name: str, buffers: Sequence[Buffer], doc: Sequence[str] = ()) -> Function:
        return Function(name, tuple(buffers), (), without_unused(self.body()), doc=tuple(doc))

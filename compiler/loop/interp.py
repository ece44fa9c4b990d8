"""The living definition of the loop IR: what every node means, in plain Python.

Slow on purpose. Scalars are numpy scalars so that float32 arithmetic rounds as on the device; integers wrap. An
index outside its buffer raises IndexError, which is how kernels are checked for bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.loop.nodes import (
    Apply,
    Assign,
    Binary,
    BinaryOp,
    Bitcast,
    Body,
    Call,
    Cast,
    Comment,
    Compare,
    Const,
    Expr,
    For,
    Function,
    If,
    Instruction,
    Invoke,
    Let,
    Load,
    Select,
    Splat,
    Store,
    Type,
    Unary,
    UnaryOp,
    Var,
    Window,
    takes_lanes,
)
from compiler.loop.simplify import fold, wrap

Scalar = Any  # a numpy scalar, or an array of lanes: numpy's types say nothing of arithmetic on scalars of any kind
Watch = Callable[[str, str, int], None]  # ("load" or "store", buffer name, element)


@dataclass(frozen=True)
class Memory:
    """A buffer's array and where the buffer starts in it."""

    array: NDArray[Any]
    offset: int = 0
    root: str = ""

    def at(self, index: int) -> int:
        place = self.offset + index
        if not 0 <= place < len(self.array):
            raise IndexError(f"{self.root}[{place}] is outside its {len(self.array)} elements")
        return place

    def moved(self, elements: int) -> Memory:
        return Memory(self.array, self.offset + elements, self.root)


class Machine:
    """Runs one function; `watch` is told of every access (buffer parameter, element)."""

    def __init__(self, watch: Watch | None = None) -> None:
        self.watch = watch
        self.vars: dict[str, Scalar] = {}
        self.memory: dict[str, Memory] = {}

    def call(self, function: Function, memories: list[Memory], scalars: list[Scalar]) -> Scalar:
        """Run a function; gives its result, or None when it is a kernel."""
        inner = Machine(self.watch)
        inner.memory = {b.name: m for b, m in zip(function.buffers, memories, strict=True)}
        inner.vars = {v.name: s for v, s in zip(function.scalars, scalars, strict=True)}
        inner.run(function.body)
        return None if function.result is None else inner.eval(function.result)

    def run(self, body: Body) -> None:
        for s in body:
            match s:
                case For(var, start, stop, inner, _, step):
                    for i in range(int(self.eval(start)), int(self.eval(stop)), step):
                        self.vars[var.name] = np.int32(i)
                        self.run(inner)
                case If(condition, then, otherwise):
                    self.run(then if self.eval(condition) else otherwise)
                case Let(var, value) | Assign(var, value):
                    self.vars[var.name] = self.eval(value)
                case Store(buffer, index, value):
                    memory, stored = self.memory[buffer.name], self.eval(value)
                    places = self.touch("store", memory, index, value.type.lanes)
                    memory.array[places] = stored
                case Window(buffer, base, offset):
                    memory = self.memory[base.name]
                    self.memory[buffer.name] = memory.moved(int(self.eval(offset)))
                case Call(function, buffers, args):
                    moved = [self.memory[b.name].moved(int(self.eval(o))) for b, o in buffers]
                    self.call(function, moved, [self.eval(a) for a in args])
                case Comment():
                    pass
                case _:
                    raise TypeError(f"no meaning for {s}")

    def touch(self, how: str, memory: Memory, index: Expr, lanes: int) -> slice:
        """The elements of an access, checked and told to the watcher."""
        first = int(self.eval(index))
        place = memory.at(first)
        memory.at(first + lanes - 1)
        if self.watch:
            for lane in range(lanes):
                self.watch(how, memory.root, place + lane)
        return slice(place, place + lanes)

    def eval(self, e: Expr) -> Scalar:
        match e:
            case Const(value, kind):
                one = np.dtype(kind.numpy).type(value)
                return np.full(kind.lanes, one) if kind.lanes > 1 else one
            case Var(name):
                return self.vars[name]
            case Load(buffer, index, kind):
                memory = self.memory[buffer.name]
                places = self.touch("load", memory, index, kind.lanes)
                return memory.array[places].copy() if kind.lanes > 1 else memory.array[places.start]
            case Binary(op, a, b):
                return by_lane(partial(arithmetic, op, kind=e.type.scalar), e.type, self.eval(a), self.eval(b))
            case Unary(op, a):
                return by_lane(partial(unary, op, kind=e.type.scalar), e.type, self.eval(a))
            case Compare(op, a, b):
                return by_lane(_COMPARE[op], e.type, self.eval(a), self.eval(b))
            case Select(condition, a, b) if e.type.lanes > 1:
                return np.where(self.eval(condition), self.eval(a), self.eval(b))
            case Select(condition, a, b):
                return self.eval(a) if self.eval(condition) else self.eval(b)
            case Cast(a, kind):
                return by_lane(partial(cast, kind=kind.scalar), kind, self.eval(a))
            case Bitcast(a, kind):
                bits = np.atleast_1d(self.eval(a)).view(kind.numpy)
                return bits if kind.lanes > 1 else bits[0]
            case Splat(a, kind):
                return np.full(kind.lanes, self.eval(a))
            case Invoke(function, args) | Apply(Instruction(meaning=function), args):
                given = [self.eval(a) for a in args]
                if takes_lanes(function, args):
                    return by_lane(lambda *lane: self.call(function, [], list(lane)), e.type, *given)
                return self.call(function, [], given)
        raise TypeError(f"no meaning for {e}")


_COMPARE: dict[str, Callable[[Scalar, Scalar], np.bool_]] = {
    "lt": lambda a, b: np.bool_(a < b),
    "le": lambda a, b: np.bool_(a <= b),
    "gt": lambda a, b: np.bool_(a > b),
    "ge": lambda a, b: np.bool_(a >= b),
    "eq": lambda a, b: np.bool_(a == b),
    "ne": lambda a, b: np.bool_(a != b),
}


def by_lane(meaning: Callable[..., Scalar], kind: Type, *operands: Scalar) -> Scalar:
    """A scalar meaning, applied to the operands or to each of their lanes."""
    if kind.lanes == 1:
        return meaning(*operands)
    return np.array([meaning(*lane) for lane in zip(*operands, strict=True)], kind.numpy)


def arithmetic(op: BinaryOp, a: Scalar, b: Scalar, kind: Type) -> Scalar:
    if kind.is_float:
        with np.errstate(all="ignore"):
            match op:
                case "add":
                    return a + b
                case "sub":
                    return a - b
                case "mul":
                    return a * b
                case "div":
                    return a / b
                case "min":
                    return a if a < b else b  # noqa: FURB136  (as the loop IR says it: a NaN in a gives b)
                case "max":
                    return a if a > b else b  # noqa: FURB136
        raise TypeError(f"no float {op}")
    if kind.bits == 1:
        x, y = bool(a), bool(b)
        return np.bool_({"and": x and y, "or": x or y, "xor": x != y}[op])
    return np.dtype(kind.numpy).type(fold(op, int(a), int(b), kind))


def unary(op: UnaryOp, a: Scalar, kind: Type) -> Scalar:
    if op == "not":
        return np.bool_(not a) if kind.bits == 1 else np.dtype(kind.numpy).type(wrap(~int(a), kind))
    if kind.is_float:
        with np.errstate(all="ignore"):
            return {"neg": np.negative, "abs": np.abs, "sqrt": np.sqrt}[op](a)
    value = -int(a) if op == "neg" or int(a) < 0 else int(a)
    return np.dtype(kind.numpy).type(wrap(value, kind))


def cast(a: Scalar, kind: Type) -> Scalar:
    target = np.dtype(kind.numpy)
    if kind.is_float:
        with np.errstate(over="ignore"):
            return target.type(a)
    if kind.bits == 1:
        return np.bool_(a != 0)
    if not isinstance(a, np.floating):
        return target.type(wrap(int(a), kind))
    if np.isnan(a):
        return target.type(0)
    info = np.iinfo(target)
    if np.isinf(a):
        return target.type(info.max if a > 0 else info.min)
    return target.type(min(max(int(a), info.min), info.max))


def run(function: Function, arrays: dict[str, NDArray[Any]], watch: Watch | None = None) -> None:
    """Run a kernel on flat arrays, one for each buffer parameter; outputs are written in place."""
    memories = [Memory(arrays[b.name], 0, b.name) for b in function.buffers]
    Machine(watch).call(function, memories, [])

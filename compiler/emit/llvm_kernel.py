"""The LLVM printer of the loop IR: one function in, lines of LLVM IR out.

Variables need no memory: a loop, or the end of an `if`, has a phi for each variable assigned in it. Loops that surely
run test at their end.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.emit.c_kernel import comment
from compiler.emit.llvm_operations import Module
from compiler.emit.llvm_text import llvm_type, memory_type
from compiler.emit.llvm_values import Values
from compiler.errors import CompilerBug
from compiler.loop.analysis import written_buffers
from compiler.loop.intervals import Interval, fits
from compiler.loop.nodes import (
    I32,
    Assign,
    Body,
    Buffer,
    Call,
    Comment,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Store,
    Type,
    Var,
    Window,
)

KERNEL, SCALAR = "#0", "#1"  # attribute groups: functions of their own, and such as may be inlined


def function(f: Function, module: Module, *, prefix: str = ".text.") -> list[str]:
    """The definition of `f`; kernels and scalar functions alike."""
    return list(_Printer(f, module).definition(prefix))


class _Printer(Values):
    def __init__(self, f: Function, module: Module) -> None:
        super().__init__(module)
        self.function = f
        self.types: dict[str, Type] = {v.name: v.type for v in f.scalars}

    def definition(self, prefix: str) -> Iterator[str]:
        f = self.function
        written = written_buffers(f.body)
        params = [f"{_parameter(b, b.name in written)} {self._buffer(b)}" for b in f.buffers]
        params += [f"{llvm_type(v.type)} {self._scalar(v)}" for v in f.scalars]
        self._body(f.body)
        result = "void"
        if f.result is not None:
            result = llvm_type(f.result.type)
            self.line(f"ret {result} {self.operand(f.result)}")
        else:
            self.line("ret void")
        for line in f.doc:
            yield f"; {comment(line)}"
        group = SCALAR if f.result is not None else KERNEL
        yield f'define internal {result} @{f.name}({", ".join(params)}) {group} section "{prefix}{f.name}" {{'
        yield "entry:"
        yield from self.lines
        yield "}"

    def _buffer(self, b: Buffer) -> str:
        return self.buffers.setdefault(b.name, f"%{self.fresh(b.name)}")

    def _scalar(self, v: Var) -> str:
        return self.vars.setdefault(v.name, f"%{self.fresh(v.name)}")

    # statements

    def _body(self, body: Body) -> None:
        for s in body:
            match s:
                case Comment(text):
                    self.line(f"; {comment(text)}")
                case For():
                    self._for(s)
                case If(condition, then, otherwise):
                    self._if(condition, then, otherwise)
                case Let(var, value, mutable):
                    self._set(var, value)
                    if mutable:
                        self.ranges.forget(var)
                    else:
                        self.ranges.learn(var, self.ranges.of(value))
                case Assign(var, value):
                    self._set(var, value)
                case Store(buffer, index, value):
                    self._store(buffer, index, value)
                case Window(buffer, base, offset):
                    self._window(buffer, base, offset)
                case Call(called, buffers, scalars):
                    args = [f"ptr {self._moved(b, o)}" for b, o in buffers]
                    args += [f"{llvm_type(a.type)} {self.operand(a)}" for a in scalars]
                    self.line(f"call void {self.module.call(called)}({', '.join(args)})")
                case _:
                    raise CompilerBug("E0601", f"the LLVM emitter cannot print {type(s).__name__}")

    def _set(self, var: Var, value: Expr) -> None:
        self.vars[var.name] = self.operand(value, var.name)
        self.types[var.name] = var.type

    def _store(self, buffer: Buffer, index: Expr, value: Expr) -> None:
        stored, kept = self.operand(value), memory_type(value.type)
        if value.type.bits == 1:
            stored = self.pure("byte", f"zext {llvm_type(value.type)} {stored} to {kept}")
        self.line(f"store {kept} {stored}, ptr {self.address(buffer, index)}, align {buffer.type.bytes}")

    def _window(self, buffer: Buffer, base: Buffer, offset: Expr) -> None:
        self.buffers[buffer.name] = self._moved(base, offset, buffer.name)
        self.windows.add(buffer.name)

    def _moved(self, base: Buffer, offset: Expr, hint: str = "") -> str:
        start = self.buffers[base.name]
        if offset == Const(0):
            return start
        text = f"getelementptr {memory_type(base.type)}, ptr {start}, i32 {self.operand(offset)}"
        return self.pure(hint or f"{base.name}.at", text)

    def _if(self, condition: Expr, then: Body, otherwise: Body) -> None:
        test = self.operand(condition)
        label, done = self.fresh("then"), self.fresh("done")
        other = self.fresh("else") if otherwise else done
        changing = [v for v in assigned((*then, *otherwise)) if v in self.vars]
        ends = [] if otherwise else [(self.block, dict(self.vars))]
        self.line(f"br i1 {test}, label %{label}, label %{other}")
        before = dict(self.vars)
        for name, body in ((label, then), (other, otherwise)):
            if not body and name == done:
                continue
            with self.inner():
                self.vars = dict(before)
                self.enter(name)
                self._body(body)
                self.line(f"br label %{done}")
                ends.append((self.block, self.vars))
        self.vars = before
        self.enter(done)
        for name in changing:
            incoming = ", ".join(f"[ {values[name]}, %{block} ]" for block, values in ends)
            self.vars[name] = self.result(name, f"phi {llvm_type(self.types[name])} {incoming}")

    def _for(self, s: For) -> None:
        start, stop = self.operand(s.start), self.operand(s.stop)
        low, high = self.ranges.of(s.start), self.ranges.of(s.stop)
        surely = high[0] > low[1] if s.step > 0 else high[1] < low[0]
        inside = (low[0], max(low[0], high[1] - 1)) if s.step > 0 else (min(low[0], high[0] + 1), low[1])
        self.ranges.learn(s.var, inside)
        head, done = self.fresh(f"{s.var.name}.loop"), self.fresh(f"{s.var.name}.done")
        changing = [v for v in assigned(s.body) if v in self.vars]
        came, before = self.block, dict(self.vars)
        self.line(f"br label %{head}")
        with self.inner():
            self.enter(head)
            i = f"%{self.fresh(s.var.name)}"
            self.vars[s.var.name] = i
            for name in changing:
                self.vars[name] = f"%{self.fresh(name)}"
            entering = dict(self.vars)
            phis = len(self.lines)
            self.lines += [""] * (1 + len(changing))
            if not surely:
                body = self.fresh(f"{s.var.name}.body")
                self._test(s, i, stop, body, done)
                self.enter(body)
            self._body(s.body)
            after = self.result(f"{s.var.name}.next", f"add{self._promise(s, inside)} i32 {i}, {s.step}")
            back = self.block
            for k, name in enumerate((s.var.name, *changing)):
                first, last = (start, after) if k == 0 else (before[name], self.vars[name])
                kind = I32 if k == 0 else self.types[name]
                text = f"phi {llvm_type(kind)} [ {first}, %{came} ], [ {last}, %{back} ]"
                self.lines[phis + k] = f"  {entering[name]} = {text}"
            if surely:
                self._test(s, after, stop, head, done, self._hint(s))
            else:
                self.line(f"br label %{head}{self._hint(s)}")
        self.vars = {**before, **{v: (self.vars if surely else entering)[v] for v in changing}}
        self.enter(done)

    def _test(self, s: For, i: str, stop: str, more: str, done: str, hint: str = "") -> None:
        how = "slt" if s.step > 0 else "sgt"
        test = self.result(f"{s.var.name}.more", f"icmp {how} i32 {i}, {stop}")
        self.line(f"br i1 {test}, label %{more}, label %{done}{hint}")

    def _promise(self, s: For, inside: Interval) -> str:
        """The next value is at most one step beyond the range; by one step at a time it never passes `stop`."""
        reach = (inside[0] + min(0, s.step), inside[1] + max(0, s.step))
        return " nsw" if abs(s.step) == 1 or fits(reach, I32) else ""

    def _hint(self, s: For) -> str:
        if s.kind != "unrolled":
            return ""
        metadata = self.module.metadata
        at = len(metadata)
        metadata += [f"!{at} = distinct !{{!{at}, !{at + 1}}}", f'!{at + 1} = !{{!"llvm.loop.unroll.full"}}']
        return f", !llvm.loop !{at}"


def _parameter(b: Buffer, written: bool) -> str:
    """Constants are `noalias`: nothing ever writes them. Tensors may overlap on purpose, see the memory plan."""
    facts = " noalias" if b.const else ""
    facts += "" if written else " readonly"
    return f"ptr{facts} align {b.type.bytes}"


def assigned(body: Body) -> list[str]:
    """Names of variables that are assigned in a body, in the order of their first assignment."""
    found: dict[str, None] = {}
    for s in body:
        match s:
            case Assign(var):
                found[var.name] = None
            case For(body=inner):
                found |= dict.fromkeys(assigned(inner))
            case If(_, then, otherwise):
                found |= dict.fromkeys(assigned((*then, *otherwise)))
    return list(found)

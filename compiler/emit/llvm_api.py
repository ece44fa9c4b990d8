"""The public functions of an LLVM model: run, input, output, predict, run_layer, arena. The header is C's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from compiler.emit import llvm_predict
from compiler.emit.c_api import predictable
from compiler.emit.predict import quantised_input
from compiler.options import CompileOptions
from compiler.program import Program, Slot

PUBLIC = "#2"  # attribute group


class Api:
    """Prints them; `caller` is the way to an arena that is handed over, which every use has to load."""

    def __init__(self, program: Program, options: CompileOptions) -> None:
        self.program, self.name = program, options.name
        self.caller = options.arena == "caller"

    def lines(self) -> Iterator[str]:
        p = self.program
        blocks = [
            self._set_arena() if self.caller else [],
            self._run(),
            self._choice("input", p.inputs),
            self._choice("output", p.outputs),
            self._predict(),
            self._run_layer(),
            self._function("ptr", "arena", "", [*self._arena(), f"ret ptr {self._base}"]),
        ]
        for block in blocks:
            if block:
                yield from block
                yield ""

    # places

    @property
    def _base(self) -> str:
        return "%arena" if self.caller else "@arena"

    def _arena(self) -> list[str]:
        return ["%arena = load ptr, ptr @memory"] if self.caller else []

    def place(self, offset: int) -> str:
        """A pointer into the arena that needs no instruction; only for an arena of our own."""
        return f"getelementptr inbounds (i8, ptr @arena, i32 {offset})" if offset else "@arena"

    def at(self, name: str, offset: int) -> tuple[list[str], str]:
        """Instructions that make a pointer into the arena, and the pointer."""
        if not self.caller:
            return [], self.place(offset)
        return [f"%{name} = getelementptr inbounds i8, ptr %arena, i32 {offset}"], f"%{name}"

    # functions

    def _function(self, result: str, what: str, params: str, body: Sequence[str]) -> list[str]:
        symbol = f"{self.name}_{what}"
        labelled = [line if line.endswith(":") else f"  {line}" for line in body]
        head = f'define {result} @{symbol}({params}) {PUBLIC} section ".text.{symbol}" {{'
        return [head, "entry:", *labelled, "}"]

    def _set_arena(self) -> list[str]:
        return self._function("void", "set_arena", "ptr %arena", ["store ptr %arena, ptr @memory", "ret void"])

    def _run(self) -> list[str]:
        body: list[str] = []
        if self.caller:
            body += [*self._arena(), "%missing = icmp eq ptr %arena, null"]
            body += ["br i1 %missing, label %refuse, label %accept", "accept:"]
        for i, s in enumerate(self.program.inputs):
            body += self._copy("inputs", i, s)
        body += [f"call void @layer_{i}()" for i in range(len(self.program.layers))]
        for i, s in enumerate(self.program.outputs):
            body += self._copy("outputs", i, s)
        body += ["ret i32 0"]
        if self.caller:
            body += ["refuse:", "ret i32 -1"]
        return self._function("signext i32", "run", "ptr %inputs, ptr %outputs", body)

    def _copy(self, array: str, i: int, s: Slot) -> list[str]:
        """Copy one tensor when the caller gave an array for it."""
        way = f"{array}.{i}"
        prepare, ours = self.at(f"{way}.arena", s.offset)
        mine = f"ptr align {_align(s)} {ours}"
        given = f"ptr align {_align(s)} %{way}"
        sides = f"{mine}, {given}" if array == "inputs" else f"{given}, {mine}"
        return [
            f"%{way}.any = icmp ne ptr %{array}, null",
            f"br i1 %{way}.any, label %{way}.look, label %{way}.done",
            f"{way}.look:",
            f"%{way}.entry = getelementptr ptr, ptr %{array}, i32 {i}",
            f"%{way} = load ptr, ptr %{way}.entry",
            f"%{way}.given = icmp ne ptr %{way}, null",
            f"br i1 %{way}.given, label %{way}.copy, label %{way}.done",
            f"{way}.copy:",
            *prepare,
            f"call void @llvm.memmove.p0.p0.i32({sides}, i32 {s.size}, i1 false) ; {prod(s.shape)} elements",
            f"br label %{way}.done",
            f"{way}.done:",
        ]

    def _choice(self, what: str, slots: Sequence[Slot]) -> list[str]:
        cases = " ".join(f"i32 {i}, label %case.{i}" for i in range(len(slots)))
        body = [*self._arena(), f"switch i32 %i, label %none [ {cases} ]"]
        for i, s in enumerate(slots):
            prepare, pointer = self.at(f"place.{i}", s.offset)
            body += [f"case.{i}:", *prepare, f"ret ptr {pointer}"]
        return self._function("ptr", what, "i32 signext %i", [*body, "none:", "ret ptr null"])

    def _run_layer(self) -> list[str]:
        layers = range(len(self.program.layers))
        cases = " ".join(f"i32 {i}, label %case.{i}" for i in layers)
        body = [f"switch i32 %layer, label %none [ {cases} ]"]
        for i in layers:
            body += [f"case.{i}:", f"call void @layer_{i}()", "ret i32 0"]
        return self._function("signext i32", "run_layer", "i32 signext %layer", [*body, "none:", "ret i32 -1"])

    def _predict(self) -> list[str]:
        size = predictable(self.program)
        if size is None:
            return []
        y, x = self.program.outputs[0], self.program.inputs[0]
        to_input, input_place = self.at("x", x.offset)
        prepare, place = self.at("y", y.offset)
        fills = quantised_input(self.program) is not None
        body = [
            *llvm_predict.size_check(size),
            "br i1 %wrong, label %refuse, label %run",
            "run:",
            *(self._arena() if fills else []),
            *llvm_predict.run(self.program, self.name, to_input, input_place),
            "br i1 %failed, label %refuse, label %search",
            "search:",
            *([] if fills else self._arena()),
            *prepare,
            *llvm_predict.search(self.program, place),
            "ret i32 %best.next",
            "refuse:",
            "ret i32 -1",
        ]
        params = "ptr %input, i32 signext %input_h, i32 signext %input_w, i32 signext %input_ch"
        return self._function("signext i32", "predict", params, body)


def _align(s: Slot) -> int:
    return max(1, s.size // max(1, prod(s.shape)))

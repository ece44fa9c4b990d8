"""`predict` of an LLVM model: the caller's floats go in, quantised where the model takes integers; the largest output
comes out."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from compiler.emit.llvm_text import element_type, literal
from compiler.emit.predict import FAR, QuantisedInput, quantised_input
from compiler.loop.nodes import F32
from compiler.program import Program


def size_check(size: tuple[int, int, int]) -> list[str]:
    """`%wrong`: are height, width and channels others than the model's?"""
    h, w, c = size
    if h == 1 and c == 1:
        given = [f"%{n}.wide = sext i32 %input_{n} to i64" for n in "hw"] + ["%c.wide = sext i32 %input_ch to i64"]
        return [
            *given,
            "%hw = mul i64 %h.wide, %w.wide",
            "%hwc = mul i64 %hw, %c.wide",
            f"%wrong = icmp ne i64 %hwc, {w}",
        ]
    given = [f"%wrong.h = icmp ne i32 %input_h, {h}", f"%wrong.w = icmp ne i32 %input_w, {w}"]
    given += [f"%wrong.c = icmp ne i32 %input_ch, {c}", "%wrong.hw = or i1 %wrong.h, %wrong.w"]
    return [*given, "%wrong = or i1 %wrong.hw, %wrong.c"]


def run(program: Program, name: str, prepare: Sequence[str], place: str) -> list[str]:
    """`%failed`: one run on the floats at %input; `prepare` and `place` lead to the input in the arena."""
    x = quantised_input(program)
    if x is None:
        given = ["%inputs = alloca ptr", "store ptr %input, ptr %inputs"]
        call = f"%status = call i32 @{name}_run(ptr %inputs, ptr null)"
    else:
        given = [*prepare, *_filled(x, place)]
        call = f"%status = call i32 @{name}_run(ptr null, ptr null)"
    return [*given, call, "%failed = icmp ne i32 %status, 0"]


def _filled(x: QuantisedInput, place: str) -> list[str]:
    kind = element_type(x.dtype)
    low, high = literal(-FAR, F32), literal(FAR, F32)
    return [
        "br label %fill",
        "fill: ; the floats as the model stores them",
        "%at = phi i32 [ 0, %run ], [ %at.next, %fill ]",
        "%from = getelementptr inbounds float, ptr %input, i32 %at",
        "%real = load float, ptr %from",
        f"%scaled = fdiv float %real, {literal(x.scale, F32)}",
        f"%above = fcmp ogt float %scaled, {low}",
        f"%below = fcmp olt float %scaled, {high}",
        f"%top = select i1 %below, float %scaled, float {high}",
        f"%far = select i1 %above, float %top, float {low}",
        "%negative = fcmp olt float %far, 0.0",
        "%half = select i1 %negative, float -0.5, float 0.5",
        "%rounded = fadd float %far, %half",
        "%whole = fptosi float %rounded to i32",
        f"%moved = add i32 %whole, {x.zero}",
        f"%low = icmp slt i32 %moved, {x.low}",
        f"%raised = select i1 %low, i32 {x.low}, i32 %moved",
        f"%high = icmp sgt i32 %raised, {x.high}",
        f"%stored = select i1 %high, i32 {x.high}, i32 %raised",
        f"%small = trunc i32 %stored to {kind}",
        f"%to = getelementptr inbounds {kind}, ptr {place}, i32 %at",
        f"store {kind} %small, ptr %to",
        "%at.next = add nuw nsw i32 %at, 1",
        f"%at.more = icmp slt i32 %at.next, {x.elements}",
        "br i1 %at.more, label %fill, label %filled",
        "filled:",
    ]


def search(program: Program, place: str) -> list[str]:
    """From block %search on: `%best.next` is the index of the largest element at `place`."""
    y = program.outputs[0]
    kind = element_type(y.dtype)
    larger = "fcmp ogt" if y.dtype == "float32" else "icmp ugt" if y.dtype.startswith("u") else "icmp sgt"
    return [
        f"%first = load {kind}, ptr {place}",
        "br label %i.loop",
        "i.loop: ; the index of the largest so far, and its value",
        "%i = phi i32 [ 1, %search ], [ %i.next, %i.loop ]",
        "%best = phi i32 [ 0, %search ], [ %best.next, %i.loop ]",
        f"%most = phi {kind} [ %first, %search ], [ %most.next, %i.loop ]",
        f"%y.at = getelementptr inbounds {kind}, ptr {place}, i32 %i",
        f"%value = load {kind}, ptr %y.at",
        f"%larger = {larger} {kind} %value, %most",
        "%best.next = select i1 %larger, i32 %i, i32 %best",
        f"%most.next = select i1 %larger, {kind} %value, {kind} %most",
        "%i.next = add nuw nsw i32 %i, 1",
        f"%i.more = icmp slt i32 %i.next, {prod(y.shape)}",
        "br i1 %i.more, label %i.loop, label %found",
        "found:",
    ]

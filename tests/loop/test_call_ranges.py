"""What shared kernels are called with is known to the printer, which then writes their indices plainly."""

from __future__ import annotations

from compiler.emit.c_kernel import KernelPrinter
from compiler.loop.builder import Kernel, View
from compiler.loop.call_ranges import scalar_ranges
from compiler.loop.nodes import I32, Buffer, Call, Const, Function, Var


def shared(inner: Function | None = None) -> Function:
    x = View(I32, (1000,), (1,), Buffer("x", I32, 1000))
    count, factor = Var("count", I32), Var("factor", I32)
    k = Kernel()
    k.reserve("x", "count", "factor")
    with k.loop(count, "i") as i:
        k.store_at(x, i * 4 + 1, factor * 3)
    if inner is not None:
        k.emit(Call(inner, ((x.buffer, Const(0)),), (count + 1, Const(7))))  # type: ignore[arg-type]
    assert x.buffer is not None
    return Function("shared" if inner is None else "between", (x.buffer,), (count, factor), k.body())


def caller(function: Function, *calls: tuple[int, int], name: str = "caller") -> Function:
    y = Buffer("y", I32, 1000)
    k = Kernel()
    k.reserve("y")
    for count, factor in calls:
        with k.loop(3, "r"):
            k.emit(Call(function, ((y, Const(0)),), (Const(count), Const(factor))))
    return Function(name, (y,), (), k.body())


def test_all_calls_count() -> None:
    found = scalar_ranges([caller(shared(), (4, -5), (9, 2**31 - 1))])
    assert found == {"shared": {"count": (4, 9), "factor": (-5, 2**31 - 1)}}


def test_through_functions_between() -> None:
    inner = shared()
    found = scalar_ranges([caller(shared(inner), (4, 1)), caller(inner, (20, 1), name="other")])
    assert found["shared"]["count"] == (5, 20)


def test_indices_that_are_known_to_fit_are_plain() -> None:
    function = shared()
    unknown = "\n".join(KernelPrinter().function(function, "static"))
    known = "\n".join(KernelPrinter(scalars=scalar_ranges([caller(function, (9, 2**31 - 1))])).function(function, ""))
    assert "x[i * 4 + 1]" in known
    assert "x[i * 4 + 1]" not in unknown
    assert "(uint32_t)factor * (uint32_t)3" in known  # this one may wrap

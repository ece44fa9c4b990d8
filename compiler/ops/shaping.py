"""Operators that only rename the axes of a tensor: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

from compiler.graph.types import Array, TensorType, fill
from compiler.ops.base import Op, Reader, expect, normal_axis

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Reshape(Op):
    """The elements in row-major order, under another shape."""

    shape: tuple[int, ...] = ()
    onnx = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Reshape": (1,), "Squeeze": (1,), "Unsqueeze": (1,)}
    layout_rule = "view"

    def infer(self, x: TensorType) -> TensorType:
        expect(prod(self.shape) == x.elements, "E0307", f"{x.elements} elements cannot take the shape {self.shape}")
        return x.with_shape(self.shape)

    def reference(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        """Both sides are row-major here: the layout pass saw to it."""
        with k.loop(y.size, "i") as i:
            k.store_at(y, i, x.at(i))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        match r.op_type:
            case "Flatten":
                axis = int(r.attr("axis", 1))
                axis = axis + x.rank if axis < 0 else axis
                shape: tuple[int, ...] = (prod(x.shape[:axis]), prod(x.shape[axis:]))
            case "Squeeze":
                given = r.attr("axes") if r.opset < 13 else (r.constant(1).reshape(-1).tolist() if r.has(1) else None)
                axes = {normal_axis(int(a), x.rank) for a in given} if given is not None else {
                    i for i, n in enumerate(x.shape) if n == 1
                }  # fmt: skip
                expect(all(x.shape[a] == 1 for a in axes), "E0303", f"Squeeze of {x} along {sorted(axes)}")
                shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
            case "Unsqueeze":
                given = r.attr("axes") if r.opset < 13 else r.constant(1).reshape(-1).tolist()
                rank = x.rank + len(given)
                axes = {normal_axis(int(a), rank) for a in given}
                sizes = iter(x.shape)
                shape = tuple(1 if i in axes else next(sizes) for i in range(rank))
            case _:
                wanted = [int(n) for n in (r.constant(1).reshape(-1).tolist() if r.opset >= 5 else r.attr("shape"))]
                shape = _resolve(x, wanted, bool(r.attr("allowzero", 0)))
        return r.add(cls(shape), r.inputs[0])


def _resolve(x: TensorType, wanted: list[int], allowzero: bool) -> tuple[int, ...]:
    """0 keeps a dimension, -1 is what is left."""
    expect(allowzero or all(n != 0 or i < x.rank for i, n in enumerate(wanted)), "E0307", f"Reshape of {x} to {wanted}")
    shape = [x.shape[i] if n == 0 and not allowzero else n for i, n in enumerate(wanted)]
    expect(shape.count(-1) <= 1 and all(n >= -1 for n in shape), "E0307", f"Reshape of {x} to {wanted}")
    if -1 in shape:
        rest = prod(n for n in shape if n != -1)
        expect(rest > 0 and x.elements % rest == 0, "E0307", f"Reshape of {x} to {wanted}")
        shape[shape.index(-1)] = x.elements // rest
    return tuple(shape)


@dataclass(frozen=True)
class Identity(Op):
    """The input itself; Dropout at inference is one."""

    onnx = ("Identity", "Dropout")
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Dropout": (2,)}
    layout_rule = "view"

    def infer(self, x: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def reference(self, x: Array) -> Array:
        return x

    def lower(self, k: Kernel, x: View, y: View) -> None:
        with k.loop(y.size, "i") as i:
            k.store_at(y, i, x.at(i))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.op_type == "Dropout":
            ratio = r.known(1) if r.opset >= 12 else None
            drops = ratio is None or bool(ratio.reshape(-1)[0])
            if r.has(2) and bool(r.constant(2).reshape(-1)[0]) and drops:
                raise r.unsupported("Dropout in training mode drops random elements", "export the model in eval mode")
            if len(r.wanted) > 1 and r.wanted[1]:
                x = r.type()
                mask = r.const(fill(1, "bool" if r.opset >= 10 else x.dtype, x.shape), "mask")
                return r.add(cls(), r.inputs[0]), mask
        return r.add(cls(), r.inputs[0])

"""What is known when the model is read: constants, shapes, and tensors filled by a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import fill
from compiler.ops.base import Reader, Spelling, expect

if TYPE_CHECKING:
    from compiler.graph.graph import Value


@dataclass(frozen=True)
class Constant(Spelling):
    """A tensor in the model; the shape of a tensor; a tensor of one value."""

    onnx = ("Constant", "ConstantOfShape", "Shape", "Size")
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"ConstantOfShape": (0,)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        match r.op_type:
            case "ConstantOfShape":
                value = r.attr("value", np.zeros(1, np.float32)).reshape(-1)
                shape = tuple(int(n) for n in r.constant(0).reshape(-1))
                expect(value.size == 1 and all(n >= 0 for n in shape), "E0307", f"ConstantOfShape of {shape}")
                return r.const(fill(value[0], str(value.dtype), shape))
            case "Shape":
                shape = r.type().shape
                return r.const(np.asarray(shape[slice(r.attr("start", 0), r.attr("end"))], np.int64))
            case "Size":
                return r.const(np.asarray(r.type().elements, np.int64))
        for name, dtype in _VALUES:
            value = r.attr(name)
            if value is not None:
                return r.const(np.asarray(value, dtype))
        raise r.unsupported("the constant holds no plain tensor", "use a dense numeric tensor")


_VALUES = (
    ("value", None), ("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
    ("value_ints", np.int64),
)  # fmt: skip

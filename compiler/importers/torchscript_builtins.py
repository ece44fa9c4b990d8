"""The functions a TorchScript program calls: on numbers, texts and lists they are computed here, on tensors passed on.

Sizes are limited before anything is computed: a number stays below 2**63, a list or text below a stated length.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from compiler.importers.aten import FACTORIES, Calls, Tensor, listed
from compiler.importers.torch_dtypes import DTYPE_NUMBERS

MAX_LENGTH = 100_000  # of a list or text
_LARGEST = 1 << 63


class Unknown:
    """A number or text that depends on a shape nobody has given yet."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Refuse = Callable[[str, str], NoReturn]


class ProgramError(Exception):
    """The program itself ends in an exception for these inputs; the text is its own, and says why."""


class Builtins:
    """Functions by the names that programs use: `torch.add`, `ops.prim.dtype`."""

    def __init__(self, calls: Calls, refuse: Refuse) -> None:
        self.calls = calls
        self.refuse = refuse

    def call(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        space, _, last = name.rpartition(".")
        if space == "ops.prim":
            return self._primitive(last, arguments)
        if space == "ops.aten":
            return self._torch(last, arguments, keywords)
        if space != "torch":
            return self.calls.call(name.removeprefix("ops.").replace(".", "::"), arguments, keywords)
        return self._torch(last, arguments, keywords)

    def _torch(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        first = arguments[0] if arguments else None
        table = None
        if isinstance(first, Tensor) and name in _OF_TENSORS:
            table = _OF_TENSORS
        elif isinstance(first, (list, dict)) and name in _OF_LISTS:
            table = _OF_LISTS
        elif name in _ANYTHING:
            table = _ANYTHING
        if table is not None:
            try:
                return table[name](self, *arguments, **keywords)
            except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
                raise ProgramError(f"{name}: {str(error)[:200]}") from None
        if name in FACTORIES or _has_tensor(arguments) or _has_tensor(keywords.values()):
            return self._tensors(name, arguments, keywords)
        if name in _PLAIN:
            return self.plain(name, arguments)
        if any(a is UNKNOWN for a in arguments) or not listed(name):
            return self.calls.call(name, arguments, keywords)
        return self._tensors(name, arguments, keywords)

    def _tensors(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """An operator on tensors, in the spelling that files of torch.export have as well."""
        if name == "tensor" and not _has_tensor(arguments):
            return self._constant(arguments[0] if arguments else None, keywords)
        if name in ("Int", "Float", "Bool", "item", "IntImplicit", "FloatImplicit", "ScalarImplicit"):
            return self.converted({"I": "int", "F": "float", "B": "bool"}.get(name[0], ""), arguments[0])
        if name in ("_convolution", "convolution") and len(arguments) >= 9:
            name, arguments = _as_layer(arguments)
        return self.calls.call(name, arguments, {k: v for k, v in keywords.items() if k != "pin_memory"})

    def _constant(self, value: Any, keywords: dict[str, Any]) -> Any:
        """`torch.tensor(3, dtype=6)`: a number as it is; a list is stacked of its parts."""
        if isinstance(value, (list, tuple)):
            parts = [self._constant(part, {}) for part in value]
            made = self.calls.call("stack", [parts], {})
        elif isinstance(value, (bool, int, float)):
            made = self.calls.scalar(value)
        else:
            return self.calls.call("tensor", [value], keywords)
        dtype = keywords.get("dtype")
        return made if dtype is None else self.calls.call("to", [made, dtype], {})

    # -- what programs ask about tensors ----------------------------------------------------------------------

    def _size(self, x: Tensor, dim: Any = None) -> Any:
        if x.shape is None or dim is UNKNOWN:
            return UNKNOWN
        if dim is None:
            return list(x.shape)
        if not -len(x.shape) <= dim < len(x.shape):
            raise ProgramError(f"a tensor of {len(x.shape)} dimensions has no dimension {dim}")
        return x.shape[dim]

    def _rank(self, x: Tensor) -> Any:
        return UNKNOWN if x.shape is None else len(x.shape)

    def _count(self, x: Tensor) -> Any:
        return UNKNOWN if x.shape is None else math.prod(x.shape)

    def _to(self, x: Tensor, *arguments: Any, **keywords: Any) -> Any:
        """Only the element type matters: every tensor is on one device."""
        wanted = [a for a in (*arguments[:2], keywords.get("dtype")) if isinstance(a, int) and not isinstance(a, bool)]
        if arguments and isinstance(arguments[0], Tensor):
            wanted = [DTYPE_NUMBERS[arguments[0].dtype]]
        return self.calls.call("to", [x, wanted[0]], {}) if wanted else x

    def _primitive(self, name: str, arguments: list[Any]) -> Any:
        first = arguments[0] if arguments else None
        if name == "RaiseException":
            raise ProgramError(str(first)[:300])
        if name == "NumToTensor":
            return UNKNOWN if first is UNKNOWN else self.calls.scalar(self._number(first))
        if name in ("unchecked_cast", "unchecked_unwrap_optional"):
            return first
        if name in ("min", "max", "abs"):
            values = list(first) if isinstance(first, list) else arguments
            return self.plain(name, values)
        if isinstance(first, Tensor) and name in _ABOUT_TENSORS:
            return _ABOUT_TENSORS[name](self, first)
        if name == "type":
            return first if isinstance(first, str) else "cpu"
        if first is UNKNOWN:
            return UNKNOWN
        return self.calls.call(f"prim::{name}", arguments, {})

    # -- numbers, texts, lists ---------------------------------------------------------------------------------

    def plain(self, name: str, arguments: Sequence[Any]) -> Any:
        """Arithmetic as TorchScript does it, which is Python's."""
        if any(a is UNKNOWN for a in arguments):
            return UNKNOWN
        if name == "pow" and len(arguments) == 2 and all(map(_is_number, arguments)):
            base, exponent = arguments
            if abs(base) > 1 and abs(exponent) * math.log2(abs(base) + 1) > 1024:
                self.refuse("E0141", "it computes with numbers that are far too large")
        if name == "mul" and len(arguments) == 2 and any(isinstance(a, (list, str)) for a in arguments):
            self._check_length(math.prod(_extent(a) for a in arguments))
        try:
            result = _PLAIN[name](*arguments)
        except (TypeError, ValueError, ArithmeticError, IndexError, KeyError) as error:
            raise ProgramError(f"{name}: {str(error)[:200]}") from None
        return self._checked(result)

    def _checked(self, value: Any) -> Any:
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            self.refuse("E0141", "it computes with numbers that are far too large")
        if isinstance(value, (list, str)):
            self._check_length(len(value))
        return value

    def _check_length(self, length: int) -> None:
        if length > MAX_LENGTH:
            self.refuse("E0141", "it makes a list or text that is far too long")

    def _number(self, value: Any) -> float | int | bool:
        if not isinstance(value, (bool, int, float)):
            raise ProgramError("something that is no number is used as one")
        return value

    def converted(self, kind: str, value: Any) -> Any:
        """`int(x)`, `float(x)`, `bool(x)`, `str(x)`; of a tensor only where its value is a constant."""
        if isinstance(value, Tensor):
            known = value.number
            value = self.unknown_number(value) if known is None else known
        if value is UNKNOWN or not kind:
            return value
        if kind == "str":
            return self._checked(str(value))
        try:
            return self._checked({"int": int, "float": float, "bool": bool}[kind](value))
        except (TypeError, ValueError, OverflowError) as error:
            raise ProgramError(str(error)[:200]) from None

    def unknown_number(self, value: Tensor) -> Any:
        """The number in a tensor that is no constant: there is none before the network runs."""
        if value.shape is not None:
            self.refuse("E0142", "something")
        return UNKNOWN

    def is_instance(self, value: Any, kind: str) -> Any:
        """`isinstance(x, Tensor)`, `isinstance(x, List[int])`; the elements of a list are not looked at."""
        if value is UNKNOWN:
            return UNKNOWN
        kinds: dict[str, Any] = {
            "Tensor": Tensor, "int": int, "float": float, "bool": bool, "str": str, "NoneType": type(None),
            "List": list, "Tuple": tuple, "Dict": dict, "number": (int, float),
        }  # fmt: skip
        wanted = kinds.get(kind.partition("[")[0])
        if wanted is None:
            self.refuse("E0140", "it asks for a type that is not known here")
        return isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool) or wanted is not int)

    def rounds(self, arguments: Sequence[Any]) -> Any:
        if any(a is UNKNOWN for a in arguments):
            return UNKNOWN
        if not 1 <= len(arguments) <= 3 or not all(isinstance(a, int) for a in arguments):
            raise ProgramError("a range needs whole numbers")
        return self.plain("range", arguments)

    def item(self, owner: Any, index: Any) -> Any:
        """`x[i]` of a list, tuple, table or text."""
        if owner is UNKNOWN or index is UNKNOWN:
            return UNKNOWN
        if isinstance(owner, Tensor):
            self.refuse("E0140", "it indexes a tensor with brackets")
        try:
            return owner[index]
        except (TypeError, IndexError, KeyError):
            raise ProgramError("there is no such element") from None

    def _append(self, values: list[Any], value: Any) -> Any:
        self._check_length(len(values) + 1)
        values.append(value)
        return values

    def _extend(self, values: list[Any], more: Any) -> Any:
        if not isinstance(more, (list, tuple)):
            raise ProgramError("a list is extended by something that is none")
        self._check_length(len(values) + len(more))
        values.extend(more)
        return values

    def _insert(self, values: list[Any], at: Any, value: Any) -> Any:
        self._check_length(len(values) + 1)
        values.insert(self.converted("int", at), value)
        return values

    def _pop(self, values: list[Any], at: Any = -1) -> Any:
        return values.pop(at) if isinstance(values, list) and values else self.item([], 0)

    def _set_item(self, values: Any, at: Any, value: Any) -> Any:
        if isinstance(values, dict):
            self._check_length(len(values) + 1)
        elif not isinstance(at, int) or not -len(values) <= at < len(values):
            raise ProgramError("there is no such element")
        values[at] = value
        return None

    def _slice(self, values: Any, start: Any = None, end: Any = None, step: Any = 1) -> Any:
        if any(a is UNKNOWN for a in (start, end, step)):
            return UNKNOWN
        return self.plain("slice", [values, start, end, step])

    def _contains(self, values: Any, value: Any) -> Any:
        if value is UNKNOWN or (isinstance(values, list) and any(v is UNKNOWN for v in values)):
            return UNKNOWN
        if isinstance(value, Tensor):
            return any(v is value for v in values)
        return value in values

    def _joined(self, first: list[Any], second: Any) -> Any:
        if not isinstance(second, list):
            raise ProgramError("a list is joined with something that is none")
        return self._checked([*first, *second])

    def _is(self, first: Any, second: Any) -> Any:
        return UNKNOWN if first is UNKNOWN or second is UNKNOWN else first is second

    def _is_not(self, first: Any, second: Any) -> Any:
        same = self._is(first, second)
        return same if same is UNKNOWN else not same

    def _not(self, value: Any) -> Any:
        value = self.converted("bool", value)
        return value if value is UNKNOWN else not value

    def _format(self, pattern: Any, *values: Any) -> Any:
        """Texts are only ever shown in errors: tensors and lists are left out of them."""
        text = str(pattern)
        for value in values:
            text = text.replace("{}", str(value)[:100] if isinstance(value, (int, float, str)) else "...", 1)
        return self._checked(text)

    def _get(self, table: Any, key: Any, default: Any = None) -> Any:
        return table.get(key, default) if isinstance(table, dict) else None


def _as_layer(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """Tracing writes every convolution as one operator; its layer has a name and fewer arguments."""
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = arguments[:9]
    rank = len(stride) if isinstance(stride, list) else 2
    if transposed:
        return f"conv_transpose{rank}d", [x, weight, bias, stride, padding, output_padding, groups, dilation]
    return f"conv{rank}d", [x, weight, bias, stride, padding, dilation, groups]


def _has_tensor(values: Any) -> bool:
    return any(isinstance(v, Tensor) or (isinstance(v, (list, tuple)) and _has_tensor(v)) for v in values)


def _extent(value: Any) -> int:
    """How much longer a list becomes that is repeated by it."""
    if isinstance(value, (list, str)):
        return len(value)
    return abs(value) if isinstance(value, int) else 1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _divided(a: Any, b: Any, rounding_mode: Any = None) -> Any:
    return a // b if rounding_mode == "floor" else math.trunc(a / b) if rounding_mode == "trunc" else a / b


def _range_length(low: int, high: int, step: int) -> int:
    return len(range(low, high, step))


_PLAIN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b, alpha=1: a + b * alpha if alpha != 1 else a + b,
    "sub": lambda a, b, alpha=1: a - b * alpha,
    "mul": operator.mul,
    "div": _divided,
    "floordiv": operator.floordiv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "fmod": math.fmod,
    "neg": operator.neg,
    "pow": pow,
    "abs": abs,
    "min": min,
    "max": max,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "__and__": operator.and_,
    "__or__": operator.or_,
    "__xor__": operator.xor,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "__lshift__": lambda a, b: a << min(b, 64),
    "__rshift__": operator.rshift,
    "len": len,
    "all": all,
    "any": any,
    "sum": sum,
    "list": list,
    "sorted": sorted,
    "range": range,
    "slice": lambda values, start, end, step: values[slice(start, end, step)],
    "__range_length": _range_length,
    "__derive_index": lambda index, start, step: start + index * step,
    "Int": int,
    "Float": float,
    "Bool": bool,
    "str": str,
    "lower": str.lower,
    "upper": str.upper,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
_OF_LISTS: dict[str, Callable[..., Any]] = {
    "append": Builtins._append,
    "extend": Builtins._extend,
    "insert": Builtins._insert,
    "pop": Builtins._pop,
    "_set_item": Builtins._set_item,
    "__getitem__": Builtins.item,
    "__contains__": Builtins._contains,
    "slice": Builtins._slice,
    "add": Builtins._joined,
    "len": lambda self, values: len(values),
    "copy": lambda self, values: values.copy(),
    "list": lambda self, values: list(values),
    "reverse": lambda self, values: values.reverse(),
    "clear": lambda self, values: values.clear(),
    "keys": lambda self, values: list(values.keys()),
    "values": lambda self, values: list(values.values()),
    "items": lambda self, values: list(values.items()),
    "get": Builtins._get,
}
_ANYTHING: dict[str, Callable[..., Any]] = {
    "__is__": Builtins._is,
    "__isnot__": Builtins._is_not,
    "__not__": Builtins._not,
    "__contains__": Builtins._contains,
    "format": Builtins._format,
    "warn": lambda self, *ignored: None,
    "device": lambda self, *ignored: "cpu",
    "is_autocast_enabled": lambda self, *ignored: False,
    "is_autocast_cpu_enabled": lambda self, *ignored: False,
    "is_scripting": lambda self: True,
    # Programs ask whether gradients are wanted to choose a fused kernel; with gradients they spell the layers out.
    "is_grad_enabled": lambda self: True,
    "_unwrap_optional": lambda self, value: value,
}
_OF_TENSORS: dict[str, Callable[..., Any]] = {
    "size": Builtins._size,
    "dim": Builtins._rank,
    "numel": Builtins._count,
    "len": lambda self, x: self._size(x, 0),
    "is_floating_point": lambda self, x: x.dtype.startswith(("float", "bfloat")),
    "is_complex": lambda self, x: x.dtype.startswith("complex"),
    "is_contiguous": lambda self, x, *ignored, **more: True,
    "detach": lambda self, x: x,
    "to": Builtins._to,
    "cpu": lambda self, x: x,
    "requires_grad_": lambda self, x, *ignored: x,
    "is_inference": lambda self, x: True,
}
_ABOUT_TENSORS: dict[str, Callable[..., Any]] = {
    "dtype": lambda self, x: DTYPE_NUMBERS[x.dtype],
    "device": lambda self, x: "cpu",
    "layout": lambda self, x: 0,
    "shape": Builtins._size,
    "data": lambda self, x: x,
    "requires_grad": lambda self, x: True,
    "is_nested": lambda self, x: False,
    "is_cuda": lambda self, x: False,
    "is_sparse": lambda self, x: False,
    "is_quantized": lambda self, x: False,
    "is_mkldnn": lambda self, x: False,
    "is_meta": lambda self, x: False,
    "is_cpu": lambda self, x: True,
    "ndim": Builtins._rank,
    "T": lambda self, x: self.calls.call("numpy_T", [x], {}),
    "mT": lambda self, x: self.calls.call("mT", [x], {}),
    "itemsize": lambda self, x: 4,
}

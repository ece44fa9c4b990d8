"""For every ONNX operator that we read: models of one such node, drawn over attributes, shapes and opsets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st

from compiler.graph.types import Array
from compiler.ops.base import onnx_readers
from tests.support.onnx_models import one_node
from tests.support.op_cases import Draw, Shape, arrays, broadcast_shapes, finite, shapes, windows

OLDEST = 7
NEWEST_OF_ORT = 26  # onnxruntime refuses models of newer opsets


def opsets(op_type: str) -> st.SearchStrategy[int]:
    """Opsets from 7 on that have the operator, as far as onnxruntime knows them."""
    newest = min(onnx.defs.onnx_opset_version(), NEWEST_OF_ORT)
    since = [s.since_version for s in onnx.defs.get_all_schemas_with_history() if s.name == op_type and s.domain == ""]
    return st.integers(max(OLDEST, min(since)), newest)


@dataclass(frozen=True)
class OneNode:
    model: onnx.ModelProto
    values: dict[str, Array]

    def __repr__(self) -> str:
        return onnx.printer.to_text(self.model)


@st.composite
def plain(draw: Draw, op: str, **attributes: st.SearchStrategy[Any]) -> OneNode:
    """One operand, and attributes that may be left out."""
    given = {name: draw(s) for name, s in attributes.items() if draw(st.booleans())}
    return OneNode(*one_node(op, draw(opsets(op)), [draw(arrays(draw(shapes(zero=False))))], **given))


@st.composite
def binary(draw: Draw, op: str, most: int = 2, known: bool = True) -> OneNode:
    opset = draw(opsets(op))
    count = draw(st.integers(1, most)) if most > 2 else 2
    operands = [draw(arrays(s)) for s in draw(broadcast_shapes(draw(shapes(zero=False)), count))]
    if opset < 8 and op in ("Min", "Max", "Sum", "Mean"):  # broadcasting came with 8
        operands = [np.broadcast_to(a, np.broadcast_shapes(*(b.shape for b in operands))).copy() for a in operands]
    split = draw(st.integers(1, count)) if known else count
    return OneNode(*one_node(op, opset, operands[:split], operands[split:]))


@st.composite
def prelu(draw: Draw) -> OneNode:
    x = draw(shapes(1, 4, zero=False))
    slope = tuple(n if draw(st.booleans()) else 1 for n in x[draw(st.integers(0, len(x) - 1)) :])
    split = draw(st.booleans())
    operands = [draw(arrays(x)), draw(arrays(slope))]
    return OneNode(*one_node("PRelu", draw(opsets("PRelu")), operands[: 2 - split], operands[2 - split :]))


@st.composite
def clip(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Clip")), draw(arrays(draw(shapes(zero=False))))
    low, high = (draw(st.one_of(st.none(), finite)) for _ in range(2))
    if opset < 11:  # ONNX Runtime refuses attributes that cross each other
        low, high = sorted((low, high)) if low is not None and high is not None else (low, high)
        given = {k: v for k, v in {"min": low, "max": high}.items() if v is not None}
        return OneNode(*one_node("Clip", opset, [x], **given))
    return OneNode(*one_node("Clip", opset, [x], [None if v is None else np.float32(v) for v in (low, high)]))


@st.composite
def pow_(draw: Draw) -> OneNode:
    opset = draw(opsets("Pow"))
    x = draw(arrays(draw(shapes(zero=False))))
    kinds = [np.float32] if opset < 12 else [np.float32, np.int64, np.int32]
    exponent = np.asarray(draw(st.sampled_from([-2, -1, 0, 1, 2, 3, 5])), draw(st.sampled_from(kinds)))
    if draw(st.booleans()):
        return OneNode(*one_node("Pow", opset, [np.asarray(np.abs(x)), draw(arrays(x.shape))]))
    return OneNode(*one_node("Pow", opset, [x], [exponent]))


@st.composite
def batch_norm(draw: Draw) -> OneNode:
    x = draw(shapes(2, 4, zero=False))
    parameters = [draw(arrays((x[1],))) for _ in range(4)]
    parameters[3] = np.abs(parameters[3]) + np.float32(0.1)
    given = {"epsilon": 1e-3} if draw(st.booleans()) else {}
    opset = draw(opsets("BatchNormalization"))
    return OneNode(*one_node("BatchNormalization", opset, [draw(arrays(x))], parameters, **given))


@st.composite
def window_attributes(draw: Draw, op: str, opset: int, n: int) -> tuple[dict[str, Any], Shape, Shape]:
    """Attributes, kernel and input size."""
    g = draw(windows(n))
    attributes: dict[str, Any] = {}
    if draw(st.booleans()):
        attributes["strides"] = g["strides"]
    dilated = op == "Conv" or (op == "MaxPool" and opset >= 10) or (op == "AveragePool" and opset >= 19)
    if dilated and draw(st.booleans()):
        attributes["dilations"] = g["dilations"]
    dilations = attributes.get("dilations", (1,) * n)
    match draw(st.sampled_from(["none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])):
        case "none":
            pads = (0,) * (2 * n)
        case "pads":
            attributes["pads"] = pads = g["pads"]
        case mode:
            attributes["auto_pad"], pads = mode, (0,) * (2 * n)
            if mode.startswith("SAME"):  # onnxruntime refuses dilation here, and strides that skip elements
                attributes["strides"] = tuple(map(min, g["strides"], g["kernel"]))
                attributes.pop("dilations", None)
                dilations = (1,) * n
    sizes = tuple(
        max(1, (g["kernel"][i] - 1) * dilations[i] + 1 - pads[i] - pads[n + i]) + draw(st.integers(0, 4))
        for i in range(n)
    )
    return attributes, g["kernel"], sizes


@st.composite
def conv(draw: Draw) -> OneNode:
    opset, n = draw(opsets("Conv")), draw(st.sampled_from([1, 2, 2]))
    attributes, kernel, sizes = draw(window_attributes("Conv", opset, n))
    if draw(st.booleans()):
        attributes["kernel_shape"] = kernel
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    if groups > 1:
        attributes["group"] = groups
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    x = draw(arrays((draw(st.integers(1, 2)), channels, *sizes)))
    operands = [draw(arrays((outputs, channels // groups, *kernel)))]
    if draw(st.booleans()):
        operands.append(draw(arrays((outputs,))))
    known = draw(st.booleans())
    return OneNode(*one_node("Conv", opset, [x] if known else [x, *operands], operands if known else [], **attributes))


@st.composite
def pool(draw: Draw, op: str) -> OneNode:
    opset, n = draw(opsets(op)), draw(st.sampled_from([1, 2, 2]))
    attributes, kernel, sizes = draw(window_attributes(op, opset, n))
    if opset >= 10 and "auto_pad" not in attributes and draw(st.booleans()):
        attributes["ceil_mode"] = 1
    if op == "AveragePool" and draw(st.booleans()):
        attributes["count_include_pad"] = 1
    x = draw(arrays((draw(st.integers(1, 2)), draw(st.integers(1, 3)), *sizes)))
    return OneNode(*one_node(op, opset, [x], kernel_shape=kernel, **attributes))


@st.composite
def global_pool(draw: Draw, op: str) -> OneNode:
    opset = 13 if op == "GlobalLpPool" else draw(opsets(op))  # ONNX Runtime has the old spelling only
    return OneNode(*one_node(op, opset, [draw(arrays(draw(shapes(3, 4, zero=False))))]))


@st.composite
def gemm(draw: Draw) -> OneNode:
    opset = draw(opsets("Gemm"))
    m, k, n = (draw(st.integers(1, 5)) for _ in range(3))
    attributes: dict[str, Any] = {name: draw(finite) for name in ("alpha", "beta") if draw(st.booleans())}
    attributes |= {name: 1 for name in ("transA", "transB") if draw(st.booleans())}
    a = draw(arrays((k, m) if attributes.get("transA") else (m, k)))
    operands = [draw(arrays((n, k) if attributes.get("transB") else (k, n)))]
    if opset < 11 or draw(st.booleans()):
        operands.append(draw(arrays(draw(st.sampled_from([(n,), (1, n), (m, 1), (m, n), (1,), ()])))))
    split = draw(st.integers(0, len(operands)))
    return OneNode(*one_node("Gemm", opset, [a, *operands[:split]], operands[split:], **attributes))


@st.composite
def matmul(draw: Draw) -> OneNode:
    left, right = draw(broadcast_shapes(draw(shapes(0, 2, zero=False, most=12)), 2))
    m, k, n = (draw(st.integers(1, 4)) for _ in range(3))
    a = (k,) if not left and draw(st.booleans()) else (*left, m, k)
    b = (k,) if not right and draw(st.booleans()) else (*right, k, n)
    operands = [draw(arrays(a)), draw(arrays(b))]
    if draw(st.booleans()):
        return OneNode(*one_node("MatMul", draw(opsets("MatMul")), operands[:1], operands[1:]))
    return OneNode(*one_node("MatMul", draw(opsets("MatMul")), operands))


def _axis(draw: Draw, rank: int) -> int:
    return draw(st.integers(-rank, rank - 1)) if rank else 0


@st.composite
def softmax(draw: Draw, op: str) -> OneNode:
    opset, x = draw(opsets(op)), draw(shapes(1, 4, zero=False))
    least = -len(x) if opset >= 11 else 0
    given = {"axis": draw(st.integers(least, len(x) - 1))} if len(x) == 1 or draw(st.booleans()) else {}
    return OneNode(*one_node(op, opset, [draw(arrays(x))], **given))


@st.composite
def reduce(draw: Draw, op: str) -> OneNode:
    opset, x = draw(opsets(op)), draw(shapes(1, 4, zero=False))
    given: dict[str, Any] = {"keepdims": draw(st.integers(0, 1))} if draw(st.booleans()) else {}
    chosen = draw(st.none() | st.sets(st.integers(0, len(x) - 1), min_size=1))
    axes = None if chosen is None else [a - len(x) if opset >= 11 and draw(st.booleans()) else a for a in chosen]
    if opset >= (13 if op == "ReduceSum" else 18):
        if draw(st.booleans()):
            given["noop_with_empty_axes"] = draw(st.integers(0, 1))
        known = [] if axes is None else [np.array(axes, np.int64)]
        return OneNode(*one_node(op, opset, [draw(arrays(x))], known, **given))
    return OneNode(*one_node(op, opset, [draw(arrays(x))], **given, **({} if axes is None else {"axes": axes})))


@st.composite
def reshape(draw: Draw) -> OneNode:
    x = draw(shapes(0, 4, zero=False))
    count = prod(x)
    targets = [(count,), (-1,), (1, -1), x[::-1], (*x, 1)] + [(0, -1)] * (len(x) >= 1)
    wanted = np.array(draw(st.sampled_from(targets)), np.int64)
    return OneNode(*one_node("Reshape", draw(opsets("Reshape")), [draw(arrays(x))], [wanted]))


@st.composite
def flatten(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Flatten")), draw(shapes(1, 4, zero=False))
    axis = draw(st.integers(-len(x) if opset >= 11 else 0, len(x)))
    return OneNode(*one_node("Flatten", opset, [draw(arrays(x))], **({"axis": axis} if draw(st.booleans()) else {})))


@st.composite
def squeeze(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Squeeze")), draw(shapes(1, 4, zero=False))
    ones = [i for i, n in enumerate(x) if n == 1]
    axes = draw(st.none() | st.sets(st.sampled_from(ones), min_size=1)) if ones else None
    given = None if axes is None else [a - len(x) if opset >= 11 and draw(st.booleans()) else a for a in sorted(axes)]
    return OneNode(*_axes_node("Squeeze", opset, draw(arrays(x)), given))


@st.composite
def unsqueeze(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Unsqueeze")), draw(shapes(0, 3, zero=False))
    rank = len(x) + draw(st.integers(1, 2))
    axes = draw(st.sets(st.integers(0, rank - 1), min_size=rank - len(x), max_size=rank - len(x)))
    given = [a - rank if opset >= 11 and draw(st.booleans()) else a for a in sorted(axes)]
    return OneNode(*_axes_node("Unsqueeze", opset, draw(arrays(x)), given))


def _axes_node(op: str, opset: int, x: Array, axes: list[int] | None) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Axes are an attribute before opset 13, an operand since."""
    if axes is None:
        return one_node(op, opset, [x])
    return one_node(op, opset, [x], [np.array(axes, np.int64)]) if opset >= 13 else one_node(op, opset, [x], axes=axes)


@st.composite
def transpose(draw: Draw) -> OneNode:
    x = draw(shapes(1, 4, zero=False))
    given = {"perm": draw(st.permutations(range(len(x))))} if draw(st.booleans()) else {}
    return OneNode(*one_node("Transpose", draw(opsets("Transpose")), [draw(arrays(x))], **given))


@st.composite
def concat(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Concat")), draw(shapes(1, 4, zero=False))
    axis = draw(st.integers(0, len(x) - 1))
    widths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    operands = [draw(arrays((*x[:axis], n, *x[axis + 1 :]))) for n in widths]
    split = draw(st.integers(1, len(operands)))
    spelled = axis - len(x) if opset >= 11 and draw(st.booleans()) else axis
    return OneNode(*one_node("Concat", opset, operands[:split], operands[split:], axis=spelled))


@st.composite
def split(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Split")), draw(shapes(1, 3, zero=False))
    axis = draw(st.integers(0, len(x) - 1))
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    equal = draw(st.booleans())
    sizes = [sizes[0]] * len(sizes) if equal else sizes
    if equal and opset >= 18 and len(sizes) > 1 and sizes[0] > 1:
        sizes[-1] -= 1  # the last chunk may be smaller
    array = draw(arrays((*x[:axis], sum(sizes), *x[axis + 1 :])))
    given: dict[str, Any] = {"axis": axis - len(x) if opset >= 11 and draw(st.booleans()) else axis}
    known = []
    if equal:
        given |= {"num_outputs": len(sizes)} if opset >= 18 else {}
    elif opset < 13:
        given["split"] = sizes
    else:
        known = [np.array(sizes, np.int64)]
    return OneNode(*one_node("Split", opset, [array], known, outputs=len(sizes), **given))


@st.composite
def slice_(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Slice")), draw(shapes(1, 4, zero=False))
    axes = sorted(draw(st.sets(st.integers(0, len(x) - 1), min_size=1)))
    starts, ends, steps = [], [], []
    for a in axes:
        n, step = x[a], 1 if opset < 10 else draw(st.sampled_from([1, 1, 2, -1, -2]))
        begin, size = draw(st.integers(0, n - 1)), draw(st.integers(1, n))
        end = min(begin + size, n) if step > 0 else max(begin - size, -1)
        far = draw(st.booleans())
        starts.append(begin - n if draw(st.booleans()) else begin)
        ends.append((2**31 - 1 if step > 0 else -(2**31 - 1)) if far or end < 0 else end)
        steps.append(step)
    array = draw(arrays(x))
    if opset < 10:
        given = {"axes": axes} if axes != list(range(len(axes))) or draw(st.booleans()) else {}
        return OneNode(*one_node("Slice", opset, [array], starts=starts, ends=ends, **given))
    known: list[Array | None] = [np.array(v, np.int64) for v in (starts, ends, axes)]
    if any(s != 1 for s in steps) or draw(st.booleans()):
        known.append(np.array(steps, np.int64))
    return OneNode(*one_node("Slice", opset, [array], known))


@st.composite
def pad(draw: Draw) -> OneNode:
    opset, x = draw(opsets("Pad")), draw(shapes(1, 4, zero=False, most=40))
    modes = ["constant", "reflect", "edge"] + ["wrap"] * (opset >= 19)
    mode = draw(st.sampled_from(modes))
    pads = [draw(st.integers(0, {"reflect": n - 1, "wrap": min(n, 2)}.get(mode, 2))) for n in (*x, *x)]
    if mode == "constant" and draw(st.booleans()):
        axis = x.index(max(x))
        pads[axis] = -(x[axis] // 2)  # crops
    given: dict[str, Any] = {"mode": mode} if mode != "constant" or draw(st.booleans()) else {}
    value = draw(finite) if mode == "constant" and draw(st.booleans()) else None
    if opset < 11:
        given |= {"value": value} if value is not None else {}
        return OneNode(*one_node("Pad", opset, [draw(arrays(x))], pads=pads, **given))
    known: list[Array | None] = [np.array(pads, np.int64), None if value is None else np.float32(value)]
    if opset >= 18 and draw(st.booleans()):
        some = sorted(draw(st.sets(st.integers(0, len(x) - 1), min_size=1)))
        known[0] = np.array([pads[a] for a in some] + [pads[len(x) + a] for a in some], np.int64)
        known.append(np.array(some, np.int64))
    while known[-1] is None:
        known.pop()
    return OneNode(*one_node("Pad", opset, [draw(arrays(x))], known, **given))


SPECIAL: dict[str, Callable[[], st.SearchStrategy[OneNode]]] = {
    "LeakyRelu": lambda: plain("LeakyRelu", alpha=finite),
    "HardSigmoid": lambda: plain("HardSigmoid", alpha=finite, beta=finite),
    "Elu": lambda: plain("Elu", alpha=finite),
    "Gelu": lambda: plain("Gelu", approximate=st.sampled_from(["none", "tanh"])),
    "PRelu": prelu,
    "Clip": clip,
    "Pow": pow_,
    "Add": lambda: binary("Add"),
    "Sub": lambda: binary("Sub"),
    "Mul": lambda: binary("Mul"),
    "Div": lambda: binary("Div"),
    "Sum": lambda: binary("Sum", 4),
    "Min": lambda: binary("Min", 4),
    "Max": lambda: binary("Max", 4),
    "BatchNormalization": batch_norm,
    "Conv": conv,
    "MaxPool": lambda: pool("MaxPool"),
    "AveragePool": lambda: pool("AveragePool"),
    "GlobalMaxPool": lambda: global_pool("GlobalMaxPool"),
    "GlobalAveragePool": lambda: global_pool("GlobalAveragePool"),
    "GlobalLpPool": lambda: global_pool("GlobalLpPool"),
    "Gemm": gemm,
    "MatMul": matmul,
    "Softmax": lambda: softmax("Softmax"),
    "LogSoftmax": lambda: softmax("LogSoftmax"),
    "ReduceMean": lambda: reduce("ReduceMean"),
    "ReduceSum": lambda: reduce("ReduceSum"),
    "ReduceMax": lambda: reduce("ReduceMax"),
    "ReduceMin": lambda: reduce("ReduceMin"),
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Pad": pad,
}

WITHOUT_ATTRIBUTES = frozenset(
    "Abs Dropout Erf Exp HardSwish Identity Log Neg Reciprocal Relu Sigmoid Softplus Softsign Sqrt Tanh".split()
)


def one_node_models(op: str) -> st.SearchStrategy[OneNode]:
    """The strategy of an ONNX operator; LookupError where there is none."""
    assert op in onnx_readers()
    if op in SPECIAL:
        return SPECIAL[op]()
    if op in WITHOUT_ATTRIBUTES:
        return plain(op)
    raise LookupError(f"no strategy for the ONNX operator {op}: add one to tests/importers/onnx_cases.py")

"""Which operators the quantiser gives to integer arithmetic, and which ones merely pass numbers on."""

from __future__ import annotations

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.arithmetic import Add, Mul, Sub
from compiler.ops.base import Op
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense, MatMul
from compiler.ops.elementwise import Elementwise, Map
from compiler.ops.gather import Gather
from compiler.ops.index_map import Concat, Slice
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.reduce import Reduce
from compiler.ops.resize import Resample
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.standardize import Standardize
from compiler.ops.transpose import Copy, Transpose
from compiler.quant.regions import unary

MOVES = (Reshape, Identity, Transpose, Copy, Slice, MaxPool, Gather)
_BINARY = (Add, Sub, Mul)
INTEGER_CONSTANTS = (*_BINARY, Concat)  # whose constant operands have to be integers, too
_OTHERS = (Concat, AveragePool, Softmax, Resample)


def moves(graph: Graph, node: Node) -> bool:
    """Does it only move elements of its first operand? Then what it reads and what it gives share one grid."""
    if not isinstance(node.op, MOVES) or node.value(0).name in graph.constants:
        return False
    if isinstance(node.op, MaxPool) and node.op.tail is not None:
        return False
    return len(node.outputs) == 1 and node.output.type.dtype == "float32" == node.value(0).type.dtype


def weighted(graph: Graph, node: Node) -> bool:
    """A convolution or a dense layer with constant float32 weights, and no tail yet."""
    if not isinstance(node.op, (Conv, Dense)) or node.op.tail is not None:
        return False
    w, b = graph.constant(node.inputs[1]), node.inputs[2] if len(node.inputs) > 2 else None
    if w is None or str(w.dtype) != "float32" or node.value(0).type.dtype != "float32":
        return False
    return b is None or b.name in graph.constants


def integer_form(graph: Graph, node: Node) -> bool:
    """Can it be computed on integers, given that its operands are quantised?"""
    op = node.op
    if len(node.outputs) != 1 or {v.type.dtype for v in (*operands(graph, node), node.output)} != {"float32"}:
        return False
    if not node.output.type.elements or moves(graph, node):
        return False
    if isinstance(op, (Conv, Dense)):
        return weighted(graph, node)
    if isinstance(op, (Elementwise, Map)) and not isinstance(op, (Quantize, Dequantize)):
        if unary(graph, node) is not None:
            return True
        return isinstance(op, _BINARY) and len(operands(graph, node)) >= 1
    if isinstance(op, MatMul):
        return len(operands(graph, node)) == 2
    if isinstance(op, Reduce):
        return op.kind in ("mean", "sum", "max", "min")
    if isinstance(op, Softmax):
        return not op.log
    if isinstance(op, Standardize):
        return not op.statistics and len(operands(graph, node)) == 1
    return isinstance(op, _OTHERS) and getattr(op, "tail", None) is None


_REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")


def precisions_of(name: str, op: type[Op]) -> list[str]:
    """In which arithmetic an ONNX operator can be computed, as `integer_form` and `moves` decide node by node.

    What is spelled by other operators is not looked into: float32 alone is said of it.
    """
    eight = issubclass(op, (*MOVES, *_BINARY, *_OTHERS, Conv, Dense, MatMul, Standardize)) and name != "LogSoftmax"
    eight = eight or (issubclass(op, Elementwise) and op.arity == 1) or name in _REDUCTIONS
    small = ["int8", "int8-weights"] if issubclass(op, (Conv, Dense, MatMul)) else ["int8"]
    return ["float32", *(small if eight else [])]


def operands(graph: Graph, node: Node) -> list[Value]:
    """What it reads that is computed at run time."""
    return [v for v in dict.fromkeys(node.present) if v.name not in graph.constants]

"""A float graph with Quantize and Dequantize becomes a graph of integer operators, by small rewrites.

Every source of quantised models leads here: TensorFlow Lite and ONNX files say where tensors are integers, and the
post-training quantiser decides it. `before_fusion` and `after_fusion` run in passes/order.py on both sides of the
fusion of elementwise operators; rules for single operators are files in `rules/`, found by themselves:

    BEFORE_FUSION, AFTER_FUSION: tuple[Rule, ...]   either may be missing
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields, replace
from functools import cache
from typing import Any

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Quant
from compiler.ops.elementwise import Map
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.transpose import Copy, Transpose
from compiler.passes.rule import Rule
from compiler.quant.fixed_point import Rounding
from compiler.quant.join import quantize_before_join
from compiler.quant.leftovers import dense_of_constants, dequantize_constants, integer_weights, scales_of_sums
from compiler.quant.move import (
    arg_best_of_integers,
    dequantize_later,
    own_dequantize,
    quantize_earlier,
    same_grid,
)
from compiler.quant.real import real
from compiler.quant.sums import bias_into_sums, factor_into_sums, integer_sums, requantize_sums


@cache
def before_fusion() -> tuple[Rule, ...]:
    return (
        own_dequantize,
        dequantize_later,
        integer_sums,
        factor_into_sums,
        bias_into_sums,
        quantize_before_join,
        quantize_earlier,
        requantize_sums,
        same_grid,
        *_plugged_in("BEFORE_FUSION"),
        dequantize_later,
        arg_best_of_integers,
        same_grid,
        integer_weights,
        dequantize_constants,
        dense_of_constants,
        scales_of_sums,
    )


@cache
def after_fusion() -> tuple[Rule, ...]:
    return _plugged_in("AFTER_FUSION")


def _plugged_in(name: str) -> tuple[Rule, ...]:
    package = importlib.import_module("compiler.quant.rules")
    modules = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    found = (importlib.import_module(f"compiler.quant.rules.{module}") for module in modules)
    return tuple(rule for module in found for rule in getattr(module, name, ()))


def is_quantized(graph: Graph) -> bool:
    """Is there anything for these rules to do?"""
    return any(isinstance(n.op, (Quantize, Dequantize)) for n in graph.nodes)


def annotated(graph: Graph) -> Graph:
    """The same graph whose integer tensors say what they mean: `TensorType.quant`, from the nodes around them."""
    meant: dict[str, Quant] = {}
    for node in graph.nodes:
        if isinstance(node.op, Dequantize) and (found := real(graph, node.output)) is not None:
            sizes = [a for a, n in enumerate(found.scale.shape) if n > 1]
            axis = sizes[0] + found.stored.type.rank - found.scale.ndim if len(sizes) == 1 else None
            if axis is not None or found.per_tensor:
                scale, zero = found.scale.reshape(-1), found.zero.reshape(-1)
                meant.setdefault(found.stored.name, Quant(tuple(map(float, scale)), tuple(map(int, zero)), axis))
        elif isinstance(node.op, Quantize):
            step, origin = (graph.constant(node.value(i)) for i in (1, 2))
            if step is not None and origin is not None and step.size == origin.size == 1:
                meant[node.output.name] = Quant((float(step.reshape(-1)[0]),), (int(origin.reshape(-1)[0]),))
    _across_moves(graph, meant)

    def say(v: Value) -> Value:
        return Value(v.name, replace(v.type, quant=meant[v.name])) if v.name in meant else v

    nodes = tuple(
        replace(
            n, inputs=tuple(None if v is None else say(v) for v in n.inputs), outputs=tuple(say(v) for v in n.outputs)
        )
        for n in graph.nodes
    )
    return replace(graph, inputs=tuple(map(say, graph.inputs)), outputs=tuple(map(say, graph.outputs)), nodes=nodes)


def _across_moves(graph: Graph, meant: dict[str, Quant]) -> None:
    """What is only moved means the same before and after, as where an image enters in another order of axes."""
    moves = [n for n in graph.nodes if isinstance(n.op, (Transpose, Reshape, Copy, Identity))]
    pairs = [(n.value(0).name, n.output.name) for n in moves]
    for known, other in [*((y, x) for x, y in reversed(pairs)), *pairs]:
        if known in meant and meant[known].axis is None:
            meant.setdefault(other, meant[known])


def with_rounding(graph: Graph, rounding: Rounding) -> Graph:
    """The graph whose integer operators round in this mode."""
    return graph.with_nodes(_rounded(n, rounding) for n in graph.nodes)


def _rounded(node: Node, rounding: Rounding) -> Node:
    return replace(node, op=_operator(node.op, rounding))


def _operator(op: Any, rounding: Rounding) -> Any:
    if isinstance(op, Map):
        return replace(op, steps=tuple(replace(s, op=_operator(s.op, rounding)) for s in op.steps))
    names = {f.name for f in fields(op)}
    if getattr(op, "tail", None) is not None:
        op = replace(op, tail=_operator(op.tail, rounding))
    return replace(op, rounding=rounding) if "rounding" in names else op

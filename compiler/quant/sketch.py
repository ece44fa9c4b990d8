"""A model as `--precision` would quantise it, for a plan: the same operators and sizes, with made-up ranges."""

from __future__ import annotations

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Node
from compiler.ops.softmax import Softmax
from compiler.options import CompileOptions
from compiler.quant.fold import is_quantized
from compiler.quant.grid import SOFTMAX, Grid, int8_grid, int16_grid
from compiler.quant.hybrid import with_int8_weights
from compiler.quant.insert import Choice, insert
from compiler.quant.keep import kept
from compiler.quant.points import find
from compiler.quant.prepare import prepare
from compiler.quant.quantize import NOTHING
from compiler.quant.regions import CLAMPS


def sketch(graph: Graph, options: CompileOptions) -> Graph:
    """The graph with Quantize and Dequantize where the options ask for integers, else the graph as it is.

    Nothing is run: weights and memory follow from types and shapes. Only what depends on the ranges may differ from
    the compilation: a join whose operands have one range needs no copies, a bias that is too large a wider scale.
    """
    if options.precision == "float32" or is_quantized(graph):
        return graph
    prepared = prepare(graph)
    stay = kept(prepared, options.keep)
    if options.precision == "int8-weights":
        return with_int8_weights(graph, frozenset(stay))[0]
    points = find(prepared, {name for name, how in stay.items() if how == "float32"}, options.io == "source")
    if not points.tensors:
        raise ModelError(NOTHING, "no operator of the model has an integer form", where=graph.name)
    grids = {v.name: _grid(prepared.producer(v), stay.get(v.name, "int8")) for v in points.tensors}
    return insert(prepared, points, Choice(grids), options.io).graph


def _grid(producer: Node | None, how: str) -> Grid:
    if how == "int16":
        return int16_grid(-1.0, 1.0)
    if producer is not None and isinstance(producer.op, Softmax) and not producer.op.log:
        return SOFTMAX
    return int8_grid(0.0 if producer is not None and isinstance(producer.op, CLAMPS) else -1.0, 1.0)

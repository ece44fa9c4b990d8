"""The float graph as the quantiser wants it: batch norms and pads folded, chains of elementwise operators one node."""

from __future__ import annotations

from compiler.graph.graph import Graph
from compiler.passes.fold_affine import fold_batch_norm, fold_scale_and_shift, split_batch_norm
from compiler.passes.fold_pad import fold_pad_into_conv
from compiler.passes.remove_no_ops import merge_reshapes, merge_transposes, remove_no_ops
from compiler.quant.regions import collapse

_RULES = (
    remove_no_ops,
    merge_reshapes,
    merge_transposes,
    fold_pad_into_conv,
    fold_batch_norm,
    fold_scale_and_shift,
    split_batch_norm,
)


def prepare(graph: Graph) -> Graph:
    """The passes that change which tensors there are; the others run after quantisation, as always."""
    for rule in _RULES:
        graph, _ = rule.apply(graph)
        graph = graph.without_dead_code()
    return collapse(graph)

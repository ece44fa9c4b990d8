"""What a model contains and what of it can be compiled, without compiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler import targets
from compiler.arithmetic import arithmetic
from compiler.draw import named_nodes, picture, source_picture
from compiler.errors import DeepMetalError
from compiler.estimate import CRASHES, TOO_LARGE, Planned, estimate, too_large
from compiler.graph.graph import Graph
from compiler.importers.detect import require_supported
from compiler.importers.formats.base import Look, formats
from compiler.inspection import Estimate, Inspection, Support
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.picture import MOST_NODES, Picture, Pictures
from compiler.quant.fold import is_quantized
from compiler.quant.prepare import prepare
from compiler.quant.sketch import sketch
from compiler.targets.base import Target
from compiler.targets.choice import with_board

NO_PICTURE = f"a graph of more than {MOST_NODES:,} nodes is not drawn"


def inspect_model(
    path: Path,
    options: CompileOptions,
    *,
    display_name: str | None = None,
    asked: Sequence[str] = (),
    graphs: bool = True,
) -> Inspection:
    """Inputs, outputs, operators and every obstacle. Raises ModelError only for a file that cannot be read.

    `asked` are further targets to look at beside the options' own; `graphs`: with pictures of the graph.
    """
    label = display_name or path.name
    options = with_board(options)
    chosen = list(dict.fromkeys(targets.target(name) for name in (options.target, *asked)))
    look = formats()[require_supported(path, name=label).kind].inspect(path, options, label)
    whole, optimized, found, first, why_not = _planned(look, chosen, options)
    needs = Estimate(target=chosen[0].name, weights=first.weights, arena=first.arena) if first else None
    return look.inspection.model_copy(
        update={
            "estimate": needs,
            "no_estimate": why_not,
            "support": found,
            "quantised": _own_arithmetic(look, optimized),
            "graphs": _pictures(look, whole, optimized, first, why_not) if graphs else None,
        }
    )


def _planned(
    look: Look, chosen: Sequence[Target], options: CompileOptions
) -> tuple[Graph | None, Graph | None, list[Support], Planned | None, str]:
    """The graph in its precision, the same optimised, what it is on each kind of processor, the first plan, why not."""
    if look.graph is None:
        return None, None, [], None, look.no_graph
    if too_large(look.graph):
        return None, None, [], None, TOO_LARGE
    try:
        whole = sketch(look.graph, options)
        graph = optimize(whole, options.io_layout == "native", rounding=options.rounding).graph
    except DeepMetalError as error:
        return None, None, [], None, error.title
    except CRASHES as error:
        return None, None, [], None, f"planning failed ({type(error).__name__}); compiling will say more"
    source_ops = {} if look.onnx is None else {name: node.op_type for node, name in named_nodes(look.onnx)}
    return whole, graph, *estimate(graph, chosen, options, source_ops)


def _own_arithmetic(look: Look, optimized: Graph | None) -> str:
    """What most of the multiplications of a file with quantised tensors are in; empty for a float model."""
    if look.graph is None or optimized is None or not is_quantized(look.graph):
        return ""
    return next((kind for kind in arithmetic(optimized) if not kind.startswith("float")), "")


def _pictures(look: Look, whole: Graph | None, optimized: Graph | None, plan: Planned | None, why_not: str) -> Pictures:
    before: Picture | None = None
    after: Picture | None = None
    missing = "" if optimized else why_not
    if look.onnx is not None:
        problems = {u.node: u.reason for u in look.inspection.unsupported}
        small = len(look.onnx.graph.node) <= MOST_NODES
        before = source_picture(look.onnx, look.graph, problems) if small else None
    elif look.graph is not None:
        small = len(look.graph.nodes) <= MOST_NODES
        before = picture(look.graph, None) if small else None
    else:
        small = True
    if optimized is not None:
        small = small and len(optimized.nodes) <= MOST_NODES
        after = picture(optimized, plan) if len(optimized.nodes) <= MOST_NODES else None
    prepared = quantised = None
    if whole is not None and look.graph is not None and small and len(whole.nodes) <= MOST_NODES:
        quantised = picture(whole, None) if is_quantized(whole) else None
        prepared = picture(prepare(look.graph), None) if whole is not look.graph else None
    return Pictures(
        before=before,
        prepared=prepared,
        quantised=quantised,
        after=after,
        missing=missing if small else NO_PICTURE,
    )

"""The passes in the order they run. Each leaves a valid graph; its effect goes into the report."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from compiler.dump import dump
from compiler.graph.graph import Graph
from compiler.graph.text import text
from compiler.graph.types import stored_bytes
from compiler.graph.verify import verify
from compiler.passes.choose_layouts import choose_layouts
from compiler.passes.flatten_in_memory_order import flatten_in_memory_order
from compiler.passes.fold_affine import fold_batch_norm, fold_scale_and_shift, split_batch_norm
from compiler.passes.fold_pad import fold_pad_into_conv
from compiler.passes.fuse_elementwise import fuse_elementwise, fuse_tail
from compiler.passes.remove_no_ops import merge_reshapes, merge_transposes, remove_no_ops
from compiler.passes.rule import Rule
from compiler.quant.fixed_point import Rounding
from compiler.quant.fold import after_fusion, annotated, before_fusion, with_rounding
from compiler.report import PassInfo
from compiler.trace import debug_level

log = logging.getLogger("deepmetal.passes")

RULES: tuple[Rule, ...] = (
    *before_fusion(),
    remove_no_ops,
    merge_reshapes,
    merge_transposes,
    fold_pad_into_conv,
    fold_batch_norm,
    fold_scale_and_shift,
    split_batch_norm,
    fuse_elementwise,
    *after_fusion(),
    fuse_tail,
    remove_no_ops,
    flatten_in_memory_order,
    merge_transposes,
)

LAYOUTS = "choose_layouts"
NAMES = (*(rule.name for rule in RULES), LAYOUTS)  # in the order they run; a rule may run twice


@dataclass(frozen=True)
class Optimized:
    graph: Graph
    passes: tuple[PassInfo, ...]


def optimize(
    graph: Graph, native_io: bool = False, rules: Sequence[Rule] = RULES, rounding: Rounding = "single"
) -> Optimized:
    """Run all passes. Outputs equal the original's up to float rounding of folded weights; quantised tensors up to a
    step of their scale."""
    dump("import.graph", partial(text, graph))
    graph = annotated(graph)
    infos: list[PassInfo] = []
    for rule in rules:
        if rule in after_fusion():  # tables are made of numbers that are rounded already
            graph = with_rounding(graph, rounding)
        graph, info = _measured(graph, rule.name, partial(_counted, rule=rule))
        if info is not None:
            infos.append(info)
    graph, info = _measured(with_rounding(graph, rounding), LAYOUTS, partial(_layouts, native_io=native_io))
    if info is not None:
        infos.append(info)
    return Optimized(graph, tuple(_merged(infos)))


def apply(graph: Graph, name: str, native_io: bool = False) -> tuple[Graph, PassInfo | None]:
    """One pass by its name; None when it had nothing to do."""
    if name == LAYOUTS:
        return _measured(graph, name, partial(_layouts, native_io=native_io))
    return _measured(graph, name, partial(_counted, rule=next(rule for rule in RULES if rule.name == name)))


def _counted(graph: Graph, rule: Rule) -> tuple[Graph, str]:
    result, count = rule.apply(graph)
    return result.without_dead_code(), f"{count} × {rule.effect}" if count else ""


def _layouts(graph: Graph, native_io: bool) -> tuple[Graph, str]:
    before = {v.name for n in graph.nodes for v in n.outputs}
    result = choose_layouts(graph, native_io)
    copies = sum(1 for n in result.nodes if n.output.name not in before)
    last = sum(1 for n in result.nodes for v in n.outputs if str(v.type.layout))
    return result, f"{last} tensors channels-last, {copies} copies inserted"


def _measured(graph: Graph, name: str, run: Callable[[Graph], tuple[Graph, str]]) -> tuple[Graph, PassInfo | None]:
    """Run a pass, check the result when asked to, and say what it saved; None when it did nothing."""
    result, effect = run(graph)
    if not effect:
        return graph, None
    if os.environ.get("DEEPMETAL_VERIFY") == "1":
        verify(result, name)
    dump(f"{name}.graph", partial(text, result))
    if debug_level() >= 3:
        log.info("after %s\n%s", name, text(result))
    info = PassInfo(
        name=name,
        effect=effect,
        macs_saved=graph.macs() - result.macs(),
        flash_saved=_weights(graph) - _weights(result),
        ram_saved=_written(graph) - _written(result),
    )
    return result, info


def _weights(graph: Graph) -> int:
    return sum(stored_bytes(a) for a in graph.constants.values())


def _written(graph: Graph) -> int:
    """Bytes of tensors that are written to memory."""
    return sum(v.type.bytes for n in graph.nodes if n.op.layout_rule != "view" for v in n.outputs)


def _merged(infos: list[PassInfo]) -> list[PassInfo]:
    """A rule that ran twice is one line."""
    result: dict[str, PassInfo] = {}
    for info in infos:
        if info.name in result:
            old = result[info.name]
            info = info.model_copy(
                update={
                    "effect": f"{old.effect}, then {info.effect}",
                    "macs_saved": old.macs_saved + info.macs_saved,
                    "flash_saved": old.flash_saved + info.flash_saved,
                    "ram_saved": old.ram_saved + info.ram_saved,
                }
            )
        result[info.name] = info
    return list(result.values())

"""What a file of weights contains, with an architecture or with a guess at one. Needs no PyTorch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Look
from compiler.importers.layer_list_guess import guess
from compiler.importers.layer_list_plan import Plan, plan
from compiler.importers.onnx import import_onnx
from compiler.importers.state_dict import State
from compiler.importers.torch_sketch import sketch
from compiler.inspection import Inspection, OpenTensor, OperatorCount, Unsupported
from compiler.layer_list import Architecture
from compiler.options import CompileOptions

SLOW = "a layer of the model is known to the planner only once PyTorch has exported it, which takes seconds"
MISSING = Unsupported(
    node="the file",
    op="weights",
    code="E0120",
    reason="the file holds weights, which do not say how the layers are connected",
    help="Complete the list of layers and give it with the file (--architecture FILE.json), or save the whole model.",
)


def look_at_weights(path: Path, kind: str, state: State, options: CompileOptions, why: Unsupported = MISSING) -> Look:
    """`why`: what stands in the way as long as there is no architecture."""
    if options.architecture is None:
        return Look(_inspection(path, kind, state, guess(state.tensors), [why]), None, CANNOT)
    try:
        planned = plan(options.architecture, state, options.shape)
    except ModelError as error:
        problem = Unsupported(
            node="architecture", op="layers", code=error.code, reason=error.title, help=_with_facts(error)
        )
        return Look(_inspection(path, kind, state, options.architecture, [problem]), None, CANNOT)
    graph, no_graph = _graph(planned, state)
    found = _inspection(path, kind, state, options.architecture, []).model_copy(update=_known(planned))
    return Look(found, graph, no_graph)


def _with_facts(error: ModelError) -> str:
    facts = "; ".join(f"{name}: {value}" for name, value in error.facts.items())
    return f"{error.help} ({facts})" if facts else error.help


def _graph(planned: Plan, state: State) -> tuple[Graph | None, str]:
    if not planned.is_chain:
        return None, SLOW
    model = sketch([item.layer for item in planned.placed], state.store, *planned.inputs.values())
    return (None, SLOW) if model is None else (import_onnx(model, {}, "model"), "")


def _known(planned: Plan) -> dict[str, object]:
    """What the plan adds to an inspection."""
    counts = Counter(item.layer.kind.name for item in planned.placed if item.layer.kind)
    return {
        "inputs": [
            OpenTensor(name=name, dtype="int64" if name in planned.indices else "float32", shape=list(shape))
            for name, shape in planned.inputs.items()
        ],
        "outputs": [
            OpenTensor(name=name, dtype="float32", shape=list(planned.shape(ref))) for name, ref in planned.outputs
        ],
        "operators": [OperatorCount(op=op, count=n, supported=True) for op, n in sorted(counts.items())],
        "macs": planned.macs,
        "parameters": sum(tensor.elements for tensor in planned.tensors),
        "compilable": True,
    }


def _inspection(
    path: Path, kind: str, state: State, architecture: Architecture, problems: list[Unsupported]
) -> Inspection:
    counts = Counter(layer.type for layer in architecture.layers if layer.type is not None)
    distinct = {id(t): t.elements for t in state.tensors.values()}
    return Inspection(
        name=Path(state.where).stem,
        format=kind,
        sha256=file_sha256(path),
        size=path.stat().st_size,
        inputs=[],
        outputs=[],
        operators=[OperatorCount(op=op, count=n, supported=True) for op, n in sorted(counts.items())],
        parameters=sum(distinct.values()),
        macs=None,
        unsupported=problems,
        compilable=False,
        estimate=None,
        no_estimate=CANNOT,
        architecture=architecture,
    )

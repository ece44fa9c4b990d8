"""Graph files of DeepMetal itself: what `deepmetal convert` and `deepmetal optimize` write."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Value
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import Format, Loaded, Look
from compiler.importers.graph_file import open_graph
from compiler.inspection import Inspection, OpenTensor, OperatorCount
from compiler.options import CompileOptions


class GraphFile(Format):
    kind = "graph"
    title = "a graph file of DeepMetal (*.graph.json with its weights)"
    extensions = (".graph.json", ".zip")

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        graph = open_graph(path, where).graph
        _check_shapes(graph, options, where)
        return Loaded(graph=graph)

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        graph = open_graph(path, where).graph
        _check_shapes(graph, options, where)
        counted = Counter(type(node.op).__name__ for node in graph.nodes)
        inspection = Inspection(
            name=Path(where).stem.removesuffix(".graph"),
            format=self.kind,
            sha256=file_sha256(path),
            size=path.stat().st_size,
            inputs=[_tensor(v) for v in graph.inputs],
            outputs=[_tensor(v) for v in graph.outputs],
            operators=[OperatorCount(op=op, count=n, supported=True) for op, n in sorted(counted.items())],
            parameters=graph.parameters(),
            macs=graph.macs(),
            compilable=True,
            estimate=None,
            no_estimate="",
        )
        return Look(inspection, graph)


def _tensor(value: Value) -> OpenTensor:
    return OpenTensor(name=value.name, dtype=value.type.dtype, shape=list(value.shape))


def _check_shapes(graph: Graph, options: CompileOptions, where: str) -> None:
    """A graph has its sizes; --shape may repeat them, not change them."""
    known = {v.name: v.shape for v in graph.inputs}
    if len(graph.inputs) == 1:
        known[""] = graph.inputs[0].shape
    for name, shape in options.shape.items():
        if known.get(name) != shape:
            raise ModelError(
                "E1004",
                f"--shape {name}={','.join(map(str, shape))} is not what the graph file was written with",
                where=where,
                facts={v.name: ",".join(map(str, v.shape)) for v in graph.inputs},
                help="give the shape to `deepmetal convert`, which writes the graph file",
            )

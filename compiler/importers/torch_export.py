"""A PyTorch module to ONNX through torch.export, with the names the user knows.

The exporter's own rewriting is left out: folding a BatchNorm is a pass of ours, whose effect the report shows. Only
constants are folded, so that what remains is one or a few operators per module.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import logging
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from compiler.errors import ModelError
from compiler.importers.torch_blueprint import joined
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_checks import Shape

OPSET = 20

_SCOPES = "pkg.torch.onnx.name_scopes"
_FOLDED_ELEMENTS = 1 << 24  # weights that a translation turns or reorders are folded as well


@dataclass(frozen=True)
class Input:
    """What a model reads."""

    name: str
    shape: Shape
    dtype: str = "float32"


@dataclass(frozen=True)
class Names:
    """What people call modules and weights, where the program calls them otherwise: it holds no name of a file."""

    modules: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


def flattened(result: Any) -> list[Any]:
    """The tensors of a result in their order; PyTorch nests them, as an LSTM does its states."""
    return [tensor for part in result for tensor in flattened(part)] if isinstance(result, (tuple, list)) else [result]


def to_onnx(
    module: Any,
    inputs: Sequence[Input],
    outputs: Sequence[str],
    where: str,
    arguments: Callable[[list[Any], tuple[Input, ...]], tuple[Any, ...]] = lambda values, _: tuple(values),
    paths: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """Export an evaluation-mode module. Nodes are named after module paths (`features.3`), nothing is printed.

    `arguments` nests the inputs as the module takes them. `paths`: what people call the modules, by their paths.
    """
    torch = import_torch()
    from compiler.importers.torch_translations import exportable

    values = [torch.zeros(each.shape, dtype=getattr(torch, each.dtype)) for each in inputs]
    with _quiet(), _reported(where), _plain_attention(torch):
        exported = torch.export.export(exportable(torch, module), arguments(values, tuple(inputs)))
    names = Names(paths or {}, {weight: _path_of(weight, paths or {}) for weight in exported.state_dict})
    return program_to_onnx(exported, [each.name for each in inputs], outputs, where, names)


def _path_of(weight: str, paths: Mapping[str, str]) -> str:
    module, _, name = weight.rpartition(".")
    return joined(paths.get(module, module), name)


def program_to_onnx(
    exported: Any, inputs: Sequence[str], outputs: Sequence[str], where: str, names: Names
) -> onnx.ModelProto:
    """An exported program in ONNX form; its inputs and outputs get these names, in order."""
    torch = import_torch()
    from compiler.importers.torch_translations import translations

    with _quiet(), _reported(where), _plain_attention(torch):
        program = torch.onnx.export(
            exported,
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            custom_translation_table=translations(torch),
        )
        _fold_constants(program.model)
        model: onnx.ModelProto = program.model_proto
    _rename(model.graph, _ends(model.graph, inputs, outputs), names)
    model.producer_name, model.producer_version = "pytorch", ""
    return model


@contextlib.contextmanager
def _reported(where: str) -> Iterator[None]:
    """What the exporter cannot do, as an error of the model."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, NotImplementedError, LookupError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ModelError(
            code="E0135",
            title="PyTorch cannot export the model",
            where=where,
            facts={"reason": next(iter(str(cause).splitlines()), type(cause).__name__)[:300]},
            help="Export it to ONNX yourself (torch.onnx.export) and compile that file.",
        ) from error


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Importing PyTorch's exporter makes a million objects that stay; looking for garbage among them costs a second."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _plain_attention(torch: Any) -> Iterator[None]:
    """Attention as the operators it is made of, not as the fused one that PyTorch has for a processor like this."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _fold_constants(model: Any) -> None:
    """Evaluate what does not depend on the input, and drop what nobody reads."""
    import onnx_ir.passes.common as passes
    from onnxscript.optimizer import _constant_folding as folding

    common: Any = passes  # partly untyped
    common.InlinePass()(model)
    folding.FoldConstantsPass(
        shape_inference=False, input_size_limit=_FOLDED_ELEMENTS, output_size_limit=_FOLDED_ELEMENTS
    )(model)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedFunctionsPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)


def _ends(graph: onnx.GraphProto, inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """The exporter's names of inputs and outputs -> ours. Each output gets an operator of its own that makes it."""
    ends = {value.name: name for value, name in zip(graph.input, inputs, strict=True)}
    made = {name for node in graph.node for name in node.output}
    for value, name in zip(graph.output, outputs, strict=True):
        if value.name not in made or value.name in ends:  # an input, a constant, or an output a second time
            graph.node.append(onnx.helper.make_node("Identity", [value.name], [f"{value.name}/{name}"]))
            value.name = f"{value.name}/{name}"
        ends[value.name] = name
    return ends


def _rename(graph: onnx.GraphProto, ends: dict[str, str], names: Names) -> None:
    """Name nodes and their outputs after the module they come from, and weights as in the file; forget the exporter's
    notes, which hold paths."""
    renamed = dict(ends)
    taken = set(ends.values())
    for tensor in graph.initializer:
        name = names.weights.get(tensor.name, tensor.name)
        while name in taken:
            name += "_"
        taken.add(name)
        renamed[tensor.name] = tensor.name = name
        del tensor.metadata_props[:]
    modules = [_module_of(node, names.modules) for node in graph.node]
    several = Counter(modules)
    for node, module in zip(graph.node, modules, strict=True):
        base = node.op_type if not module else module if several[module] == 1 else f"{module}/{node.op_type}"
        name, number = base, 2
        while not taken.isdisjoint(_results(name, node)):
            name, number = f"{base}_{number}", number + 1
        taken.update(_results(name, node))
        node.name = name
        results = zip(node.output, _results(name, node), strict=True)
        renamed |= {output: result for output, result in results if output and output not in ends}
        del node.metadata_props[:]
        node.doc_string = ""
    for node in graph.node:
        for ours in (node.input, node.output):
            ours[:] = [renamed.get(name, name) for name in ours]
    for value in (*graph.value_info, *graph.input, *graph.output):
        value.name = renamed.get(value.name, value.name)
        del value.metadata_props[:]
    del graph.metadata_props[:]
    graph.name = "model"


def _results(name: str, node: onnx.NodeProto) -> list[str]:
    """What the results of a node of this name are called."""
    return [f"{name}:{index}" if index else name for index in range(len(node.output))]


def _module_of(node: onnx.NodeProto, paths: Mapping[str, str]) -> str:
    """The path of the module that an operator was traced in: the last but one of its scopes."""
    notes = {note.key: note.value for note in node.metadata_props}
    scopes = ast.literal_eval(notes.get(_SCOPES, "[]"))
    path = str(scopes[-2]) if len(scopes) >= 2 else ""
    path = path.partition("@")[0]
    return paths.get(path, path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress, warnings or logs of the exporter: standard output belongs to the report."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)

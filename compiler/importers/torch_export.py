"""A PyTorch module to ONNX through torch.export, with the names the user knows.

The exporter's own rewriting is left out: folding a BatchNorm is a pass of ours, whose effect the report shows. Only
constants are folded, so that what remains is one or a few operators per module.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx

from compiler.errors import ModelError
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_input import INPUT
from compiler.importers.torch_layers import Shape

OUTPUT = "output"
OPSET = 20

_SCOPES = "pkg.torch.onnx.name_scopes"
_FOLDED_ELEMENTS = 4096  # larger constants are weights and stay as they are


def to_onnx(module: Any, shape: Shape, where: str) -> onnx.ModelProto:
    """Export an evaluation-mode module. Nodes are named after module paths (`features.3`), nothing is printed."""
    torch = import_torch()
    with _quiet(), _reported(where):
        exported = torch.export.export(module, (torch.zeros(shape),))
    return program_to_onnx(exported, [INPUT], [OUTPUT], where)


def program_to_onnx(exported: Any, inputs: Sequence[str], outputs: Sequence[str], where: str) -> onnx.ModelProto:
    """An exported program in ONNX form; its inputs and outputs get these names, in order."""
    torch = import_torch()
    with _quiet(), _reported(where):
        program = torch.onnx.export(
            exported,
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            custom_translation_table=_translations(torch),
        )
        _fold_constants(program.model)
        model: onnx.ModelProto = program.model_proto
    if list(inputs) == [INPUT] and list(outputs) == [OUTPUT]:
        _give_output_a_node(model.graph)
    _rename(model.graph)
    model.producer_name, model.producer_version = "pytorch", ""
    return model


@contextlib.contextmanager
def _reported(where: str) -> Iterator[None]:
    """What the exporter cannot do, as an error of the model."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, NotImplementedError, LookupError) as error:
        raise ModelError(
            code="E0135",
            title="PyTorch cannot export the model",
            where=where,
            facts={"reason": next(iter(str(error).splitlines()), type(error).__name__)[:300]},
            help="Export it to ONNX yourself (torch.onnx.export) and compile that file.",
        ) from error


def _translations(torch: Any) -> dict[Any, Any]:
    """Spellings of activations in operators that every ONNX compiler has.

    The exporter writes Elu as three nodes, Softplus with a comparison that changes nothing in float32 from a
    threshold of 15 on, and LogSigmoid as log(sigmoid(x)), which is -inf for x < -88.
    """
    import onnxscript

    op: Any = onnxscript.opset20  # its own types know no Python numbers
    aten = torch.ops.aten

    def elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
        inner = x if input_scale == 1.0 else op.Mul(x, op.CastLike(op.Constant(value_float=input_scale), x))
        y = op.Elu(inner, alpha=alpha)
        return y if scale == 1.0 else op.Mul(y, op.CastLike(op.Constant(value_float=scale), x))

    def selu(x: Any) -> Any:
        return elu(x, alpha=1.6732632423543772, scale=1.0507009873554805)

    def celu(x: Any, alpha: float = 1.0) -> Any:
        return elu(x, alpha=1.0, scale=alpha, input_scale=1.0 / alpha)

    def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
        if beta == 1.0:
            return op.Softplus(x)
        factor = op.CastLike(op.Constant(value_float=float(beta)), x)
        return op.Div(op.Softplus(op.Mul(x, factor)), factor)

    def mish(x: Any) -> Any:
        return op.Mul(x, op.Tanh(op.Softplus(x)))

    def log_sigmoid(x: Any) -> Any:
        return op.Neg(op.Softplus(op.Neg(x)))

    return {
        aten.elu.default: elu,
        aten.selu.default: selu,
        aten.celu.default: celu,
        aten.softplus.default: softplus,
        aten.mish.default: mish,
        aten.log_sigmoid.default: log_sigmoid,
    }


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


def _give_output_a_node(graph: onnx.GraphProto) -> None:
    """A model that computes nothing has its input as output; ONNX wants an operator between them."""
    if not any(OUTPUT in node.output for node in graph.node):
        graph.input[0].name = INPUT
        graph.output[0].name = OUTPUT
        graph.node.append(onnx.helper.make_node("Identity", [INPUT], [OUTPUT]))


def _rename(graph: onnx.GraphProto) -> None:
    """Name nodes and their outputs after the module they come from; forget the exporter's notes, which hold paths."""
    renamed: dict[str, str] = {}
    kept = {value.name for value in graph.output}
    taken = {value.name for value in (*graph.input, *graph.output)}
    taken |= {tensor.name for tensor in graph.initializer}
    modules = [_module_of(node) for node in graph.node]
    several = Counter(modules)
    for node, module in zip(graph.node, modules, strict=True):
        base = node.op_type if not module else module if several[module] == 1 else f"{module}/{node.op_type}"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        node.name = name
        for index, output in enumerate(node.output):
            if output and output not in kept:
                renamed[output] = name if index == 0 else f"{name}:{index}"
        del node.metadata_props[:]
        node.doc_string = ""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    for value in graph.value_info:
        value.name = renamed.get(value.name, value.name)
    for part in (*graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
    for tensor in graph.initializer:
        del tensor.metadata_props[:]
    del graph.metadata_props[:]
    graph.name = "model"


def _module_of(node: onnx.NodeProto) -> str:
    """The path of the module that an operator was traced in: the last but one of its scopes."""
    notes = {note.key: note.value for note in node.metadata_props}
    scopes = ast.literal_eval(notes.get(_SCOPES, "[]"))
    path = str(scopes[-2]) if len(scopes) >= 2 else ""
    return path.partition("@")[0]


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

"""A checked plan becomes a PyTorch module: stock layers, and our own wiring between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.importers.layer_list_plan import Plan, plan
from compiler.importers.layer_list_steps import Step
from compiler.importers.state_dict import State
from compiler.importers.torch import TorchModel
from compiler.importers.torch_build import build, import_torch, paths
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_export import Input, flattened, quick_imports, to_onnx
from compiler.layer_list import Architecture


def load_listed(state: State, architecture: Architecture, shapes: Mapping[str, Shape]) -> TorchModel:
    """The model that the architecture describes, with the file's weights."""
    planned = plan(architecture, state, shapes)
    inputs = tuple(
        Input(name, shape, "int64" if name in planned.indices else "float32") for name, shape in planned.inputs.items()
    )
    outputs = tuple(name for name, _ in planned.outputs)
    with quick_imports():
        module, names = wired(planned, state)
        exported = to_onnx(module, inputs, outputs, state.where, paths=names)
    parameters = sum(tensor.elements for tensor in planned.tensors)
    text = "\n".join(f"({item.name}): {item.layer.title()}" for item in planned.placed)
    return TorchModel(exported, module, text, parameters, inputs, outputs)


def wired(planned: Plan, state: State) -> tuple[Any, dict[str, str]]:
    """The module, in evaluation mode, and what the list calls what lies where in it."""
    torch = import_torch()
    made = _wiring(torch, planned)
    names: dict[str, str] = {}
    for number, item in enumerate(planned.placed):
        kind = item.layer.kind
        if not isinstance(kind, Step):
            made.add_module(_place(number), build(item.layer, state.store, state.where))
            names |= paths(item.layer, _place(number), item.name)
        elif kind.name == "Parameter":
            value = torch.from_numpy(state.store.array(item.layer.parameters["value"]))
            holder = torch.nn.ParameterList([torch.nn.Parameter(value, requires_grad=False)])
            made.add_module(_place(number), holder)
            names[_place(number)] = item.name
    return made.eval(), names


def _place(number: int) -> str:
    """Where a layer lies: no name of the file, for PyTorch writes Python text around it and runs that."""
    return f"layer_{number}"


def _wiring(torch: Any, planned: Plan) -> Any:
    class Wired(torch.nn.Module):  # type: ignore[misc]
        """Runs the layers in their order; each reads what the plan says."""

        def forward(self, *given: Any) -> Any:
            found: list[list[Any]] = []
            for number, item in enumerate(planned.placed):
                xs = [given[-1 - p] if p < 0 else found[p][i] for p, i in item.reads]
                found.append(flattened(_run(torch, item.layer.kind, item.layer.options, self, _place(number), xs)))
            results = tuple(given[-1 - p] if p < 0 else found[p][i] for _, (p, i) in planned.outputs)
            return results[0] if len(results) == 1 else results

    return Wired()


def _run(torch: Any, kind: Any, options: Mapping[str, Any], made: Any, place: str, xs: list[Any]) -> Any:
    if not isinstance(kind, Step):
        states = xs[len(kind.inputs) :] if kind.states else xs[1:] if "c_0" in kind.inputs else []
        if len(states) == 2:  # PyTorch takes the two states of an LSTM as a pair
            xs = [xs[0], (states[0], states[1])]
        return made.get_submodule(place)(*xs)
    return made.get_submodule(place)[0] if kind.name == "Parameter" else kind.run(torch, options, *xs)

"""From the inert objects of a pickle to a checked plan of stock modules. No torch is needed to get here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from compiler.errors import ModelError
from compiler.importers.torch_checks import Unfit
from compiler.importers.torch_kind import Kind
from compiler.importers.torch_layers import KINDS, why_refused
from compiler.importers.torch_pickle import Global, Object, TensorRef, Unpickled, shown

MAX_LAYERS = 2_000
MAX_DEPTH = 32

_TABLES = ("_parameters", "_buffers", "_modules")
_STOCK = "torch.nn.modules."
_CONTAINERS = {f"{_STOCK}container.{name}": name for name in ("Sequential", "ModuleList", "ModuleDict")}
_LISTED = 12  # findings shown in one error


class Stored(Protocol):
    """A tensor of a file, not read yet."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def elements(self) -> int: ...
    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Layer:
    """One module of the file: its class, constructor arguments, tensors and remaining attributes, all still data."""

    path: str
    cls: Global
    kind: Kind | None  # None for Sequential, and for the lists inside layers that are made of layers
    options: dict[str, Any]
    parameters: Mapping[str, Stored | None]
    buffers: Mapping[str, Stored | None]
    attributes: Mapping[str, Any]
    children: tuple[tuple[str, Layer], ...] = ()

    def walk(self) -> Iterator[Layer]:
        """This module and all inside it, each once."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            layer = waiting.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                waiting += (child for _, child in reversed(layer.children))

    def title(self) -> str:
        """How PyTorch would print it."""
        if self.kind is None:
            return self.cls.name
        shown_options = [f"{key}={value}" for key, value in self.kind.call(self.options).items()]
        if self.kind.has_bias:
            shown_options.append(f"bias={self.parameters.get('bias') is not None}")
        return f"{self.kind.name}({', '.join(shown_options)})"

    def text(self, indent: str = "") -> str:
        """The module tree, one line per module."""
        if self.kind is not None or not self.children:
            return self.title()
        inner = indent + "  "
        lines = [f"{inner}({shown(name)}): {child.text(inner)}" for name, child in self.children]
        return "\n".join([f"{self.title()}(", *lines, f"{indent})"])


def joined(path: str, name: str) -> str:
    """The name of something inside; a model that is one layer has no name before its tensors'."""
    return f"{path}.{name}" if path else name


def blueprint(found: Unpickled, where: str) -> Layer:
    """The plan of the module that was pickled.

    Raises `ModelError`: E0120 for tensors without a module, E0124 for classes that are not PyTorch's, E0125 for
    stock modules that are not supported, E0126 for calls, E0128 for attributes that contradict each other, E0129
    for behaviour attached to an instance, E0136 for too many modules.
    """
    root = found.root
    if isinstance(root, Object) and not root.called:
        reader = _Reader(where)
        layer = reader.layer(root, "", 0)
        reader.raise_findings()
        if not found.calls and layer is not None:
            _check_size(layer, where)
            return layer
    raise calls_found(found, where) if found.calls else _data_found(root, where)


def steps(root: Layer) -> list[Layer]:
    """The modules in the order in which they run; a shared module appears each time."""
    if root.kind is not None:
        return [root]
    return [step for _, child in root.children for step in steps(child)]


def _check_size(root: Layer, where: str) -> None:
    """Count what runs without unfolding it: a few shared modules inside each other can mean billions of layers."""
    runs: dict[int, int] = {}

    def count(layer: Layer) -> int:
        if id(layer) not in runs:
            runs[id(layer)] = min(1 + sum(count(child) for _, child in layer.children), MAX_LAYERS + 1)
        return runs[id(layer)]

    if count(root) > MAX_LAYERS:
        raise ModelError(
            code="E0136",
            title=f"The model has more than {MAX_LAYERS} layers",
            where=where,
            help="Models for small processors have far fewer; repeated shared modules count each time they run.",
        )


@dataclass
class _Reader:
    """Walks the objects; findings that a user can mend together are collected and raised together."""

    where: str
    custom: dict[str, str] = field(default_factory=dict)  # path -> class
    unsupported: dict[str, Global] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    seen: dict[int, Layer] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    count: int = 0

    def layer(self, it: Object, path: str, depth: int, inside: Kind | None = None) -> Layer | None:
        """The plan of one module, or None when it went to the findings. `inside`: the stock layer it is a part of."""
        if id(it) in self.seen:
            return self.seen[id(it)]
        self.count += 1
        if id(it) in self.open or depth > MAX_DEPTH or self.count > MAX_LAYERS * 4:
            self._refuse("E0136", path, "modules are nested without end, too deeply or too many", "Flatten the model.")
        if not it.cls.module.startswith("torch."):
            self.custom[path] = str(it.cls)
            return None
        container = _CONTAINERS.get(f"{it.cls.module}.{it.cls.name}")
        kind = KINDS.get(it.cls.name) if it.cls.module.startswith(_STOCK) else None
        if kind is None and container is None:
            self.unsupported[path] = it.cls
            return None
        tables = self._tables(it, path)
        attributes = {key: value for key, value in (it.state or {}).items() if key not in _TABLES}
        self._check_behaviour(attributes, kind, path)
        self.open.add(id(it))
        children = self._children(tables["_modules"], kind or inside, path, depth, kind is not None)
        self.open.discard(id(it))
        if container not in (None, "Sequential") and inside is None:
            return self._only_child(it, tables["_modules"], children, path)
        options = {} if kind is None else self._options(kind, attributes, children, path)
        made = Layer(path, it.cls, kind, options, tables["_parameters"], tables["_buffers"], attributes, children)
        if kind is not None and kind.derive and path not in self.unfit:
            try:
                options.update(kind.derive(made))
            except Unfit as reason:
                self.unfit[path] = f"{kind.name}: it {reason}"
        self.seen[id(it)] = made
        return made

    def _only_child(
        self, it: Object, modules: dict[str, Any], children: tuple[tuple[str, Layer], ...], path: str
    ) -> Layer | None:
        """A list of layers says nothing about the order in which they run; one layer needs no order."""
        if len(modules) == 1:
            return children[0][1] if children else None
        self.unsupported[path] = it.cls
        return None

    def _tables(self, it: Object, path: str) -> dict[str, dict[str, Any]]:
        state = it.state or {}
        tables = {key: state.get(key) for key in _TABLES}
        for key, table in tables.items():
            if not isinstance(table, dict) or not all(isinstance(name, str) for name in table):
                self._refuse("E0128", path, f"its {key} is missing or is not a table", "Save the model again.")
            if key != "_modules" and not all(isinstance(t, TensorRef) or t is None for t in table.values()):
                self._refuse("E0128", path, f"its {key} holds something else than tensors", "Save the model again.")
        return {key: table for key, table in tables.items() if isinstance(table, dict)}

    def _children(
        self, modules: dict[str, Any], kind: Kind | None, path: str, depth: int, own: bool
    ) -> tuple[tuple[str, Layer], ...]:
        """`kind`: the stock layer whose part the modules are; `own`: they are attached to it directly."""
        if kind is not None and own and not set(modules) <= kind.children:
            odd = ", ".join(sorted(set(modules) - kind.children))
            remedy = "Call torch.nn.utils.parametrize.remove_parametrizations before saving, or export to ONNX."
            self._refuse("E0129", path, f"a {kind.name} contains other modules: {shown(odd)}", remedy)
        children = []
        for name, child in modules.items():
            inner = joined(path, name)
            if child is None and kind is not None:
                continue  # an inner module that the layer does without
            if not name or "." in name or len(name) > 200 or not name.isprintable():
                self._refuse("E0128", path, f"a module has the impossible name {shown(name)!r}", "Rename it.")
            if not isinstance(child, Object) or child.called:
                self._refuse("E0126", inner, "something else than a module stands in its place", "Remove it.")
            made = self.layer(child, inner, depth + 1, kind)
            if made is not None:
                children.append((name, made))
        return tuple(children)

    def _check_behaviour(self, attributes: Mapping[str, Any], kind: Kind | None, path: str) -> None:
        """Nothing may be attached to an instance that changes what it computes."""
        for name, value in attributes.items():
            if "hook" in name and isinstance(value, (dict, list, set)) and value:
                remedy = "Remove the hooks (handle.remove(), torch.nn.utils.remove_weight_norm …) and save again."
                self._refuse("E0129", path, f"it carries hooks ({shown(name)})", remedy)
            if name == "activation" and kind is not None and name in kind.arguments and isinstance(value, Global):
                continue  # a function's name, which is held against a list
            if isinstance(value, (Global, Object)):
                remedy = "Delete the attribute before saving, or export the model to ONNX."
                what = value if isinstance(value, Global) else value.cls
                self._refuse("E0129", path, f"its attribute '{shown(name)}' is code or an object ({what})", remedy)

    def _options(
        self, kind: Kind, attributes: Mapping[str, Any], children: tuple[tuple[str, Layer], ...], path: str
    ) -> dict[str, Any]:
        options = {}
        parts = {name for name, _ in children}
        for name, check in kind.arguments.items():
            if name not in attributes:
                if name not in kind.added and name not in parts:
                    self._refuse("E0128", path, f"a {kind.name} without '{name}'", "Save the model again.")
                continue
            try:
                options[name] = check(attributes[name])
            except Unfit as reason:
                value = attributes[name]
                plain = repr(value) if isinstance(value, (int, float, str, type(None))) else type(value).__name__
                plain = str(value) if isinstance(value, Global) else plain
                self.unfit[path] = f"{kind.name}: '{name}' is {shown(plain)}, but {reason}"
        return options

    def raise_findings(self) -> None:
        if self.custom:
            names = " and ".join(f"`{name}`" for name in sorted(set(self.custom.values()))[:3])
            raise ModelError(
                code="E0124",
                title=f"This file needs the class {names}, which is not part of it",
                where=self.where,
                facts=_listed(self.custom),
                help="A .pth file does not contain the code of its classes, and foreign code is never run. Export the "
                "model to ONNX (torch.onnx.export(model, example, 'model.onnx', dynamo=True)) or to .pt2 "
                "(torch.export.save), or save its state dict (torch.save(model.state_dict(), file)) and describe the "
                "layers with --architecture.",
            )
        if self.unsupported:
            classes = sorted({shown(cls.name) for cls in self.unsupported.values()})
            reasons = {path: f"{cls}: {why_refused(cls.name)}" for path, cls in self.unsupported.items()}
            raise ModelError(
                code="E0125",
                title=f"PyTorch layers that cannot be imported: {', '.join(classes[:_LISTED])}",
                where=self.where,
                facts=_listed(reasons),
                help="Export the model to ONNX (torch.onnx.export(model, example, 'model.onnx', dynamo=True)), or save "
                "its state dict and describe the layers (--architecture).",
            )
        if self.unfit:
            raise ModelError(
                code="E0128",
                title="Layers have settings that cannot be imported",
                where=self.where,
                facts=_listed(self.unfit),
                help="Change the settings, or export the model to ONNX.",
            )

    def _refuse(self, code: str, path: str, finding: str, help: str) -> NoReturn:
        title = f"Module '{shown(path)}' is refused: {finding}" if path else f"The model is refused: {finding}"
        raise ModelError(code=code, title=title, where=self.where, help=help)


def _listed(findings: Mapping[str, str]) -> dict[str, str]:
    facts = {shown(path) or "the model": text for path, text in list(findings.items())[:_LISTED]}
    if len(findings) > _LISTED:
        facts["…"] = f"and {len(findings) - _LISTED} more"
    return facts


def calls_found(found: Unpickled, where: str) -> ModelError:
    names = [str(name) for name in found.calls]
    return ModelError(
        code="E0126",
        title=f"The pickle is refused: opening it the usual way would call {', '.join(names[:3])}",
        where=where,
        facts={"calls": ", ".join(names[:_LISTED])},
        help="A model made of stock torch.nn layers contains no calls. Nothing of it was executed. If the file is "
        "yours, save the plain model: torch.save(model, file).",
    )


def _data_found(root: Any, where: str) -> ModelError:
    what, facts = described(root)
    return ModelError(
        code="E0120",
        title=f"The file holds {what}, not a whole model",
        where=where,
        facts=facts,
        help="Weights alone do not say how the layers are connected. List the layers with --architecture FILE.json "
        "(`deepmetal inspect FILE --json` prints a list to start from), save the whole model (torch.save(model, file), "
        "stock torch.nn layers), or export it to ONNX (torch.onnx.export).",
    )


def described(root: Any) -> tuple[str, dict[str, str]]:
    """What a pickle without a module at its root contains."""
    if isinstance(root, TensorRef):
        return "a single tensor", {"shape": str(list(root.shape))}
    if not isinstance(root, dict):
        return f"a {type(root).__name__}", {}
    tensors = {str(key): value for key, value in root.items() if isinstance(value, TensorRef)}
    if tensors and len(tensors) == len(root):
        first = ", ".join(f"{shown(name, 40)} {list(t.shape)}" for name, t in list(tensors.items())[:4])
        return "a state dict", {"tensors": str(len(tensors)), "first": first}
    models = [str(key) for key, value in root.items() if isinstance(value, Object)]
    facts = {"keys": shown(", ".join(map(str, root)))} if root else {}
    if models:
        facts["hint"] = f"entry '{shown(models[0], 40)}' looks like a model: save it by itself"
    return "a checkpoint dictionary" if root else "an empty dictionary", facts

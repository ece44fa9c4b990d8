"""From the checked plan to a real PyTorch module: constructors of ours, tensors of the file, nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError, ToolError
from compiler.importers.archive import Archive
from compiler.importers.torch_attention import ACTIVATIONS
from compiler.importers.torch_blueprint import Layer, Stored, joined
from compiler.importers.torch_pickle import Global, TensorRef, shown

# How the elements of each storage lie in the file. Numbers that are not float32 become it: exactly from the shorter
# ones, rounded from double, which is what a float32 compilation of the model means.
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype("<u2"),  # the upper half of a float32
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}

# Attributes that say nothing about what the module computes in evaluation mode.
_WITHOUT_MEANING = frozenset(
    {"training", "inplace", "_is_full_backward_hook", "_parameters", "_buffers", "_modules", "input_shape"}
)


_COUNTER = "num_batches_tracked"  # of training; old files lack it


class Tensors:
    """Reads tensors from the records of the archive. Each storage is read once, views share its memory."""

    def __init__(self, archive: Archive, prefix: str) -> None:
        self._archive = archive
        self._prefix = prefix
        self._storages: dict[str, bytearray] = {}

    def check(self, ref: TensorRef) -> None:
        """Raises E0127 unless the record holds what the pickle says about it."""
        storage = ref.storage
        member = self._archive.members.get(f"{self._prefix}data/{storage.key}")
        if member is None or member.size != storage.elements * storage.item_bytes:
            _refuse_tensor(self._archive.where, f"the data of storage {storage.key} is missing or has another size")

    def array(self, ref: TensorRef) -> NDArray[Any]:
        """The values; `ref` was checked to lie inside its storage."""
        storage = ref.storage
        dtype = _DTYPES.get(storage.kind)
        if dtype is None:
            raise wrong_numbers(storage.kind.removesuffix("Storage").lower(), self._archive.where)
        self.check(ref)
        if storage.key not in self._storages:
            self._storages[storage.key] = self._archive.read(f"{self._prefix}data/{storage.key}")
        flat: NDArray[Any] = np.frombuffer(self._storages[storage.key], dtype)[ref.offset :]
        view = np.lib.stride_tricks.as_strided(flat, ref.shape, [s * dtype.itemsize for s in ref.strides])
        return as_float32(np.ascontiguousarray(view), storage.kind == "BFloat16Storage", self._archive.where)


def wrong_numbers(kind: str, where: str) -> ModelError:
    return ModelError(
        code="E0127",
        title=f"The weights are {kind} numbers; float is needed",
        where=where,
        help="Convert before saving: model.float().",
    )


def as_float32(array: NDArray[Any], bfloat16: bool, where: str) -> NDArray[Any]:
    """Any kind of float as float32, other numbers as they are."""
    if bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind != "f" or array.dtype.itemsize == 4:
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if array.dtype.itemsize > 4 and np.any(np.isinf(narrow) & np.isfinite(array)):
        raise ModelError(
            code="E0127",
            title="A weight is too large for float32",
            where=where,
            facts={"largest": f"{np.abs(array[np.isfinite(array)]).max():.4g}"},
            help="Scale the model's weights down, or clamp them, before saving.",
        )
    return narrow


class Store(Protocol):
    """Where the tensors of a file come from."""

    def array(self, ref: Any) -> NDArray[Any]: ...


def build(root: Layer, tensors: Store, where: str) -> Any:
    """The module in evaluation mode, built by torch's own constructors; a module that the file shares is shared.

    Layers in a container are called by their number, for PyTorch writes Python text around names and runs it:
    `paths` tells the file's names.
    """
    torch = import_torch()
    made: dict[int, Any] = {}
    arrays: dict[int, Any] = {}

    def tensor(ref: Stored) -> Any:
        if id(ref) not in arrays:
            arrays[id(ref)] = torch.from_numpy(tensors.array(ref))
        return arrays[id(ref)]

    def module(layer: Layer) -> Any:
        if id(layer) in made:
            return made[id(layer)]
        inner = {name: module(child) for name, child in layer.children}
        fresh = _container(torch, layer, inner) if layer.kind is None else _construct(torch, layer, inner, where)
        _compare(torch, fresh, layer, where)
        if layer.kind is not None:
            _adopt(fresh, inner, layer, where)
        _fill(torch, fresh, "_parameters", layer.parameters, tensor, layer, where)
        _fill(torch, fresh, "_buffers", layer.buffers, tensor, layer, where)
        made[id(layer)] = fresh
        return fresh

    return module(root).eval()


def paths(root: Layer, place: str = "", name: str = "") -> dict[str, str]:
    """Where each module lies in what `build` made -> its path in the file. The root has its own place and name."""
    found: dict[str, str] = {}
    waiting = [(place, name, root)]
    while waiting:
        built, named, layer = waiting.pop()
        found[built] = named
        for number, (inner, child) in enumerate(layer.children):
            own = inner if layer.kind is not None else str(number)
            waiting.append((joined(built, own), joined(named, inner), child))
    return found


def import_torch() -> Any:
    """PyTorch, imported when first needed: it takes more than a second."""
    try:
        import torch
    except ImportError:
        raise ToolError(
            code="E0134",
            title="PyTorch is not installed, and .pth models need it",
            help="pip install 'deepmetal[torch]', or export the model to ONNX where PyTorch is.",
        ) from None
    return torch


def _container(torch: Any, layer: Layer, inner: dict[str, Any]) -> Any:
    fresh = getattr(torch.nn, layer.cls.name)()
    for number, child in enumerate(inner.values()):
        fresh.add_module(str(number), child)
    return fresh


def _construct(torch: Any, layer: Layer, inner: dict[str, Any], where: str) -> Any:
    """The module without memory for its parameters, so that no size in the file can make it allocate."""
    kind = layer.kind
    assert kind is not None
    arguments = kind.call(layer.options)
    if kind.has_bias:
        arguments["bias"] = layer.parameters.get("bias") is not None
    if isinstance(arguments.get("activation"), str):
        arguments["activation"] = getattr(torch.nn.functional, arguments["activation"])
    arguments |= {name: inner[name] for name in ("norm", "activation") if name in inner and name in kind.children}
    if kind.name in ("TransformerEncoder", "TransformerDecoder"):
        arguments[f"{kind.name.removeprefix('Transformer').lower()}_layer"] = inner["layers"][0]
    if kind.name == "Transformer":  # its own layers are replaced; given ones it would fill with random numbers
        arguments |= {"num_encoder_layers": 1, "num_decoder_layers": 1, "dim_feedforward": 1}
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on training and speed
            return class_of(torch, kind.name)(**arguments)
    except (ValueError, RuntimeError, TypeError, OverflowError, AssertionError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        _refuse(layer, where, f"PyTorch does not accept its settings: {reason[:200]}")


def class_of(torch: Any, name: str) -> Any:
    """A class of `KINDS`; one of them is attention's own and not among torch.nn's names."""
    return getattr(torch.nn.modules.linear if name == "NonDynamicallyQuantizableLinear" else torch.nn, name)


def _adopt(fresh: Any, inner: dict[str, Any], layer: Layer, where: str) -> None:
    """Put the modules built from the file in the place of the constructor's: the same names and classes."""
    expected = {name: module for name, module in fresh._modules.items() if module is not None}
    if set(expected) != set(inner):
        odd = ", ".join(sorted(set(expected) ^ set(inner)))
        _refuse(layer, where, f"it lacks inner modules or has others than it should: {shown(odd)}")
    for name, module in inner.items():
        if type(module) is not type(expected[name]):
            _refuse(layer, where, f"its inner module '{name}' is a {type(module).__name__}")
        fresh._modules[name] = module


def _compare(torch: Any, fresh: Any, layer: Layer, where: str) -> None:
    """Every attribute of the file must be what the constructor made of it, or have no meaning to the class."""
    cls = type(fresh)
    if layer.cls.module and (cls.__module__, cls.__name__) != (layer.cls.module, layer.cls.name):
        _refuse(layer, where, f"its class {layer.cls} is not {cls.__module__}.{cls.__name__}")
    for name, value in layer.attributes.items():
        if name in _WITHOUT_MEANING:
            continue
        if name == "_flat_weights" and name in fresh.__dict__:
            names = fresh.__dict__["_flat_weights_names"]  # which is compared itself
            flat = value if isinstance(value, list) else []
            if [id(ref) for ref in flat] != [id(layer.parameters.get(each)) for each in names]:
                _refuse(layer, where, "its list of weights is not made of its weights")
        elif isinstance(value, Global):
            function = ACTIVATIONS.get((value.module, value.name), "")
            if name not in fresh.__dict__ or getattr(torch.nn.functional, function, None) is not fresh.__dict__[name]:
                _refuse(layer, where, f"its attribute '{shown(name)}' is another function than it should be")
        elif name in fresh.__dict__:
            if not _same(value, fresh.__dict__[name]):
                _refuse(layer, where, f"its attribute '{shown(name)}' is not what a {cls.__name__} with its sizes has")
        elif hasattr(cls, name):
            _refuse(layer, where, f"its attribute '{shown(name)}' replaces a part of {cls.__name__}", "E0129")


def _same(value: Any, expected: Any) -> bool:
    """Equal, for the plain values that attributes have; containers are compared only one level deep."""
    if isinstance(expected, (dict, set)):
        return isinstance(value, (dict, set)) and not value and not expected
    if isinstance(expected, (tuple, list)):
        return (
            isinstance(value, (tuple, list))
            and len(value) == len(expected)
            and all(_same(v, e) for v, e in zip(value, expected, strict=True))
        )
    if isinstance(expected, (bool, type(None), str)):
        return type(value) is type(expected) and value == expected
    if isinstance(expected, (int, float)):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value == expected
    return False


def _fill(
    torch: Any, fresh: Any, table: str, found: Mapping[str, Stored | None], tensor: Any, layer: Layer, where: str
) -> None:
    """Put the file's tensors into the slots the constructor made: the same names, shapes and types."""
    slots = getattr(fresh, table)
    if _COUNTER in slots and _COUNTER not in found:
        slots[_COUNTER] = torch.zeros((), dtype=torch.int64)
        found = {**found, _COUNTER: None}
    needed = set(slots)
    if not layer.cls.module:  # from a state dict, which does not list what a layer does without
        needed = {name for name, slot in slots.items() if slot is not None}
    if odd_names := set(found) - set(slots) | needed - set(found):
        odd = ", ".join(sorted(odd_names))
        _refuse(layer, where, f"it lacks tensors or has others than it should: {shown(odd)}")
    for name, slot in slots.items():
        ref = found.get(name)
        if slot is None or ref is None:
            if slot is not ref and name != _COUNTER:
                _refuse(layer, where, f"its tensor '{name}' is {'missing' if ref is None else 'one too many'}")
            continue
        if tuple(slot.shape) != ref.shape:
            stated = "x".join(map(str, slot.shape))
            _refuse(layer, where, f"its '{name}' should be {stated} but is {'x'.join(map(str, ref.shape))}")
        value = tensor(ref)
        if value.dtype != slot.dtype:
            _refuse(layer, where, f"its '{name}' should be {slot.dtype} but is {value.dtype}")
        slots[name] = torch.nn.Parameter(value, requires_grad=False) if isinstance(slot, torch.nn.Parameter) else value
    if "_flat_weights" in fresh.__dict__:
        fresh._flat_weights = [fresh._parameters.get(name) for name in fresh._flat_weights_names]


def _refuse(layer: Layer, where: str, finding: str, code: str = "E0128") -> NoReturn:
    name = layer.kind.name if layer.kind else layer.cls.name
    raise ModelError(
        code=code,
        title=f"{name} '{shown(layer.path)}' is refused: {finding}",
        where=where,
        help="The file contradicts itself. Build the model anew, load its state dict, and save it again.",
    )


def _refuse_tensor(where: str, finding: str) -> NoReturn:
    raise ModelError(
        code="E0127",
        title=f"A tensor in the file is impossible: {finding}",
        where=where,
        help="The file is damaged or was not written by torch.save. Save the model again.",
    )

"""From the checked plan to a real PyTorch module: constructors of ours, tensors of the file, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError, ToolError
from compiler.importers.archive import Archive
from compiler.importers.torch_blueprint import Layer
from compiler.importers.torch_pickle import TensorRef, shown

_DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

# Attributes that say nothing about what the module computes in evaluation mode.
_WITHOUT_MEANING = frozenset(
    {"training", "inplace", "_is_full_backward_hook", "_parameters", "_buffers", "_modules", "input_shape"}
)


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
            kind = storage.kind.removesuffix("Storage").lower()
            raise ModelError(
                code="E0127",
                title=f"The weights are {kind} numbers; float is needed",
                where=self._archive.where,
                help="Convert before saving: model.float().",
            )
        self.check(ref)
        if storage.key not in self._storages:
            self._storages[storage.key] = self._archive.read(f"{self._prefix}data/{storage.key}")
        flat: NDArray[Any] = np.frombuffer(self._storages[storage.key], dtype)[ref.offset :]
        view = np.lib.stride_tricks.as_strided(flat, ref.shape, [s * dtype.itemsize for s in ref.strides])
        return np.ascontiguousarray(view)


def build(root: Layer, tensors: Tensors, where: str) -> Any:
    """The module in evaluation mode, built by torch's own constructors; a module that the file shares is shared."""
    torch = import_torch()
    made: dict[int, Any] = {}
    arrays: dict[int, Any] = {}

    def tensor(ref: TensorRef) -> Any:
        if id(ref) not in arrays:
            arrays[id(ref)] = torch.from_numpy(tensors.array(ref))
        return arrays[id(ref)]

    def module(layer: Layer) -> Any:
        if id(layer) in made:
            return made[id(layer)]
        if layer.kind is None:
            fresh = torch.nn.Sequential()
            for name, child in layer.children:
                fresh.add_module(name, module(child))
        else:
            fresh = _construct(torch, layer, where)
        _compare(fresh, layer, where)
        _fill(torch, fresh._parameters, layer.parameters, tensor, layer, where)
        _fill(torch, fresh._buffers, layer.buffers, tensor, layer, where)
        made[id(layer)] = fresh
        return fresh

    return module(root).eval()


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


def _construct(torch: Any, layer: Layer, where: str) -> Any:
    """The module without memory for its parameters, so that no size in the file can make it allocate."""
    kind = layer.kind
    assert kind is not None
    arguments = dict(layer.options)
    if kind.has_bias:
        arguments["bias"] = layer.parameters.get("bias") is not None
    try:
        with torch.device("meta"):
            return getattr(torch.nn, kind.name)(**arguments)
    except (ValueError, RuntimeError, TypeError, OverflowError) as error:
        _refuse(layer, where, f"PyTorch does not accept its settings: {str(error).splitlines()[0][:200]}")


def _compare(fresh: Any, layer: Layer, where: str) -> None:
    """Every attribute of the file must be what the constructor made of it, or have no meaning to the class."""
    cls = type(fresh)
    if (cls.__module__, cls.__name__) != (layer.cls.module, layer.cls.name):
        _refuse(layer, where, f"its class {layer.cls} is not {cls.__module__}.{cls.__name__}")
    for name, value in layer.attributes.items():
        if name in _WITHOUT_MEANING:
            continue
        if name in fresh.__dict__:
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
    torch: Any, slots: dict[str, Any], found: Mapping[str, TensorRef | None], tensor: Any, layer: Layer, where: str
) -> None:
    """Put the file's tensors into the slots the constructor made: the same names, shapes and types."""
    if set(slots) != set(found):
        odd = ", ".join(sorted(set(slots) ^ set(found)))
        _refuse(layer, where, f"it lacks tensors or has others than it should: {shown(odd)}")
    for name, slot in slots.items():
        ref = found[name]
        if slot is None or ref is None:
            if slot is not ref:
                _refuse(layer, where, f"its tensor '{name}' is {'missing' if ref is None else 'one too many'}")
            continue
        if tuple(slot.shape) != ref.shape:
            stated = "x".join(map(str, slot.shape))
            _refuse(layer, where, f"its '{name}' should be {stated} but is {'x'.join(map(str, ref.shape))}")
        value = tensor(ref)
        if value.dtype != slot.dtype:
            _refuse(layer, where, f"its '{name}' should be {slot.dtype} but is {value.dtype}")
        slots[name] = torch.nn.Parameter(value, requires_grad=False) if isinstance(slot, torch.nn.Parameter) else value


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

"""Weights without a model: a state dict in a `.pth` file, alone or in a checkpoint, or a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.errors import ModelError
from compiler.importers.detect import detect
from compiler.importers.safetensors import MAX_TENSORS, open_safetensors
from compiler.importers.torch import check_bytes, open_pickle
from compiler.importers.torch_blueprint import MAX_DEPTH, Stored, calls_found, described
from compiler.importers.torch_build import Store, Tensors
from compiler.importers.torch_pickle import Object, TensorRef, Unpickled, shown

# Where checkpoints keep the weights, the likeliest first.
_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module")
# What wrappers put before every name: DataParallel, torch.compile, Lightning's usual attribute.
_WRAPPERS = ("module.", "_orig_mod.", "model.")


MAX_NAME = 200


@dataclass(frozen=True)
class State:
    """Tensors by name, in the order of the file, and where their values come from."""

    tensors: Mapping[str, Stored]
    store: Store
    where: str


def load_state(path: Path, where: str) -> State:
    """The weights of a `.pth` or safetensors file. Raises E0120 where there are none."""
    if detect(path).kind == "safetensors":
        tensors, store = open_safetensors(path, where)
        return State(_named(unwrapped(tensors), where), store, where)
    return state_in(*open_pickle(path, where), path, where)


def state_in(found: Unpickled, tensors: Tensors, path: Path, where: str) -> State:
    """The weights in an opened pickle."""
    state = None if found.calls else state_of(found.root)
    if state is None:
        raise calls_found(found, where) if found.calls else no_weights(found.root, where)
    check_bytes(list({id(t): t for t in state.values()}.values()), path, where)
    return State(_named(unwrapped(state), where), tensors, where)


def state_of(root: Any) -> dict[str, TensorRef] | None:
    """The state dict in an inert pickle: the root itself, the one entry that is one, or the tensors of a module,
    whatever its class."""
    if isinstance(root, Object):
        return _of_module(root) or None
    if _is_state(root):
        return {key: value for key, value in root.items() if isinstance(value, TensorRef)}
    if not isinstance(root, dict):
        return None
    inside = {key: value for key, value in root.items() if _is_state(value)}
    for key in _KEYS:
        if key in inside:
            return state_of(inside[key])
    return state_of(next(iter(inside.values()))) if len(inside) == 1 else None


def _of_module(root: Object) -> dict[str, TensorRef]:
    """The tensors of a pickled module by name, as its `state_dict()` would have them."""
    found: dict[str, TensorRef] = {}
    waiting: list[tuple[str, Object, int]] = [("", root, 0)]
    while waiting and len(found) <= MAX_TENSORS:
        prefix, module, depth = waiting.pop()
        state = module.state or {}
        for table in (state.get("_parameters"), state.get("_buffers")):
            if isinstance(table, dict):
                found |= {f"{prefix}{k}": t for k, t in table.items() if isinstance(t, TensorRef)}
        modules = state.get("_modules")
        if isinstance(modules, dict) and depth < MAX_DEPTH:
            inner = [(f"{prefix}{k}.", m, depth + 1) for k, m in modules.items() if isinstance(m, Object)]
            waiting += reversed(inner)
    return found


def _is_state(value: Any) -> bool:
    """Names and tensors; a model's own extra state is no weight."""
    if not isinstance(value, dict) or not value:
        return False
    plain = {key: item for key, item in value.items() if not str(key).endswith("_extra_state")}
    return bool(plain) and all(isinstance(k, str) and isinstance(v, TensorRef) for k, v in plain.items())


def unwrapped(tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """Without what a wrapper put before every name."""
    names = dict(tensors)
    while prefix := next((p for p in _WRAPPERS if names and all(n.startswith(p) and n != p for n in names)), ""):
        names = {name.removeprefix(prefix): tensor for name, tensor in names.items()}
    return names


def _named(tensors: dict[str, Stored], where: str) -> dict[str, Stored]:
    for name in tensors:
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise ModelError(
                code="E0128",
                title=f"A tensor has the impossible name {shown(name, 60)!r}",
                where=where,
                help=f"Use at most {MAX_NAME} characters that can be printed.",
            )
    if len(tensors) > MAX_TENSORS:
        raise ModelError(
            code="E0136",
            title=f"The file has more than {MAX_TENSORS} tensors",
            where=where,
            help="Models for small processors have far fewer.",
        )
    return tensors


def no_weights(root: Any, where: str) -> ModelError:
    what, facts = ("a whole model", {}) if isinstance(root, Object) else described(root)
    return ModelError(
        code="E0120",
        title=f"The file holds {what}, and no state dict was found in it",
        where=where,
        facts={key: shown(value) for key, value in facts.items()},
        help="Save the weights alone: torch.save(model.state_dict(), file).",
    )

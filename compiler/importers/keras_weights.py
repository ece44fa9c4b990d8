"""Which arrays of a Keras file belong to which layer. The two kinds of file name them differently."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.hdf5 import Dataset, Group

# Layers inside a layer, in the order in which their weights are counted.
_INNER = (
    *("layer", "forward_layer", "backward_layer", "cell"),
    *("query_dense", "key_dense", "value_dense", "output_dense", "embeddings", "pointwise"),
)
_MAX_DEPTH = 32


class Weights(Protocol):
    """The weights of a model."""

    def of(self, layer: str) -> list[Array]:
        """A layer's arrays, in the order in which the layer makes them."""

    def inside(self, layer: str) -> Weights:
        """The weights of a layer that is a model itself."""


def numbers(dataset: Dataset) -> Array:
    found: Any = dataset.array()
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise ModelError("E0168", f"the weights '{dataset.path[:80]}' are no numbers", help="Save the model again.")
    return found.astype(np.float32) if found.dtype.kind == "f" else found


class ZipWeights:
    """`model.weights.h5` of a .keras file: a group per layer, called after its class and counted."""

    def __init__(self, group: Group, layers: Sequence[tuple[str, str]]) -> None:
        """`layers`: name and class of each layer."""
        self.groups: dict[str, Group] = {}
        if "layers" not in group:
            return
        found = group.group("layers")
        stated = self._by_stated_name(found)
        seen: Counter[str] = Counter()
        for name, kind in layers:
            snake = snake_case(kind)
            counted = f"{snake}_{seen[snake]}" if seen[snake] else snake
            seen[snake] += 1
            if name in stated:
                self.groups[name] = stated[name]
            elif not stated and counted in found:
                self.groups[name] = found.group(counted)

    @staticmethod
    def _by_stated_name(found: Group) -> dict[str, Group]:
        """Files of newer versions say the layer's own name."""
        result = {}
        for name in found.names():
            group = found.group(name)
            if "vars" in group:
                own = group.group("vars").attributes.get("name")
                if isinstance(own, str):
                    result[own] = group
        return result

    def of(self, layer: str) -> list[Array]:
        return self._collected(self.groups[layer], 0) if layer in self.groups else []

    def _collected(self, group: Group, depth: int) -> list[Array]:
        result = []
        if "vars" in group and depth < _MAX_DEPTH:
            own = group.group("vars")
            names = sorted((n for n in own.names() if n.isascii() and n.isdecimal()), key=int)
            result = [numbers(own.dataset(name)) for name in names]
        for inner in _INNER:
            if inner in group and depth < _MAX_DEPTH:
                result += self._collected(group.group(inner), depth + 1)
        return result

    def inside(self, layer: str) -> Weights:
        group = self.groups.get(layer)
        return _Nothing() if group is None else _Later(group)


class _Later:
    """A nested model's weights, whose layers are known once its own configuration is read."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def of(self, layer: str) -> list[Array]:
        return []

    def inside(self, layer: str) -> Weights:
        return self


class _Nothing:
    def of(self, layer: str) -> list[Array]:
        return []

    def inside(self, layer: str) -> Weights:
        return self


class H5Weights:
    """`model_weights` of a .h5 file: each layer lists the names of its arrays, a nested model those of its layers."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def _listed(self, layer: str) -> list[tuple[str, Dataset]]:
        if layer not in self.group:
            return []
        found = self.group.group(layer)
        names = _texts(found, "weight_names")
        return [(name, found.dataset(name)) for name in names]

    def of(self, layer: str) -> list[Array]:
        return [numbers(dataset) for _, dataset in self._listed(layer)]

    def inside(self, layer: str) -> Weights:
        return _H5Inside(self._listed(layer))


class _H5Inside:
    """A nested model's arrays, told apart by the layer's name in their path."""

    def __init__(self, listed: list[tuple[str, Dataset]]) -> None:
        self.listed = listed

    def _below(self, layer: str) -> list[tuple[str, Dataset]]:
        return [(name, dataset) for name, dataset in self.listed if layer in name.split("/")[:-1]]

    def of(self, layer: str) -> list[Array]:
        return [numbers(dataset) for _, dataset in self._below(layer)]

    def inside(self, layer: str) -> Weights:
        return _H5Inside(self._below(layer))


def _texts(group: Group, name: str) -> list[str]:
    """A list of texts; a long one is spread over attributes with numbers."""
    parts = [group.attributes.get(name), *(group.attributes.get(f"{name}{i}") for i in range(len(group.attributes)))]
    return [text for part in parts if isinstance(part, list) for text in part]


def for_model(weights: Weights, layers: Sequence[tuple[str, str]]) -> Weights:
    """The weights of a (nested) model whose layers are these."""
    return ZipWeights(weights.group, layers) if isinstance(weights, _Later) else weights


def of_zip(root: Group) -> Weights:
    return _Later(root)


def of_h5(root: Group) -> Weights:
    return H5Weights(root.group("model_weights"))


def snake_case(name: str) -> str:
    """GlobalAveragePooling1D -> global_average_pooling1d"""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()

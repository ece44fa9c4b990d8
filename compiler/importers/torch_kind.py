"""What is known about one class of `torch.nn`, so that a model can be read, checked and measured without PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.importers.torch_checks import Check, Options, Shape, Unfit
from compiler.importers.torch_shapes import MAX_ELEMENTS, no_macs, same

# The shape of an input as far as a layer tells it; None is a size that it leaves open.
Template = tuple[int | None, ...]


@dataclass(frozen=True)
class Kind:
    """A module class of torch.nn: `name` is both the class and the end of its pickled name.

    `arguments` are the constructor's, which torch.nn keeps as attributes under the argument's own name. The module
    itself is made by its own constructor from these values alone; `torch_build.py` then compares every attribute of
    the file with that fresh module, so what is not listed here cannot hide.
    """

    name: str
    arguments: Mapping[str, Check]
    shape: Callable[..., Any] = same  # (options, *input shapes) -> a shape, or a tuple of shapes
    macs: Callable[..., int] = no_macs  # (options, *input shapes, first output shape)
    has_bias: bool = False  # `bias=` is an argument, but no attribute: the parameter is there or not
    added: frozenset[str] = frozenset()  # attributes that older versions of PyTorch did not write
    inputs: tuple[str, ...] = ("input",)
    states: tuple[str, ...] = ()  # inputs that a caller may leave out: zeros
    outputs: tuple[str, ...] = ("output",)
    templates: Callable[[Options], tuple[Template, ...]] | None = None  # what it tells about its inputs
    integers: bool = False  # it reads indices, not numbers
    derive: Callable[[Any], Mapping[str, Any]] | None = None  # layer -> options that its inner modules tell
    children: frozenset[str] = frozenset()  # names that inner modules may have
    spelled: Mapping[str, str] = field(default_factory=dict)  # attribute -> the constructor's word for it, or ""

    def call(self, options: Options) -> dict[str, Any]:
        """The constructor's arguments, by its own names."""
        named = ((self.spelled.get(name, name), value) for name, value in options.items())
        return {name: value for name, value in named if name}

    def output(self, options: Options, *inputs: Shape) -> tuple[Shape, ...]:
        """The output shapes. Raises `Unfit`, also when a result would be absurdly large or empty."""
        found = self.shape(options, *inputs)
        shapes: tuple[Shape, ...] = found if found and isinstance(found[0], tuple) else (found,)
        for y in shapes:
            if not all(n > 0 for n in y) or math.prod(y) > MAX_ELEMENTS:
                raise Unfit(f"would give an output of {'x'.join(map(str, y))}")
        return shapes

"""The architecture of a model whose file holds weights alone: a list of layers, as JSON.

    {"input": [1, 3, 32, 32],
     "layers": [{"name": "conv1", "type": "Conv2d", "args": {"padding": 1}},
                {"name": "act1", "type": "ReLU"},
                {"name": "conv2", "type": "Conv2d", "args": {"padding": 1}},
                {"type": "Add", "from": ["conv2", "act1"]},
                {"type": "Flatten"}, {"name": "fc", "type": "Linear"}]}

A layer reads what the layer before it gives, or what `from` names. Sizes that follow from the tensors are filled in.
The command line, the API and the browser share these classes; `importers/layer_list_*.py` gives them their meaning.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

MOST_LAYERS = 2_000

Name = Annotated[str, Field(max_length=200)]
Whole = Annotated[int, Field(ge=-(2**31), le=2**31 - 1, strict=True)]
Argument = bool | Whole | FiniteFloat | Name | None | Annotated[list[Whole | FiniteFloat | None], Field(max_length=16)]
Size = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ListedLayer(BaseModel):
    """One step. `note`, `choices` and `tensors` are what an inspection says about it; compiling ignores them."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    name: Name = Field(
        "", description="What the names of its tensors begin with (features.0 for features.0.weight), and what `from` "
        "calls it; layers without tensors may go without.",
    )  # fmt: skip
    type: Name | None = Field(
        None, description="A layer of torch.nn (Conv2d), or a step: Add, Multiply, Concatenate, Select, Mean, Permute, "
        "Reshape, Parameter. Null is a hole that is still to be filled.",
    )  # fmt: skip
    args: dict[Name, Argument] = Field(
        default_factory=dict, max_length=40, description="Arguments as for torch.nn, without those that tensors tell."
    )
    from_: list[Name] | None = Field(
        None, alias="from", max_length=64, description="What it reads, by name, instead of the layer before it; "
        "`input` is the model's input, `lstm:1` the second output of lstm.",
    )  # fmt: skip
    note: str = Field("", description="What is open here, in words.")
    choices: list[str] = Field(default_factory=list, description="For a hole: layers that usually stand there.")
    tensors: dict[str, list[int]] = Field(
        default_factory=dict, description="Its tensors in the file, with their shape."
    )


class Architecture(BaseModel):
    """Layers in the order in which they run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: list[ListedLayer] = Field(max_length=MOST_LAYERS)
    input: list[Size | None] | None = Field(
        None, max_length=8, description="The input's shape, batch first; null where it is still to be given."
    )
    inputs: dict[Name, list[Size | None]] = Field(
        default_factory=dict, max_length=16, description="Instead of `input`: several inputs by name."
    )
    outputs: list[Name] = Field(
        default_factory=list, max_length=64, description="Layers whose results the model gives; without: the last one."
    )

    unused: list[Name] = Field(
        default_factory=list, max_length=1_000, description="Beginnings of tensor names that no layer is to use."
    )

    @property
    def holes(self) -> list[int]:
        """Positions of the layers that are still to be chosen."""
        return [index for index, layer in enumerate(self.layers) if layer.type is None]

"""A graph as people look at it: nodes, tensors between them, no weights. Plain data for JSON; `draw.py` makes it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_NODES = 5_000

KernelKind = Literal["tuned", "generic", "view", "folded"]
KINDS: dict[KernelKind, str] = {
    "tuned": "a kernel written for the processor family",
    "generic": "the operator's own loops, right everywhere and tuned for nothing",
    "view": "no code: another look at the same memory",
    "folded": "computed while compiling, or removed",
}


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PictureTensor(Part):
    """A tensor; nodes refer to it by its place in the list."""

    name: str
    dtype: str = Field(description="empty where the model does not say")
    shape: list[int | None] | None = Field(description="null where it is not known")
    layout: str = Field("", description="axes from the outermost to the innermost, where they are not in order")
    bytes: int | None = Field(None, description="null where the shape is not known")
    constant: bool = Field(False, description="weights and other values that are known when compiling")


class PictureNode(Part):
    op: str
    name: str
    sources: list[str] = Field(default_factory=list, description="nodes of the source model that ended up here")
    attributes: dict[str, str] = Field(default_factory=dict)
    inputs: list[int | None] = Field(description="places in `tensors`; null: an optional input that is absent")
    outputs: list[int]
    macs: int | None = None
    weights: int = Field(0, description="bytes of its constant operands")
    kind: KernelKind | None = Field(None, description="how it runs; null while that is not known")
    kernel: str = Field("", description="the family of processors and the schedule")
    problem: str = Field("", description="why it cannot be compiled")


class Picture(Part):
    """Nodes in the order in which they run; an edge leads from the node that writes a tensor to each that reads it."""

    nodes: list[PictureNode]
    tensors: list[PictureTensor]
    inputs: list[int] = Field(description="places in `tensors`")
    outputs: list[int] = Field(description="places in `tensors`")


class Pictures(Part):
    """The model as it came, and as it is compiled."""

    before: Picture | None = None
    prepared: Picture | None = Field(
        None, description="as the quantiser wants it; null where nothing is quantised here"
    )
    quantised: Picture | None = Field(
        None, description="with Quantize and Dequantize where integers begin and end; the passes fold these away"
    )
    after: Picture | None = Field(None, description="null when the model cannot be compiled")
    missing: str = Field("", description="why one of them is not there")

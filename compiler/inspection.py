"""What a model contains and what of it is supported, before anything is compiled."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from compiler.layer_list import Architecture
from compiler.picture import KernelKind, Pictures


class OpenTensor(BaseModel):
    """A model input or output; a dimension that the model leaves open is null."""

    name: str
    dtype: str
    shape: list[int | None]


class OperatorCount(BaseModel):
    op: str
    count: int
    supported: bool


class Unsupported(BaseModel):
    """One node that cannot be compiled, why, and the way out."""

    node: str
    op: str
    code: str
    reason: str
    help: str = ""


class Estimate(BaseModel):
    """What default options will need. Code and stack come on top; they are known once the code is built."""

    target: str = Field(description="the processor that weights are laid out for")
    weights: int = Field(description="bytes of flash, exact")
    arena: int = Field(description="bytes of RAM, exact")


class KernelUse(BaseModel):
    """Nodes that run in the same way."""

    op: str
    kind: KernelKind
    family: str = Field("", description="of processors, for tuned kernels")
    nodes: int
    macs: int | None = Field(None, description="of all of them; null where it is not known by operator")


class Support(BaseModel):
    """What the model becomes on processors that have the same instructions."""

    targets: list[str] = Field(description="those that were asked for")
    precision: str
    weights: int = Field(description="bytes of flash: exact, but for int8, where ranges decide a little of it")
    arena: int = Field(description="bytes of RAM, as weights")
    arithmetic: dict[str, int] = Field(
        default_factory=dict, description="multiply-accumulates by the types that are multiplied"
    )
    layers: list[KernelUse] = Field(description="what will run, by operator of the optimised graph")
    operators: list[KernelUse] = Field(
        default_factory=list, description="the same by the source model's operators, where they are known"
    )


class Inspection(BaseModel):
    """`deepmetal inspect`. Never raises for an unsupported operator: it lists them all."""

    model_config = ConfigDict(extra="forbid")

    name: str
    format: str
    sha256: str
    size: int
    inputs: list[OpenTensor]
    outputs: list[OpenTensor]
    operators: list[OperatorCount]
    parameters: int
    macs: int | None = Field(None, description="null while a shape is open")
    unsupported: list[Unsupported] = Field(default_factory=list)
    shape_needed: dict[str, list[int | None]] = Field(
        default_factory=dict, description="inputs whose shape the user must give, with a proposal"
    )
    compilable: bool
    estimate: Estimate | None = Field(
        None, description="null when the model cannot be compiled, or not planned quickly"
    )
    no_estimate: str = Field("", description="why there is no estimate")
    notes: list[str] = Field(default_factory=list, description="what people should know about how the file was read")
    support: list[Support] = Field(
        default_factory=list, description="for each kind of processor that was asked for; empty where no estimate is"
    )
    architecture: Architecture | None = Field(
        None, description="for weights without a model: the layers as far as the tensors tell, holes to be filled"
    )
    quantised: str = Field(
        "", description="the arithmetic of a file that is quantised itself, such as int8; empty: a float model"
    )
    graphs: Pictures | None = Field(
        None, description="before and after optimisation; the API has them at an address of their own"
    )

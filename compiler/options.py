"""What a user may choose. The command line, the API and the browser share this one class."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from compiler.layer_list import Architecture

Emitter = Literal["c", "cpp", "llvm"]
Precision = Literal["float32", "int8", "int8-weights"]
Objective = Literal["balanced", "speed", "size", "ram"]

_C_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
_ACCURACY = re.compile(r"\d{1,3}(\.\d{1,4})?(dB)?\Z")
_C_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "main memcpy memset and or not xor asm bool true false class new delete this template namespace".split()
)

Dimension = Annotated[int, Field(ge=0, le=2**31 - 1)]


class CompileOptions(BaseModel):
    """Options of one compilation: one target, one emitter, one precision.

    The names are those of the command line in snake_case. `shape` maps an input name to its dimensions; the
    empty name stands for a model's only input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = Field("cortex-m4", description="The processor to compile for; `deepmetal targets` lists them.")
    board: str | None = Field(
        None, description="A board from `deepmetal boards`: brings target, clock, and flash and RAM as budgets."
    )
    emit: Emitter = Field("c", description="The language of the generated source.")
    precision: Precision = Field(
        "float32",
        description="The arithmetic of a float model's code; what is quantised already is compiled as it is.",
    )
    rounding: Literal["single", "double"] = Field(
        "single",
        description="How integer sums are rounded: once (CMSIS-NN single rounding, XNNPACK) or twice (TFLite Micro).",
    )
    optimize: Objective = Field("balanced", description="What to favour when a choice trades one cost for another.")
    name: str = Field("model", description="Prefix of every generated symbol and file name.")
    shape: dict[str, tuple[Dimension, ...]] = Field(
        default_factory=dict,
        description="Dimensions of inputs that the model leaves open; or one size by a dimension's name, as N=7.",
    )
    architecture: Architecture | None = Field(
        None, description="The layers of a model whose file holds weights alone (state dict, safetensors), as JSON."
    )
    source: str | None = Field(
        None,
        max_length=256 * 1024,
        description="Python source (model.py) of the class that the weights belong to; it runs in the sandbox only.",
    )
    class_name: str | None = Field(None, max_length=100, description="The torch.nn.Module in the source.")
    class_args: dict[str, JsonValue] | list[JsonValue] | None = Field(
        None, description="Arguments of its constructor, as JSON: an object by name, or a list."
    )
    io_layout: Literal["source", "native"] = Field(
        "source", description="Element order of inputs and outputs: the source model's, or the internal one."
    )
    arena: Literal["static", "caller"] = Field("static", description="Who provides the working memory.")
    weights: Literal["auto", "array", "incbin"] = Field(
        "auto", description="Weights as C arrays, or as a binary file; auto: a file when they exceed 1 MiB."
    )
    compiler: Literal["auto", "gcc", "clang"] = Field("auto", description="The C compiler; auto: the target's best.")
    opt_level: Literal["auto", "0", "1", "2", "3", "s"] = Field(
        "auto", description="The compiler's optimisation level, also llvmlite's; auto follows --optimize."
    )
    debug: bool = Field(False, description="A debug build: no optimisation, debug information, assertions.")
    threads: int = Field(1, ge=1, le=64, description="Threads for large loops (OpenMP), on targets with one.")
    pack: str | None = Field(None, description="Adds the model as a package for a build system; `deepmetal packs`.")
    budget: dict[Literal["flash", "ram", "latency"], float] = Field(
        default_factory=dict, description="Upper bounds: flash and ram in bytes, latency in milliseconds."
    )
    vectors: int = Field(4, ge=1, le=64, description="How many random input vectors the validation draws.")
    softmax: bool = Field(False, description="Append a softmax to the model's output.")
    quantizer: Literal["quick", "standard", "thorough"] = Field(
        "standard",
        description="What --precision int8 does: ranges alone; ranges chosen by measured error, and bias correction; "
        "or equalisation and adaptive rounding as well.",
    )
    observer: Literal["auto", "minmax", "percentile", "mse", "entropy"] = Field(
        "auto", description="How a tensor's range is found; auto measures all and takes the best for each tensor."
    )
    preprocess: str = Field(
        "",
        max_length=400,
        description="What becomes of calibration images and sounds, as scale=1/255,mean=0.5,std=0.25,resize=32x32.",
    )
    io: Literal["source", "int8"] = Field(
        "source", description="Types of inputs and outputs of an int8 model: the source model's, or int8 throughout."
    )
    keep: dict[str, Literal["int16", "float32"]] = Field(
        default_factory=dict, description="Layers that do not become int8, by name: int16 activations, or float32."
    )
    accuracy_budget: str | None = Field(
        None,
        description="What int8 may cost: points of accuracy (0.5; without labels: of agreement with float), or the "
        "least output SQNR (25dB). Layers that hurt most get more bits until it holds.",
    )
    mixed: Literal["int16", "float32"] = Field(
        "int16", description="What the layers become that --accuracy-budget takes out of int8."
    )
    run: bool = Field(True, description="Run and validate the result on the emulator.")

    @field_validator("name")
    @classmethod
    def _name_is_a_c_identifier(cls, value: str) -> str:
        if not _C_NAME.match(value) or value in _C_KEYWORDS:
            raise ValueError("use a lower-case C identifier of at most 31 characters that is no keyword")
        return value

    @model_validator(mode="after")
    def _source_has_its_class(self) -> Self:
        if (self.source is None) != (self.class_name is None):
            raise ValueError("source and class_name go together")
        if self.class_name is not None and not self.class_name.isidentifier():
            raise ValueError("class_name is no name of a Python class")
        if self.source is None and self.class_args is not None:
            raise ValueError("class_args are for a source")
        if self.source is not None and self.architecture is not None:
            raise ValueError("the layers are told by source or by architecture, not by both")
        return self

    @field_validator("accuracy_budget")
    @classmethod
    def _accuracy_budget_is_a_number(cls, value: str | None) -> str | None:
        if value is not None and not _ACCURACY.match(value):
            raise ValueError("write points of accuracy, as 0.5, or decibels, as 25dB")
        return value

    @field_validator("budget")
    @classmethod
    def _budgets_are_positive(cls, value: dict[str, float]) -> dict[str, float]:
        if bad := [k for k, v in value.items() if not 0 < v < 1e15]:
            raise ValueError(f"the budget for {bad[0]} must be a positive number")
        return value

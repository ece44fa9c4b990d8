"""`report.json`, schema `deepmetal.report/1`: what a compilation costs and whether it is right.

Integers are bytes, instructions or cycles. A number is null where it was not measured, never guessed. In
`totals` only `cycles`, `cycles_error_percent` and `latency_ms` may be null after a run.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["deepmetal.report/1"] = "deepmetal.report/1"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuantInfo(Part):
    """real = scale * (stored - zero_point)"""

    scale: list[float] = Field(description="one for the tensor, or one for each place along `axis`")
    zero_point: list[int]
    axis: int | None = None


class TensorInfo(Part):
    name: str
    dtype: str
    shape: list[int]
    quant: QuantInfo | None = Field(None, description="what integers mean; null for other tensors")


class ModelInfo(Part):
    name: str
    sha256: str
    format: str = Field(description="onnx, torch, ...")
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    parameters: int
    macs: int = Field(description="multiply-accumulates of the source model, before optimisation")


class Toolchain(Part):
    compiler: str
    compiler_version: str
    flags: list[str]
    emulator: str | None = None
    emulator_version: str | None = None
    counting: str | None = Field(None, description="how instructions were counted: plugin or timer")
    sandbox: str | None = Field(None, description="what confined the compilation; null: nothing did")


class FlashTotals(Part):
    code: int | None = None
    weights: int | None = None
    other: int | None = Field(None, description="start-up and libc that the model pulls in")
    total: int | None = None


class RamTotals(Part):
    arena: int
    static: int | None = None
    stack: int | None = None
    total: int | None = None


class Totals(Part):
    macs: int = Field(description="executed per inference, after optimisation")
    flash: FlashTotals
    ram: RamTotals
    instructions: int | None = Field(None, description="from entry to return of model_run, of the object in the zip")
    cycles: int | None = None
    cycles_error_percent: float | None = Field(None, description="the cycle model's worst error on its references")
    cycles_model: str = Field("", description="core and memory that cycles are for; says so when uncalibrated")
    latency_ms: float | None = None
    clock_mhz: float | None = None


class LayerFlash(Part):
    code: int | None = Field(None, description="0 when the kernel is shared with an earlier layer")
    weights: int = 0


class LayerError(Part):
    """Difference of one tensor from the reference, over all vectors."""

    max_abs: float
    mean_abs: float
    cosine: float | None = None
    sqnr_db: float | None = Field(None, description="null when the tensors are equal")


class Layer(Part):
    name: str
    op: str
    source_nodes: list[str]
    input_shapes: list[list[int]]
    output_shape: list[int]
    dtype: str
    macs: int
    parameters: int
    flash: LayerFlash
    ram_live: int = Field(description="bytes of the arena alive while the layer runs")
    instructions: int | None = None
    cycles: int | None = None
    latency_ms: float | None = Field(None, description="cycles at the board's clock")
    mix: dict[str, int] | None = Field(None, description="executed instructions by class: load, store, multiply, ...")
    kernel: str = Field(description="the generated function")
    schedule: str = Field(description="how the kernel runs, e.g. direct 2x8")
    error: LayerError | None = None


class PassInfo(Part):
    name: str
    effect: str
    macs_saved: int = 0
    flash_saved: int = 0
    ram_saved: int = 0


class MemoryTensor(Part):
    name: str
    layer: str = Field(description="the layer that writes it; empty for an input")
    offset: int
    size: int
    first_use: int = Field(description="index of the first layer that needs it; inputs: -1")
    last_use: int


class MemoryInfo(Part):
    arena_bytes: int
    lower_bound_bytes: int
    tensors: list[MemoryTensor]


class Validation(Part):
    reference: str = Field(description="e.g. ONNX Runtime 1.31.1")
    vectors: int
    max_abs_error: float
    max_rel_error: float = Field(description="largest difference of a tensor divided by that tensor's range")
    cosine: float | None
    argmax_agreement: float | None = Field(None, description="share of vectors with the same largest output, 0 to 1")
    bit_exact: bool
    integers_exact: bool | None = Field(
        None, description="do all integer tensors equal the model's definition, bit for bit? null: there are none"
    )
    tolerance: float
    passed: bool


class BoardFit(Part):
    """How the model fits a board; below zero is what is missing."""

    name: str
    fits: bool | None = Field(description="null when the board's flash or RAM is not known, or the stack")
    flash_free: int | None
    ram_free: int | None = Field(description="of all regions together; the arena lies in one of them")
    arena_in: str | None = Field(None, description="the region of RAM that takes the arena")
    latency_ms: float | None = None
    title: str = ""
    vendor: str = ""
    clock_mhz: float | None = None
    verified: bool = Field(True, description="false: the board's figures have no checked source")


class MapSymbol(Part):
    name: str
    address: int
    size: int
    layer: str = Field("", description="the first layer that uses it")


class MapSection(Part):
    """A part of the linked program, to scale: what lies in flash and what in RAM."""

    name: str
    kind: Literal["code", "weights", "other", "arena", "static"]
    region: Literal["flash", "ram"]
    address: int
    size: int
    symbols: list[MapSymbol] = Field(default_factory=list, description="the largest first; small ones are left out")


class Accuracy(Part):
    """Shares of samples whose largest output is the labelled one, 0 to 1; null where there is no such model."""

    samples: int
    float32: float | None = Field(description="null when the source model is quantised already")
    quantized: float | None = None
    agreement: float | None = Field(None, description="share of samples where both give the same class")
    confusion: list[list[int]] | None = Field(
        None, description="samples by right class (rows) and answer (columns) of what was compiled; up to 100 classes"
    )
    confusion_float32: list[list[int]] | None = None


class QuantizationStep(Part):
    """One step of the quantiser."""

    name: str
    effect: str
    sqnr_db: float | None = Field(None, description="of the outputs (before a final softmax) after the step")


class QuantizedTensor(Part):
    """A tensor that became integers, measured on calibration data against the float model."""

    name: str
    layer: str = Field(description="the source's node that computes it; empty for an input")
    op: str
    dtype: str
    scale: float
    zero_point: int
    method: str = Field(
        description="how its range was found: minmax, percentile, mse, entropy, headroom, fixed, concat"
    )
    low: float = Field(description="the smallest value seen, or 0")
    high: float = Field(description="the largest value seen, or 0")
    saturated: float = Field(description="share of the values seen that lie beyond the numbers it can take")
    sqnr_db: float | None = Field(None, description="all errors up to here, on 32 samples at most; 120: equal")
    cosine: float | None = None
    alone_db: float | None = Field(
        None, description="the outputs' SQNR when only this tensor is rounded; null when not measured"
    )
    trials: dict[str, float] = Field(default_factory=dict, description="SQNR behind its readers, by method")
    histogram: list[int] = Field(default_factory=list, description="values in equal parts of low to high")


class QuantizedWeights(Part):
    """Weights that became int8 with a scale for each output channel."""

    layer: str
    shape: list[int]
    sqnr_db: float = Field(description="of the rounded weights")
    result_db: float | None = Field(None, description="int8-weights: of the layer's result, all errors up to here")


class Quantization(Part):
    """What the quantiser did and what it cost; present when it ran."""

    precision: str
    quantizer: str
    calibration: str = Field(description="where the calibration inputs come from")
    samples: int
    synthetic: bool = Field(description="true: no calibration data were given, and ranges are a guess")
    sqnr_db: float | None = Field(None, description="of the outputs, before a final softmax")
    agreement: float | None = Field(None, description="share of samples with the float model's largest output")
    steps: list[QuantizationStep] = Field(default_factory=list)
    tensors: list[QuantizedTensor] = Field(default_factory=list, description="in the order they are computed")
    weights: list[QuantizedWeights] = Field(default_factory=list)
    worst: list[str] = Field(
        default_factory=list, description="tensors (int8-weights: layers) by what they do to the outputs, worst first"
    )
    promoted: dict[str, str] = Field(default_factory=dict, description="what is not int8: layer -> int16 or float32")
    floats: list[str] = Field(default_factory=list, description="layers that compute with float32, with the reason")
    budget: str | None = Field(None, description="the accuracy budget and whether it holds")
    suggestions: list[str] = Field(default_factory=list)


class Report(Part):
    """The whole report of one compilation."""

    schema_: Literal["deepmetal.report/1"] = Field(SCHEMA, alias="schema")
    deepmetal_version: str
    model: ModelInfo
    options: dict[str, object]
    toolchain: Toolchain
    totals: Totals
    layers: list[Layer]
    passes: list[PassInfo]
    memory: MemoryInfo
    validation: Validation | None = Field(None, description="null when the emulator was not run")
    accuracy: Accuracy | None = None
    quantization: Quantization | None = Field(None, description="null when nothing was quantised here")
    boards: list[BoardFit] = Field(default_factory=list)
    sections: list[MapSection] = Field(default_factory=list, description="empty where no firmware is linked")
    timings: dict[str, float] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list, description="what a reader should know about these numbers")

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    def to_json(self) -> str:
        """The text of report.json; deterministic but for `timings`."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"

"""`deepmetal inspect --analyse`: what each layer computes, how it walks through memory, and how long tensors live.

Numbers come from the kernels that the target would get: the loop language says how often each buffer is touched and
with which stride, the plan says where tensors lie and when. Nothing is run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from compiler.graph.graph import Node
from compiler.loop.nodes import Function
from compiler.loop.traffic import Traffic, traffic
from compiler.lower import lower
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense, MatMul
from compiler.ops.elementwise import Elementwise, Map
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.normalize import BatchNorm
from compiler.ops.pool_window import Pool
from compiler.ops.reduce import Reduce
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.transpose import Copy, Transpose
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Argument, Layer, Program
from compiler.source import load
from compiler.targets import target


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OperandUse(Part):
    """One buffer of a layer's kernel."""

    parameter: str
    name: str = Field(description="the tensor, the weights' symbol, or scratch")
    role: str = Field(description="input, weights, output or scratch")
    bytes: int = Field(description="of the whole buffer")
    loaded: int = Field(description="bytes that the kernel loads")
    stored: int = Field(description="bytes that the kernel stores")
    stride: int | None = Field(description="elements per step of the innermost loop; null when it varies")
    stride_share: float = Field(description="the part of all accesses that has this stride")
    reuse: float = Field(description="how often each byte is loaded, or stored where nothing is loaded")


class LayerUse(Part):
    name: str
    op: str
    pattern: str
    kernel: str
    schedule: str
    macs: int
    loaded: int
    stored: int
    macs_per_byte_loaded: float | None
    macs_per_byte: float | None = Field(description="by each byte of the operands counted once")
    operands: list[OperandUse]


class TensorLife(Part):
    name: str
    bytes: int
    offset: int
    first: int = Field(description="index of the layer that writes it; -1 for an input of the model")
    last: int = Field(description="index of the last layer that needs it")


class Analysis(Part):
    target: str
    arena_bytes: int
    layers: list[LayerUse]
    tensors: list[TensorLife]


def analyse(path: Path, options: CompileOptions, *, display_name: str | None = None) -> Analysis:
    """The analysis of a model that can be compiled. Raises ModelError for one that cannot."""
    chosen = target(options.target)
    source = load(path, options, display_name)
    graph = optimize(source.graph, options.io_layout == "native", rounding=options.rounding).graph
    program = lower(graph, chosen.abilities, options.optimize, options.name)
    nodes = {n.output.name: n for n in graph.nodes}
    return analysis(program, nodes, chosen.name)


def analysis(program: Program, nodes: dict[str, Node], target: str) -> Analysis:
    """`nodes` by the name of their output."""
    kernels = {f.name: (f, traffic(f)) for f in program.kernels}
    last = len(program.layers) - 1
    return Analysis(
        target=target,
        arena_bytes=program.arena_bytes,
        layers=[_layer(program, x, nodes[x.outputs[0].name], *kernels[x.kernel]) for x in program.layers],
        tensors=[
            TensorLife(
                name=b.name,
                bytes=b.size,
                offset=program.plan.offsets[b.name],
                first=b.first,
                last=min(b.last, last),
            )
            for b in sorted(program.plan.lives, key=lambda b: (b.first, program.plan.offsets[b.name]))
        ],
    )


def pattern(node: Node) -> str:
    """What kind of computation a layer is."""
    op = node.op
    match op:
        case Conv():
            taps = node.value(1).shape[2:]
            if op.groups > 1 and op.groups == node.value(0).shape[1]:
                return "window, channel by channel"
            return "contraction over a window" if max(taps, default=1) > 1 else "contraction"
        case Dense() | MatMul():
            return "contraction"
        case Pool():
            return "reduction over a window"
        case Reduce():
            return "reduction"
        case Softmax():
            return "reductions, then elementwise"
        case Elementwise() | Map() | BatchNorm():
            return "elementwise"
        case Concat() | Slice() | Pad() | Transpose() | Copy() | Reshape() | Identity():
            return "index map"
    return "other"


def _layer(program: Program, layer: Layer, node: Node, function: Function, moved: dict[str, Traffic]) -> LayerUse:
    operands = [
        _operand(program, layer, a, moved[b.name], b.type.bytes)
        for a, b in zip(layer.arguments, function.buffers, strict=True)
    ]
    loaded, stored = sum(o.loaded for o in operands), sum(o.stored for o in operands)
    return LayerUse(
        name=layer.name,
        op=layer.op,
        pattern=pattern(node),
        kernel=layer.kernel,
        schedule=layer.schedule,
        macs=layer.macs,
        loaded=loaded,
        stored=stored,
        macs_per_byte_loaded=_ratio(layer.macs, loaded),
        macs_per_byte=_ratio(layer.macs, sum(o.bytes for o in operands)),
        operands=operands,
    )


def _operand(program: Program, layer: Layer, a: Argument, moved: Traffic, itemsize: int) -> OperandUse:
    if a.constant is not None:
        name, role, size = a.constant, "weights", program.constants[a.constant].nbytes
    elif a.slot is not None:
        name, role, size = a.slot.name, "output" if a.slot in layer.outputs else "input", a.slot.size
    else:
        name, role = a.param, "scratch"
        own = f"{layer.outputs[0].name}:{a.param}"
        size = next((b.size for b in program.plan.lives if b.name == own), 0)
    elements = moved.loads + moved.stores
    stride = moved.main_stride
    once = moved.loads or moved.stores
    return OperandUse(
        parameter=a.param,
        name=name,
        role=role,
        bytes=size,
        loaded=moved.loads * itemsize,
        stored=moved.stores * itemsize,
        stride=stride,
        stride_share=round(moved.strides[stride] / elements, 4) if elements else 0.0,
        reuse=_ratio(once * itemsize, size) or 0.0,
    )


def _ratio(a: int, b: int) -> float | None:
    return float(np.round(a / b, 4)) if b else None

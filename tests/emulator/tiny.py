"""A four-layer network with its C code written by hand: what the tests of toolchain, emulator and validation run.

x (1, 2, 3, 4)  ->  t = x * s, channels last  ->  h = W0 t + b0  ->  relu in place  ->  y = W1 h + b1
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compiler.memory.planner import Plan
from compiler.program import Layer, Program, Slot

C, H, W, HIDDEN, OUT = 2, 3, 4, 8, 3
SIZE = C * H * W

_rng = np.random.default_rng(7)
SCALE = np.float32(0.75)
W0 = _rng.standard_normal((HIDDEN, SIZE)).astype(np.float32)  # columns in source order
B0 = _rng.standard_normal(HIDDEN).astype(np.float32)
W1 = _rng.standard_normal((OUT, HIDDEN)).astype(np.float32)
B1 = _rng.standard_normal(OUT).astype(np.float32)
W0_PACKED = W0.reshape(HIDDEN, C, H, W).transpose(0, 2, 3, 1).reshape(HIDDEN, SIZE)  # channels last, as t lies

HEADER = """\
#ifndef MODEL_H
#define MODEL_H
#define MODEL_ARENA_BYTES 192
#define MODEL_INPUT_COUNT 1
#define MODEL_OUTPUT_COUNT 1
#define MODEL_INPUT_0_ELEMENTS 24
#define MODEL_INPUT_0_BYTES 96
#define MODEL_OUTPUT_0_ELEMENTS 3
#define MODEL_OUTPUT_0_BYTES 12
#define MODEL_LAYER_COUNT 4
#define MODEL_PREDICT_HEIGHT 3
#define MODEL_PREDICT_WIDTH 4
#define MODEL_PREDICT_CHANNELS 2
int model_run(const void *const inputs[], void *const outputs[]);
void *model_input(int i);
const void *model_output(int i);
int model_predict(const float *input, int input_h, int input_w, int input_ch);
void *model_arena(void);
int model_run_layer(int layer);
#ifdef MODEL_CALLER_ARENA
void model_set_arena(void *memory);
#endif
#endif
"""

SOURCE = """\
#include "model.h"
#include <stddef.h>
#include <stdint.h>

#define KERNEL static __attribute__((noinline, used))

@constants@
#ifdef MODEL_CALLER_ARENA
static unsigned char *arena;
void model_set_arena(void *memory) { arena = memory; }
#else
static unsigned char arena[MODEL_ARENA_BYTES] __attribute__((aligned(16)));
#endif

/* t[h][w][c] = x[c][h][w] * 0.75 */
KERNEL void scale(const float *restrict x, float *restrict t)
{
    for (int32_t c = 0; c < 2; c++) {
        for (int32_t i = 0; i < 12; i++) {
            t[i * 2 + c] = x[c * 12 + i] * 0.75f;
        }
    }
}

KERNEL void dense(const float *restrict x, const float *restrict w, const float *restrict b, float *restrict y,
                  int32_t inputs, int32_t outputs)
{
    for (int32_t o = 0; o < outputs; o++) {
        float acc = b[o];
        for (int32_t i = 0; i < inputs; i++) {
            acc += x[i] * w[o * inputs + i];
        }
        y[o] = acc;
    }
}

KERNEL void relu(float *y)
{
    for (int32_t i = 0; i < 8; i++) {
        y[i] = y[i] < 0.0f ? 0.0f : y[i];
    }
}

int model_run_layer(int layer)
{
    float *const memory = (float *)(void *)arena;
    switch (layer) {
    case 0: scale(memory, memory + 24); return 0;
    case 1: dense(memory + 24, w0, b0, memory, 24, 8); return 0;
    case 2: relu(memory); return 0;
    case 3: dense(memory, w1, b1, memory + 8, 8, 3); return 0;
    default: return -1;
    }
}

int model_run(const void *const inputs[], void *const outputs[])
{
    float *const memory = (float *)(void *)arena;
    if (inputs != NULL && inputs[0] != NULL) {
        const float *const x = inputs[0];
        for (int32_t i = 0; i < 24; i++) {
            memory[i] = x[i];
        }
    }
    scale(memory, memory + 24);
    dense(memory + 24, w0, b0, memory, 24, 8);
    relu(memory);
    dense(memory, w1, b1, memory + 8, 8, 3);
    if (outputs != NULL && outputs[0] != NULL) {
        float *const y = outputs[0];
        for (int32_t i = 0; i < 3; i++) {
            y[i] = memory[8 + i];
        }
    }
    return 0;
}

void *model_input(int i) { return i == 0 ? arena : NULL; }
const void *model_output(int i) { return i == 0 ? arena + 32 : NULL; }
void *model_arena(void) { return arena; }

int model_predict(const float *input, int input_h, int input_w, int input_ch)
{
    const void *inputs[1];
    inputs[0] = input;
    if (input_h != 3 || input_w != 4 || input_ch != 2 || model_run(inputs, NULL) != 0) {
        return -1;
    }
    const float *const y = model_output(0);
    int best = 0;
    for (int i = 1; i < 3; i++) {
        best = y[i] > y[best] ? i : best;
    }
    return best;
}
"""


def sources(header: str = HEADER, source: str = SOURCE, **constants: np.ndarray) -> dict[str, bytes]:
    """The files of the artifact; a keyword replaces one of the constants w0, b0, w1, b1."""
    values = {"w0": W0_PACKED, "b0": B0, "w1": W1, "b1": B1} | constants
    text = "\n".join(
        f"static const float {name}[{value.size}] = {{{', '.join(f'{float(v).hex()}f' for v in value.flat)}}};"
        for name, value in values.items()
    )
    return {"include/model.h": header.encode(), "src/model.c": source.replace("@constants@", text).encode()}


def slot(name: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Slot:
    return Slot(name, "float32", shape, strides, offset, 4 * int(np.prod(shape)))


def layer(name: str, kernel: str, tensor: str, into: Slot, *inputs: Slot) -> Layer:
    return Layer(
        name=name,
        op=name,
        source_nodes=(name,),
        source_tensors=(tensor,),
        inputs=inputs,
        outputs=(into,),
        kernel=kernel,
        schedule="by hand",
        arguments=(),
        macs=0,
        parameters=0,
        constants=(),
    )


def program() -> Program:
    """The compiled network as the pipeline would describe it; its kernels are only in the source."""
    x = slot("x", (1, C, H, W), (24, 12, 4, 1), 0)
    t = slot("t", (1, C, H, W), (24, 1, 8, 2), 96)
    h = slot("h", (1, HIDDEN), (8, 1), 0)
    r = slot("r", (1, HIDDEN), (8, 1), 0)
    y = slot("y", (1, OUT), (3, 1), 32)
    return Program(
        name="model",
        source="tiny",
        layers=(
            layer("scale", "scale", "t", t, x),
            layer("hidden", "dense", "h", h, t),
            layer("relu", "relu", "r", r, h),
            layer("logits", "dense", "y", y, r),
        ),
        kernels=(),
        constants={"w0": W0_PACKED, "b0": B0, "w1": W1, "b1": B1},
        inputs=(x,),
        outputs=(y,),
        plan=Plan(offsets={}, lives=(), arena_bytes=192, lower_bound=192),
        arena_bytes=192,
    )


def model() -> onnx.ModelProto:
    """The network as its user wrote it."""
    names = {"s": np.array(SCALE), "W0": W0, "b0": B0, "W1": W1, "b1": B1}
    nodes = [
        helper.make_node("Mul", ["x", "s"], ["t"], "scale"),
        helper.make_node("Flatten", ["t"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "W0", "b0"], ["h"], "hidden", transB=1),
        helper.make_node("Relu", ["h"], ["r"], "relu"),
        helper.make_node("Gemm", ["r", "W1", "b1"], ["y"], "logits", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", C, H, W])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", OUT])],
        [numpy_helper.from_array(value, name) for name, value in names.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def reference(x: np.ndarray) -> dict[str, np.ndarray]:
    """The network in numpy."""
    t = x * SCALE
    h = t.reshape(1, -1) @ W0.T + B0
    r = np.maximum(h, 0)
    return {"t": t, "h": h, "r": r, "y": r @ W1.T + B1}

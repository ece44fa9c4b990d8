"""A hand-written stand-in for generated code, with the API of the contract: y = x @ w + b, 4 inputs, 3 outputs."""

from __future__ import annotations

import numpy as np

from compiler.options import CompileOptions
from compiler.pack.artifact import Vector

HEADER = """\
#ifndef MODEL_H
#define MODEL_H
#include <stddef.h>
#include <stdint.h>
#define MODEL_ARENA_BYTES 28
int model_run(const void *const inputs[], void *const outputs[]);
void *model_input(int i);
const void *model_output(int i);
int model_predict(const float *input, int input_h, int input_w, int input_ch);
#endif
"""

SOURCE = """\
#include "model.h"

static float arena[7];
static const float weights[12] = {%s};
static const float bias[3] = {0.5f, -1.0f, 0.25f};

void *model_input(int i)
{
    return i == 0 ? arena : NULL;
}

const void *model_output(int i)
{
    return i == 0 ? arena + 4 : NULL;
}

int model_run(const void *const inputs[], void *const outputs[])
{
    const float *x = inputs != NULL && inputs[0] != NULL ? (const float *)inputs[0] : arena;
    float *y = outputs != NULL && outputs[0] != NULL ? (float *)outputs[0] : arena + 4;
    for (int o = 0; o < 3; o++) {
        float sum = bias[o];
        for (int i = 0; i < 4; i++) {
            sum += x[i] * weights[3 * i + o];
        }
        y[o] = sum;
    }
    return 0;
}
"""

WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
BIAS = np.array([0.5, -1.0, 0.25], np.float32)
OPTIONS = CompileOptions.model_validate({})


def sources(weights: np.ndarray = WEIGHTS) -> dict[str, bytes]:
    numbers = ", ".join(f"{float(w)!r}f" for w in weights.reshape(-1))
    return {"include/model.h": HEADER.encode(), "src/model.c": (SOURCE % numbers).encode()}


def objects() -> dict[str, bytes]:
    return {"lib/cortex-m4/model.o": b"\x7fELF object", "lib/cortex-m4/libmodel.a": b"!<arch>\n"}


def vectors(count: int = 4) -> list[Vector]:
    draw = np.random.default_rng(7)
    xs = [draw.uniform(-2, 2, (1, 4)).astype(np.float32) for _ in range(count)]
    return [Vector((x,), (x @ WEIGHTS + BIAS,)) for x in xs]

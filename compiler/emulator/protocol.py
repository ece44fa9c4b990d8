"""What the harness and we tell each other: `subject.h`, vectors.bin, results.bin (see `firmware/harness.c`)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compiler.loop.storage import memory_type

if TYPE_CHECKING:
    from compiler.program import Program, Slot

Array = NDArray[np.generic]

GUARD_WORDS = 5
MAGIC = 0x7FC0DEAD
THOROUGH = 2  # vectors that are also run on the caller's buffers and through predict
_SUMMARY = struct.Struct("<6I")
_WORD = struct.Struct("<I")


@dataclass(frozen=True)
class VectorRun:
    """Everything that one vector produced. Arrays have the source model's axis order, as `Slot.shape` says."""

    layers: tuple[tuple[Array, ...], ...]  # per layer, per output: the layers run one by one
    stepped: tuple[Array, ...]  # outputs after the layers one by one
    whole: tuple[Array, ...]  # outputs of model_run on the buffers in the arena
    outside: tuple[Array, ...] | None  # outputs of model_run on buffers of the caller's, for the first vectors
    status: int  # 0, or the first negative code that a call returned
    predicted: int | None
    stack: int
    ticks: int
    layer_ticks: tuple[int, ...]
    guards: int  # words changed outside the outputs: 0


@dataclass(frozen=True)
class Results:
    runs: tuple[VectorRun, ...]
    ticks_of_nothing: int  # of a function that only returns
    ticks_of_no_layer: int  # of run_layer for a layer that does not exist


class Truncated(Exception):
    """results.bin ends early: the firmware stopped before it was through."""


def subject_header(
    program: Program,
    *,
    caller_arena: bool,
    predict: tuple[int, int, int] | None,
    timer: int | None,
    thorough: int = THOROUGH,
) -> str:
    """The header that tells the harness which model it has, and how many vectors it runs in every way."""
    name, prefix = program.name, program.name.upper()
    slots = [slot for layer in program.layers for slot in layer.outputs]
    buffers = [slot.size for slot in (*program.inputs, *program.outputs)]
    words = sum((size + 3) // 4 + GUARD_WORDS + 1 for size in buffers) + GUARD_WORDS
    lines = [
        "#ifndef SUBJECT_H",
        "#define SUBJECT_H",
        "#include <stdint.h>",
        f'#include "{name}.h"',
        f"#define SUBJECT_RUN {name}_run",
        f"#define SUBJECT_RUN_LAYER {name}_run_layer",
        f"#define SUBJECT_INPUT {name}_input",
        f"#define SUBJECT_OUTPUT {name}_output",
        f"#define SUBJECT_ARENA {name}_arena",
        f"#define SUBJECT_ARENA_BYTES {program.arena_bytes}",
        f"#define SUBJECT_INPUTS {len(program.inputs)}",
        f"#define SUBJECT_OUTPUTS {len(program.outputs)}",
        f"#define SUBJECT_LAYERS {len(program.layers)}",
        f"#define SUBJECT_OUTSIDE_WORDS {words}",
        f"#define SUBJECT_THOROUGH {thorough}u",
    ]
    if caller_arena:
        lines.append(f"#define SUBJECT_SET_ARENA {name}_set_arena")
    if predict is not None:
        height, width, channels = predict
        lines.append(f"#define SUBJECT_PREDICT(data) {name}_predict(data, {height}, {width}, {channels})")
    if timer is not None:
        lines.append(f"#define SUBJECT_TIMER {timer:#x}u")
    sizes = {f"{prefix}_ARENA_BYTES": program.arena_bytes, f"{prefix}_LAYER_COUNT": len(program.layers)}
    sizes |= {f"{prefix}_INPUT_{i}_BYTES": slot.size for i, slot in enumerate(program.inputs)}
    sizes |= {f"{prefix}_OUTPUT_{i}_BYTES": slot.size for i, slot in enumerate(program.outputs)}
    for macro, value in sizes.items():
        lines += [f"#if {macro} != {value}", f'#error "{macro} is not what was planned"', "#endif"]
    lines += [
        "struct slot {",
        "    uint32_t offset, size;",
        "};",
        f"extern const struct slot subject_slots[{max(1, len(slots))}];",
        f"extern const uint16_t subject_layer_slots[{max(1, len(program.layers))}];",
        f"extern const uint32_t subject_buffers[{max(1, len(buffers))}];",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def subject_tables(program: Program) -> str:
    """The tables that the header declares."""
    slots = [f"{{{slot.offset}u, {slot.size}u}}" for layer in program.layers for slot in layer.outputs]
    buffers = [f"{slot.size}u" for slot in (*program.inputs, *program.outputs)]
    return "\n".join(
        [
            '#include "subject.h"',
            _table("const struct slot subject_slots", slots, "{0, 0}"),
            _table("const uint16_t subject_layer_slots", [str(len(layer.outputs)) for layer in program.layers]),
            _table("const uint32_t subject_buffers", buffers),
            "",
        ]
    )


def _table(declaration: str, rows: Sequence[str], empty: str = "0") -> str:
    return f"{declaration}[{max(1, len(rows))}] = {{{', '.join(rows) or empty}}};"


def vectors_file(program: Program, vectors: Sequence[Mapping[str, Array]]) -> bytes:
    """The bytes of vectors.bin; a vector maps the names of the program's inputs to arrays in source axis order."""
    parts = [_WORD.pack(len(vectors))]
    parts += [to_slot(slot, vector[slot.name]) for vector in vectors for slot in program.inputs]
    return b"".join(parts)


def read_results(program: Program, data: bytes, vectors: int, *, predicts: bool, thorough: int = THOROUGH) -> Results:
    """Take results.bin apart; raises `Truncated` when the firmware did not get to the end."""
    reader = _Reader(data)
    runs = tuple(_read_run(program, reader, k < thorough, predicts) for k in range(vectors))
    nothing, no_layer = reader.word(), reader.word()
    return Results(runs, nothing, no_layer)


def _read_run(program: Program, reader: _Reader, thorough: bool, predicts: bool) -> VectorRun:
    layers, layer_ticks = [], []
    for layer in program.layers:
        layers.append(reader.slots(layer.outputs))
        layer_ticks.append(reader.word())
    stepped, whole = reader.slots(program.outputs), reader.slots(program.outputs)
    outside = reader.slots(program.outputs) if thorough else None
    status, predicted, stack, ticks, guards, magic = _SUMMARY.unpack(reader.take(_SUMMARY.size))
    if magic != MAGIC:
        raise Truncated
    return VectorRun(
        layers=tuple(layers),
        stepped=stepped,
        whole=whole,
        outside=outside,
        status=_signed(status),
        predicted=_signed(predicted) if thorough and predicts else None,
        stack=stack,
        ticks=ticks,
        layer_ticks=tuple(layer_ticks),
        guards=guards,
    )


@dataclass
class _Reader:
    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        if len(part) != size:
            raise Truncated
        self.at += size
        return part

    def word(self) -> int:
        return int(_WORD.unpack(self.take(4))[0])

    def slots(self, slots: Sequence[Slot]) -> tuple[Array, ...]:
        return tuple(from_slot(slot, self.take(slot.size)) for slot in slots)


def _signed(word: int) -> int:
    return word - 2**32 if word >= 2**31 else word


def to_slot(slot: Slot, array: Array) -> bytes:
    """The bytes of a tensor as they lie in its slot; bytes between elements are 0."""
    memory = np.zeros(slot.size, np.uint8)
    _elements(slot, memory)[...] = np.asarray(array, np.dtype(slot.dtype)).reshape(slot.shape)
    return memory.tobytes()


def from_slot(slot: Slot, data: bytes) -> Array:
    """The tensor that lies in a slot, in source axis order."""
    return _elements(slot, np.frombuffer(data, np.uint8).copy()).copy()


def in_memory_order(slot: Slot, array: Array) -> Array:
    """The elements of a tensor one after another, as they lie in the slot and as the generated API takes them."""
    flat: Array = np.frombuffer(to_slot(slot, array), np.dtype(slot.dtype))[: array.size]
    return flat


def _elements(slot: Slot, memory: NDArray[np.uint8]) -> Array:
    """A view of a slot's bytes as the tensor."""
    dtype = np.dtype(slot.dtype)
    usable = memory[: slot.size // dtype.itemsize * dtype.itemsize].view(memory_type(slot.dtype).numpy)
    reach = 1 + sum((extent - 1) * stride for extent, stride in zip(slot.shape, slot.strides, strict=True))
    if 0 in slot.shape:
        return np.zeros(slot.shape, dtype)
    if reach > usable.size:
        raise ValueError(f"slot {slot.name}: its strides reach {reach} elements, its bytes hold {usable.size}")
    steps = tuple(stride * dtype.itemsize for stride in slot.strides)
    return np.lib.stride_tricks.as_strided(usable, slot.shape, steps).view(dtype)

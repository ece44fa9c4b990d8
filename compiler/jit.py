"""A program compiled in this process by LLVM, and run here: no compiler, no emulator, milliseconds.

The kernels are those of the artifact, from the same module; machine instructions of another processor are replaced by
their meaning. So the numbers are the target's, bit for bit, and speed and memory are not.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from compiler.emit.c import Unit, weights_outside
from compiler.emit.llvm import module_text
from compiler.emit.llvm_operations import SQRT
from compiler.errors import CompilerBug
from compiler.graph.types import Array
from compiler.loop.storage import memory_type
from compiler.options import CompileOptions
from compiler.program import Program, Slot
from compiler.toolchain.llvm_child import optimize

HERE = frozenset({SQRT})  # what every computer that runs Python can do; all else is computed by its meaning
LEVEL = "2"


class Jitted:
    """The model's public functions. The arena belongs to it: two of the same program do not disturb each other."""

    def __init__(self, program: Program, options: CompileOptions | None = None, *, level: str = LEVEL) -> None:
        options = (options or CompileOptions()).model_copy(update={"name": program.name, "arena": "static"})
        self.program = program
        module = _parsed(module_text(program, options, HERE))
        machine = _machine()
        optimize(module, machine, level)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        if weights_outside(program, options):
            blob = Unit(program, options, outside=True).blob()
            self._weights = np.frombuffer(blob, np.uint8)  # lives as long as the code that reads it
            name = module.get_global_variable(f"{program.name}_weights")
            self._engine.add_global_mapping(name, self._weights.ctypes.data)
        self._engine.finalize_object()
        self._run = self._function("run", ctypes.c_void_p, ctypes.c_void_p)
        self._run_layer = self._function("run_layer", ctypes.c_int)
        self.arena = self._memory()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, for inputs by name; axes in the order of the source model."""
        for slot in self.program.inputs:
            if slot.size:
                tensor(self.arena, slot)[...] = inputs[slot.name]
        self._run(None, None)
        return {slot.name: tensor(self.arena, slot).copy() for slot in self.program.outputs}

    def run_layer(self, layer: int) -> None:
        """One layer alone, on what is in the arena."""
        if self._run_layer(layer) != 0:
            raise IndexError(f"there is no layer {layer}")

    def _function(self, name: str, *arguments: Any) -> Callable[..., int]:
        address = self._engine.get_function_address(f"{self.program.name}_{name}")
        return ctypes.CFUNCTYPE(ctypes.c_int, *arguments)(address)

    def _memory(self) -> NDArray[np.uint8]:
        address = self._engine.get_function_address(f"{self.program.name}_arena")
        start = ctypes.CFUNCTYPE(ctypes.c_void_p)(address)()
        size = max(8, self.program.arena_bytes)
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(start))


def tensor(arena: NDArray[np.uint8], slot: Slot) -> NDArray[Any]:
    """The slot's tensor in the arena, as a view with the source model's axis order."""
    dtype = np.dtype(slot.dtype)
    if not slot.size:
        return np.empty(slot.shape, dtype)
    flat = arena[slot.offset : slot.offset + slot.size].view(memory_type(slot.dtype).numpy)
    bits = np.lib.stride_tricks.as_strided(flat, slot.shape, tuple(s * dtype.itemsize for s in slot.strides))
    return bits.view(dtype)  # numpy's stride tricks do not know the small types


def _parsed(text: str) -> llvm.ModuleRef:
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise CompilerBug("E0705", "LLVM rejects the generated code", facts={"it said": str(error)}) from error
    return module


@cache
def _ready() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _machine() -> llvm.TargetMachine:
    """This computer. A machine belongs to one engine, which frees it."""
    _ready()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )

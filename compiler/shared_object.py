"""A program compiled by the host's C compiler into a shared object, and run in this process.

The C is that of the artifact; instructions of another processor are replaced by their meaning. It starts in a tenth of
a second where an executable with a harness takes one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compiler import targets
from compiler.emit import get as emitter
from compiler.graph.types import Array
from compiler.jit import tensor
from compiler.options import CompileOptions
from compiler.program import Program
from compiler.toolchain.compiler import LIMITS, compile_c
from compiler.toolchain.languages import INCLUDE
from compiler.toolchain.run import run_tool
from compiler.toolchain.select import select

LEVEL = "1"


class SharedObject:
    """The model's functions as C has them. `folder` must last until the object is loaded, not longer."""

    def __init__(self, program: Program, folder: Path) -> None:
        options = CompileOptions(name=program.name, target="host", opt_level=LEVEL)
        for name, content in emitter("c").files(program, options).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        compiler = select(targets.target("host"), "gcc")
        flags = (*compiler.flags(options), "-fPIC")
        compile_c(compiler, f"src/{program.name}.c", "model.o", flags=flags, workdir=folder, include=INCLUDE)
        run_tool([compiler.tool.path, "-shared", "model.o", "-o", "model.so"], cwd=folder, limits=LIMITS)
        self.program = program
        library = ctypes.CDLL(str(folder / "model.so"))
        self._run = library[f"{program.name}_run"]
        place = library[f"{program.name}_arena"]
        place.restype = ctypes.c_void_p
        size = max(8, program.arena_bytes)
        self.arena: NDArray[np.uint8] = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(place()))

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, for inputs by name; axes in the order of the source model."""
        for slot in self.program.inputs:
            if slot.size:
                tensor(self.arena, slot)[...] = inputs[slot.name]
        self._run(None, None)
        return {slot.name: tensor(self.arena, slot).copy() for slot in self.program.outputs}

"""DeepMetal from Python: `deepmetal.compile("model.onnx", target="avx2").run(x)`; see `help(deepmetal.compile)`."""

from compiler.door import Compiled, compile
from compiler.errors import BudgetExceeded, CompilerBug, DeepMetalError, Mismatch, ModelError, ToolError
from compiler.version import VERSION as __version__

__all__ = [
    "BudgetExceeded",
    "Compiled",
    "CompilerBug",
    "DeepMetalError",
    "Mismatch",
    "ModelError",
    "ToolError",
    "__version__",
    "compile",
]

"""The compiler: a model file in, proven and priced C out. `pipeline.py` is the page to read first."""

import os
from typing import Any

# ONNX Runtime's packages report to their vendor from the moment they are imported, model names included. Models are
# the user's own business; the switch works only before the first import, hence here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def __getattr__(name: str) -> Any:
    """`compiler.compile`, the Python door, without importing the pipeline for those who need only a part of it."""
    if name == "compile":
        from compiler.door import compile

        return compile
    raise AttributeError(f"module 'compiler' has no attribute {name!r}")

"""The compiler: a model file in, proven and priced C out. `pipeline.py` is the page to read first."""

import os

# ONNX Runtime's packages report to their vendor from the moment they are imported, model names included. Models are
# the user's own business; the switch works only before the first import, hence here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

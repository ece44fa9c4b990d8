"""TensorFlow turned into ONNX, in a process of its own: `python tensorflow_child.py REQUEST.json OUT.onnx`.

Runs with the Python that has TensorFlow, which need not be ours: nothing of DeepMetal is imported here. REQUEST says
where the SavedModel's folder or the frozen graph lies, and the shape of each input. The last line of standard error
says what failed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

OPSET = 18


def main(request: Path, out: Path) -> int:
    asked = json.loads(request.read_text("utf-8"))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    tf: Any = importlib.import_module("tensorflow")
    tf2onnx: Any = importlib.import_module("tf2onnx")

    shapes: dict[str, list[int]] = asked["shapes"]
    if asked["kind"] == "savedmodel":
        model = _from_saved_model(tf, tf2onnx, asked["path"], asked["signature"], shapes)
    else:
        model = _from_graph(tf, tf2onnx, asked["path"], shapes, asked["outputs"])
    out.write_bytes(model.SerializeToString())
    return 0


def _from_saved_model(tf: Any, tf2onnx: Any, path: str, signature: str, shapes: dict[str, list[int]]) -> Any:
    loaded = tf.saved_model.load(path)
    served = loaded.signatures[signature]
    _, keywords = served.structured_input_signature
    names = sorted(keywords)
    specs = [tf.TensorSpec(shapes[name], keywords[name].dtype, name=_plain(name)) for name in names]
    results = sorted(served.structured_outputs)

    def call(*values: Any) -> Any:
        found = served(**dict(zip(names, values, strict=True)))
        return tuple(tf.identity(found[name], name=_plain(name)) for name in results)

    function = tf.function(call, input_signature=specs)
    model, _ = tf2onnx.convert.from_function(function, input_signature=specs, opset=OPSET)
    return model


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name)


def _from_graph(tf: Any, tf2onnx: Any, path: str, shapes: dict[str, list[int]], outputs: list[str]) -> Any:
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(Path(path).read_bytes())
    for node in graph.node:
        if node.name in shapes:
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(shapes[node.name]).as_proto())
        node.attr.pop("_output_shapes", None)
    inputs = [f"{name}:0" for name in shapes]
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=inputs, output_names=[f"{name}:0" for name in outputs], opset=OPSET
    )
    return model


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

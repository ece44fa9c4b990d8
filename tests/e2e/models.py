"""Write the models of the browser tests into a folder: `python tests/e2e/models.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.large_models import blocks, two_thousand_nodes


def model(nodes: list[onnx.NodeProto], shape: list[int | str], out: list[int | str], **weights: np.ndarray) -> bytes:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def conv(x: str, w: str, y: str) -> onnx.NodeProto:
    return helper.make_node("Conv", [x, w], [y], name=y, pads=[1, 1, 1, 1])


def filters(channels_out: int, channels_in: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(channels_out, channels_in, 3, 3)) / np.sqrt(9 * channels_in)


def unsupported() -> bytes:
    """A convolution, then an operator that no kernel will ever be written for."""
    suppress = helper.make_node("StringNormalizer", ["c"], ["y"], name="head/names")
    return model([conv("x", "w", "c"), suppress], [1, 1, 8, 8], [1, 4, 8, 8], w=filters(4, 1))


def open_shape() -> bytes:
    """Height and width are left open."""
    return model([conv("x", "w", "y")], [1, 3, "height", "width"], [1, 4, "height", "width"], w=filters(4, 3))


def slow() -> bytes:
    """So many multiplications that the emulator is busy for a while."""
    layers = [conv("x", "w0", "a"), conv("a", "w1", "b"), conv("b", "w2", "c"), conv("c", "w3", "y")]
    weights = {f"w{i}": filters(32, 8 if i == 0 else 32) for i in range(4)}
    return model(layers, [1, 8, 64, 64], [1, 32, 64, 64], **weights)


def weights_alone() -> bytes:
    """A convolution and a linear layer as safetensors; what stood between them left no trace."""
    shapes = {"0.weight": (4, 1, 3, 3), "0.bias": (4,), "3.weight": (10, 144), "3.bias": (10,)}
    header, data = {}, b""
    for name, shape in shapes.items():
        piece = np.full(shape, 0.01, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def main(folder: Path) -> None:
    (folder / "two_thousand.onnx").write_bytes(two_thousand_nodes())
    (folder / "four_blocks.onnx").write_bytes(blocks(4, channels=8, size=8))
    (folder / "weights.safetensors").write_bytes(weights_alone())
    for name, make in (("unsupported", unsupported), ("open_shape", open_shape), ("slow", slow)):
        (folder / f"{name}.onnx").write_bytes(make())
    drawn = np.random.default_rng(3)
    np.savez(folder / "calibration.npz", input=drawn.random((32, 1, 28, 28), np.float32))
    np.save(folder / "labels.npy", drawn.integers(0, 10, 32))
    (folder / "garbage.onnx").write_bytes(b"\x7fELF this is no model" * 40)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

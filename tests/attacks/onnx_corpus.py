"""Hostile ONNX models: files that point elsewhere, promise too much, never end, or contradict themselves.

`CASES` maps a name to a function that makes the model; `build(folder)` writes them all. Importing one must end in a
`ModelError`, quickly and in little memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Make = Callable[[], ModelProto | bytes]
CASES: dict[str, Make] = {}
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
SECRET = "secret.bin"  # a file beside the models that none may read


def build(folder: Path) -> list[Path]:
    """Write every case into `folder`, beside a file and links that external data would have to follow."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SECRET).write_bytes(bytes(64))
    (folder / "link.bin").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("/etc")
    (folder / "hard.bin").hardlink_to(folder / SECRET)
    paths = []
    for name, make in sorted(CASES.items()):
        path = folder / f"{name}.onnx"
        made = make()
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        paths.append(path)
    return paths


def case(name: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        CASES[name] = make
        return make

    return register


def value(name: str, shape: Sequence[Any] = (1, 4), dtype: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, list(shape))


def model(
    nodes: Sequence[NodeProto],
    tensors: Sequence[TensorProto] = (),
    *,
    x: ValueInfoProto | None = None,
    y: ValueInfoProto | None = None,
    opset: int = 20,
    **more: Any,
) -> ModelProto:
    graph = helper.make_graph(list(nodes), "g", [x or value("x")], [y or value("y", ["n"])], list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, **more)


def node(op: str, inputs: Sequence[str] = ("x",), outputs: Sequence[str] = ("y",), **attributes: Any) -> NodeProto:
    return helper.make_node(op, list(inputs), list(outputs), name=f"{op}_node", **attributes)


def ints(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def floats(name: str, *shape: int) -> TensorProto:
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


# -- data that lies elsewhere -------------------------------------------------------------------------------------


def _external(name: str, **entries: str) -> TensorProto:
    tensor = TensorProto(name=name, data_type=FLOAT, dims=[1, 4], data_location=TensorProto.EXTERNAL)
    for key, text in entries.items():
        tensor.external_data.add(key=key, value=text)
    return tensor


_LOCATIONS = {
    "beside": SECRET,
    "parent": "../../../../etc/passwd",
    "absolute": "/etc/passwd",
    "symlink": "link.bin",
    "through-link": "up/passwd",
    "hardlink": "hard.bin",
    "device": "/dev/zero",
    "empty": "",
    "nul": "a\x00b",
}


def _locations() -> None:
    for name, location in _LOCATIONS.items():
        CASES[f"external-{name}"] = lambda location=location: model(  # type: ignore[misc]
            [node("Add", ("x", "w"))], [_external("w", location=location)]
        )


_locations()


@case("external-odd-keys")
def _keys() -> ModelProto:
    entries = {"location": SECRET, "__class__": "x", "basepath": "/etc", "offset": "-1", "length": str(1 << 62)}
    return model([node("Add", ("x", "w"))], [_external("w", **entries)])


@case("external-in-attribute")
def _external_attribute() -> ModelProto:
    constant = node("Constant", (), ("w",), value=_external("w", location="/etc/passwd"))
    return model([constant, node("Add", ("x", "w"))])


@case("external-in-subgraph")
def _external_subgraph() -> ModelProto:
    branch = helper.make_graph([], "b", [], [value("w")], [_external("w", location="/etc/passwd")])
    condition = numpy_helper.from_array(np.array(True), "c")
    return model([node("If", ("c",), then_branch=branch, else_branch=branch)], [condition])


@case("external-sparse")
def _external_sparse() -> ModelProto:
    made = model([node("Add", ("x", "w"))])
    sparse = made.graph.sparse_initializer.add(dims=[1, 4])
    sparse.values.CopyFrom(_external("w", location="/etc/passwd"))
    sparse.indices.CopyFrom(ints("i", 0))
    return made


# -- too much -----------------------------------------------------------------------------------------------------


def _too_much() -> None:
    huge = 1 << 40
    shape = value("y", ["n"])
    CASES.update(
        {
            "huge-constant-of-shape": lambda: model([node("ConstantOfShape", ("s",))], [ints("s", huge)], y=shape),
            "huge-constant-of-shape-2": lambda: model(
                [node("ConstantOfShape", ("s",), ("c",)), node("ReduceSum", ("c",))], [ints("s", 1 << 20, 1 << 20)]
            ),
            "huge-expand": lambda: model([node("Expand", ("x", "s"))], [ints("s", huge, 4)]),
            "huge-expand-constant": lambda: model(
                [node("Expand", ("w", "s"), ("e",)), node("Add", ("x", "e"))], [floats("w", 1), ints("s", huge)]
            ),
            "huge-tile": lambda: model([node("Tile", ("w", "s"))], [floats("w", 4), ints("s", huge)]),
            "huge-range": lambda: model([node("Range", ("a", "b", "c"))], [*_scalars(0, huge, 1)]),
            "huge-pad": lambda: model([node("Pad", ("x", "p"))], [ints("p", 0, 0, 0, huge)]),
            "huge-pad-of-conv": lambda: model(
                [node("Conv", ("x", "w"), pads=[1 << 30] * 4)], [floats("w", 1, 1, 1, 1)], x=value("x", (1, 1, 4, 4))
            ),
            "huge-resize": lambda: model(
                [node("Resize", ("x", "", "", "s"))], [ints("s", 1, 1, huge, huge)], x=value("x", (1, 1, 4, 4))
            ),
            "huge-one-hot": lambda: model(
                [node("OneHot", ("i", "d", "v"))],
                [ints("i", 0), numpy_helper.from_array(np.array(huge), "d"), floats("v", 2)],
            ),
            "huge-eye": lambda: model([node("EyeLike", ("c",))], [ints("s", 1)], x=value("c", (1 << 31, 1 << 31))),
            "huge-input": lambda: model([node("Relu")], x=value("x", (1, huge)), y=value("y", (1, huge))),
            "huge-input-overflow": lambda: model([node("Relu")], x=value("x", (1 << 62, 1 << 62)), y=value("y", (1,))),
            "huge-broadcast": lambda: model(
                [node("Add", ("x", "x2"))], [floats("x2", 1 << 16, 1)], x=value("x", (1, 1 << 30)), y=value("y", (1,))
            ),
            "huge-initializer-without-data": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=FLOAT, dims=[huge])]
            ),
            "overflowing-initializer": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=FLOAT, dims=[1 << 62, 8], raw_data=b"1234")]
            ),
            "huge-kernel": lambda: model(
                [node("MaxPool", kernel_shape=[1 << 40, 1 << 40])], x=value("x", (1, 1, 4, 4))
            ),
            "huge-axis-count": lambda: model([node("Relu")], x=value("x", (1,) * 10_000), y=value("y", (1,) * 10_000)),
            "many-outputs": lambda: model([node("Split", outputs=[f"y{i}" for i in range(50_000)])], y=value("y0")),
            "many-doublings": lambda: model(_doublings(40), y=value("y")),
        }
    )


def _scalars(*values: int) -> list[TensorProto]:
    return [numpy_helper.from_array(np.array(v, np.int64), name) for name, v in zip("abc", values, strict=True)]


def _doublings(count: int) -> list[NodeProto]:
    """Concat of a value with itself, 40 times: 2^40 values at the end."""
    names = ["x", *(f"d{i}" for i in range(count - 1)), "y"]
    return [node("Concat", (a, a), (b,), axis=1) for a, b in itertools.pairwise(names)]


_too_much()


# -- without end --------------------------------------------------------------------------------------------------


@case("deep-chain")
def _chain() -> ModelProto:
    names = ["x", *(f"v{i}" for i in range(120_000)), "y"]
    return model([helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)])


@case("wide-and-long")
def _long() -> ModelProto:
    """As many nodes as are let in, each with a second output that somebody might read."""
    names = ["x", *(f"v{i}" for i in range(30_000)), "y"]
    return model([helper.make_node("Dropout", [a], [b, f"{b}m"]) for a, b in itertools.pairwise(names)] + [node("No")])


@case("deep-subgraphs")
def _subgraphs() -> ModelProto:
    condition = numpy_helper.from_array(np.array(True), "c")
    """Deeper than any model is written; what is less deep is read."""
    body = helper.make_graph([node("Relu", ("x",), ("b",))], "b", [], [value("b")])
    for level in range(20):
        inner = node("If", ("c",), (f"o{level}",), then_branch=body)
        body = helper.make_graph([inner], "b", [], [value(f"o{level}")])
    return model([node("If", ("c",), ("y",), then_branch=body)], [condition])


@case("very-deep-subgraphs")
def _very_deep() -> bytes:
    """Far beyond what a protobuf library follows."""
    data = b""
    for _ in range(3_000):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            data = tag + _varint(len(data)) + data
    return b"\x08\x0a\x42\x02\x10\x14" + b"\x3a" + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


@case("endless-loop")
def _loop() -> ModelProto:
    body = helper.make_graph(
        [node("Identity", ("c",), ("c2",)), node("Relu", ("v",), ("v2",))],
        "b",
        [value("i", (), INT64), value("c", (), TensorProto.BOOL), value("v")],
        [value("c2", (), TensorProto.BOOL), value("v2")],
    )
    trips = numpy_helper.from_array(np.array(1 << 62, np.int64), "n")
    go = numpy_helper.from_array(np.array(True), "go")
    return model([node("Loop", ("n", "go", "x"), ("y",), body=body)], [trips, go])


def _function(name: str, calls: Sequence[str]) -> onnx.FunctionProto:
    names = ["a", *(f"t{i}" for i in range(len(calls) - 1)), "b"]
    nodes = [
        helper.make_node(op, [x], [y], domain="own" if op.startswith("f") else "")
        for op, x, y in zip(calls, names, names[1:], strict=False)
    ]
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, imports)


def _with_functions(functions: Sequence[onnx.FunctionProto], call: str) -> ModelProto:
    made = model([helper.make_node(call, ["x"], ["y"], domain="own")])
    made.functions.extend(functions)
    made.opset_import.append(helper.make_opsetid("own", 1))
    return made


@case("function-calls-itself")
def _recursive() -> ModelProto:
    return _with_functions([_function("f", ["f"])], "f")


@case("functions-call-each-other")
def _mutual() -> ModelProto:
    return _with_functions([_function("f", ["f2"]), _function("f2", ["f"])], "f")


@case("function-laughs")
def _laughs() -> ModelProto:
    functions = [_function("f0", ["Relu"] * 10)]
    functions += [_function(f"f{i}", [f"f{i - 1}"] * 10) for i in range(1, 12)]
    return _with_functions(functions, "f11")


# -- contradictions -----------------------------------------------------------------------------------------------


def _typed(attribute: str, **fields: Any) -> AttributeProto:
    return AttributeProto(name=attribute, **fields)


def _with_attribute(op: str, attribute: AttributeProto, **rest: Any) -> ModelProto:
    it = node(op, rest.pop("inputs", ("x",)))
    it.attribute.append(attribute)
    return model([it], **rest)


def _contradictions() -> None:
    image = value("x", (1, 1, 4, 4))
    w = floats("w", 1, 1, 3, 3)
    conv = ("x", "w")
    CASES.update(
        {
            "cycle": lambda: model(
                [node("Add", ("x", "b"), ("a",)), node("Relu", ("a",), ("b",)), node("Relu", ("b",))]
            ),
            "self-loop": lambda: model([node("Add", ("x", "y"), ("y",))]),
            "duplicate-output": lambda: model([node("Relu"), node("Sigmoid")]),
            "missing-input": lambda: model([node("Add", ("x", "nowhere"))]),
            "missing-output": lambda: model([node("Relu", outputs=("z",))]),
            "no-inputs-of-operator": lambda: model([node("Conv", ())]),
            "no-operator-name": lambda: model([node("")]),
            "unknown-operator": lambda: model([node("LaunchMissiles")]),
            "unknown-domain": lambda: model([helper.make_node("Relu", ["x"], ["y"], domain="evil.domain")]),
            "opset-0": lambda: model([node("Relu")], opset=0),
            "opset-future": lambda: model([node("Relu")], opset=1 << 40),
            "opset-negative": lambda: model([node("Relu")], opset=-5),
            "negative-dimension": lambda: model([node("Relu")], x=value("x", (1, -4)), y=value("y", (1, -4))),
            "negative-initializer": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=FLOAT, dims=[-1, 4], raw_data=bytes(16))]
            ),
            "short-raw-data": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=FLOAT, dims=[4], raw_data=bytes(3))]
            ),
            "long-raw-data": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=FLOAT, dims=[4], raw_data=bytes(400))]
            ),
            "short-float-data": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=FLOAT, dims=[4], float_data=[1.0])]
            ),
            "unknown-dtype": lambda: model(
                [node("Add", ("x", "w"))], [TensorProto(name="w", data_type=99, dims=[4], raw_data=bytes(16))]
            ),
            "input-of-unknown-dtype": lambda: model([node("Relu")], x=value("x", (1, 4), 99)),
            "string-input": lambda: model([node("Identity")], x=value("x", (1, 4), TensorProto.STRING)),
            "sequence-input": lambda: model(
                [node("Identity")], x=helper.make_tensor_sequence_value_info("x", FLOAT, [1])
            ),
            "input-without-type": lambda: model([node("Relu")], x=ValueInfoProto(name="x")),
            "shapes-do-not-fit": lambda: model([node("Add", ("x", "w"))], [floats("w", 3)]),
            "gemm-does-not-fit": lambda: model([node("Gemm", ("x", "w"))], [floats("w", 5, 2)]),
            "conv-rank": lambda: model([node("Conv", conv)], [w], x=value("x", (1, 4))),
            "conv-group-0": lambda: model([node("Conv", conv, group=0)], [w], x=image),
            "conv-group-many": lambda: model([node("Conv", conv, group=7)], [w], x=image),
            "conv-stride-0": lambda: model([node("Conv", conv, strides=[0, 0])], [w], x=image),
            "conv-stride-negative": lambda: model([node("Conv", conv, strides=[-1, -1])], [w], x=image),
            "conv-dilation-huge": lambda: model([node("Conv", conv, dilations=[1 << 40, 1])], [w], x=image),
            "conv-pads-count": lambda: model([node("Conv", conv, pads=[1])], [w], x=image),
            "conv-auto-pad": lambda: model([node("Conv", conv, auto_pad="SIDEWAYS")], [w], x=image),
            "conv-strides-are-text": lambda: _with_attribute(
                "Conv", _typed("strides", type=AttributeProto.STRING, s=b"1"), inputs=conv, tensors=[w], x=image
            ),
            "pool-kernel-0": lambda: model([node("MaxPool", kernel_shape=[0, 0])], x=image),
            "pool-no-kernel": lambda: model([node("MaxPool")], x=image),
            "pool-larger-than-input": lambda: model([node("AveragePool", kernel_shape=[9, 9])], x=image),
            "reshape-two-unknown": lambda: model([node("Reshape", ("x", "s"))], [ints("s", -1, -1)]),
            "reshape-not-the-count": lambda: model([node("Reshape", ("x", "s"))], [ints("s", 3, 7)]),
            "reshape-by-input": lambda: model([node("Reshape", ("x", "x"))]),
            "transpose-nonsense": lambda: model([node("Transpose", perm=[0, 0])]),
            "concat-axis": lambda: model([node("Concat", ("x", "x"), axis=99)]),
            "softmax-axis": lambda: model([node("Softmax", axis=-99)]),
            "slice-step-0": lambda: model(
                [node("Slice", ("x", "a", "b", "c", "d"))], [ints("a", 0), ints("b", 4), ints("c", 1), ints("d", 0)]
            ),
            "split-nonsense": lambda: model([node("Split", ("x", "s"))], [ints("s", 1 << 40, -3)]),
            "squeeze-nonsense": lambda: model([node("Squeeze", ("x", "s"))], [ints("s", 1)]),
            "gather-outside": lambda: model([node("Gather", ("x", "i"))], [ints("i", 1 << 40)]),
            "batch-norm-shapes": lambda: model(
                [node("BatchNormalization", ("x", "w", "w", "w", "w"))], [floats("w", 9)], x=image
            ),
            "clip-bounds-are-images": lambda: model([node("Clip", ("x", "x", "x"))]),
            "empty-graph": lambda: model([], y=value("y")),
            "alpha-is-a-tensor": lambda: _with_attribute(
                "LeakyRelu", _typed("alpha", type=AttributeProto.TENSOR, t=floats("t", 2))
            ),
            "reference-attribute": lambda: _with_attribute(
                "LeakyRelu", _typed("alpha", type=AttributeProto.FLOAT, ref_attr_name="other")
            ),
        }
    )


_contradictions()


# -- nasty, but fine ----------------------------------------------------------------------------------------------


def odd_names(names: Sequence[str]) -> ModelProto:
    """A valid model whose every name tries to break out of generated code and pages."""
    made = model([], x=value(names[0], (1, 4)), y=value(names[-1], (1, 4)))
    for a, b in itertools.pairwise(names):
        it = made.graph.node.add(op_type="Softmax", name=b, doc_string=a)
        it.input.append(a)
        it.output.append(b)
    made.graph.name, made.producer_name = names[0], names[1]
    return made

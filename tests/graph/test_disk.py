"""Graph files: what is written reads back the same, equal graphs are equal files, and no file is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import ModelError
from compiler.graph.disk import Stored, Written, read, write
from compiler.graph.disk_check import check
from compiler.graph.disk_weights import ALIGN
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.text import text
from compiler.graph.types import DTYPES, TensorType, fill, is_fill
from compiler.ops.activations import Clip, Relu
from compiler.ops.arithmetic import Add
from compiler.ops.base import Op
from compiler.ops.index_map import Slice
from compiler.ops.shaping import Identity, Reshape
from compiler.passes.order import optimize
from tests.support.graphs import Build, networks
from tests.support.op_cases import Draw, case, concrete_ops, examples

NAME = "m.weights.bin"


def back(graph: Graph) -> Graph:
    written = write(Stored(graph), NAME)
    stored = read(written.json, written.weights)
    check(stored.graph)
    assert write(stored, NAME) == written
    return stored.graph


def expect_same_graph(a: Graph, b: Graph) -> None:
    assert (a.name, a.inputs, a.outputs, a.nodes) == (b.name, b.inputs, b.outputs, b.nodes)
    assert text(a) == text(b)
    assert a.constants.keys() == b.constants.keys()
    for name, array in a.constants.items():
        assert array.tobytes() == b.constants[name].tobytes()
        assert (array.dtype, array.shape) == (b.constants[name].dtype, b.constants[name].shape)
        assert is_fill(array) == is_fill(b.constants[name])


@examples(40)
@given(networks(), st.booleans(), st.booleans())
def test_networks_before_and_after_optimisation(graph: Graph, optimized: bool, native_io: bool) -> None:
    graph = graph.without_dead_code()
    wanted = optimize(graph, native_io).graph if optimized else graph
    expect_same_graph(wanted, back(wanted))


@pytest.mark.parametrize("cls", concrete_ops(), ids=lambda cls: cls.__name__)
def test_every_operator(cls: type[Op]) -> None:
    @examples(8)
    @given(case(cls))
    def law(drawn: Any) -> None:
        graph: Graph = drawn.graph
        used = {v.name for n in graph.nodes for v in n.present}
        graph = graph.with_nodes(graph.nodes, {k: v for k, v in graph.constants.items() if k in used})
        expect_same_graph(graph, back(graph))

    law()


def constants_graph(**constants: np.ndarray) -> Graph:
    """Every constant is read by a node of its own."""
    nodes, outputs = [], []
    for name, array in constants.items():
        t = TensorType.of(str(array.dtype), array.shape)
        outputs.append(Value(f"{name}_out", t))
        nodes.append(Node(Identity(), (Value(name, t),), (outputs[-1],), name, (), ("",)))
    return Graph("constants", (), tuple(outputs), tuple(nodes), constants)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_to_the_bit(dtype: str) -> None:
    bits = {"bool": 1, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4}.get(dtype)
    size = np.dtype(dtype).itemsize
    if bits is None:
        raw = np.random.default_rng(0).integers(0, 256, 8 * size, np.uint8).tobytes()
        array = np.frombuffer(raw, dtype)
    else:
        array = np.arange(2**bits).astype(dtype)
    graph = constants_graph(many=array.reshape(2, -1), one=array[:1], scalar=array[1].reshape(()))
    expect_same_graph(graph, back(graph))
    for element in array[:16]:
        filled = constants_graph(f=fill(element, dtype, (3, 2)))
        found = back(filled).constants["f"]
        assert is_fill(found)
        assert found.tobytes() == np.ascontiguousarray(filled.constants["f"]).tobytes()


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-45, 0.1, float("inf"), float("-inf"), float("nan")])
def test_fills_stay_one_readable_number(value: float) -> None:
    written = write(Stored(constants_graph(f=fill(np.float32(value), "float32", (1000, 1000)))), NAME)
    assert written.weights == b""
    found = json.loads(written.json)["constants"]["f"]["fill"]
    assert found == (str(value) if not np.isfinite(value) else float(np.float32(value)))


def test_equal_contents_are_stored_once_and_aligned() -> None:
    a = np.arange(5, dtype=np.float32)
    written = write(Stored(constants_graph(a=a, b=a.copy(), c=a + 1, d=a.view(np.int32).copy())), NAME)
    places = {name: place["at"] for name, place in json.loads(written.json)["constants"].items()}
    assert places["a"] == places["b"] == places["d"] != places["c"]
    assert all(at % ALIGN == 0 for at in places.values())
    assert len(written.weights) == ALIGN + a.nbytes


def test_the_form_is_stable(golden: Callable[[str], Any]) -> None:
    b = Build()
    x = b.add(Clip(0.0, float("inf")), b.conv(b.input(1, 2, 4, 4), 2, pads=(1, 1, 1, 1)))
    graph = optimize(b.graph(b.add(Reshape((1, 32)), b.add(Add(), x, b.const(fill(0.5, "float32", (2, 4, 4))))))).graph
    golden("small.graph.json").check(write(Stored(graph, ("fuse_tail", "choose_layouts")), NAME).json.decode())


# -- files that nobody wrote --------------------------------------------------------------------------------------


def small() -> Written:
    b = Build()
    y = b.add(Relu(), b.dense(b.input(2, 3)))
    return write(Stored(b.graph(b.add(Slice((0, 1), (1, 1), (2, 2)), y))), NAME)


Edit = Callable[[dict[str, Any]], Any]


def node(index: int, **changes: Any) -> Edit:
    return lambda d: d["nodes"][index].update(changes)


def tensor(name: str, **changes: Any) -> Edit:
    return lambda d: d["tensors"][name].update(changes)


EDITS: dict[str, tuple[str, Edit]] = {
    "another schema": ("E0180", lambda d: d.update(schema="deepmetal.graph/2")),
    "no weights": ("E0180", lambda d: d.pop("weights")),
    "weights elsewhere": ("E0180", lambda d: d["weights"].update(file="../x.bin")),
    "weights absolute": ("E0180", lambda d: d["weights"].update(file="/etc/passwd")),
    "weights with a drive": ("E0180", lambda d: d["weights"].update(file="c:x")),
    "weights of a number": ("E0180", lambda d: d["weights"].update(file=3)),
    "weights of another size": ("E0182", lambda d: d["weights"].update(bytes=3)),
    "weights of another content": ("E0182", lambda d: d["weights"].update(sha256="0" * 64)),
    "an operator of os": ("E0181", node(0, op="os.system")),
    "a base class": ("E0183", node(1, op="Elementwise")),
    "no operator": ("E0181", node(0, op=None)),
    "an unknown field": ("E0181", node(1, fields={"__class__": "x"})),
    "a field of another type": ("E0180", node(2, fields={"starts": "ab", "steps": [1, 1], "shape": [2, 2]})),
    "a boolean for a number": ("E0180", node(2, fields={"starts": [True, 1], "steps": [1, 1], "shape": [2, 2]})),
    "a number out of range": ("E0180", node(2, fields={"starts": [10**30, 1], "steps": [1, 1], "shape": [2, 2]})),
    "a slice past the end": ("E0183", node(2, fields={"starts": [0, 90], "steps": [1, 1], "shape": [2, 2]})),
    "a tail that is no operator": ("E0180", node(0, fields={"tail": 3})),
    "an unknown tensor": ("E0180", node(0, inputs=["nothing"])),
    "a list as a name": ("E0180", node(0, inputs=[["x0"]])),
    "too few operands": ("E0183", node(0, inputs=["x0"])),
    "a type that is not inferred": ("E0183", tensor("t1", shape=[3, 4])),
    "an unknown dtype": ("E0180", tensor("t1", dtype="complex7")),
    "a negative size": ("E0180", tensor("t1", shape=[-2, -4])),
    "a huge size": ("E0310", tensor("t1", shape=[2**40, 4])),
    "huge sizes and a zero": ("E0310", tensor("t1", shape=[2**60, 0])),
    "too many axes": ("E0180", tensor("t1", shape=[1] * 100)),
    "a layout of other axes": ("E0180", tensor("t1", layout={"order": [0, 0]})),
    "a layout of another key": ("E0181", tensor("t1", layout={"blocks": 8})),
    "a further key of a type": ("E0180", tensor("t1", strides=[1, 2])),
    "a constant outside": ("E0182", lambda d: d["constants"]["c0"].update(at=1 << 40)),
    "a constant before": ("E0180", lambda d: d["constants"].update(c0={"at": 0, "fill": 0})),
    "a constant at a negative place": ("E0182", lambda d: d["constants"]["c0"].update(at=-64)),
    "a constant off its alignment": ("E0182", lambda d: d["constants"]["c0"].update(at=1)),
    "a fill that is a text": ("E0180", lambda d: d["constants"].update(c0={"fill": "import os"})),
    "a constant without a type": ("E0180", lambda d: d["constants"].update(new={"fill": 0.0})),
    "no equals": ("E0183", node(0, equals=[])),
    "too many equals": ("E0180", node(0, equals=["a", "b"])),
    "an output that is an input": ("E0183", lambda d: d.update(outputs=["x0"])),
    "no outputs": ("E0183", lambda d: d.update(outputs=[])),
    "a node before its operand": ("E0183", lambda d: d["nodes"].reverse()),
    "a node twice": ("E0183", lambda d: d["nodes"].append(d["nodes"][0])),
    "nodes of a text": ("E0180", lambda d: d.update(nodes="all")),
    "half a character": ("E0180", lambda d: d["nodes"][0].update(name="\ud800")),
    "a long name": ("E0180", lambda d: d["nodes"][0].update(name="x" * 5000)),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_refused(name: str) -> None:
    code, edit = EDITS[name]
    written = small()
    data = json.loads(written.json)
    edit(data)
    with pytest.raises(ModelError) as caught:
        check(read(json.dumps(data).encode(), written.weights).graph)
    assert caught.value.code == code, str(caught.value)


def test_nodes_are_counted_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.graph.disk.MAX_NODES", 2)
    with pytest.raises(ModelError) as caught:
        read(small().json, small().weights)
    assert caught.value.code == "E0184"


NO_GRAPHS = [
    b"", b"{", b"[]", b"null", b'{"schema": NaN}', b"[" * 100_000, b'{"schema": 1, "schema": 2}', b"\xff\xfe{",
    b"1" * 9_999,
]  # fmt: skip


@pytest.mark.parametrize("content", NO_GRAPHS, ids=lambda content: repr(content[:20]))
def test_what_is_no_graph_file(content: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        read(content, b"")
    assert caught.value.code == "E0180"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["op", "fields", "at", "order"]), inner)
    ),
    max_leaves=6,
)


@st.composite
def edited(draw: Draw) -> dict[str, Any]:
    """The small graph with something else in one or two places."""
    data = json.loads(small().json)
    for _ in range(draw(st.integers(1, 2))):
        place: Any = data
        while isinstance(place, (dict, list)) and place:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if not isinstance(place[key], (dict, list)) or not place[key] or draw(st.integers(0, 3)) == 0:
                place[key] = draw(VALUES)
                break
            place = place[key]
    return dict(data)


@examples(200)
@given(edited())
def test_nothing_but_a_model_error_comes_out(data: dict[str, Any]) -> None:
    try:
        graph = read(json.dumps(data).encode(), small().weights).graph
        check(graph)
    except ModelError as error:
        assert error.code in {"E0180", "E0181", "E0182", "E0183", "E0184", "E0310"}  # noqa: PT017 - or it is accepted
    else:
        optimize(graph)

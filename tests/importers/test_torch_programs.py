"""TorchScript and torch.export: networks in three spellings, compared with PyTorch and with each other."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from compiler import targets
from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.importers.aten import FACTORIES, OPERATORS, TRAINED
from compiler.importers.detect import detect
from compiler.importers.formats.base import Loaded, formats
from compiler.importers.torch_fx import Builder
from compiler.inspect import inspect_model
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import Source, load
from tests.support.networks import Network, networks

HOW = ("traced", "scripted", "exported")
Shapes = dict[str, tuple[int, ...]]


def saved(module: nn.Module, inputs: tuple[Tensor, ...], how: str, path: Path) -> Path:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if how == "exported":
            torch.export.save(torch.export.export(module, inputs), path)
        else:
            script = torch.jit.trace(module, inputs) if how == "traced" else torch.jit.script(module)
            torch.jit.save(script, path)
    return path


@cache
def source(folder: Path, name: str, how: str) -> Source:
    """The network saved one way and imported."""
    network = networks()[name]
    path = saved(network.module(), network.examples(), how, folder / f"{name}.{how}")
    return load(path, CompileOptions(shape=_asked(path, network)))


def _asked(path: Path, network: Network) -> Shapes:
    """Only scripted modules do not say how large their inputs are."""
    if detect(path).kind == "pt2" or "scripted" not in path.name:
        return {}
    names = ("a", "b") if len(network.shapes) == 2 else ("",)
    return dict(zip(names, network.shapes, strict=True))


def structure(graph: Graph) -> list[tuple[str, tuple[tuple[int, ...], ...], tuple[int, ...]]]:
    """The nodes without their names: operator, shapes of its operands, and which values it reads."""
    number = {value.name: index for index, value in enumerate(graph.inputs)}
    found = []
    for node in graph.nodes:
        read = tuple(number.get(v.name, -1) for v in node.inputs if v is not None)
        found.append((repr(node.op), tuple(v.shape for v in node.inputs if v is not None), read))
        for value in node.outputs:
            number[value.name] = len(number)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", networks())
def test_network(name: str, how: str, folder: Path) -> None:
    """The compiled kernels, and the program run by PyTorch, compute what the module computes."""
    network = networks()[name]
    imported = source(folder, name, how)
    inputs = network.examples(seed=7)
    wanted = network.outputs(inputs)
    given = {v.name: x.numpy() for v, x in zip(imported.graph.inputs, inputs, strict=True)}
    assert imported.original is not None
    again = list(imported.original.run(given))
    program = lower(optimize(imported.graph).graph, targets.target("x86-64").abilities, "balanced", "model")
    ours = list(Jitted(program).run(given).values())
    assert len(again) == len(ours) == len(wanted)
    for expected, by_torch, compiled in zip(wanted, again, ours, strict=True):
        np.testing.assert_allclose(by_torch, expected, rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(compiled, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", networks())
def test_the_same_network_is_the_same_graph(name: str, folder: Path) -> None:
    graphs = [structure(optimize(source(folder, name, how).graph).graph) for how in HOW]
    assert graphs[0] == graphs[1] == graphs[2]


# -- programs of their own ------------------------------------------------------------------------------------------


class WritesInPlace(nn.Module):
    """Writes into a view of its input, which the caller must not notice, and into a part of a result."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        flat.relu_()
        y = torch.zeros_like(x)
        y[:, 1:3] = x[:, :2] * 3
        return y + x


class Loops(nn.Module):
    """Follows sizes: a loop over the steps, a branch on the rank, lists that grow."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        parts = []
        for i in range(x.size(1)):
            parts.append(x[:, i] * (i + 1))  # noqa: PERF401  a list that grows is what is tested
        y = torch.stack(parts, 1)
        if x.dim() == 3 and x.shape[1] > 2:
            y = y - y.mean(dim=1, keepdim=True)
        best = y.max(dim=1)[0]
        return best, torch.where(y > 0, y, -y).sum((1, 2))


class Returns(nn.Module):
    """Returns a weight, the same tensor twice, and its input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        y = x * 2
        return self.weight, y, y, x


class Looked(nn.Module):
    """Numbers of words in, a mean out; a scale without dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.words(x).mean(1)
        return y * self.scale


class Weighted(nn.Module):
    """Attention that also returns its weights; fused when it is traced without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, weights = self.attention(x, x, x)
        assert weights is not None
        return y, weights


PROGRAMS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "writes": (WritesInPlace, (torch.randn(1, 4, 3),)),
    "loops": (Loops, (torch.randn(1, 4, 3),)),
    "returns": (Returns, (torch.randn(1, 3),)),
    "words": (Looked, (torch.tensor([[1, 6, 0, 2, 2]]),)),
    "weights": (Weighted, (torch.randn(1, 5, 8),)),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str, how: str, tmp_path: Path) -> None:
    """Compared with PyTorch by ONNX Runtime, twice, and by the reference, whose weights stay what they are."""
    import onnxruntime

    make, inputs = PROGRAMS[name]
    torch.manual_seed(1)
    module = make().eval()
    path = saved(module, tuple(x.clone() for x in inputs), how, tmp_path / "model.pt")
    loaded = _loaded(path, {"": tuple(inputs[0].shape)})
    assert loaded.onnx is not None
    assert loaded.original is not None
    with torch.no_grad():
        result = module(inputs[0].clone())
    wanted = [y.detach().numpy() for y in (result if isinstance(result, tuple) else (result,))]
    given = {loaded.onnx.graph.input[0].name: inputs[0].numpy()}
    session = onnxruntime.InferenceSession(loaded.onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [o.name for o in loaded.onnx.graph.output]
    for got in (session.run(names, given), loaded.original.run(given), loaded.original.run(given)):
        assert len(got) == len(wanted)
        for y, expected in zip(got, wanted, strict=True):
            np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def _loaded(path: Path, shapes: Shapes) -> Loaded:
    return formats()[detect(path).kind].load(path, CompileOptions(shape=shapes), path.name)


# -- sizes of inputs --------------------------------------------------------------------------------------------------


def test_a_scripted_module_asks_for_the_size(tmp_path: Path) -> None:
    """With a proposal that fits all layers, the same before compiling as in the error."""
    path = saved(networks()["lenet"].module(), networks()["lenet"].examples(), "scripted", tmp_path / "m.pt")
    with pytest.raises(ModelError) as caught:
        _loaded(path, {})
    assert caught.value.code == "E0131"
    assert "--shape input=1,1,28,28" in caught.value.help
    found = inspect_model(path, CompileOptions())
    assert found.shape_needed == {"input": [1, 1, 28, 28]}
    assert not found.compilable
    assert inspect_model(path, CompileOptions(shape={"input": (1, 1, 28, 28)})).outputs[0].shape == [1, 10]


def test_a_size_that_does_not_fit(tmp_path: Path) -> None:
    path = saved(networks()["lenet"].module(), networks()["lenet"].examples(), "traced", tmp_path / "m.pt")
    with pytest.raises(ModelError) as caught:
        _loaded(path, {"input": (1, 1, 20, 20)})
    assert caught.value.code == "E0132"
    assert [u.code for u in inspect_model(path, CompileOptions(shape={"": (1, 1, 20, 20)})).unsupported] == ["E0132"]


def test_inputs_are_named(tmp_path: Path) -> None:
    network = networks()["two"]
    for how in HOW:
        path = saved(network.module(), network.examples(), how, tmp_path / how)
        found = inspect_model(path, CompileOptions())
        assert [(i.name, i.shape) for i in found.inputs] == [("a", [1, 6]), ("b", [1, 3])]
        assert [(o.name, o.shape) for o in found.outputs] == [("output_0", [1, 8]), ("output_1", [1, 1])]
        with pytest.raises(ModelError) as caught:
            _loaded(path, {"c": (1, 6)})
        assert caught.value.code == "E1004"


def exported_with(sizes: dict[str, dict[int, object]], tmp_path: Path) -> Path:
    """The network with two inputs, some of whose dimensions are left open."""
    inputs = (torch.randn(3, 6), torch.randn(3, 3))
    with torch.no_grad():
        program = torch.export.export(networks()["two"].module(), inputs, dynamic_shapes=sizes)
    torch.export.save(program, tmp_path / "open.pt2")
    return tmp_path / "open.pt2"


def test_an_open_batch_is_one(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch")
    path = exported_with({"a": {0: batch}, "b": {0: batch}}, tmp_path)
    assert [i.shape for i in inspect_model(path, CompileOptions()).inputs] == [[1, 6], [1, 3]]
    loaded = _loaded(path, {})
    assert loaded.original is not None
    given: dict[str, NDArray[np.float32]] = {"a": np.ones((1, 6), np.float32), "b": np.ones((1, 3), np.float32)}
    assert loaded.original.run(given)[0].shape == (1, 8)
    assert _loaded(path, {"a": (4, 6)}).onnx is not None  # the batch of the other input follows


def test_more_than_the_batch_is_asked_for(tmp_path: Path) -> None:
    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean(1) * x.shape[1]

    length = torch.export.Dim("length", min=2, max=64)
    program = torch.export.export(Mean(), (torch.randn(1, 5, 4),), dynamic_shapes={"x": {1: length}})
    torch.export.save(program, tmp_path / "open.pt2")
    path = tmp_path / "open.pt2"
    with pytest.raises(ModelError) as caught:
        _loaded(path, {})
    assert caught.value.code == "E0131"
    assert inspect_model(path, CompileOptions()).shape_needed == {"x": [1, 5, 4]}
    loaded = _loaded(path, {"x": (1, 7, 4)})
    assert loaded.original is not None
    np.testing.assert_allclose(loaded.original.run({"x": np.ones((1, 7, 4), np.float32)})[0], np.full((1, 4), 7.0))
    with pytest.raises(ModelError) as caught:
        _loaded(path, {"x": (1, 7, 5)})
    assert caught.value.code == "E0132"


# -- what is refused --------------------------------------------------------------------------------------------------


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            x = x + 1
        return x


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x + self.seen


class Rolls(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x) + torch.randn(3)


@pytest.mark.parametrize(
    ("module", "how", "code"),
    [
        (Branches(), "scripted", "E0142"),
        (Counts(), "scripted", "E0142"),
        (Counts(), "traced", "E0142"),
        (Counts(), "exported", "E0142"),
        (Rolls(), "scripted", "E0143"),
        (Rolls(), "exported", "E0143"),
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).train(), "traced", "E0146"),
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).train(), "exported", "E0146"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else value,
)
def test_is_refused(module: nn.Module, how: str, code: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "traced":
            torch.jit.save(torch.jit.trace(module, torch.ones(1, 3), check_trace=False), tmp_path / "m.pt")
        else:
            saved(module, (torch.ones(1, 3),), how, tmp_path / "m.pt")
    with pytest.raises(ModelError) as caught:
        _loaded(tmp_path / "m.pt", {"": (1, 3)})
    assert caught.value.code == code, str(caught.value)
    assert caught.value.help


def test_all_operators_that_cannot_be_compiled_are_named_before_compiling(tmp_path: Path) -> None:
    for how in ("scripted", "exported"):
        path = saved(Rolls(), (torch.ones(1, 3),), how, tmp_path / how)
        found = inspect_model(path, CompileOptions(shape={"": (1, 3)}))
        assert [(u.op, u.code) for u in found.unsupported] == [("rand_like", "E0143"), ("randn", "E0143")]
        assert not found.compilable


def test_training_of_a_scripted_module_is_left_out(tmp_path: Path) -> None:
    """A module knows whether it is trained; whatever it says, it is compiled for use."""
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    path = saved(module, (torch.ones(2, 3),), "scripted", tmp_path / "m.pt")
    loaded = _loaded(path, {"": (1, 3)})
    assert loaded.original is not None
    given = np.array([[1.0, -2.0, 3.0]], np.float32)
    wanted = module.eval()(torch.from_numpy(given)).detach().numpy()
    np.testing.assert_allclose(loaded.original.run({"input": given})[0], wanted, rtol=1e-6)


# -- the list of operators --------------------------------------------------------------------------------------------


def test_every_listed_operator_exists() -> None:
    missing = [name for name in sorted(OPERATORS | FACTORIES | TRAINED) if not hasattr(torch.ops.aten, name)]
    assert missing == []


def test_no_listed_operator_is_random() -> None:
    """Of PyTorch's own tag for operators that draw numbers, only those remain that do so in training alone."""
    random = set()
    for name in OPERATORS:
        packet = getattr(torch.ops.aten, name)
        tagged = [torch.Tag.nondeterministic_seeded in getattr(packet, o).tags for o in packet.overloads()]
        random |= {name} if any(tagged) else set()
    in_training = TRAINED | {"lstm", "gru", "rnn_tanh", "rnn_relu", "scaled_dot_product_attention"}
    assert random <= in_training | {"_transformer_encoder_layer_fwd", "_native_multi_head_attention"}, (
        random - in_training
    )


def test_sizes_cost_no_memory() -> None:
    """What a program computes while it is read has a shape and no bytes, and a limit all the same."""
    builder = Builder("model.pt")
    x = builder.input("x", (1, 1))
    with pytest.raises(ModelError) as caught:
        builder.call("expand", [x, [1 << 20, 1 << 20]], {})
    assert caught.value.code == "E0141"


def test_names_of_nodes_are_those_of_modules(folder: Path) -> None:
    names = {node.name for node in optimize(source(folder, "resnet8", "traced").graph).graph.nodes}
    assert {"stem.0", "first.0.0", "short.1", "head"} <= names


def test_shared_weights_are_one(tmp_path: Path) -> None:
    layer = nn.Linear(8, 8)
    module = nn.Sequential(layer, nn.ReLU(), layer)
    for how in HOW:
        path = saved(module, (torch.ones(1, 8),), how, tmp_path / how)
        assert inspect_model(path, CompileOptions(shape={"": (1, 8)})).parameters == 72
        loaded = _loaded(path, {"": (1, 8)})
        assert loaded.onnx is not None
        assert sum(t.dims == [8, 8] for t in loaded.onnx.graph.initializer) == 1


def test_inspection_needs_no_torch(tmp_path: Path) -> None:
    """Two seconds are not enough to import it."""
    import subprocess
    import sys

    paths = [saved(networks()["mlp"].module(), networks()["mlp"].examples(), how, tmp_path / how) for how in HOW]
    code = (
        "import sys; from pathlib import Path; from compiler.inspect import inspect_model; "
        "from compiler.options import CompileOptions\n"
        "for name in sys.argv[1:]: assert inspect_model(Path(name), CompileOptions()).compilable\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, *map(str, paths)], check=True, timeout=120)


def test_an_older_archive_says_so(tmp_path: Path) -> None:
    path = saved(networks()["two"].module(), networks()["two"].examples(), "exported", tmp_path / "m.pt2")
    changed = tmp_path / "old.pt2"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("models/model.json"):
                data = json.dumps(json.loads(data) | {"schema_version": {"major": 7, "minor": 0}}).encode()
            new.writestr(name, data)
    with pytest.raises(ModelError) as caught:
        _loaded(changed, {})
    assert caught.value.code == "E0140"
    assert "version 7" in caught.value.title

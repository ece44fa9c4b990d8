"""Weights and a list of layers give the very model that was trained, whichever file the weights come in."""

from __future__ import annotations

import inspect
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from compiler.errors import ModelError  # noqa: E402
from compiler.importers.detect import detect  # noqa: E402
from compiler.importers.formats.base import Look, formats  # noqa: E402
from compiler.importers.layer_list_build import load_listed  # noqa: E402
from compiler.importers.layer_list_defaults import MUST_BE_SAID, default  # noqa: E402
from compiler.importers.layer_list_guess import guess  # noqa: E402
from compiler.importers.layer_list_plan import plan  # noqa: E402
from compiler.importers.layer_list_steps import STEPS  # noqa: E402
from compiler.importers.state_dict import load_state  # noqa: E402
from compiler.importers.torch import TorchModel  # noqa: E402
from compiler.importers.torch_attention import ATTENTION  # noqa: E402
from compiler.importers.torch_layers import KINDS  # noqa: E402
from compiler.layer_list import Architecture  # noqa: E402
from compiler.options import CompileOptions  # noqa: E402
from tests.importers.modules import EXAMPLES, INNER, randomised, values  # noqa: E402
from tests.support.layer_lists import architecture, layer  # noqa: E402
from tests.support.networks import networks  # noqa: E402

pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module", autouse=True)
def _one_operator_table() -> Iterator[None]:
    """The exporter builds its table of 500 operators anew for each export; one is enough for all tests here."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    table = ONNXRegistry.from_torchlib(20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", lambda *_, **__: table)
        yield


_NAMES = {torch.float32: "F32", torch.int64: "I64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}


def safetensors(tensors: Mapping[str, Any]) -> bytes:
    """The file that the safetensors package would write."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.dim() else tensor.numpy().tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps({"__metadata__": {"format": "pt"}} | header).encode()
    return struct.pack("<Q", len(text)) + text + data


def written(state: Mapping[str, Any], folder: Path, kind: str = "pth") -> Path:
    path = folder / f"weights.{kind}"
    if kind == "pth":
        torch.save(state, path)
    else:
        path.write_bytes(safetensors(state))
    return path


def loaded(path: Path, layers: Architecture | list[dict[str, Any]], **more: Any) -> TorchModel:
    listed = layers if isinstance(layers, Architecture) else Architecture.model_validate({"layers": layers} | more)
    return load_listed(load_state(path, path.name), listed, {})


def refused(path: Path, layers: list[dict[str, Any]], **more: Any) -> ModelError:
    """The error, found without building anything."""
    listed = Architecture.model_validate({"layers": layers} | more)
    with pytest.raises(ModelError) as caught:
        plan(listed, load_state(path, path.name), {})
    return caught.value


@pytest.mark.parametrize("name", sorted(networks()))
def test_each_network(name: str, tmp_path: Path) -> None:
    """The same bits as the user's own class, and the same numbers from the ONNX form."""
    network = networks()[name]
    model = loaded(written(network.module().state_dict(), tmp_path), architecture(name))
    session = onnxruntime.InferenceSession(model.onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    examples = network.examples()
    inputs = {each.name: x.numpy() for each, x in zip(model.inputs, examples, strict=True)}
    expected = network.outputs(examples)
    for y, computed, right in zip(
        model.run(inputs).values(), session.run(list(model.outputs), inputs), expected, strict=True
    ):
        np.testing.assert_array_equal(y, right)
        np.testing.assert_allclose(computed, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["class", 'a"b.c', "a.__init__", "training", "forward.0", "ünï", "layer_0"])
def test_odd_names_are_only_names(name: str, tmp_path: Path) -> None:
    """And where one layer's name is the beginning of another's."""
    places = (name, f"{name}.d")
    state = {f"{at}.weight": torch.ones(2, 2) for at in places} | {f"{at}.bias": torch.ones(2) for at in places}
    layers = [{"name": at, "type": "Linear"} for at in places]
    model = loaded(written(state, tmp_path), Architecture.model_validate({"input": [1, 2], "layers": layers}))
    assert [node.name for node in model.onnx.graph.node] == [name, f"{name}.d"]
    assert {tensor.name for tensor in model.onnx.graph.initializer} == set(state)


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_both_files_give_the_same_model(kind: str, tmp_path: Path) -> None:
    state = networks()["resnet8"].module().state_dict()
    path = written(state, tmp_path, kind)
    found = formats()[detect(path).kind].load(path, CompileOptions(architecture=architecture("resnet8")), path.name)
    other = loaded(written(state, tmp_path), architecture("resnet8"))
    assert found.onnx is not None
    assert found.onnx.SerializeToString(deterministic=True) == other.onnx.SerializeToString(deterministic=True)


LENET = networks()["lenet"].module().state_dict()


@pytest.mark.parametrize(
    "wrapped",
    [
        {f"module.{name}": tensor for name, tensor in LENET.items()},
        {f"_orig_mod.module.{name}": tensor for name, tensor in LENET.items()},
        {"epoch": 3, "state_dict": LENET, "optimizer": {"state": {0: torch.zeros(3)}}},
        {"net": LENET, "ema": {name: tensor * 2 for name, tensor in LENET.items()}},
        {"whatever": LENET, "loss": 0.5},
    ],
    ids=["DataParallel", "compiled", "checkpoint", "two", "one"],
)
def test_weights_inside_of_something(wrapped: Any, tmp_path: Path) -> None:
    assert list(load_state(written(wrapped, tmp_path), "w.pth").tensors) == list(LENET)


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.fc(x).relu()


def test_a_pickled_class_of_the_users_has_weights_too(tmp_path: Path) -> None:
    module = randomised(Own())
    torch.save(module, tmp_path / "own.pth")
    model = loaded(tmp_path / "own.pth", [layer("Linear", "fc"), layer("ReLU")], input=[1, 4])
    x = values((1, 4))
    np.testing.assert_array_equal(model.run({"input": x})["output"], module(torch.from_numpy(x)).detach().numpy())


@pytest.mark.parametrize("kind", ["half", "bfloat16", "double"])
def test_other_floats(kind: str, tmp_path: Path) -> None:
    state = getattr(randomised(nn.Sequential(nn.Linear(4, 3))), kind)().state_dict()
    for file in ("pth", "safetensors"):
        found = load_state(written(state, tmp_path, file), "weights")
        for name, tensor in state.items():
            np.testing.assert_array_equal(found.store.array(found.tensors[name]), tensor.float().numpy())


# -- every layer --------------------------------------------------------------------------------------------------


def listed_args(module: nn.Module) -> dict[str, Any]:
    """What a user writes: the arguments that tensors do not tell."""
    kind = KINDS[type(module).__name__]
    if kind.children:
        return attention_args(module)
    told = {"in_channels", "out_channels", "in_features", "out_features", "num_features", "num_channels", "affine"}
    told |= {"normalized_shape", "elementwise_affine", "num_embeddings", "embedding_dim", "input_size", "mode"}
    told |= {"in1_features", "in2_features", "hidden_size", "track_running_stats", "bias", "num_layers"}
    told |= {"bidirectional", "num_parameters", "init"}
    if type(module).__name__.startswith("Conv"):
        told.add("kernel_size")
    told |= {"mode"} if isinstance(module, (nn.RNNBase,)) else set()
    told -= {"mode"} if isinstance(module, (nn.Upsample, nn.EmbeddingBag)) else set()
    options = {name: getattr(module, name) for name in kind.arguments if name not in told}
    if "BatchNorm" in type(module).__name__ and not module.track_running_stats:
        options["track_running_stats"] = False
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)) and module.weight is None:
        options["normalized_shape"] = module.normalized_shape
    if isinstance(module, nn.GroupNorm) and module.weight is None:
        options["num_channels"] = module.num_channels
    return {kind.spelled.get(name, name): value for name, value in options.items() if kind.spelled.get(name, name)}


def attention_args(module: nn.Module) -> dict[str, Any]:
    if isinstance(module, nn.MultiheadAttention):
        wanted = {"num_heads": module.num_heads, "batch_first": module.batch_first}
        return wanted | {"add_zero_attn": module.add_zero_attn}
    one = next(m for m in module.modules() if isinstance(m, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)))
    names = {nn.functional.relu: "relu", nn.functional.gelu: "gelu", nn.functional.hardswish: "hardswish"}
    return {
        "nhead": one.self_attn.num_heads,
        "batch_first": one.self_attn.batch_first,
        "norm_first": one.norm_first,
        "activation": names.get(one.activation, "silu"),
        "layer_norm_eps": one.norm1.eps,
    }


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_layer_can_be_listed(name: str, tmp_path: Path) -> None:
    """The plan of a listed layer has the arguments, tensors and results of the layer itself; nothing is exported."""
    for make, *shapes in EXAMPLES[name]:
        module = randomised(make())
        state = {f"a.b.{key}": tensor for key, tensor in module.state_dict().items()} or {"other": torch.zeros(1)}
        names = [f"x{i}" for i in range(len(shapes))]
        document = {
            "layers": [layer(name, "a.b", names, **json.loads(json.dumps(listed_args(module))))],
            "inputs": dict(zip(names, map(list, shapes), strict=True)),
            "unused": ["other"],
        }
        found = plan(Architecture.model_validate(document), load_state(written(state, tmp_path), "w.pth"), {})
        kind = KINDS[name]
        given = [torch.zeros(s, dtype=torch.int64 if kind.integers else torch.float32) for s in shapes]
        if name.startswith("LSTM") and len(given) == 3:
            given = [given[0], (given[1], given[2])]
        with torch.no_grad():
            y = module(*given)
        first = y if isinstance(y, torch.Tensor) else y[0]
        assert found.placed[0].gives[0] == tuple(first.shape)
        assert sum(t.elements for t in found.tensors) == sum(p.numel() for p in module.parameters())
        assert bool(found.indices) == kind.integers


@pytest.mark.parametrize("name", sorted(set(KINDS) - INNER - {kind.name for kind in ATTENTION}))
def test_defaults_are_those_of_the_constructors(name: str) -> None:
    kind = KINDS[name]
    base = getattr(nn, name)
    signature = inspect.signature(nn.RNNBase if issubclass(base, nn.RNNBase) else base)
    for attribute in kind.arguments:
        argument = kind.spelled.get(attribute, attribute)
        if argument and argument in signature.parameters and argument not in MUST_BE_SAID:
            known, value = default(name, argument)
            expected = signature.parameters[argument].default
            if argument == "dim" and expected is None:
                expected = inspect.Parameter.empty  # PyTorch guesses, and warns that it does
            assert known == (expected is not inspect.Parameter.empty), argument
            assert not known or value == expected, argument


STEP_CASES: dict[str, tuple[dict[str, Any], list[tuple[int, ...]]]] = {
    "Add": ({}, [(1, 3, 4), (1, 1, 4), (3, 1)]),
    "Multiply": ({}, [(1, 3), (1, 3)]),
    "Subtract": ({}, [(1, 3), (1, 1)]),
    "Divide": ({}, [(1, 3), (1, 3)]),
    "MatMul": ({}, [(1, 3, 4), (1, 4, 5)]),
    "Attention": ({"is_causal": True, "scale": 0.3}, [(1, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 3)]),
    "Concatenate": ({"dim": 2}, [(1, 3, 4), (1, 3, 2), (1, 3, 1)]),
    "Select": ({"dim": 1, "index": -1}, [(1, 3, 4)]),
    "Slice": ({"dim": -1, "start": 1, "end": -1}, [(1, 3, 4)]),
    "Mean": ({"dim": [1, 2]}, [(1, 3, 4)]),
    "Sum": ({"dim": 1, "keepdim": True}, [(1, 3, 4)]),
    "Max": ({"dim": -1}, [(1, 3, 4)]),
    "Permute": ({"dims": [0, 2, 1]}, [(1, 3, 4)]),
    "Reshape": ({"shape": [1, -1, 2]}, [(1, 3, 4)]),
    "Squeeze": ({"dim": 1}, [(1, 1, 4)]),
    "Unsqueeze": ({"dim": -1}, [(1, 3)]),
    "Scale": ({"by": 0.5, "add": -1}, [(1, 3)]),
}


def test_every_step_has_a_case() -> None:
    assert set(STEP_CASES) | {"Parameter"} == set(STEPS)


@pytest.mark.parametrize("name", sorted(STEP_CASES))
def test_each_step(name: str, tmp_path: Path) -> None:
    """Its shape rule says what it does, and the ONNX form computes the same."""
    args, shapes = STEP_CASES[name]
    names = [f"x{i}" for i in range(len(shapes))]
    document = {
        "layers": [
            layer(name, "", names, **args),
            layer("Parameter", "w"),
            layer("Add", "", [name.lower() + "1", "w"]),
        ],
        "inputs": dict(zip(names, map(list, shapes), strict=True)),
    }
    path = written({"w": torch.ones(1)}, tmp_path)
    listed = Architecture.model_validate(document)
    model = loaded(path, listed)
    inputs = {key: values(shape, i) for i, (key, shape) in enumerate(zip(names, shapes, strict=True))}
    y = model.run(inputs)["output"]
    assert plan(listed, load_state(path, "w.pth"), {}).placed[-1].gives == (y.shape,)
    session = onnxruntime.InferenceSession(model.onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, inputs)[0], y, rtol=1e-5, atol=1e-5)


# -- what is missing or wrong -------------------------------------------------------------------------------------

SMALL = {"fc.weight": torch.zeros(3, 4), "fc.bias": torch.zeros(3), "head.weight": torch.zeros(2, 3)}
GOOD = [layer("Linear", "fc"), layer("ReLU", "act"), layer("Linear", "head")]


@pytest.mark.parametrize(
    ("layers", "code", "text"),
    [
        ([], "E0151", "lists no layers"),
        ([GOOD[0], {"name": "act"}, GOOD[2]], "E0151", "1 layer still to be chosen"),
        ([*GOOD, layer("Softmx", dim=1)], "E0151", "Layer 4, Softmx, is no layer that is known"),
        ([*GOOD, layer("MaxUnpool1d")], "E0151", "needs the indices"),
        ([layer("Linear", "fd"), *GOOD[1:]], "E0151", "Layer 1, Linear 'fd', lacks its tensor 'weight'"),
        ([layer("Conv2d", "fc"), *GOOD[1:]], "E0151", "which should have 4 dimensions"),
        ([layer("Linear", "fc", out_features=5), *GOOD[1:]], "E0151", "out_features = 5, but its tensors say 3"),
        ([layer("Linear", "fc", colour=1), *GOOD[1:]], "E0151", "has no argument 'colour'"),
        ([GOOD[0], layer("LeakyReLU", negative_slope="x"), GOOD[2]], "E0151", "must be a finite number"),
        ([*GOOD, layer("Softmax")], "E0151", "needs 'dim'"),
        ([*GOOD, layer("Add", "", ["act"])], "E0151", "reads 2 to 64 inputs and gets 1"),
        ([*GOOD, layer("Add", "", ["act", "nothing"])], "E0151", "reads 'nothing', which no earlier layer"),
        ([*GOOD, layer("Add", "", ["act", "fc:1"])], "E0151", "which has 1 results"),
        ([*GOOD, layer("ReLU", "act")], "E0151", "'act' is given twice"),
        ([*GOOD, layer("Parameter", "position")], "E0151", "needs the tensor 'position'"),
        (GOOD[:2], "E0152", "1 tensor is used by no layer"),
        (GOOD[1:], "E0153", "needs 3 features and gets [1, 4]"),
        ([*GOOD, layer("Add", "", ["act", "head"])], "E0153", "cannot bring the shapes [1, 3] and [1, 2] together"),
    ],
)
def test_what_is_wrong_is_named(layers: list[dict[str, Any]], code: str, text: str, tmp_path: Path) -> None:
    error = refused(written(SMALL, tmp_path), layers, input=[1, 4])
    assert error.code == code
    assert text in error.title
    assert error.help


def test_the_input_must_be_given(tmp_path: Path) -> None:
    path = written(SMALL, tmp_path)
    assert refused(path, GOOD).code == "E0131"
    assert refused(path, GOOD, input=[1, None]).code == "E0131"
    listed = Architecture.model_validate({"layers": GOOD})
    assert plan(listed, load_state(path, "w.pth"), {"": (1, 4)}).inputs == {"input": (1, 4)}


def test_what_only_the_user_knows_must_be_said(tmp_path: Path) -> None:
    path = written(nn.LSTM(8, 4).state_dict(), tmp_path)
    error = refused(path, [layer("LSTM")], input=[1, 12, 8])
    assert (error.code, "batch_first" in error.title) == ("E0151", True)
    model = loaded(path, [layer("LSTM", batch_first=True)], input=[1, 12, 8])
    assert model.outputs == ("output", "h_n", "c_n")


def test_unused_tensors_can_be_named(tmp_path: Path) -> None:
    listed = Architecture.model_validate({"layers": GOOD[:2], "input": [1, 4], "unused": ["head"]})
    assert len(plan(listed, load_state(written(SMALL, tmp_path), "w.pth"), {}).placed) == 2


def test_an_embedding_reads_whole_numbers(tmp_path: Path) -> None:
    path = written({"emb.weight": torch.randn(9, 4), "fc.weight": torch.zeros(2, 4)}, tmp_path)
    layers = [layer("Embedding", "emb"), layer("Mean", "m", dim=1), layer("Linear", "fc")]
    model = loaded(path, layers, input=[1, 5])
    assert [(each.name, each.dtype) for each in model.inputs] == [("input", "int64")]
    mixed = [*layers, layer("Add", "", ["fc", "input"])]
    assert refused(path, mixed, input=[1, 2]).code == "E0151"


# -- what names and shapes tell -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "lenet", "ds_cnn", "mobilenet_v1", "lstm", "gru", "encoder"])
def test_a_guess_finds_every_layer_with_tensors(name: str, tmp_path: Path) -> None:
    """The same types as the network's own list; what is open has a note and, for a type, choices."""
    path = written(networks()[name].module().state_dict(), tmp_path)
    found = guess(load_state(path, "w.pth").tensors)
    wanted = {each.name: each.type for each in architecture(name).layers}
    assert {each.name: each.type for each in found.layers if each.type} == {
        each.name: wanted[each.name] for each in found.layers if each.tensors
    }
    assert sum(len(each.tensors) for each in found.layers) == len(torch.load(path))
    for each in found.layers:
        assert each.note or (each.type and None not in each.args.values())
        assert each.type or each.choices


@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_members_of_a_sequential_without_tensors_are_holes_of_their_name(name: str, tmp_path: Path) -> None:
    path = written(networks()[name].module().state_dict(), tmp_path)
    found = guess(load_state(path, "w.pth").tensors)
    assert [each.name for each in found.layers] == [each.name for each in architecture(name).layers]


@pytest.mark.parametrize(
    ("module", "kind", "args"),
    [
        (nn.GRU(3, 4), "GRU", {"batch_first": None}),
        (nn.RNN(3, 4), "RNN", {"batch_first": None}),
        (nn.LSTMCell(3, 4), "LSTMCell", {}),
        (nn.Conv1d(2, 3, 4), "Conv1d", {"stride": 1, "padding": 0}),
        (
            nn.Sequential(nn.Conv1d(3, 4, 1), nn.ConvTranspose1d(4, 3, 2)),
            "ConvTranspose1d",
            {"stride": 1, "padding": 0},
        ),
        (nn.ModuleDict({"embedding": nn.Embedding(5, 3)}), "Embedding", {}),
        (nn.ModuleDict({"ln": nn.LayerNorm(3)}), "LayerNorm", {}),
        (nn.ModuleDict({"gn": nn.GroupNorm(1, 3)}), "GroupNorm", {"num_groups": None}),
        (nn.ModuleDict({"norm": nn.LayerNorm(3)}), None, {}),
        (nn.ModuleDict({"a": nn.PReLU()}), "PReLU", {}),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), "BatchNorm1d", {}),
        (nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4)), "BatchNorm3d", {}),
        (nn.MultiheadAttention(4, 2), "MultiheadAttention", {"num_heads": None, "batch_first": None}),
        (nn.TransformerDecoderLayer(4, 2, 8), "TransformerDecoderLayer", {"nhead": None, "batch_first": None}),
        (nn.Transformer(4, 2, 1, 1, 8), "Transformer", {"nhead": None, "batch_first": None}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_tensors_tell(module: nn.Module, kind: str | None, args: dict[str, Any], tmp_path: Path) -> None:
    last = guess(load_state(written(module.state_dict(), tmp_path), "w.pth").tensors).layers[-1]
    assert (last.type, last.args) == (kind, args)


def look(path: Path, **options: Any) -> Look:
    return formats()[detect(path).kind].inspect(path, CompileOptions(**options), path.name)


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_inspection_shows_the_list_to_fill(kind: str, tmp_path: Path) -> None:
    path = written(LENET, tmp_path, kind)
    found = look(path).inspection
    assert not found.compilable
    assert [problem.code for problem in found.unsupported] == ["E0120"]
    assert found.architecture is not None
    assert len(found.architecture.holes) == 7
    assert found.architecture.layers[0].tensors == {"weight": [6, 1, 5, 5], "bias": [6]}
    document = found.architecture.model_dump(mode="json")
    assert Architecture.model_validate(document) == found.architecture
    assert "from" in document["layers"][0]


def test_inspection_with_an_architecture(tmp_path: Path) -> None:
    found = look(written(LENET, tmp_path), architecture=architecture("lenet"))
    assert found.inspection.compilable
    assert found.inspection.macs == 6 * 28 * 28 * 25 + 16 * 10 * 10 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10
    assert found.inspection.parameters == sum(t.numel() for t in LENET.values())
    assert found.graph is not None
    wrong = look(written(LENET, tmp_path), architecture=Architecture.model_validate({"layers": GOOD, "input": [1, 4]}))
    assert not wrong.inspection.compilable
    assert [problem.code for problem in wrong.inspection.unsupported] == ["E0151"]


def test_a_class_of_the_users_can_be_inspected(tmp_path: Path) -> None:
    torch.save(Own(), tmp_path / "own.pth")
    found = look(tmp_path / "own.pth").inspection
    assert [problem.code for problem in found.unsupported] == ["E0124"]
    assert found.architecture is not None
    assert [entry.type for entry in found.architecture.layers] == ["Linear"]


def test_without_an_architecture_the_way_out_is_named(tmp_path: Path) -> None:
    for kind in ("pth", "safetensors"):
        path = written(LENET, tmp_path, kind)
        with pytest.raises(ModelError) as caught:
            formats()[detect(path).kind].load(path, CompileOptions(), path.name)
        assert caught.value.code == "E0120"
        assert "--architecture" in caught.value.help

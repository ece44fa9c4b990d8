"""PyTorch networks, quantised in the ways PyTorch has, as programs of torch.export."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx

SHAPE = (1, 3, 12, 12)


class Residual(nn.Module):
    """Batch norm, a depthwise convolution, Relu6, an addition, a pool, two products, a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pointwise = nn.Conv2d(8, 8, 1, bias=False)
        self.hidden, self.last = nn.Linear(8, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(x)))
        y = nn.functional.relu6(self.depthwise(x))
        y = torch.relu(self.pointwise(y) + x)
        y = nn.functional.adaptive_avg_pool2d(y, 1).flatten(1)
        result: Tensor = self.last(torch.sigmoid(self.hidden(y)))
        return result


def network() -> nn.Module:
    torch.manual_seed(3)
    model = Residual().eval()
    generator = torch.Generator().manual_seed(4)
    model.norm.running_mean.copy_(torch.randn(8, generator=generator) * 0.2)  # type: ignore[union-attr]
    model.norm.running_var.copy_(torch.rand(8, generator=generator) + 0.5)  # type: ignore[union-attr]
    return model


def samples(count: int = 8, seed: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(SHAPE, generator=generator) for _ in range(count)]


def program(module: Any) -> Any:
    return torch.export.export(module, (samples(1)[0],))


def _torchao(dynamic: bool = False) -> Callable[[], Any]:
    """PT2E: a program is observed and rewritten; the quantiser is the one for XNNPACK."""

    def make() -> Any:
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

        settings = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=dynamic)
        prepared = prepare_pt2e(program(network()).module(), XNNPACKQuantizer().set_global(settings))
        for x in samples():
            prepared(x)
        return program(convert_pt2e(prepared))

    return make


def _traced(backend: str) -> Callable[[], Any]:
    """FX graph mode, converted to the same operators as PT2E's."""

    def make() -> Any:
        mapping = get_default_qconfig_mapping(backend)
        prepared = quantize_fx.prepare_fx(network(), mapping, (samples(1)[0],))
        for x in samples():
            prepared(x)
        return program(quantize_fx._convert_to_reference_decomposed_fx(prepared))

    return make


class Stepped(nn.Module):
    """As in training with quantisation in mind: real numbers that are rounded to steps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.Linear(8, 5)
        scales = self.conv.weight.detach().abs().amax((1, 2, 3)) / 127
        self.scales, self.zeros = nn.Buffer(scales), nn.Buffer(torch.zeros(8, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        def stepped(x: Tensor, scale: float, zero: int, low: int, high: int) -> Tensor:
            return torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)

        weight = torch.fake_quantize_per_channel_affine(self.conv.weight, self.scales, self.zeros, 0, -127, 127)
        x = stepped(x, 0.03, 120, 0, 255)
        x = nn.functional.conv2d(x, weight, self.conv.bias, 2, 1)
        x = stepped(torch.relu(x), 0.01, 0, 0, 127).mean((2, 3))
        x = nn.functional.linear(stepped(x, 0.004, -100, -128, 127), stepped(self.last.weight, 0.003, 0, -128, 127))
        return stepped(x, 0.005, 3, -128, 127)


def _fake() -> Any:
    torch.manual_seed(6)
    return program(Stepped().eval())


def _weights(config: str, **settings: Any) -> Callable[[], Any]:
    """torchao's `quantize_`: dense layers whose weights are tensors of a class of its own, until they are exported."""

    def make() -> Any:
        from torchao import quantization
        from torchao.utils import unwrap_tensor_subclass

        torch.manual_seed(7)
        model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10)).eval()
        chosen = {name: make_setting(quantization) for name, make_setting in settings.items()}
        quantization.quantize_(model, getattr(quantization, config)(**chosen))
        return torch.export.export(unwrap_tensor_subclass(model), (torch.zeros(2, 64),))

    return make


LAYERS: Mapping[str, Callable[[], Any]] = {
    "int8_weights": _weights("Int8WeightOnlyConfig"),
    "int8_by_row": _weights("Int8DynamicActivationInt8WeightConfig"),
    "int4_groups": _weights(
        "IntxWeightOnlyConfig", weight_dtype=lambda _: torch.int4, granularity=lambda q: q.PerGroup(16)
    ),
}
PROGRAMS: Mapping[str, Callable[[], Any]] = {
    "per_channel": _torchao(),
    "dynamic": _torchao(dynamic=True),
    "fx_x86": _traced("x86"),
    "fake_quantised": _fake,
}


def saved(name: str, folder: Path) -> Path:
    """The program as a file."""
    path = folder / f"{name}.pt2"
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save({**PROGRAMS, **LAYERS}[name](), path)
    finally:
        logging.disable(before)
    return path

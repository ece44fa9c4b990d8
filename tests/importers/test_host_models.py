"""The models that speed on computers is measured with, as PyTorch's exporter writes them: the smaller ones."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from compiler.onnx_backend import run_model

SMALL = (
    "ad_autoencoder",
    "kws_dscnn",
    "ic_resnet8",
    "mnist_mlp",
    "mnist_lenet",
    "transformer_4x128_seq64",
    "lstm_2x64_seq50",
)


def makers(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_models", shared / "baselines" / "make_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.needs_torch
@pytest.mark.parametrize("name", SMALL)
def test_a_model_from_the_exporter_computes_what_pytorch_computes(name: str, shared: Path) -> None:
    import torch

    model, x = makers(shared).build(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = model(x).numpy()
        program = torch.onnx.export(
            model, (x,), dynamo=True, input_names=["input"], output_names=["output"], verbose=False
        )
    assert program is not None
    (got,) = run_model(program.model_proto, [x.numpy()])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)

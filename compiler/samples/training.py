"""Learning: cross entropy, Adam with a falling rate; on a CPU the same seed gives the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

from compiler.errors import ToolError
from compiler.importers.torch_build import import_torch
from compiler.samples.digits import Digits, Images, Labels
from compiler.samples.networks import network

BATCH = 32
RATE = 2e-3
OPTIMIZER = f"Adam, learning rate {RATE} falling to 0 as a cosine, batches of {BATCH}"


@dataclass(frozen=True, eq=False)
class Trained:
    """A module in evaluation mode on the CPU, and the share of held-out digits it gets right."""

    module: Any
    accuracy: float


def untrained(kind: str, seed: int) -> Any:
    """A module with the weights that torch draws for the seed."""
    torch = import_torch()
    torch.manual_seed(seed)
    return network(kind).eval()


def train(
    kind: str, digits: Digits, *, epochs: int, seed: int, device: str = "cpu", told: Callable[[str], None] = print
) -> Trained:
    """Train from scratch. `told` gets one line per pass."""
    torch = import_torch()
    check_device(torch, device)
    torch.use_deterministic_algorithms(device == "cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are added in one order, whatever the computer
    try:
        module = untrained(kind, seed).to(device).train()
        x, y = torch.from_numpy(digits.train_x).to(device), torch.from_numpy(digits.train_y).to(device)
        optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        shuffle = torch.Generator().manual_seed(seed)
        for epoch in range(1, epochs + 1):
            total = 0.0
            for batch in torch.randperm(len(x), generator=shuffle).split(BATCH):
                batch = batch.to(device)
                loss = torch.nn.functional.cross_entropy(module(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(batch)
            schedule.step()
            told(f"{kind}: pass {epoch} of {epochs}, loss {total / len(x):.4f}")
        module = module.cpu().eval()
        return Trained(module, accuracy(module, digits.test_x, digits.test_y))
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(False)


def accuracy(module: Any, x: Images, y: Labels) -> float:
    torch = import_torch()
    with torch.no_grad():
        right = [
            int((module(torch.from_numpy(x[i : i + 500])).argmax(1).numpy() == y[i : i + 500]).sum())
            for i in range(0, len(x), 500)
        ]
    return sum(right) / len(x)


def interval(right: int, images: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, after Wilson (1927): it holds near 100 %, too."""
    z = 1.959964
    share = right / images
    middle = share + z * z / (2 * images)
    half = z * sqrt(share * (1 - share) / images + z * z / (4 * images * images))
    return (middle - half) / (1 + z * z / images), (middle + half) / (1 + z * z / images)


def check_device(torch: Any, device: str) -> None:
    """Raises `ToolError` when CUDA is asked for and not there."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ToolError(
            "E1013",
            "no CUDA device can be used",
            facts={"torch": str(torch.__version__), "built for CUDA": str(torch.version.cuda or "no")},
            help="train with --device cpu (seconds for these models), or install a CUDA build of PyTorch",
        )

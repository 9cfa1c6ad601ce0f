"""Trains a model, keeps checkpoints on the way, and writes what a comparison of two of them must find.

python twoModels.py OUT writes the files and OUT/expected.json: for each pair the layers whose running statistics differ, with
the relative distance that torch computes, and the modules whose flags and options differ.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import torch
from torch import nn

FROZEN = "body.norm"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.ModuleDict({"conv": nn.Conv2d(8, 8, 3, padding=1), "norm": nn.BatchNorm2d(8)})
        self.drop = nn.Dropout(0.25)
        self.tail = nn.Sequential(nn.Conv2d(8, 4, 1), nn.InstanceNorm2d(4, track_running_stats=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for layer in self.body.values():
            x = layer(x)
        return self.tail(self.drop(x))


def train(net: nn.Module, steps: int, frozen: bool) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    net.train()
    if frozen:
        net.get_submodule(FROZEN).eval()
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(4, 3, 8, 8) * 2 + 1).square().mean().backward()
        optimizer.step()


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    a, b = one.double(), other.double()
    return float((a - b).norm() / torch.maximum(a.norm(), b.norm()))


def statistics(first: nn.Module, second: nn.Module) -> Dict[str, Any]:
    """Layers whose statistics are not the same, by path."""
    found = {}
    others = dict(second.named_modules())
    for path, module in first.named_modules():
        mean = getattr(module, "running_mean", None)
        if mean is None:
            continue
        other = others[path]
        if torch.equal(mean, other.running_mean) and torch.equal(module.running_var, other.running_var):
            continue
        found[path] = {
            "runningMean": relative(mean, other.running_mean),
            "runningVar": relative(module.running_var, other.running_var),
            "numBatchesTracked": [int(module.num_batches_tracked), int(other.num_batches_tracked)],
        }
    return found


def flags(first: nn.Module, second: nn.Module) -> List[str]:
    others = dict(second.named_modules())
    return [path for path, module in first.named_modules() if module.training is not others[path].training]


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    net = Net()
    train(net, 3, frozen=False)
    early = copy.deepcopy(net)
    train(net, 4, frozen=True)
    late = copy.deepcopy(net)
    other = copy.deepcopy(late)
    other.drop.p = 0.5
    other.stem[1].momentum = None
    other.tail[1].eps = 1e-3
    other.eval()

    wrapped = {f"module.{key}": value for key, value in late.state_dict().items()}
    torch.save(early.state_dict(), out / "early.pth")
    torch.save({"state_dict": wrapped, "epoch": 7}, out / "late.ckpt")
    for name, model in {"early": early, "late": late, "other": other}.items():
        torch.jit.script(model).save(str(out / f"{name}.pt"))
    torch.save(copy.deepcopy(late).half().state_dict(), out / "half.pth")

    pairs: List[Tuple[str, str, nn.Module, nn.Module, bool]] = [
        ("early.pth", "late.ckpt", early, late, False),
        ("early.pt", "late.pt", early, late, True),
        ("early.pt", "early.pth", early, early, False),
        ("late.pt", "other.pt", late, other, True),
        ("late.pt", "half.pth", late, copy.deepcopy(late).half(), False),
    ]
    expected = [
        {
            "files": [first, second],
            "statistics": statistics(one, two),
            "flags": flags(one, two) if stored else [],
        }
        for first, second, one, two, stored in pairs
    ]
    (out / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

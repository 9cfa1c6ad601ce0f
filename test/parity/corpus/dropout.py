"""Everything that draws random numbers: the Dropout family, RReLU, functional dropout, noise."""

from typing import Any, Dict, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .registry import model, randn


def share_plan(unit: int):
    """Compares a pure dropout layer on ones by what it leaves: two values, and how often each.

    `unit` is the number of trailing elements that are dropped together (1, or those of a channel).
    """

    def plan(recorder, inputs) -> None:
        recorder.eval()
        recorder.forward(*inputs())
        recorder.train()
        (ones,) = inputs()
        first = recorder.forward(ones)
        p = recorder.copies[0].p
        recorder.steps.pop()
        values = sorted({float(value) for value in torch.unique(first)})
        # With p of 0 or 1 a single value is left; else the dropped one is the lower: 0, or alpha dropout's negative one.
        if len(values) != (1 if p in (0.0, 1.0) else 2):
            raise ValueError(f"a pure dropout layer gave {len(values)} values")
        expected = {"values": [values[0], values[-1]], "share": p, "unit": unit, "draws": 8}
        recorder.forward(ones, dropout=expected)
        recorder.eval()
        recorder.forward(*inputs())

    return plan


ROWS = (64, 250)
LAYERS: Dict[str, Any] = {
    "dropout": (nn.Dropout(0.3), ROWS, 1),
    "dropout_default": (nn.Dropout(), ROWS, 1),
    "dropout_inplace": (nn.Dropout(0.2, inplace=True), ROWS, 1),
    "dropout_0": (nn.Dropout(0.0), ROWS, 1),
    "dropout_1": (nn.Dropout(1.0), ROWS, 1),
    "dropout1d": (nn.Dropout1d(0.3), (64, 100, 4), 4),
    "dropout1d_unbatched": (nn.Dropout1d(0.3), (4000, 4), 4),
    "dropout2d": (nn.Dropout2d(0.4), (64, 100, 2, 2), 4),
    "dropout3d": (nn.Dropout3d(0.25), (64, 100, 2, 2, 1), 4),
    "alpha": (nn.AlphaDropout(0.3), ROWS, 1),
    "feature_alpha": (nn.FeatureAlphaDropout(0.3), (64, 100, 4), 4),
}
for name, (layer, shape, unit) in LAYERS.items():
    model(
        "dropout",
        name,
        lambda m=layer: m,
        lambda s=shape: (torch.ones(s),),
        plan=share_plan(unit),
        random=not name.endswith(("_0", "_1")),
    )
for dtype in (torch.float64, torch.float16, torch.bfloat16):
    model(
        "dropout",
        f"dropout_{str(dtype)[6:]}",
        lambda: nn.Dropout(0.3),
        lambda d=dtype: (torch.ones(ROWS, dtype=d),),
        plan=share_plan(1),
        random=True,
    )


class Mixed(nn.Module):
    """Every way to write dropout, beside each other; the tuple says which of them the mode reached."""

    def __init__(self) -> None:
        super().__init__()
        self.element = nn.Dropout(0.5)
        self.channel = nn.Dropout2d(0.5)
        self.alpha = nn.AlphaDropout(0.2)
        self.rrelu = nn.RReLU(0.1, 0.4)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        return (
            self.element(x),
            self.channel(x),
            self.alpha(x),
            self.rrelu(x),
            F.dropout(x, 0.3, self.training),
            # The bug that the extension is to show: it ignores eval().
            F.dropout(x, 0.3),
        )


class RReLUs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.RReLU()
        self.inplace = nn.RReLU(0.1, 0.4, inplace=True)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        return self.plain(x), self.inplace(x * 2)


class Noise(nn.Module):
    """User code that makes its own noise in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if self.training:
            x = x + torch.randn_like(x) * 0.1
            x = x * torch.bernoulli(torch.full([x.size(0), 1], 0.8)) + torch.rand(x.size())
            x = x + F.gumbel_softmax(x, dim=1)
            x = x[torch.randperm(x.size(0))]
        return x


class MonteCarlo(nn.Module):
    """Dropout before a BatchNorm: in training, the statistics depend on the draw."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.second = nn.BatchNorm1d(6)
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.second(self.drop(self.first(x))))


def dropout_only(recorder, inputs):
    recorder.eval()
    recorder.train("drop")
    recorder.seed(1)
    recorder.forward(*inputs())
    recorder.forward(*inputs())
    recorder.eval()
    recorder.forward(*inputs())


IMAGE = lambda: (randn(2, 3, 4, 4),)  # noqa: E731
model("dropout", "mixed_ways", Mixed, IMAGE, forms=("script", "trace_train"), random=True)
model("dropout", "rrelu", RReLUs, lambda: (randn(4, 5),), random=True)
model("dropout", "noise", Noise, lambda: (randn(8, 5),), random=True)
model("dropout", "monte_carlo", MonteCarlo, lambda: (randn(8, 6),), random=True)
model("dropout", "monte_carlo_dropout_only", MonteCarlo, lambda: (randn(8, 6),), plan=dropout_only, random=True)

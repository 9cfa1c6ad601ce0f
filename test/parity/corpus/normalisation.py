"""Normalisation layers: BatchNorm with its edge cases, InstanceNorm with and without statistics, and those without a mode."""

from typing import Any, Dict

import torch
from torch import Tensor, nn

from .registry import eval_plan, model, randn, settle

DTYPES = (torch.float64, torch.float16, torch.bfloat16)
SHAPES = {1: (6, 4, 5), 2: (4, 4, 3, 5), 3: (3, 4, 2, 3, 2)}
BOTH = ("script", "trace_eval", "trace_train")


def batches(dims: int, dtype: torch.dtype = torch.float32):
    # Away from zero mean and unit variance, so that every update moves the statistics.
    return lambda: ((randn(*SHAPES[dims]) * 1.5 + 0.7).to(dtype),)


def norms(dims: int):
    return getattr(nn, f"BatchNorm{dims}d"), getattr(nn, f"InstanceNorm{dims}d")


class SharedNorm(nn.Module):
    """One BatchNorm object under two names, used twice in a forward: two updates each time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4)
        self.norm2 = self.norm1

    def forward(self, x: Tensor) -> Tensor:
        return self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))


class TwoNorms(nn.Module):
    """The second layer fails on a batch of one; the first has been updated by then."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.norm2 = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm2(self.pool(self.norm1(x)).flatten(1))


class NoGrad(nn.Module):
    """no_grad does not stop the update."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.norm(x)


def single_value_plan(recorder, inputs):
    message = "Expected more than 1 value per channel when training"
    recorder.train()
    recorder.forward(randn(5, 4))
    recorder.forward(randn(1, 4), error=message)
    recorder.forward(randn(3, 4))
    recorder.eval()
    recorder.forward(randn(1, 4))


def two_norms_plan(recorder, inputs):
    recorder.train()
    recorder.forward(randn(4, 3, 5, 5))
    recorder.forward(randn(1, 3, 5, 5), error="Expected more than 1 value per channel when training")
    recorder.forward(randn(2, 3, 5, 5))
    recorder.eval()
    recorder.forward(randn(1, 3, 5, 5))


def wrong_shape_plan(recorder, inputs):
    recorder.train()
    recorder.forward(randn(4, 3), error="expected 4D input (got 2D input)")
    recorder.forward(randn(2, 5, 3, 3), error="running_mean should contain 5 elements not 3")
    recorder.eval()
    recorder.forward(randn(2, 3, 3, 3))


def many_steps_plan(recorder, inputs):
    recorder.train()
    for _ in range(12):
        recorder.forward(*inputs())
    recorder.eval()
    recorder.forward(*inputs())


OPTIONS: Dict[str, Dict[str, Any]] = {
    "": {},
    "_momentum_none": {"momentum": None},
    "_momentum_0": {"momentum": 0.0},
    "_momentum_1": {"momentum": 1.0},
    "_momentum_half": {"momentum": 0.5, "eps": 1e-3},
    "_no_affine": {"affine": False},
    "_no_tracking": {"track_running_stats": False},
    "_bare": {"affine": False, "track_running_stats": False},
}
for dims in (1, 2, 3):
    batch_norm, instance_norm = norms(dims)
    for suffix, options in OPTIONS.items():
        model(
            "batchnorm",
            f"batchnorm{dims}d{suffix}",
            lambda c=batch_norm, o=options: settle(c(4, **o)),
            batches(dims),
            forms=BOTH if suffix in ("", "_momentum_none", "_no_tracking") else ("script",),
        )
    for dtype in DTYPES:
        model(
            "batchnorm",
            f"batchnorm{dims}d_{str(dtype)[6:]}",
            lambda c=batch_norm, d=dtype: settle(c(4)).to(d),
            batches(dims, dtype),
        )
        # As autocast has it: the statistics stay in float32.
        if dtype != torch.float64:
            model(
                "batchnorm",
                f"batchnorm{dims}d_{str(dtype)[6:]}_float32_statistics",
                lambda c=batch_norm: settle(c(4)),
                batches(dims, dtype),
            )
    for suffix, options in {
        "": {},
        "_affine": {"affine": True},
        "_statistics": {"track_running_stats": True},
        "_statistics_affine": {"track_running_stats": True, "affine": True, "momentum": 0.3},
        "_statistics_momentum_0": {"track_running_stats": True, "momentum": 0.0},
    }.items():
        model(
            "instancenorm",
            f"instancenorm{dims}d{suffix}",
            lambda c=instance_norm, o=options: settle(c(4, **o)),
            batches(dims),
            forms=BOTH if suffix in ("", "_statistics_affine") else ("script",),
        )
    model(
        "instancenorm",
        f"instancenorm{dims}d_unbatched",
        lambda c=instance_norm: c(4),
        lambda d=dims: (randn(*SHAPES[d][1:]),),
    )

model("batchnorm", "batchnorm1d_matrix", lambda: settle(nn.BatchNorm1d(4)), lambda: (randn(7, 4),), forms=BOTH)
model("batchnorm", "shared", lambda: settle(SharedNorm()), lambda: (randn(3, 3, 6, 6),), forms=BOTH)
model("batchnorm", "single_value", lambda: settle(nn.BatchNorm1d(4)), lambda: (), plan=single_value_plan)
model("batchnorm", "single_value_later", lambda: settle(TwoNorms()), lambda: (), plan=two_norms_plan)
model("batchnorm", "wrong_shape", lambda: settle(nn.BatchNorm2d(3)), lambda: (), plan=wrong_shape_plan)
model("batchnorm", "no_grad", lambda: settle(NoGrad()), lambda: (randn(6, 4),))
model("batchnorm", "many_steps", lambda: settle(nn.BatchNorm2d(4)), batches(2), plan=many_steps_plan)
model(
    "batchnorm",
    "many_steps_cumulative",
    lambda: settle(nn.BatchNorm2d(4, momentum=None)),
    batches(2),
    plan=many_steps_plan,
)
model(
    "batchnorm",
    "nan_input",
    lambda: settle(nn.BatchNorm1d(2)),
    lambda: (torch.tensor([[1.0, float("nan")], [2.0, 3.0]]),),
)
model(
    "batchnorm",
    "infinite_input",
    lambda: settle(nn.BatchNorm1d(2)),
    lambda: (torch.tensor([[1.0, float("inf")], [2.0, 3.0]]),),
)
model("batchnorm", "large_offset", lambda: settle(nn.BatchNorm1d(3)), lambda: (randn(64, 3) + 10.0,))
model("batchnorm", "sync", lambda: settle(nn.SyncBatchNorm(4)), batches(2), plan=eval_plan, forms=("trace_eval",))
model(
    "instancenorm",
    "single_value",
    lambda: nn.InstanceNorm1d(3),
    lambda: (),
    plan=lambda r, i: r.forward(randn(2, 3, 1), error="Expected more than 1 spatial element when training"),
)

OTHERS = {
    "layernorm": (lambda: nn.LayerNorm(5), (2, 3, 5)),
    "layernorm_two_dims": (lambda: nn.LayerNorm((3, 5), eps=1e-3), (2, 3, 5)),
    "layernorm_no_affine": (lambda: nn.LayerNorm(5, elementwise_affine=False), (2, 3, 5)),
    "layernorm_no_bias": (lambda: nn.LayerNorm(5, bias=False), (2, 3, 5)),
    "groupnorm": (lambda: nn.GroupNorm(2, 6), (2, 6, 3, 4)),
    "groupnorm_one_group": (lambda: nn.GroupNorm(1, 6), (2, 6, 5)),
    "groupnorm_all_groups": (lambda: nn.GroupNorm(6, 6, eps=1e-3), (2, 6, 5)),
    "groupnorm_no_affine": (lambda: nn.GroupNorm(3, 6, affine=False), (2, 6, 2, 2, 2)),
    "groupnorm_matrix": (lambda: nn.GroupNorm(3, 6), (4, 6)),
    "rmsnorm": (lambda: nn.RMSNorm(5), (2, 3, 5)),
    "rmsnorm_eps": (lambda: nn.RMSNorm((3, 5), eps=1e-3), (2, 3, 5)),
    "rmsnorm_no_affine": (lambda: nn.RMSNorm(5, elementwise_affine=False), (2, 3, 5)),
    "localresponse": (lambda: nn.LocalResponseNorm(3, alpha=0.1), (2, 6, 4, 4)),
    "localresponse_1d": (lambda: nn.LocalResponseNorm(2, alpha=0.5, beta=0.5, k=2.0), (2, 6, 7)),
    "localresponse_3d": (lambda: nn.LocalResponseNorm(4), (2, 6, 2, 3, 2)),
}
for name, (make, shape) in OTHERS.items():
    model(
        "norms", name, lambda m=make: settle(m()), lambda s=shape: (randn(*s) * 2 + 1,), forms=("script", "trace_eval")
    )
    if name in ("layernorm", "groupnorm", "rmsnorm"):
        for dtype in DTYPES:
            model(
                "norms",
                f"{name}_{str(dtype)[6:]}",
                lambda m=make, d=dtype: settle(m()).to(d),
                lambda s=shape, d=dtype: (randn(*s, dtype=d),),
                plan=eval_plan,
            )

"""Activation, pooling, padding, shuffling and linear layers of torch.nn, one case each."""

from typing import Tuple

import torch
from torch import Tensor, nn

from .registry import eval_plan, model, randn, settle

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu_inplace": nn.ReLU(inplace=True),
    "relu6": nn.ReLU6(),
    "relu6_inplace": nn.ReLU6(inplace=True),
    "leaky_relu": nn.LeakyReLU(0.2),
    "leaky_relu_inplace": nn.LeakyReLU(0.2, inplace=True),
    "prelu": nn.PReLU(),
    "prelu_channels": nn.PReLU(4),
    "elu": nn.ELU(0.7),
    "elu_inplace": nn.ELU(0.7, inplace=True),
    "selu": nn.SELU(),
    "celu": nn.CELU(1.3),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "silu_inplace": nn.SiLU(inplace=True),
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "softplus_beta": nn.Softplus(beta=2, threshold=1),
    "softsign": nn.Softsign(),
    "tanh": nn.Tanh(),
    "tanhshrink": nn.Tanhshrink(),
    "hardtanh": nn.Hardtanh(-0.5, 0.8),
    "hardtanh_inplace": nn.Hardtanh(-0.5, 0.8, inplace=True),
    "hardshrink": nn.Hardshrink(0.6),
    "softshrink": nn.Softshrink(0.4),
    "threshold": nn.Threshold(0.1, 20.0),
    "sigmoid": nn.Sigmoid(),
    "logsigmoid": nn.LogSigmoid(),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardsigmoid_inplace": nn.Hardsigmoid(inplace=True),
    "hardswish": nn.Hardswish(),
    "hardswish_inplace": nn.Hardswish(inplace=True),
    "glu": nn.GLU(dim=1),
    "softmax": nn.Softmax(dim=1),
    "softmax_implicit_dim": nn.Softmax(dim=None),
    "softmax2d": nn.Softmax2d(),
    "softmin": nn.Softmin(dim=2),
    "log_softmax": nn.LogSoftmax(dim=1),
}
for name, layer in ACTIVATIONS.items():
    shape = (2, 4, 3, 3) if name == "softmax2d" else (2, 4, 6)
    forms = ("script", "trace_eval") if not name.endswith("_inplace") else ("script",)
    model("activations", name, lambda m=layer: m, lambda s=shape: (randn(*s) * 3,), forms=forms, plan=eval_plan)
    if name in (
        "relu6",
        "leaky_relu",
        "elu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "hardswish",
        "hardsigmoid",
        "softmax",
    ):
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            suffix = str(dtype)[6:]
            model(
                "activations",
                f"{name}_{suffix}",
                lambda m=layer: m,
                lambda d=dtype: (randn(2, 4, 6, dtype=d),),
                plan=eval_plan,
            )


class AllPReLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.PReLU(3, init=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


model("activations", "prelu_2d", AllPReLU, lambda: (randn(2, 3, 4, 4),), plan=eval_plan)


def pools():
    """Name, layer, input shape."""
    sizes = {1: (2, 3, 11), 2: (2, 3, 9, 11), 3: (2, 2, 7, 8, 9)}
    for dims in (1, 2, 3):
        shape = sizes[dims]
        maximum = getattr(nn, f"MaxPool{dims}d")
        average = getattr(nn, f"AvgPool{dims}d")
        power = getattr(nn, f"LPPool{dims}d")
        for name, options in {
            "plain": {"kernel_size": 2},
            "stride": {"kernel_size": 3, "stride": 2},
            "padding": {"kernel_size": 3, "stride": 2, "padding": 1},
            "dilation": {"kernel_size": 3, "stride": 1, "dilation": 2},
            "ceil": {"kernel_size": 3, "stride": 2, "ceil_mode": True},
            "ceil_padding": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            "indices": {"kernel_size": 3, "stride": 2, "padding": 1, "return_indices": True},
            "indices_dilation": {"kernel_size": 2, "dilation": 2, "ceil_mode": True, "return_indices": True},
        }.items():
            yield f"max{dims}d_{name}", maximum(**options), shape
        for name, options in {
            "plain": {"kernel_size": 2},
            "padding": {"kernel_size": 3, "stride": 2, "padding": 1},
            "exclude_pad": {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
            "ceil": {"kernel_size": 3, "stride": 2, "ceil_mode": True},
            "ceil_padding": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            "ceil_exclude": {
                "kernel_size": 2,
                "stride": 2,
                "padding": 1,
                "ceil_mode": True,
                "count_include_pad": False,
            },
        }.items():
            yield f"avg{dims}d_{name}", average(**options), shape
        yield f"lp{dims}d", power(2.0, 3, stride=2), shape
        yield f"lp{dims}d_norm3_ceil", power(3.0, 3, stride=2, ceil_mode=True), shape
        for kind in ("Avg", "Max"):
            adaptive = getattr(nn, f"Adaptive{kind}Pool{dims}d")
            for size in (1, 3, 4):
                yield f"adaptive_{kind.lower()}{dims}d_{size}", adaptive(size), shape
        yield f"adaptive_max{dims}d_indices", nn.__dict__[f"AdaptiveMaxPool{dims}d"](3, return_indices=True), shape
        yield f"max{dims}d_unbatched", maximum(2), shape[1:]
    yield "avg2d_rectangle", nn.AvgPool2d((2, 3), (1, 2), (0, 1)), (2, 3, 9, 11)
    yield "avg2d_divisor", nn.AvgPool2d(2, divisor_override=3), (2, 3, 8, 8)
    yield "max2d_rectangle", nn.MaxPool2d((2, 3), (1, 2), (0, 1)), (2, 3, 9, 11)


for name, layer, shape in pools():
    traced = name.endswith(("_padding", "_ceil", "_3", "plain"))
    model(
        "pooling",
        name,
        lambda m=layer: m,
        lambda s=shape: (randn(*s),),
        forms=("script", "trace_eval") if traced else ("script",),
        plan=eval_plan,
    )


# torch can trace these two, but not script them.
for name, layer in (("avg", nn.AdaptiveAvgPool2d((None, 2))), ("max", nn.AdaptiveMaxPool2d((2, None)))):
    model(
        "pooling",
        f"adaptive_{name}2d_none",
        lambda m=layer: m,
        lambda: (randn(2, 3, 5, 8),),
        forms=("trace_eval",),
        plan=eval_plan,
    )


class Unpool(nn.Module):
    """torch can neither script nor trace nn.MaxUnpool itself, only the operator below it."""

    def __init__(self, dims: int):
        super().__init__()
        self.pool = getattr(nn, f"MaxPool{dims}d")(2, stride=2, return_indices=True)
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        y, indices = self.pool(x)
        if self.dims == 2:
            return torch._C._nn.max_unpool2d(y, indices, list(x.shape[-2:]))
        return torch._C._nn.max_unpool3d(y, indices, list(x.shape[-3:]), [2, 2, 2], [0, 0, 0])


for dims in (2, 3):
    model(
        "pooling", f"unpool{dims}d", lambda d=dims: Unpool(d), lambda d=dims: (randn(2, 3, *[7] * d),), plan=eval_plan
    )
for dtype in (torch.float64, torch.float16, torch.bfloat16):
    suffix = str(dtype)[6:]
    model(
        "pooling",
        f"max2d_{suffix}",
        lambda: nn.MaxPool2d(3, 2, 1),
        lambda d=dtype: (randn(2, 3, 8, 8, dtype=d),),
        plan=eval_plan,
    )
    model(
        "pooling",
        f"avg2d_{suffix}",
        lambda: nn.AvgPool2d(3, 2, 1),
        lambda d=dtype: (randn(2, 3, 8, 8, dtype=d),),
        plan=eval_plan,
    )

PADS = {
    "zero1d": (nn.ZeroPad1d((1, 2)), (2, 3, 5)),
    "zero2d": (nn.ZeroPad2d((1, 2, 0, 3)), (2, 3, 5, 4)),
    "zero2d_crop": (nn.ZeroPad2d((-1, 2, 1, -1)), (2, 3, 5, 4)),
    "constant1d": (nn.ConstantPad1d(2, 0.5), (2, 3, 5)),
    "constant3d": (nn.ConstantPad3d((1, 0, 2, 1, 0, 1), -2.0), (2, 2, 3, 3, 3)),
    "reflect1d": (nn.ReflectionPad1d((2, 1)), (2, 3, 5)),
    "reflect2d": (nn.ReflectionPad2d((1, 2, 2, 0)), (2, 3, 5, 4)),
    "reflect3d": (nn.ReflectionPad3d(1), (1, 2, 3, 3, 3)),
    "replicate1d": (nn.ReplicationPad1d((2, 1)), (2, 3, 5)),
    "replicate2d": (nn.ReplicationPad2d((1, 2, 2, 0)), (2, 3, 5, 4)),
    "replicate3d": (nn.ReplicationPad3d(1), (1, 2, 3, 3, 3)),
    "circular1d": (nn.CircularPad1d((2, 1)), (2, 3, 5)),
    "circular2d": (nn.CircularPad2d((1, 2, 2, 0)), (2, 3, 5, 4)),
    "circular3d": (nn.CircularPad3d(1), (1, 2, 3, 3, 3)),
}
for name, (layer, shape) in PADS.items():
    model("layers", f"pad_{name}", lambda m=layer: m, lambda s=shape: (randn(*s),), plan=eval_plan)


class TwoInputs(nn.Module):
    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.layer(a, b)


class Unflatten(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten(1, 2)
        self.unflatten = nn.Unflatten(1, (4, 3))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        y = self.flatten(x)
        return y, self.unflatten(y)


OTHERS = {
    "linear": (lambda: nn.Linear(6, 4), lambda: (randn(2, 3, 6),)),
    "linear_no_bias": (lambda: nn.Linear(6, 4, bias=False), lambda: (randn(6),)),
    "bilinear": (lambda: TwoInputs(nn.Bilinear(4, 3, 5)), lambda: (randn(6, 4), randn(6, 3))),
    "identity": (lambda: nn.Identity(), lambda: (randn(2, 3),)),
    "flatten": (Unflatten, lambda: (randn(2, 3, 4),)),
    "cosine": (lambda: TwoInputs(nn.CosineSimilarity(dim=1)), lambda: (randn(2, 5), randn(2, 5))),
    "pairwise": (lambda: TwoInputs(nn.PairwiseDistance(2.0)), lambda: (randn(2, 5), randn(2, 5))),
    "pixel_shuffle": (lambda: nn.PixelShuffle(2), lambda: (randn(1, 8, 3, 2),)),
    "pixel_unshuffle": (lambda: nn.PixelUnshuffle(2), lambda: (randn(1, 2, 4, 6),)),
    "channel_shuffle": (lambda: nn.ChannelShuffle(2), lambda: (randn(1, 6, 2, 2),)),
    "fold": (lambda: nn.Fold((4, 5), (2, 2)), lambda: (randn(1, 8, 12),)),
    "unfold": (lambda: nn.Unfold((2, 3), padding=1, stride=2), lambda: (randn(1, 2, 5, 6),)),
    "upsample_nearest": (lambda: nn.Upsample(scale_factor=2), lambda: (randn(1, 2, 3, 4),)),
    "upsample_bilinear": (lambda: nn.Upsample(size=(5, 7), mode="bilinear"), lambda: (randn(1, 2, 3, 4),)),
    "upsample_bicubic_aligned": (
        lambda: nn.Upsample(scale_factor=(1.5, 2.0), mode="bicubic", align_corners=True),
        lambda: (randn(1, 2, 4, 4),),
    ),
    "conv_same": (lambda: nn.Conv2d(2, 3, 4, padding="same", dilation=2), lambda: (randn(1, 2, 8, 8),)),
    "conv_reflect": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), lambda: (randn(1, 2, 5, 5),)),
    "conv_replicate": (lambda: nn.Conv1d(2, 3, 3, padding=1, padding_mode="replicate"), lambda: (randn(1, 2, 5),)),
    "conv_circular": (lambda: nn.Conv3d(2, 3, 3, padding=1, padding_mode="circular"), lambda: (randn(1, 2, 4, 4, 4),)),
    "conv_depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4, stride=2), lambda: (randn(2, 4, 7, 7),)),
    "conv_unbatched": (lambda: nn.Conv2d(2, 3, 3), lambda: (randn(2, 5, 5),)),
    "conv_double": (lambda: nn.Conv2d(2, 3, 3).double(), lambda: (randn(1, 2, 5, 5, dtype=torch.float64),)),
    "conv_half": (lambda: nn.Conv2d(2, 3, 3).half(), lambda: (randn(1, 2, 5, 5, dtype=torch.float16),)),
    "conv_bfloat16": (lambda: nn.Conv2d(2, 3, 3).bfloat16(), lambda: (randn(1, 2, 5, 5, dtype=torch.bfloat16),)),
    "linear_double": (lambda: nn.Linear(6, 4).double(), lambda: (randn(2, 6, dtype=torch.float64),)),
    "linear_half": (lambda: nn.Linear(6, 4).half(), lambda: (randn(2, 6, dtype=torch.float16),)),
    "linear_bfloat16": (lambda: nn.Linear(6, 4).bfloat16(), lambda: (randn(2, 6, dtype=torch.bfloat16),)),
    "transposed1d": (lambda: nn.ConvTranspose1d(3, 4, 3, 2, 1, output_padding=1), lambda: (randn(2, 3, 5),)),
    "transposed2d_groups": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, groups=2, dilation=2), lambda: (randn(2, 4, 5, 4),)),
    "transposed3d": (lambda: nn.ConvTranspose3d(2, 3, 2, 2), lambda: (randn(1, 2, 3, 3, 3),)),
    "weight_norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), lambda: (randn(2, 4),)),
}  # fmt: skip
for name, (make, inputs) in OTHERS.items():
    # torch can trace a parametrised layer, but not script it.
    forms = ("trace_eval",) if name == "weight_norm" else ("script",)
    model("layers", name, make, inputs, forms=forms, plan=eval_plan)
for name in ("linear", "conv_depthwise", "conv_same", "transposed2d_groups", "upsample_bilinear"):
    make, inputs = OTHERS[name]
    model(
        "layers",
        f"{name}_settled",
        lambda m=make: settle(m()),
        inputs,
        forms=("script", "trace_eval", "freeze"),
        plan=lambda r, i: r.forward(*i()),
    )

"""Mixed modes: a whole model in train with its BatchNorms in eval, one block in eval, and the ways in which files get so."""

from typing import List

from torch import Tensor, nn

from .record import class_name
from .registry import model, randn, settle
from .vision import IMAGES, BasicBlock, MobileNetV3, ResNet, UNet


class Overridden(nn.Module):
    """The frozen-BatchNorm idiom: train() is overridden in Python, which a file does not keep."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet(BasicBlock, [1, 1])
        self.head = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2))

    def train(self, mode: bool = True):
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


class FrozenParameters(nn.Module):
    """Parameters of the backbone don't require grad; its statistics move all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x).mean([2, 3]))


class Branching(nn.Module):
    """Reads flags other than its own: a parent that asks a child, and a child that runs in one mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.extra = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if self.norm.training and not self.training:
            return self.extra(x)
        return x if self.training else -x


class ConvBatchNormReLU(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.unit = nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)


class InstanceNormDropoutBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(4)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.norm(x))


def norms_of(recorder) -> List[str]:
    return [path for path, module in recorder.copies[0].named_modules() if class_name(module).startswith("BatchNorm")]


def norms_in_eval(recorder, inputs):
    recorder.train()
    for path in norms_of(recorder):
        recorder.set(path, False)
    recorder.forward(*inputs())
    # The next train() revives them.
    recorder.train()
    recorder.forward(*inputs())


def norms_in_train(recorder, inputs):
    recorder.eval()
    for path in norms_of(recorder):
        recorder.set(path, True, recursive=False)
    for _ in range(3):
        recorder.forward(*inputs())


def one_block(path: str):
    def plan(recorder, inputs):
        recorder.train()
        recorder.eval(path)
        recorder.forward(*inputs())
        recorder.forward(*inputs())
        recorder.eval()
        recorder.train(path)
        recorder.forward(*inputs())
        recorder.eval()
        recorder.forward(*inputs())

    return plan


def as_stored(recorder, inputs):
    recorder.forward(*inputs())
    recorder.forward(*inputs())


def parent_flag_only(recorder, inputs):
    recorder.eval()
    recorder.set("", True, recursive=False)
    recorder.forward(*inputs())
    recorder.eval()
    recorder.set("norm", True, recursive=False)
    recorder.forward(*inputs())
    recorder.train()
    recorder.forward(*inputs())


def mixed_before_saving() -> nn.Module:
    net = settle(ResNet(BasicBlock, [1, 2])).train()
    net.layer1.eval()
    net.layer2[0].bn1.eval()
    return net


model(
    "modes",
    "batchnorm_eval",
    lambda: settle(ResNet(BasicBlock, [1, 2])),
    IMAGES,
    forms=("script", "trace_train"),
    plan=norms_in_eval,
)
model(
    "modes",
    "batchnorm_train",
    lambda: settle(ResNet(BasicBlock, [1, 2])),
    IMAGES,
    forms=("script", "trace_eval"),
    plan=norms_in_train,
)
model("modes", "block_eval", lambda: settle(ResNet(BasicBlock, [1, 2])), IMAGES, plan=one_block("layer2.0"))
model("modes", "encoder_eval", lambda: settle(UNet("nearest")), lambda: (randn(2, 1, 16, 16),), plan=one_block("down1"))
model("modes", "dropout_train", lambda: settle(MobileNetV3()), IMAGES, plan=one_block("classifier.2"), random=True)
model("modes", "as_stored", mixed_before_saving, IMAGES, plan=as_stored)
model("modes", "overridden_train", lambda: settle(Overridden().train()), IMAGES, plan=as_stored)
model("modes", "overridden_train_then_train", lambda: settle(Overridden()), IMAGES)
model("modes", "frozen_parameters", lambda: settle(FrozenParameters()), lambda: (randn(3, 3, 6, 6),))
model(
    "modes",
    "blocks_named_after_layers",
    lambda: settle(nn.Sequential(ConvBatchNormReLU(3), InstanceNormDropoutBlock())),
    lambda: (randn(3, 3, 6, 6),),
    forms=("script", "trace_eval"),
)
model("modes", "branching", lambda: settle(Branching()), lambda: (randn(4, 4),), plan=parent_flag_only)
model(
    "modes",
    "branching",
    lambda: settle(Branching().train()),
    lambda: (randn(4, 4),),
    forms=("trace_train",),
    plan=parent_flag_only,
)
model("modes", "frozen_parameters", lambda: settle(FrozenParameters()), lambda: (randn(3, 3, 6, 6),), forms=("freeze",))

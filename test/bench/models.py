"""Makes the models that the benchmark opens and runs: python models.py DIR"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn


# Numbers of tensors in the state dicts that show how opening grows.
GROWTH = (105, 1_001, 10_003, 100_002)


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if stride != 1 or inputs != outputs
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    """ResNet-18 of He et al. (2015), 11.7 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [64, 64, 128, 256, 512]
        for i in range(4):
            blocks = nn.Sequential(
                BasicBlock(widths[i], widths[i + 1], 1 if i == 0 else 2), BasicBlock(widths[i + 1], widths[i + 1], 1)
            )
            setattr(self, f"layer{i + 1}", blocks)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def wide_tree(groups: int, leaves: int) -> nn.Module:
    """A tree of 1 + groups + groups * leaves modules, every leaf mode-sensitive."""
    return nn.Sequential(*(nn.Sequential(*(nn.Dropout(0.1) for _ in range(leaves))) for _ in range(groups)))


def blocks(count: int, width: int) -> nn.Module:
    """Convolution, BatchNorm and Dropout, `count` times: seven tensors each."""
    block = lambda: nn.Sequential(nn.Conv2d(width, width, 3), nn.BatchNorm2d(width), nn.Dropout(0.1))  # noqa: E731
    return nn.Sequential(*(block() for _ in range(count)))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    resnet = ResNet18()
    torch.jit.script(resnet.train()).save(str(folder / "resnet18.pt"))
    image = torch.zeros(1, 3, 224, 224)
    torch.onnx.export(resnet.eval(), (image,), str(folder / "resnet18.onnx"), dynamo=False)
    torch.jit.script(wide_tree(200, 204)).save(str(folder / "tree41k.pt"))
    torch.save(blocks(2000, 128).state_dict(), folder / "checkpoint.pth")
    for tensors in GROWTH:
        torch.save(blocks(tensors // 7, 4).state_dict(), folder / f"growth{tensors}.pth")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

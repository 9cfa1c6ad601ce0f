"""Trains a small network on made-up images, so that Mode Inspector has something live to show.

Needs torch alone. Try in the view “Modules”, while it runs: unfold a BatchNorm and watch its statistics move; switch a layer to
eval; pin it, and see that the next model.train() leaves it alone. *Mode switches* tells which line called train() and eval().
"""

import argparse
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn(self.conv(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(Block(1, 8), nn.MaxPool2d(2), Block(8, 16), nn.AdaptiveAvgPool2d(1))
        self.dropout = nn.Dropout(0.3)
        self.classifier = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.dropout(self.features(x).flatten(1)))


def batch(size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose brightness tells the class."""
    labels = torch.randint(0, 4, (size,))
    return torch.randn(size, 1, 16, 16) + labels.view(-1, 1, 1, 1), labels


def accuracy(model: nn.Module) -> float:
    model.eval()
    with torch.no_grad():
        images, labels = batch(256)
        return (model(images).argmax(1) == labels).float().mean().item()


def main(epochs: int, pause: float) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        model.train()
        for _ in range(20):
            images, labels = batch()
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            time.sleep(pause)
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy(model):.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds after each step, so that one can watch")
    arguments = parser.parse_args()
    main(arguments.epochs, arguments.pause)

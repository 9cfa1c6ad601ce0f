"""The networks behind the sample files: a small ResNet and a recurrent tagger, written as people write them."""

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut: Optional[nn.Module] = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        if self.shortcut is not None:
            identity = self.shortcut(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += identity
        return self.relu(x)


class ShapeClassifier(nn.Module):
    """Tells circles, squares, crosses and stripes apart; takes images of shape (batch, 3, 32, 32)."""

    def __init__(self, num_classes: int = 4, dropout: float = 0.3):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
        self.layer1 = nn.Sequential(ResidualBlock(16, 16), ResidualBlock(16, 16))
        self.layer2 = nn.Sequential(ResidualBlock(16, 32, stride=2), ResidualBlock(32, 32))
        self.layer3 = nn.Sequential(ResidualBlock(32, 64, stride=2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        x = self.layer3(self.layer2(self.layer1(x)))
        x = torch.flatten(self.pool(x), 1)
        return self.classifier(self.dropout(x))


class SegmentationHead(nn.Module):
    """An encoder that was trained before, and a head that is being trained now."""

    def __init__(self, num_classes: int = 2):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            ResidualBlock(16, 32, stride=2),
        )
        self.spatial_dropout = nn.Dropout2d(0.2)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 2, stride=2),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, num_classes, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.spatial_dropout(self.encoder(images))
        logits = self.decoder(features)
        return F.interpolate(logits, size=images.shape[-2:], mode="bilinear", align_corners=False)


class LSTMTagger(nn.Module):
    """Gives every token of a sentence a tag; takes token ids of shape (batch, length)."""

    def __init__(self, vocabulary: int = 200, tags: int = 9):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 32, padding_idx=0)
        self.embedding_dropout = nn.Dropout(0.1)
        self.lstm = nn.LSTM(32, 32, num_layers=2, dropout=0.4, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, tags)

    def forward(self, tokens: Tensor) -> Tensor:
        embedded = self.embedding_dropout(self.embedding(tokens))
        states, _ = self.lstm(embedded)
        return F.log_softmax(self.head(self.norm(states)), dim=-1)

"""Compact versions of the convolutional networks that people train."""

from typing import List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .registry import model, randn, settle

ALL_FORMS = ("script", "trace_eval", "trace_train", "freeze")


class BasicBlock(nn.Module):
    expansion: int = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: Optional[nn.Module] = None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class Bottleneck(nn.Module):
    expansion: int = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: Optional[nn.Module] = None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, layers: List[int], classes: int = 5):
        super().__init__()
        self.inplanes = 8
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 8, layers[0], 1)
        self.layer2 = self._make_layer(block, 12, layers[1], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(12 * block.expansion, classes)

    def _make_layer(self, block, planes: int, blocks: int, stride: int) -> nn.Sequential:
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes * block.expansion, 1, stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes * block.expansion
        layers += [block(self.inplanes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


class ConvNormActivation(nn.Sequential):
    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, activation=nn.Hardswish):
        layers = [
            nn.Conv2d(cin, cout, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout, eps=0.001, momentum=0.01),
        ]
        if activation is not None:
            layers.append(activation(inplace=True))
        super().__init__(*layers)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeeze: int):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeeze, 1)
        self.fc2 = nn.Conv2d(squeeze, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Hardsigmoid()

    def _scale(self, x: Tensor) -> Tensor:
        scale = self.fc2(self.activation(self.fc1(self.avgpool(x))))
        return self.scale_activation(scale)

    def forward(self, x: Tensor) -> Tensor:
        return self._scale(x) * x


class InvertedResidual(nn.Module):
    def __init__(self, cin: int, hidden: int, cout: int, kernel: int, stride: int, squeeze: bool):
        super().__init__()
        self.use_res_connect = stride == 1 and cin == cout
        layers = [ConvNormActivation(cin, hidden, 1), ConvNormActivation(hidden, hidden, kernel, stride, groups=hidden)]
        if squeeze:
            layers.append(SqueezeExcitation(hidden, 8))
        layers.append(ConvNormActivation(hidden, cout, 1, activation=None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        result = self.block(x)
        if self.use_res_connect:
            result += x
        return result


class MobileNetV3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvNormActivation(3, 8, 3, 2),
            InvertedResidual(8, 16, 8, 3, 1, True),
            InvertedResidual(8, 24, 12, 5, 2, False),
            InvertedResidual(12, 24, 12, 5, 1, True),
            ConvNormActivation(12, 24, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(24, 32), nn.Hardswish(inplace=True), nn.Dropout(p=0.2, inplace=True), nn.Linear(32, 5)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.avgpool(self.features(x)), 1)
        return self.classifier(x)


class DoubleConv(nn.Module):
    def __init__(self, cin: int, cout: int):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(cin, cout, 3, padding=1, bias=False),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, padding=1, bias=False),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


class Up(nn.Module):
    """`how` is a transposed convolution, or the mode of an interpolation."""

    def __init__(self, cin: int, cout: int, how: str):
        super().__init__()
        self.transposed = how == "transposed"
        self.mode = "nearest" if how == "nearest" else "bilinear"
        self.align_corners: Optional[bool] = None if how == "nearest" else how == "aligned"
        self.up = nn.ConvTranspose2d(cin, cin // 2, 2, stride=2)
        self.reduce = nn.Conv2d(cin, cin // 2, 1)
        self.conv = DoubleConv(cin, cout)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        if self.transposed:
            x1 = self.up(x1)
        else:
            x1 = self.reduce(F.interpolate(x1, scale_factor=2.0, mode=self.mode, align_corners=self.align_corners))
        dy = x2.size(2) - x1.size(2)
        dx = x2.size(3) - x1.size(3)
        x1 = F.pad(x1, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.conv(torch.cat([x2, x1], dim=1))


class UNet(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.inc = DoubleConv(1, 6)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(6, 12))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(12, 24))
        self.up1 = Up(24, 12, how)
        self.up2 = Up(12, 6, how)
        self.outc = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))


class DenseLayer(nn.Module):
    def __init__(self, cin: int, growth: int, drop_rate: float):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(cin)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(cin, 2 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def bn_function(self, inputs: List[Tensor]) -> Tensor:
        return self.conv1(self.relu1(self.norm1(torch.cat(inputs, 1))))

    def forward(self, inputs: List[Tensor]) -> Tensor:
        features = self.conv2(self.relu2(self.norm2(self.bn_function(inputs))))
        if self.drop_rate > 0:
            features = F.dropout(features, p=self.drop_rate, training=self.training)
        return features


class DenseBlock(nn.ModuleDict):
    def __init__(self, count: int, cin: int, growth: int, drop_rate: float):
        super().__init__()
        for i in range(count):
            self.add_module(f"denselayer{i + 1}", DenseLayer(cin + i * growth, growth, drop_rate))

    def forward(self, first: Tensor) -> Tensor:
        features = [first]
        for name, layer in self.items():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    def __init__(self, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.block1 = DenseBlock(2, 8, 4, drop_rate)
        self.transition = nn.Sequential(
            nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 8, 1, bias=False), nn.AvgPool2d(2, 2)
        )
        self.block2 = DenseBlock(2, 8, 4, drop_rate)
        self.norm = nn.BatchNorm2d(16)
        self.classifier = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.block2(self.transition(self.block1(self.conv0(x)))))
        x = F.adaptive_avg_pool2d(F.relu(x, inplace=True), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class VGG(nn.Module):
    """With 1d, 2d or 3d layers."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
        norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1]
        pool = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[dims - 1]
        average = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[dims - 1]
        layers: List[nn.Module] = []
        channels = 2
        for width in (6, "M", 8, 8, "M"):
            if width == "M":
                layers.append(pool(2, 2))
            else:
                layers += [conv(channels, width, 3, padding=1), norm(width), nn.ReLU(inplace=True)]
                channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = average(2)
        self.classifier = nn.Sequential(
            nn.Linear(8 * 2**dims, 16),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(16, 16),
            nn.BatchNorm1d(16),
            nn.Linear(16, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        x = torch.flatten(x, 1)
        return self.classifier(x)


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class StochasticDepth(nn.Module):
    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        survival = 1.0 - self.p
        noise = torch.empty([x.shape[0]] + [1] * (x.ndim - 1), dtype=x.dtype, device=x.device)
        noise = noise.bernoulli_(survival)
        if survival > 0.0:
            noise.div_(survival)
        return x * noise


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim: int, p: float):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 0.5))
        self.drop_path = StochasticDepth(p)

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        x = self.dwconv(x).permute(0, 2, 3, 1)
        x = self.pwconv2(self.act(self.pwconv1(self.norm(x))))
        x = (self.gamma * x).permute(0, 3, 1, 2)
        return residual + self.drop_path(x)


class ConvNeXt(nn.Module):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), LayerNorm2d(8, eps=1e-6))
        self.stages = nn.ModuleList([ConvNeXtBlock(8, p * i / 2) for i in range(3)])
        self.downsample = nn.Sequential(LayerNorm2d(8, eps=1e-6), nn.Conv2d(8, 12, 2, 2))
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        x = self.downsample(x)
        return self.head(self.norm(x.mean([-2, -1])))


class Inception(nn.Module):
    """Branches, an auxiliary head that runs in training only, and a NamedTuple-like pair as output."""

    def __init__(self) -> None:
        super().__init__()
        self.branch1 = ConvNormActivation(3, 4, 1, activation=nn.ReLU)
        self.branch3 = nn.Sequential(
            nn.Conv2d(3, 4, (1, 5), padding=(0, 2)), nn.Conv2d(4, 4, (5, 1), padding=(2, 0)), nn.BatchNorm2d(4)
        )
        self.pool = nn.Conv2d(3, 4, 1)
        self.aux = nn.Linear(12, 3)
        self.fc = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        x = torch.cat([self.branch1(x), F.relu(self.branch3(x)), self.pool(pooled)], 1)
        x = torch.flatten(F.adaptive_max_pool2d(x, 1), 1)
        aux: Optional[Tensor] = None
        if self.training:
            aux = self.aux(x)
        return self.fc(x), aux


IMAGES = lambda: (randn(4, 3, 32, 32),)  # noqa: E731

model("architectures", "resnet_basic", lambda: settle(ResNet(BasicBlock, [1, 2])), IMAGES, forms=ALL_FORMS)
model("architectures", "resnet_bottleneck", lambda: settle(ResNet(Bottleneck, [2, 1])), IMAGES, forms=ALL_FORMS)
model("architectures", "mobilenet_v3", lambda: settle(MobileNetV3()), IMAGES, forms=ALL_FORMS, random=True)
for how in ("transposed", "nearest", "bilinear", "aligned"):
    # An odd size, so that the decoder has something to pad.
    forms = ALL_FORMS if how == "transposed" else ("script", "trace_eval")
    model(
        "architectures", f"unet_{how}", lambda how=how: settle(UNet(how)), lambda: (randn(2, 1, 26, 30),), forms=forms
    )
model("architectures", "densenet", lambda: settle(DenseNet()), IMAGES, forms=("script", "trace_eval", "trace_train"))
model(
    "architectures",
    "densenet_dropout",
    lambda: settle(DenseNet(0.2)),
    IMAGES,
    forms=("script", "trace_train"),
    random=True,
)
for dims in (1, 2, 3):
    size = (24, 12, 8)[dims - 1]
    model(
        "architectures",
        f"vgg_bn_{dims}d",
        lambda dims=dims: settle(VGG(dims)),
        lambda dims=dims, size=size: (randn(5, 2, *[size] * dims),),
        forms=ALL_FORMS,
        random=True,
    )
model("architectures", "convnext", lambda: settle(ConvNeXt()), IMAGES, forms=ALL_FORMS, random=True)
model(
    "architectures",
    "inception",
    lambda: settle(Inception()),
    lambda: (randn(3, 3, 12, 12),),
    forms=("script", "freeze"),
)

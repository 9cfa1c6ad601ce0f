"""Makes the sample files beside this script (torch 2.13; half a minute).

python samples/make_samples.py
"""

import gc
import os
import sys
import threading
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from models import LSTMTagger, SegmentationHead, ShapeClassifier  # noqa: E402


def shapes(count: int, generator: torch.Generator) -> Tuple[Tensor, Tensor]:
    """Noisy coloured images of four shapes at random places, and which shape it is."""
    labels = torch.randint(0, 4, (count,), generator=generator)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    images = torch.randn(count, 3, 32, 32, generator=generator) * 0.2
    for image, label in zip(images, labels):
        row, column, size = torch.rand(3, generator=generator) * torch.tensor([12.0, 12.0, 4.0]) + torch.tensor(
            [10.0, 10.0, 5.0]
        )
        dy, dx = (y - row).abs(), (x - column).abs()
        mask = (
            (dy**2 + dx**2 < size**2),
            (torch.maximum(dy, dx) < size * 0.85),
            ((torch.minimum(dy, dx) < 1.5) & (torch.maximum(dy, dx) < size)),
            ((y.remainder(5) < 2) & (dx < size)),
        )[int(label)]
        image += mask * (torch.rand(3, 1, 1, generator=generator) + 0.5)
    return images, labels


def train(model: nn.Module, steps: int, batch: int, generator: torch.Generator) -> float:
    """Returns the accuracy over the last ten batches."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    right = 0
    for step in range(steps):
        images, labels = shapes(batch, generator)
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= steps - 10:
            right += int((logits.argmax(1) == labels).sum())
    return right / (10 * batch)


def train_tagger(model: nn.Module, steps: int, generator: torch.Generator) -> None:
    """The tag of a token follows from it and its left neighbour, so there is something to learn."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(steps):
        tokens = torch.randint(1, 200, (16, 12), generator=generator)
        tags = (tokens + tokens.roll(1, 1)) % 9
        loss = F.nll_loss(model(tokens).flatten(0, 1), tags.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def save(module: torch.jit.ScriptModule, name: str) -> None:
    file = HERE / name
    torch.jit.save(module, str(file))
    size = file.stat().st_size
    if size >= 1_000_000:
        raise ValueError(f"{name} has {size} bytes; samples stay below 1 MB")
    print(f"{name}: {size // 1024} KB")


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(7)
    generator = torch.Generator().manual_seed(7)

    classifier = ShapeClassifier()
    print(f"training accuracy {train(classifier, 150, 32, generator):.2f}")
    save(torch.jit.script(classifier.eval()), "resnet_trained.pt")

    # Fine-tuning: the encoder's BatchNorms are frozen, and somebody switched the dropout off and forgot it.
    segmentation = SegmentationHead().train()
    for _ in range(40):
        segmentation(shapes(16, generator)[0])
    for module in segmentation.encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    segmentation.spatial_dropout.eval()
    for _ in range(20):
        segmentation(shapes(16, generator)[0])
    images, _ = shapes(2, generator)
    save(torch.jit.script(segmentation), "mixed_modes.pt")

    # Traced before eval() was called: the flags say eval now, the code says train for ever.
    traced = torch.jit.trace(classifier.train(), images, check_trace=False)
    save(traced.eval(), "traced.pt")

    tagger = LSTMTagger()
    train_tagger(tagger, 60, generator)
    save(torch.jit.script(tagger.eval()), "lstm_tagger.pt")


def shorten_paths() -> None:
    """Makes torch record `models.py` and `torch/nn/…` in the files, in place of the paths of this very machine."""
    roots = (str(HERE), str(Path(torch.__file__).parent.parent), str(Path(threading.__file__).parent))

    def shorten(code: types.CodeType) -> types.CodeType:
        inner = tuple(shorten(item) if isinstance(item, types.CodeType) else item for item in code.co_consts)
        root = next((root for root in roots if code.co_filename.startswith(root + os.sep)), "")
        name = Path(code.co_filename[len(root) + 1 :]).as_posix() if root else code.co_filename
        return code.replace(co_filename=name, co_consts=inner)

    for function in gc.get_objects():
        if type(function) is types.FunctionType:
            function.__code__ = shorten(function.__code__)


if __name__ == "__main__":
    shorten_paths()
    # A thread's stack begins with functions, whose paths can be shortened; this module's own frame keeps its path.
    with ThreadPoolExecutor(1) as executor:
        executor.submit(main).result()

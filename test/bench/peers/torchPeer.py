"""Peer: PyTorch itself: torchPeer.py switch | torchPeer.py forward RESNET.pt THREADS"""

import json
import sys
import time
from pathlib import Path
from typing import Callable

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from models import ResNet18, wide_tree  # noqa: E402


def switching() -> tuple[dict[str, object], Callable[[], object]]:
    tree = wide_tree(200, 204)

    def both() -> None:
        tree.train()
        tree.eval()

    return {"modules": sum(1 for _ in tree.modules())}, both


def forward(file: str, threads: str) -> tuple[dict[str, object], Callable[[], object]]:
    torch.set_num_threads(int(threads))
    model = ResNet18()
    model.load_state_dict(torch.jit.load(file).state_dict())
    model.eval()
    wave = torch.sin(torch.arange(3 * 224 * 224, dtype=torch.float64) * 0.01).float().reshape(1, 3, 224, 224)
    return {"output": model(wave).flatten().tolist()}, lambda: model(wave)


def main(work: str, *arguments: str) -> None:
    with torch.inference_mode():
        ready, repeat = {"switch": switching, "forward": forward}[work](*arguments)
        print(json.dumps(ready), flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            repeat()
            print(json.dumps({"milliseconds": (time.perf_counter() - start) * 1000}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

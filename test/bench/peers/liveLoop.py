"""Peer: a training step of a ResNet-18, with or without the agent in the process. It knows nothing of the agent but its thread.

Each answer also has the processor time that the agent's thread has taken so far (Linux).
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from models import ResNet18  # noqa: E402


def agent_milliseconds() -> float:
    """User and system time of the thread, in whole clock ticks."""
    total = 0.0
    for thread in threading.enumerate():
        if thread.name == "Mode Inspector" and sys.platform == "linux":
            fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    return total


def main(norms: str) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = ResNet18() if norms == "resnet" else nn.Sequential(*[nn.BatchNorm1d(64) for _ in range(int(norms))])
    shape = (8, 3, 64, 64) if norms == "resnet" else (16, 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images = torch.randn(shape)
    model.train()

    def step() -> None:
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()

    step()
    print(json.dumps({"process": os.getpid()}), flush=True)
    for line in sys.stdin:
        repetitions = int(line) if line.strip() else 5
        start = time.perf_counter()
        for _ in range(repetitions):
            step()
        milliseconds = (time.perf_counter() - start) * 1000 / repetitions
        print(json.dumps({"milliseconds": milliseconds, "agent": agent_milliseconds()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

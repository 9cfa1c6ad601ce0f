"""Peer: a training step of a ResNet-18, with or without the agent in the process. It knows nothing of the agent but its thread.

Each answer has the time of a step by the clock and in processor time of the whole process, and the processor time
that the agent's thread has taken so far (Linux).
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
    """What Linux counts for the thread: in nanoseconds where the scheduler tells, else in clock ticks."""
    total = 0.0
    for thread in threading.enumerate():
        if thread.name != "Mode Inspector" or sys.platform != "linux":
            continue
        folder = Path(f"/proc/self/task/{thread.native_id}")
        try:
            total += int((folder / "schedstat").read_text().split()[0]) / 1e6
        except OSError:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
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
        clocks = (time.perf_counter, time.process_time)
        before = [clock() for clock in clocks]
        for _ in range(repetitions):
            step()
        clock, process = [(clock() - start) * 1000 / repetitions for clock, start in zip(clocks, before)]
        answer = {"milliseconds": clock, "process": process, "agent": agent_milliseconds()}
        print(json.dumps({**answer, "steps": repetitions}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Minimum, maximum and mean of many tensors at once, without torch's help of other threads and beside what CUDA does for the user.

Tensor by tensor it would cost forty microseconds each; a thousand together cost a few milliseconds.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import Any, Callable, Iterable, Optional

from .modules import torch_module

__all__ = ["Summary", "elements", "numbers", "summaries"]

Summary = tuple[Any, ...]
"""
Minimum, maximum and mean of the finite elements, None where there are none, and the number of the others. Where they were asked for,
also the quartiles of the finite elements, or None.
"""

# From this number of elements on torch calls in its threads, which would spin beside the user's own for a while.
_SERIAL_ELEMENTS = 32_767


# Of the interpolation that torch.quantile takes.
_SHARES = (0.25, 0.5, 0.75)


def summaries(tensors: list[Any], quartiles: bool = False) -> Callable[[], Iterable[Summary]]:
    """Of floating-point tensors of one device, dtype and shape. The work begins now; the function returned waits for its end."""
    torch: Any = torch_module("torch")
    width = tensors[0].numel()
    if width == 0:
        return lambda: [(None, None, None, 0, *([None] if quartiles else []))] * len(tensors)
    most = max(1, _SERIAL_ELEMENTS // width)
    parts = [tensors[start : start + most] for start in range(0, len(tensors), most)]
    with torch.no_grad(), _beside_the_users_work(torch, tensors[0].device):
        tables = [_start_copy(torch, _quick_figures(torch, part, width, quartiles)) for part in parts]

    def finish() -> Iterable[Summary]:
        for part, table in zip(parts, tables):
            lows, highs, means, *middles = table()
            rows = zip(lows, highs, means, itertools.repeat(0), *([zip(*middles)] if quartiles else []))
            if math.isfinite(sum(means)):
                yield from rows
                continue
            for tensor, row in zip(part, rows):
                yield row if math.isfinite(row[2]) else _careful_summary(torch, tensor, quartiles)

    return finish


def numbers(tensors: list[Any]) -> Callable[[], list[int]]:
    """The same for tensors that hold one integer each."""
    torch: Any = torch_module("torch")
    with torch.no_grad(), _beside_the_users_work(torch, tensors[0].device):
        return _start_copy(torch, torch.stack(tensors).reshape(len(tensors)))


def elements(tensor: Any) -> list[Optional[float]]:
    """All elements in order; those that are not finite as None."""
    torch: Any = torch_module("torch")
    with torch.no_grad(), _beside_the_users_work(torch, tensor.device):
        finish = _start_copy(torch, tensor.detach().double().flatten())
    return [_finite(value) for value in finish()]


def _quick_figures(torch: Any, tensors: list[Any], width: int, quartiles: bool) -> Any:
    """Columns: minima, maxima, means, perhaps quartiles. A mean that is not finite says that not all elements are."""
    rows = torch.cat([tensor.reshape(-1) for tensor in tensors] if tensors[0].dim() != 1 else tensors)
    rows = rows.reshape(len(tensors), width).double()
    low, high = torch.aminmax(rows, dim=1)
    return torch.stack([low, high, rows.sum(1) / width, *(_quartiles(rows.sort(1).values) if quartiles else [])])


def _quartiles(ordered: Any) -> list[Any]:
    """Of rows whose elements are in order, which must not be empty."""
    last = ordered.shape[1] - 1
    columns = []
    for share in _SHARES:
        below = int(share * last)
        above = min(below + 1, last)
        columns.append(ordered[:, below] + (ordered[:, above] - ordered[:, below]) * (share * last - below))
    return columns


def _careful_summary(torch: Any, tensor: Any, quartiles: bool) -> Summary:
    with torch.no_grad(), _beside_the_users_work(torch, tensor.device):
        values = tensor.detach().double().flatten()
        finite = torch.isfinite(values)
        count = finite.sum()
        low = values.masked_fill(~finite, float("inf")).amin()
        high = values.masked_fill(~finite, float("-inf")).amax()
        mean = values.masked_fill(~finite, 0.0).sum() / count
        low, high, mean, some = _start_copy(torch, torch.stack([low, high, mean, count.double()]))()
        summary = _finite(low), _finite(high), _finite(mean), tensor.numel() - int(some)
        if not quartiles:
            return summary
        if some == 0:
            return (*summary, None)
        return (*summary, _start_copy(torch, torch.cat(_quartiles(values[finite].sort().values[None])))())


def _beside_the_users_work(torch: Any, device: Any) -> Any:
    """On CUDA, a stream of its own that waits for what is queued; the user's stream waits for nothing."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    return torch.cuda.stream(stream)


def _start_copy(torch: Any, table: Any) -> Callable[[], Any]:
    """Begins to bring the numbers to the host; the function returned waits for them and gives them as lists."""
    if table.device.type != "cuda":
        return table.tolist
    host = torch.empty(table.shape, dtype=table.dtype, pin_memory=True)
    host.copy_(table, non_blocking=True)
    event = torch.cuda.Event()
    event.record()

    def finish() -> Any:
        event.synchronize()
        return host.tolist()

    return finish


def _finite(value: float) -> Optional[float]:
    return value if value - value == 0 else None

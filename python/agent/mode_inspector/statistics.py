"""Figures of BatchNorm's running statistics, of all layers of a size at once.

Every layer by itself would cost forty microseconds; a thousand of them together cost a few milliseconds. Only layers whose
tensors were written since the last time are read: torch counts the writes of each tensor.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterable, Optional

from .modules import buffer_of, torch_module

__all__ = ["StatisticsReader", "values_of"]

_NAMES = ("running_mean", "running_var")
_FIGURES = 4


class StatisticsReader:
    """Remembers what it told, and tells what differs."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, ...]] = {}

    def forget(self) -> None:
        self._seen.clear()

    def changed(self, layers: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
        """Statistics of the layers (path, module) that moved since the last call."""
        moved: list[tuple[str, Any, Any, Any]] = []
        for path, module in layers:
            mean, var = buffer_of(module, _NAMES[0]), buffer_of(module, _NAMES[1])
            count = buffer_of(module, "num_batches_tracked")
            if mean is None and var is None and count is None:
                continue
            version = tuple((id(tensor), tensor._version) for tensor in (mean, var, count) if tensor is not None)
            # Kernels write running statistics without counting; the counter of batches is then what tells.
            if count is not None and self._seen.get(path) == version:
                continue
            self._seen[path] = version
            moved.append((path, mean, var, count))
        return _read(moved) if moved else []


def values_of(module: Any) -> dict[str, Any]:
    """All elements of one layer's statistics, in order; those that are not finite as None."""
    figures = {"runningMean": None, "runningVar": None, "numBatchesTracked": None}
    read = _read([("", buffer_of(module, _NAMES[0]), buffer_of(module, _NAMES[1]), buffer_of(module, "num_batches_tracked"))])
    figures.update({key: value for key, value in read[0].items() if key != "path"})
    torch = torch_module("torch")
    for key, name in (("runningMean", _NAMES[0]), ("runningVar", _NAMES[1])):
        tensor = buffer_of(module, name)
        if torch is not None and tensor is not None and figures[key] is not None:
            with torch.no_grad(), _beside_the_users_work(torch, tensor.device):
                finish = _start_copy(torch, tensor.detach().double().flatten())
            figures[key]["values"] = [_finite(value) for value in finish()]
    return figures


def _read(layers: list[tuple[str, Any, Any, Any]]) -> list[dict[str, Any]]:
    torch = torch_module("torch")
    if torch is None:
        return []
    answers = [{"path": path, "runningMean": None, "runningVar": None, "numBatchesTracked": None} for path, *_ in layers]
    groups: dict[tuple[Any, ...], list[tuple[int, str, Any]]] = {}
    for index, (_, mean, var, count) in enumerate(layers):
        for key, tensor in (("runningMean", mean), ("runningVar", var), ("numBatchesTracked", count)):
            if tensor is not None and tensor.is_floating_point() is (key != "numBatchesTracked"):
                single = key == "numBatchesTracked"
                group = (single, tensor.device, tensor.dtype, tensor.numel())
                groups.setdefault(group, []).append((index, key, tensor))
    tables = []
    with torch.no_grad():
        for (single, device, *_), members in groups.items():
            with _beside_the_users_work(torch, device):
                tables.append(_start_copy(torch, _figures([tensor for _, _, tensor in members], single)))
    for members, finish in zip(groups.values(), tables):
        for (index, key, _), row in zip(members, finish()):
            answers[index][key] = int(row[0]) if key == "numBatchesTracked" else _summary(row)
    return answers


def _figures(tensors: list[Any], single: bool) -> Any:
    """One row a tensor: its value if it is a single number, else [minimum, maximum, mean, number of non-finite elements]."""
    torch = torch_module("torch")
    assert torch is not None
    rows = torch.stack([tensor.detach().reshape(-1) for tensor in tensors]).double()
    if single or rows.shape[1] == 0:
        return rows
    finite = torch.isfinite(rows)
    count = finite.sum(1)
    mean = rows.masked_fill(~finite, 0.0).sum(1) / count
    low = rows.masked_fill(~finite, float("inf")).amin(1)
    high = rows.masked_fill(~finite, float("-inf")).amax(1)
    return torch.stack([low, high, mean, (rows.shape[1] - count).double()], 1)


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


def _summary(row: list[float]) -> Optional[dict[str, Any]]:
    if len(row) < _FIGURES:
        return {"min": None, "max": None, "mean": None, "nonFinite": 0}
    low, high, mean, non_finite = row
    return {"min": _finite(low), "max": _finite(high), "mean": _finite(mean), "nonFinite": int(non_finite)}


def _finite(value: float) -> Optional[float]:
    return value if value - value == 0 else None

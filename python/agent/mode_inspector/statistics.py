"""Figures of BatchNorm's running statistics, of all layers of a size at once.

Every layer by itself would cost forty microseconds; a thousand of them together cost a few milliseconds. Only layers whose
tensors were written since the last time are read: torch counts the writes of each tensor.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import Any, Callable, Iterable, Optional

from .modules import buffer_of, buffers_of, plain_tensor, torch_module

__all__ = ["StatisticsReader", "values_of"]

_NAMES = ("running_mean", "running_var")
_COUNT = "num_batches_tracked"
_FIGURES = 4


class StatisticsReader:
    """
    Remembers what it told, and tells what differs. Of each layer it keeps the dictionary of buffers alive, not the layer, so
    that a model that went since the last report has its last figures told.
    """

    def __init__(self) -> None:
        self._layers: list[_Layer] = []

    def watch(self, layers: Iterable[tuple[str, Any]]) -> None:
        """Looks at these layers (path, module) from now on, as if for the first time."""
        self._layers = [_Layer(path, module, buffers) for path, module in layers if (buffers := buffers_of(module))]

    def changed(self, is_last: bool = False) -> list[tuple[str, dict[str, Any]]]:
        """Paths and figures that differ from what was told. ``is_last`` reads those too that seem to stand still."""
        looks = [(layer, *layer.look()) for layer in self._layers]
        due = [(layer, tensors) for layer, tensors, is_due in looks if is_due or is_last]
        figures = _read([tensors for _, tensors in due])
        news = [(layer, read) for (layer, _), read in zip(due, figures) if read != layer.told]
        for layer, read in news:
            layer.told = read
        return [(layer.path, read) for layer, read in news]


class _Layer:
    """One layer's tensors, and what is known of them."""

    __slots__ = ("path", "told", "_module", "_buffers", "_version", "_is_settled")

    def __init__(self, path: str, module: Any, buffers: dict[str, Any]) -> None:
        self.path = path
        self.told: Optional[dict[str, Any]] = None
        self._module = weakref.ref(module)
        self._buffers = buffers
        self._version: Any = None
        self._is_settled = False

    def look(self) -> tuple[tuple[Any, Any, Any], bool]:
        """Running mean, running variance and counter, and whether they may have moved since the last look."""
        module = self._module()
        if module is not None:
            # A scripted module makes its dictionary anew each time; others keep theirs.
            self._buffers = buffers_of(module) or self._buffers
        buffers = self._buffers
        tensors = (
            plain_tensor(buffers.get(_NAMES[0])),
            plain_tensor(buffers.get(_NAMES[1])),
            plain_tensor(buffers.get(_COUNT)),
        )
        return tensors, self._is_due(*tensors)

    def _is_due(self, mean: Any, var: Any, count: Any) -> bool:
        """
        Kernels write running statistics without counting, and after the counter of batches has moved: so a layer is read once
        more after its counter was seen to stand still, and always where there is none.
        """
        if mean is None and var is None and count is None:
            return False
        if count is None or count.is_inference():
            return True
        version = (id(mean), id(var), id(count), count._version, _version_of(mean), _version_of(var))
        if version != self._version:
            self._version = version
            self._is_settled = False
            return True
        was_settled, self._is_settled = self._is_settled, True
        return not was_settled


def _version_of(tensor: Any) -> Any:
    """Inference tensors count no writes."""
    return None if tensor is None or tensor.is_inference() else tensor._version


def values_of(module: Any) -> dict[str, Any]:
    """All elements of one layer's statistics, in order; those that are not finite as None."""
    [figures] = _read([(buffer_of(module, _NAMES[0]), buffer_of(module, _NAMES[1]), buffer_of(module, _COUNT))])
    torch = torch_module("torch")
    for key, name in (("runningMean", _NAMES[0]), ("runningVar", _NAMES[1])):
        tensor = buffer_of(module, name)
        if torch is not None and tensor is not None and figures[key] is not None:
            with torch.no_grad(), _beside_the_users_work(torch, tensor.device):
                finish = _start_copy(torch, tensor.detach().double().flatten())
            figures[key]["values"] = [_finite(value) for value in finish()]
    return figures


def _read(layers: list[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
    """Figures of running mean, running variance and counter of each layer; None for what it has not."""
    answers: list[dict[str, Any]] = [{"runningMean": None, "runningVar": None, "numBatchesTracked": None} for _ in layers]
    torch = torch_module("torch")
    if torch is None:
        return answers
    groups: dict[tuple[Any, ...], list[tuple[int, str, Any]]] = {}
    for index, (mean, var, count) in enumerate(layers):
        for key, tensor in (("runningMean", mean), ("runningVar", var), ("numBatchesTracked", count)):
            single = key == "numBatchesTracked"
            if tensor is not None and tensor.is_floating_point() is not single and (not single or tensor.numel() == 1):
                group = (single, tensor.device, tensor.dtype, tensor.shape)
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
    rows = torch.stack(tensors).reshape(len(tensors), -1).double()
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

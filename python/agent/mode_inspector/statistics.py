"""BatchNorm's running statistics: which layers' moved, and their figures.

Only layers whose tensors were written since the last time are read: torch counts the writes of each tensor.
"""

from __future__ import annotations

import base64
import struct
import weakref
from typing import Any, Callable, Iterable, Optional

from .figures import Summary, elements, numbers, summaries
from .modules import buffer_of, buffers_of, is_scripted, plain_tensor

__all__ = ["Figures", "StatisticsReader", "described", "packed", "values_of"]

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_COUNT = 2
_NAN = float("nan")
_NOTHING = (None,) * 5
_NO_QUARTILES = (None,) * 3
_attribute = object.__getattribute__


Figures = tuple[Any, Any, Any]
"""Of a layer: the summaries of running mean and running variance, and the counter; None for what it has not."""


class StatisticsReader:
    """
    Remembers what it told, and tells what differs. Of each layer it keeps the dictionary of buffers alive, not the layer, so
    that a model that went since the last report has its last figures told.
    """

    def __init__(self) -> None:
        self._layers: list[_Layer] = []
        self._plan = _Plan([])
        self._with_quartiles = False

    def watch(self, layers: Iterable[tuple[str, Any]], quartiles: bool = False) -> None:
        """Looks at these layers (path, module) from now on, as if for the first time."""
        self._with_quartiles = quartiles
        self._layers = [_Layer(path, module, buffers) for path, module in layers if (buffers := buffers_of(module))]
        self._plan = _Plan([])

    def changed(self, is_last: bool = False) -> list[tuple[str, Figures]]:
        """Paths and figures that differ from what was told. ``is_last`` reads those too that seem to stand still."""
        due = [layer for layer in self._layers if layer.look() or is_last]
        members = [layer.members for layer in due]
        try:
            if not self._plan.is_for(members):
                self._plan = _Plan(members, self._with_quartiles)
            figures = self._plan.read()
        except Exception:
            # A tensor's memory was exchanged behind its back.
            for layer in due:
                layer.forget()
            raise
        news = []
        for layer, read in zip(due, figures):
            if read != layer.told:
                layer.told = read
                news.append((layer.path, read))
        return news


class _Layer:
    """One layer's tensors, and what is known of them."""

    __slots__ = (
        "path", "told", "members", "_module", "_buffers", "_is_scripted", "_is_lasting", "_found", "_versioned", "_writes", "_is_settled",
    )

    def __init__(self, path: str, module: Any, buffers: dict[str, Any]) -> None:
        self.path = path
        self.told: Any = None
        self.members: list[_Member] = []
        self._module = weakref.ref(module)
        self._buffers = buffers
        self._is_scripted = is_scripted(module)
        self.forget()

    def forget(self) -> None:
        """Takes nothing for granted at the next look."""
        self._is_lasting = False
        self._found: Any = (None, None, None)
        self._writes: Optional[int] = None
        self._is_settled = False

    def look(self) -> bool:
        """
        Finds the tensors, and whether they may have moved since the last look. Kernels write running statistics without counting, and
        after the counter of batches has moved: so a layer is read once more after its counter was seen to stand still, and always
        where there is none.
        """
        module = self._module()
        if module is not None:
            # A scripted module makes its dictionary anew each time; others keep theirs.
            own = buffers_of(module) if self._is_scripted else _attribute(module, "__dict__").get("_buffers")
            self._buffers = own or self._buffers
        get, found = self._buffers.get, self._found
        mean, var, count = get("running_mean"), get("running_var"), get("num_batches_tracked")
        if not (self._is_lasting and mean is found[0] and var is found[1] and count is found[2]):
            self._take(mean, var, count)
        if not self._versioned:
            return bool(self.members)
        mean, var, count = self._versioned
        writes = mean._version + var._version + count._version
        was_settled, self._is_settled = self._is_settled, writes == self._writes
        self._writes = writes
        return not (was_settled and self._is_settled)

    def _take(self, *found: Any) -> None:
        self._found = found
        plain = [plain_tensor(value) for value in found]
        # A lazy layer's tensors become plain ones and stay the same objects.
        self._is_lasting = all(value is None or tensor is not None for value, tensor in zip(found, plain))
        self.members = [member for index, tensor in enumerate(plain) if (member := _member(index, tensor)) is not None]
        count = plain[_COUNT]
        # Inference tensors count no writes.
        counter: Any = None if count is None or count.is_inference() else count
        self._versioned: list[Any] = (
            [] if counter is None else [counter if each is None or each.is_inference() else each for each in plain]
        )
        self._writes = None


_Member = tuple[int, tuple[Any, ...], Any]
"""Which of the buffers it is, the group with which it can be read, the tensor."""


def _member(index: int, tensor: Any) -> Optional[_Member]:
    """None for a tensor of which there are no figures."""
    if tensor is None or tensor.is_floating_point() is (index == _COUNT) or (index == _COUNT and tensor.numel() != 1):
        return None
    group = (index, tensor.device, tensor.dtype, tensor.shape)
    return index, _groups.setdefault(group, group), tensor


# Equal groups are one object, which is found by its id: hashing a shape for each tensor of each report would cost more than the rest.
_groups: dict[tuple[Any, ...], tuple[Any, ...]] = {}


def packed(layers: Iterable[Figures], quartiles: bool) -> str:
    """
    Base64 of little-endian doubles, NaN for what there is not: for each layer minimum, maximum, mean and number of not finite elements of
    mean and variance, the counter, and perhaps the quartiles of both. As text, numbers would take longer to write than to find.
    """
    numbers: list[Any] = []
    for mean, var, count in layers:
        mean, var = mean or _NOTHING, var or _NOTHING
        numbers += (*mean[:4], *var[:4], count)
        if quartiles:
            numbers += (*(mean[4] or _NO_QUARTILES), *(var[4] or _NO_QUARTILES))
    values = [_NAN if each is None else each for each in numbers]
    return base64.b64encode(struct.pack(f"<{len(values)}d", *values)).decode()


def described(figures: Figures) -> dict[str, Any]:
    """The figures of one layer by their names."""
    mean, var, count = figures
    return {"runningMean": _named(mean), "runningVar": _named(var), "numBatchesTracked": count}


def values_of(module: Any) -> dict[str, Any]:
    """All elements of one layer's statistics too, in order; those that are not finite as None."""
    tensors = [buffer_of(module, name) for name in _BUFFERS]
    members = [member for index, tensor in enumerate(tensors) if (member := _member(index, tensor)) is not None]
    [figures] = _Plan([members]).read()
    description = described(figures)
    for name, tensor in zip(("runningMean", "runningVar"), tensors):
        if description[name] is not None:
            description[name]["values"] = elements(tensor)
    return description


def _named(summary: Optional[Summary]) -> Optional[dict[str, Any]]:
    if summary is None:
        return None
    named: dict[str, Any] = dict(zip(("min", "max", "mean", "nonFinite", "quartiles"), summary))
    if named.get("quartiles", ()) is None:
        del named["quartiles"]
    return named


class _Plan:
    """Who is read together with whom, for the tensors of these layers. It is made once and used as long as the layers stay."""

    def __init__(self, layers: list[list[_Member]], quartiles: bool = False) -> None:
        self._with_quartiles = quartiles
        # Kept alive, so that their ids are theirs.
        self._layers = layers
        self._ids = list(map(id, layers))
        self._groups: dict[int, tuple[int, list[int], list[Any]]] = {}
        for place, members in enumerate(layers):
            for index, group, tensor in members:
                gathered = self._groups.setdefault(id(group), (index, [], []))
                gathered[1].append(place)
                gathered[2].append(tensor)

    def is_for(self, layers: list[list[_Member]]) -> bool:
        return list(map(id, layers)) == self._ids

    def read(self) -> list[Figures]:
        columns: list[list[Any]] = [[None] * len(self._layers) for _ in _BUFFERS]
        finishes: list[Callable[[], Iterable[Any]]] = [
            numbers(tensors) if index == _COUNT else summaries(tensors, self._with_quartiles)
            for index, _, tensors in self._groups.values()
        ]
        for (index, places, _), finish in zip(self._groups.values(), finishes):
            column = columns[index]
            for place, value in zip(places, finish()):
                column[place] = value
        return list(zip(*columns))

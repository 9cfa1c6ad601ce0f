"""Records who calls ``train()`` and ``eval()``, and holds pinned modules in their mode.

Both need one place that every switch passes: ``torch.nn.Module.train``, which ``eval()`` and overrides call. It is wrapped
while the agent is there and put back when it leaves. Models are not touched: what they pickle and how they print stays.
"""

from __future__ import annotations

import collections
import functools
import sys
import threading
import time
import weakref
from types import FrameType, ModuleType
from typing import Any, Callable, Deque, NamedTuple, Optional

from .places import absolute

__all__ = ["Switch", "Timeline", "set_mode", "users_frame"]

_KEPT = 20_000


class Switch(NamedTuple):
    """One call from outside torch. ``module`` may be gone by the time it is told."""

    time: float
    module: "weakref.ref[Any]"
    training: bool
    file: Optional[str]
    line: Optional[int]
    function: Optional[str]


class Timeline:
    """Wraps ``Module.train`` from :meth:`install` to :meth:`remove`."""

    def __init__(self, on_switch: Callable[[Any], None] = lambda _: None) -> None:
        self._records: Deque[Switch] = collections.deque(maxlen=_KEPT)
        self._pins: dict[int, tuple["weakref.ref[Any]", bool]] = {}
        self._within = threading.local()
        self._class: Any = None
        self._original: Any = None
        self._wrapper: Any = None
        self._on_switch = on_switch
        self._is_recording = True

    def install(self, holder: ModuleType) -> None:
        """``holder`` is ``torch.nn.modules.module``."""
        self._class = holder.Module
        original = self._original = self._class.train
        within, pins, record = self._within, self._pins, self._record

        @functools.wraps(original)
        def train(module: Any, mode: bool = True) -> Any:
            if pins:
                pin = pins.get(id(module))
                if pin is not None and pin[0]() is module:
                    return hold(module, pin[1])
            # A call within a call sets the same flag on a child, or is an override's call of its base: no news.
            outer = getattr(within, "mode", None)
            if outer is mode:
                return original(module, mode)
            record(module, mode, sys._getframe(1))
            within.mode = mode
            try:
                return original(module, mode)
            finally:
                within.mode = outer

        def hold(module: Any, mode: bool) -> Any:
            outer = getattr(within, "mode", None)
            within.mode = mode
            try:
                return original(module, mode)
            finally:
                within.mode = outer

        self._wrapper = train
        self._class.train = train

    def remove(self) -> None:
        """Puts torch's own method back; where somebody wrapped it after us, the wrapper stays and does nothing more."""
        self._pins.clear()
        if self._class is not None and self._class.__dict__.get("train") is self._wrapper:
            self._class.train = self._original
        self._is_recording = False

    def take(self) -> list[Switch]:
        """The records since the last call, the oldest first."""
        taken = []
        while self._records:
            taken.append(self._records.popleft())
        return taken

    def switched_by_editor(self, module: Any, training: bool) -> None:
        self._records.append(Switch(time.time(), weakref.ref(module), training, None, None, None))

    def silently(self) -> "_Silence":
        """A context in which calls of this thread are not recorded."""
        return _Silence(self._within)

    def pin(self, module: Any, training: Optional[bool]) -> None:
        """Holds the module, and with it what is below, in a mode; None lets it go."""
        if training is None:
            self._pins.pop(id(module), None)
            return
        key, pins = id(module), self._pins
        pins[key] = (weakref.ref(module, lambda _: pins.pop(key, None)), training)

    def pinned(self) -> list[tuple[Any, bool]]:
        return [(module, mode) for reference, mode in list(self._pins.values()) if (module := reference()) is not None]

    def _record(self, module: Any, mode: Any, frame: Optional[FrameType]) -> None:
        if not self._is_recording or getattr(self._within, "silent", False) or not isinstance(mode, bool):
            return
        try:
            self._note(module, mode, frame)
        except Exception:
            # Nothing of ours is raised into the user's code.
            pass

    def _note(self, module: Any, mode: bool, frame: Optional[FrameType]) -> None:
        caller = users_frame(frame, module)
        place = (None, None, None)
        if caller is not None:
            place = (absolute(caller.f_code.co_filename), caller.f_lineno, caller.f_code.co_name)
        self._records.append(Switch(time.time(), weakref.ref(module), mode, *place))
        self._on_switch(module)


def set_mode(timeline: Timeline, module: Any, training: bool, recursive: bool) -> None:
    """For the editor: as ``module.train(training)``, or this flag only. Recorded as the editor's call."""
    with timeline.silently():
        if recursive:
            module.train(training)
        else:
            module.training = training
    timeline.switched_by_editor(module, training)


class _Silence:
    def __init__(self, within: threading.local) -> None:
        self._within = within

    def __enter__(self) -> None:
        self._within.silent = True

    def __exit__(self, *_: object) -> None:
        self._within.silent = False


def users_frame(frame: Optional[FrameType], module: Any) -> Optional[FrameType]:
    """The line that called: outside torch, and outside the module's own override of ``train``."""
    overrides = _codes_of_overrides(type(module))
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package != "torch" and frame.f_code not in overrides:
            return frame
        frame = frame.f_back
    return None


def _codes_of_overrides(kind: type) -> frozenset[Any]:
    methods = [base.__dict__.get(name) for base in kind.__mro__ for name in ("train", "eval")]
    return frozenset(code for method in methods if (code := getattr(method, "__code__", None)) is not None)

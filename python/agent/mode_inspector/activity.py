"""Samples the program's forwards: with or without gradients, in train or in eval, and from which line of the user's code.

While somebody looks, a global hook of torch's is there for a moment after each report. It notes the next call of a module from
outside of all modules and goes away, so that the rest of that forward, and all others until the next report, run as without the
agent. The first forwards of a program are all noted, since a short program has no others.
"""

from __future__ import annotations

import collections
import random
import re
import sys
import time
import weakref
from types import FrameType
from typing import Any, Deque, NamedTuple, Optional

from .compiling import CompilerWatch
from .models import Model, Models
from .modules import child_of, flag_of, has_children, learns, parameters_of, torch_module
from .optimizers import StepCounts, Steps
from .places import absolute
from .switching import is_outermost
from .timeline import users_frame

__all__ = ["Activity"]

_FIRST_CALLS = 64
# What looks like inference is looked at for so many calls in a row: training that runs a forward without gradients before each one
# with them shows itself.
_CALLS_IN_A_ROW = 4
_KEPT = 2_000
_WRAPPERS = ("module", "_orig_mod")
_PACKAGE = __name__.partition(".")[0]
_AVERAGING = re.compile(r"^update_bn")


class _Forward(NamedTuple):
    """A call of a module from outside of all modules. ``learned_at``: when the program last gave a sign of training before."""

    time: float
    module: "weakref.ref[Any]"
    grad_enabled: bool
    training: Optional[bool]
    steps: StepCounts
    learned_at: Optional[float]
    file: Optional[str]
    line: Optional[int]
    function: Optional[str]


class Activity:
    """Forwards and optimizer steps. Counting goes on while nobody looks; sampling does not."""

    def __init__(self, compiler: CompilerWatch) -> None:
        self.steps = Steps()
        self._compiler = compiler
        self._forwards: Deque[_Forward] = collections.deque(maxlen=_KEPT)
        self._handle: Any = None
        # The user's random numbers stay as they are.
        self._random = random.Random()
        self._first_calls = _FIRST_CALLS
        self._to_skip = 0
        self._quiet_calls: list[_Forward] = []
        self._last_gradient: Optional[float] = None

    def remove(self) -> None:
        """Leaves nothing behind."""
        self.disarm()
        self.steps.remove()

    def arm(self) -> None:
        """Notes the next forward."""
        holder = torch_module("torch.nn.modules.module")
        if self._handle is not None or holder is None or not self._compiler.allows_hooks():
            return
        self._to_skip = 0 if self._first_calls > 0 else self._random.randrange(2)
        self._quiet_calls = []

        def before_forward(module: Any, _inputs: Any) -> None:
            try:
                frame = sys._getframe(1)
                if is_outermost(frame) and not _is_ours(frame):
                    self._note(module, frame)
            except Exception:
                self.disarm()

        self._handle = holder.register_module_forward_pre_hook(before_forward)
        # It may have begun to compile between the look and the hook.
        if not self._compiler.allows_hooks():
            self.disarm()

    def disarm(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.remove()

    def tell(self, models: Models) -> dict[int, list[dict[str, Any]]]:
        """The forwards since the last call, by the number of their model; those of no known model are forgotten."""
        told: dict[int, list[dict[str, Any]]] = {}
        learning: dict[int, bool] = {}
        while self._forwards:
            forward = self._forwards.popleft()
            place = _place_of(forward.module, models)
            if place is None or forward.training is None:
                continue
            model, path = place
            module = forward.module()
            if id(forward.module) not in learning:
                learning[id(forward.module)] = module is None or learns(module)
            told.setdefault(model.number, []).append({
                "path": path, "time": forward.time, "gradEnabled": forward.grad_enabled, "training": forward.training,
                "learns": learning[id(forward.module)], "steps": self.steps.of(model, forward.steps)[0],
                "learnedAt": forward.learned_at, "file": forward.file, "line": forward.line, "function": forward.function,
            })
        return told

    def _note(self, module: Any, frame: FrameType) -> None:
        """In the user's thread, at the start of a forward."""
        if self._to_skip > 0:
            self._to_skip -= 1
            return
        if not has_children(module) and not parameters_of(module):
            # A loss says nothing that the model doesn't.
            return
        self._first_calls -= 1
        forward = self._forward(module, frame)
        if forward.grad_enabled:
            self._last_gradient = forward.time
            # What came before it was part of training.
            self._quiet_calls = []
            self._forwards.append(forward)
        elif forward.training and _is_averaging(frame):
            # In train on purpose: nothing to tell.
            pass
        elif forward.training:
            if not self._is_quiet_since(forward):
                return
            self._forwards.append(self._quiet_calls[0])
            self._quiet_calls = []
        elif not self._quiet_calls:
            self._forwards.append(forward)
        if self._first_calls <= 0:
            self.disarm()

    def _is_quiet_since(self, forward: _Forward) -> bool:
        """True if this one in train and without gradients ends a row of such, with no sign of training between."""
        if self._quiet_calls and self._quiet_calls[0].learned_at != forward.learned_at:
            self._quiet_calls = []
        self._quiet_calls.append(forward)
        return len(self._quiet_calls) == _CALLS_IN_A_ROW

    def _forward(self, module: Any, frame: FrameType) -> _Forward:
        torch: Any = torch_module("torch")
        caller = users_frame(frame, module)
        place = (None, None, None)
        if caller is not None:
            place = (absolute(caller.f_code.co_filename), caller.f_lineno, caller.f_code.co_name)
        learned_at = max((at for at in (self.steps.last_time, self._last_gradient) if at is not None), default=None)
        return _Forward(
            time.time(), weakref.ref(module), torch.is_grad_enabled(), flag_of(module), self.steps.counts(), learned_at, *place
        )


def _place_of(reference: "weakref.ref[Any]", models: Models) -> Optional[tuple[Model, str]]:
    """Where the module stands, or the one that it wraps for parallel or compiled runs."""
    for _ in range(3):
        for model in models:
            path = model.tree.path_of(reference)
            if path is not None:
                return model, path
        module = reference()
        inner = None if module is None else next((child for name in _WRAPPERS if (child := child_of(module, name))), None)
        if inner is None:
            return None
        reference = weakref.ref(inner)
    return None


def _is_ours(frame: Optional[FrameType]) -> bool:
    """True for a forward that the editor asked for."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE:
            return True
        frame = frame.f_back
    return False


def _is_averaging(frame: Optional[FrameType]) -> bool:
    """True below ``torch.optim.swa_utils.update_bn`` and the like, which run forwards in train without gradients on purpose."""
    while frame is not None:
        if _AVERAGING.match(frame.f_code.co_name):
            return True
        frame = frame.f_back
    return False

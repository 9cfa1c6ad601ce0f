"""Counts the steps of the program's optimizers, and tells whose parameters they move.

One hook of torch's that is called after every step of every optimizer; it counts and does nothing more.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from typing import Any, NamedTuple, Optional

from .models import Model
from .modules import parameters_of, torch_module

__all__ = ["Steps", "StepCounts"]

_LONG_ENOUGH = 1.0
_PATIENCE_SECONDS = 1.0

StepCounts = dict[int, int]
"""Steps of each optimizer, by our number of it."""


class _Optimizer(NamedTuple):
    reference: "weakref.ref[Any]"
    number: int
    groups: int


class Steps:
    """Counts from :meth:`install` to :meth:`remove`."""

    def __init__(self) -> None:
        self._counts: StepCounts = {}
        # By id, since an optimizer of the user's may have an equality of its own.
        self._known: dict[int, _Optimizer] = {}
        # The ids of the parameters of each.
        self._parameters: dict[int, frozenset[int]] = {}
        self._owners: dict[tuple[int, int], tuple[Any, Any, bool]] = {}
        self._handle: Any = None
        self._is_over = False
        # When any optimizer stepped last, in seconds since the epoch.
        self.last_time: Optional[float] = None

    def install(self) -> None:
        """Does nothing where it is installed, or as long as torch's optimizers are not imported."""
        if self._handle is not None or self._is_over:
            return
        register = getattr(torch_module("torch.optim.optimizer"), "register_optimizer_step_post_hook", None)
        if register is None:
            return
        counts, known = self._counts, self._known

        def after_step(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            try:
                each = known.get(id(optimizer))
                if each is None or each.reference() is not optimizer or each.groups != len(optimizer.param_groups):
                    each = self._meet(optimizer, each)
                counts[each.number] = counts.get(each.number, 0) + 1
                self.last_time = time.time()
            except Exception:
                # Nothing of ours is raised into the user's code.
                pass

        # A compiled step calls it from outside of its graph.
        after_step._torchdynamo_disable = True  # type: ignore[attr-defined]
        after_step._torchdynamo_disable_msg = None  # type: ignore[attr-defined]
        self._handle = register(after_step)

    def remove(self) -> None:
        """
        Takes the hook away while no thread goes through torch's list of such hooks, which may not change meanwhile. In a step
        that lasts and lasts it stays, and counts what nobody reads.
        """
        self._is_over = True
        handle, self._handle = self._handle, None
        if handle is None:
            return
        interval, deadline = sys.getswitchinterval(), time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            # From here to the end no other Python code runs.
            sys.setswitchinterval(_LONG_ENOUGH)
            try:
                if not _is_step_running():
                    handle.remove()
                    return
            finally:
                sys.setswitchinterval(interval)
            time.sleep(0.001)

    def counts(self) -> StepCounts:
        """As they stand now; a copy at one go, since the user's thread counts on."""
        return dict(self._counts)

    def of(self, model: Model, counts: StepCounts) -> tuple[int, int]:
        """Among these counts: steps of optimizers that hold parameters of the model, and of others, since the model was found."""
        own = other = 0
        for key, count in counts.items():
            steps = max(0, count - model.steps_before.get(key, 0))
            if self._is_own(model, key):
                own += steps
            else:
                other += steps
        return own, other

    def _meet(self, optimizer: Any, known: Optional[_Optimizer]) -> _Optimizer:
        """In the user's thread, at its first step and when it got more parameters."""
        is_same = known is not None and known.reference() is optimizer
        number = known.number if known is not None and is_same else len(self._parameters)
        self._parameters[number] = _learning(optimizer)
        met = self._known[id(optimizer)] = _Optimizer(weakref.ref(optimizer), number, len(optimizer.param_groups))
        return met

    def _is_own(self, model: Model, key: int) -> bool:
        ids = self._parameters.get(key)
        if ids is None:
            return False
        known = self._owners.get((model.number, key))
        if known is None or known[0] is not model.tree.ids or known[1] is not ids:
            is_own = any(id(value) in ids for _, module in model.tree.entries() for value in parameters_of(module))
            known = self._owners[model.number, key] = (model.tree.ids, ids, is_own)
        return known[2]


def _learning(optimizer: Any) -> frozenset[int]:
    return frozenset(id(value) for group in optimizer.param_groups for value in group["params"] if value.requires_grad)


def _is_step_running() -> bool:
    """True if a thread is inside torch's wrapper of ``step``, which calls the hooks."""
    optimizers = torch_module("torch.optim.optimizer")
    file, own = getattr(optimizers, "__file__", None), threading.get_ident()
    for thread, frame in sys._current_frames().items():
        each: Any = frame
        while each is not None and thread != own:
            if each.f_code.co_filename == file:
                return True
            each = each.f_back
    return False

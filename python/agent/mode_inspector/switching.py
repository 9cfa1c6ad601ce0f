"""Applies switches between forwards, so that no forward runs half in one mode and half in the other.

A switch waits while any thread is inside a forward, as its stack tells, and while a checkpoint (``torch.utils.checkpoint``) has yet
to run its part of a forward again in the backward. It is applied by whoever comes first: the agent's thread, when it finds none of
these, or the user's thread at the start of its next forward, through a hook of torch's that stays only for as long as a switch waits.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import sys
import threading
import time
from typing import Any, Callable, Deque, Optional

from .modules import torch_module

__all__ = ["Switcher", "is_outermost", "is_outside"]

_LONG_ENOUGH = 0.1
_COUNT_SECONDS = 1.0


class Switcher:
    """Jobs are functions that set flags. They run once, in order, in whichever thread gets there first."""

    def __init__(self) -> None:
        self._waiting: Deque[Callable[[], None]] = collections.deque()
        self._hook: Any = None
        self._lock = threading.Lock()
        self._checkpoints = _Checkpoints()

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def submit(self, job: Callable[[], None]) -> None:
        """Runs the job now or at the start of the next forward."""
        self._waiting.append(job)
        self.try_now()
        if self._waiting:
            self._install_hook()

    def try_now(self) -> None:
        """Runs what waits if no forward is running. Called by the agent's thread, again and again while something waits."""
        if not self._waiting or not self._is_safe():
            return
        # From here to the end no other Python code runs, unless a module's own train() waits for something.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(max(interval, _LONG_ENOUGH))
        try:
            # Whoever asked to be let in before comes in now.
            time.sleep(0)
            if self._is_safe():
                self._run_all()
        finally:
            sys.setswitchinterval(interval)

    def cancel(self) -> None:
        """Forgets what waits and takes the hook away."""
        self._waiting.clear()
        self._remove_hook()

    def _run_all(self) -> None:
        with self._lock:
            while self._waiting:
                job = self._waiting.popleft()
                # In the user's thread, into which nothing of ours may be raised; but an interrupt of theirs passes.
                with contextlib.suppress(Exception, SystemExit):
                    job()
            self._remove_hook()

    def _install_hook(self) -> None:
        holder = torch_module("torch.nn.modules.module")
        if holder is None or self._hook is not None:
            return

        def before_forward(_module: Any, _inputs: Any) -> None:
            # Only at the outermost call: below it a forward is half done, and in a backward one is repeated.
            if is_outermost(sys._getframe(1)):
                self.try_now()

        self._hook = holder.register_module_forward_pre_hook(before_forward)
        # The last forward may have ended, and none follow, between the look and the hook.
        self.try_now()

    def _remove_hook(self) -> None:
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.remove()

    def _is_safe(self) -> bool:
        return not _is_forward_running() and not self._checkpoints.are_waiting()


class _Checkpoints:
    """
    Whether checkpoints wait for their backward, where they would fail in another mode. Each is an object of one class, and holds a
    reference to it, of which Python keeps the count.
    """

    def __init__(self) -> None:
        self._without: Optional[int] = None
        self._next_count = 0.0

    def are_waiting(self) -> bool:
        checkpoint = torch_module("torch.utils.checkpoint")
        kind = getattr(checkpoint, "_CheckpointFrame", None)
        if kind is None:
            return checkpoint is not None and _are_held_in_torch_2_0()
        count, now = sys.getrefcount(kind), time.monotonic()
        if self._without is None or (count > self._without and now >= self._next_count):
            # Looked for one by one, which takes long, since others may refer to the class too.
            waiting = sum(type(each) is kind for each in gc.get_objects())
            self._without = min(count, sys.getrefcount(kind)) - waiting
            self._next_count = now + _COUNT_SECONDS
        self._without = min(count, self._without)
        return count > self._without


def _are_held_in_torch_2_0() -> bool:
    """torch 2.0 has no such class: a checkpoint leaves an object of a local class behind for each tensor that it does not save."""
    return any(_qualname_of(type(each)) == "_checkpoint_without_reentrant.<locals>.Holder" for each in gc.get_objects())


# Without a metaclass of the user's being asked.
_qualname_of = type.__dict__["__qualname__"].__get__


def _is_forward_running() -> bool:
    own = threading.get_ident()
    return any(_calls(frame)[0] > 0 for thread, frame in sys._current_frames().items() if thread != own)


def is_outermost(frame: Any) -> bool:
    """True for a frame in the outermost call of a module, and not in a backward, which may repeat a part of a forward."""
    calls, is_backward = _calls(frame)
    return calls <= 1 and not is_backward


def is_outside(frame: Any) -> bool:
    """True for a frame outside of every call of a module, and of a backward."""
    return _calls(frame) == (0, False)


def _calls(frame: Optional[Any]) -> tuple[int, bool]:
    """How many module calls a stack is inside of, and whether it is inside of a backward."""
    holder, autograd = torch_module("torch.nn.modules.module"), torch_module("torch.autograd")
    call = getattr(getattr(getattr(holder, "Module", None), "_call_impl", None), "__code__", None)
    backwards = [getattr(getattr(autograd, name, None), "__code__", None) for name in ("backward", "grad")]
    count, is_backward = 0, False
    while frame is not None and call is not None:
        count += frame.f_code is call
        is_backward = is_backward or frame.f_code in backwards
        frame = frame.f_back
    return count, is_backward

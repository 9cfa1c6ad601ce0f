"""Applies switches between forwards, so that no forward runs half in one mode and half in the other.

A switch waits while any thread is inside a forward, as its stack tells. It is applied by whoever comes first: the agent's
thread, when it finds no forward running, or the user's thread at the start of its next one, through a hook of torch's that
stays only for as long as a switch waits.
"""

from __future__ import annotations

import collections
import sys
import threading
from typing import Any, Callable, Deque, Optional

from .modules import torch_module

__all__ = ["Switcher", "calls_of_modules"]

_LONG_ENOUGH = 1.0


class Switcher:
    """Jobs are functions that set flags. They run once, in order, in whichever thread gets there first."""

    def __init__(self) -> None:
        self._waiting: Deque[Callable[[], None]] = collections.deque()
        self._hook: Any = None
        self._lock = threading.Lock()

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
        if not self._waiting or _is_forward_running():
            return
        # From here to the end no other Python code runs, unless a module's own train() waits for something.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_LONG_ENOUGH)
        try:
            if not _is_forward_running():
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
                self._waiting.popleft()()
            self._remove_hook()

    def _install_hook(self) -> None:
        holder = torch_module("torch.nn.modules.module")
        if holder is None or self._hook is not None:
            return

        def before_forward(_module: Any, _inputs: Any) -> None:
            # Only at the outermost call: below it a forward is half done.
            if calls_of_modules(sys._getframe(1)) <= 1:
                self._run_all()

        self._hook = holder.register_module_forward_pre_hook(before_forward)
        # The last forward may have ended, and none follow, between the look and the hook.
        self.try_now()

    def _remove_hook(self) -> None:
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.remove()


def _is_forward_running() -> bool:
    own = threading.get_ident()
    return any(
        calls_of_modules(frame) > 0 for thread, frame in sys._current_frames().items() if thread != own
    )


def calls_of_modules(frame: Optional[Any]) -> int:
    """How many module calls a stack is inside of."""
    holder = torch_module("torch.nn.modules.module")
    code = getattr(getattr(getattr(holder, "Module", None), "_call_impl", None), "__code__", None)
    count = 0
    while frame is not None and code is not None:
        count += frame.f_code is code
        frame = frame.f_back
    return count

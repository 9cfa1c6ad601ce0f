"""The agent's life: it starts with torch, runs in one thread of its own, and leaves when the program, the editor or a fork ends it.

What is told stands in ``reports.py`` and ``models.py``, what the editor asks in ``requests.py``.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from types import ModuleType
from typing import Any, Callable, Optional

from . import roots
from .activity import Activity
from .comparison import Comparer
from .compiling import CompilerWatch
from .connection import Connection, Disconnected
from .look import Look
from .models import Models
from .modules import torch_module
from .places import START_FOLDER
from .reports import Reports
from .requests import Requests
from .switching import Switcher
from .timeline import Timeline
from .trace import Tracer

__all__ = ["Agent"]

_IDLE_SECONDS = 1.0
_SEARCH_SECONDS = 0.01
_LOOK_SECONDS = 0.05
_SWITCHING_SECONDS = 0.002
_BUSY_SECONDS = 0.01
# For one that waits long, the program's next forward will come by itself.
_WAITING_SECONDS = 0.05
_GOODBYE_SECONDS = 2.0
# A report is followed by a rest of so many times the processor time that it took.
_SHARE = 100
_LONGEST_REST_SECONDS = 5.0


class Agent:
    """See ``mode_inspector.start`` for the arguments."""

    def __init__(self, port: int, token: str, launch: Optional[str], title: Optional[str], workshop: Any) -> None:
        self._port, self._token = port, token
        self._launch, self._title = launch or os.environ.get("MODE_INSPECTOR_LAUNCH"), title
        self._pid = os.getpid()
        self._connection = Connection()
        self._thread: Any = None
        self._timeline = Timeline(self._on_switch)
        self._switcher = Switcher()
        self._comparer = Comparer(self._timeline)
        self._look = Look()
        self._compiler = CompilerWatch(self._on_compile)
        self._activity = Activity(self._compiler)
        self._tracer = Tracer(self._compiler)
        self._models = Models(self._connection, self._look, workshop, self._activity.steps.counts)
        self._reports = Reports(
            self._connection, self._look, self._models, self._timeline, self._switcher, self._activity
        )
        self._requests = Requests(
            self._connection,
            self._look,
            self._models,
            self._reports,
            self._timeline,
            self._switcher,
            self._tracer,
            self._comparer,
            workshop,
            self._stop,
        )
        # A module of no known model was switched, so that there is a new one.
        self._is_called = False
        self._has_looked = threading.Event()
        self._next_search = self._next_call = 0.0
        self._is_stopping = False
        self.is_over = False

    def start(self, holder: ModuleType) -> None:
        """``holder`` is ``torch.nn.modules.module``, of which the rest may still be on its way."""
        try:
            self._timeline.install(holder)
            self._compiler.install()
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._in_forked_child)
            atexit.register(self.finish)
            thread = self._thread = threading.Thread(target=self._run, name="Mode Inspector", daemon=True)
            # Debuggers stop marked threads neither at breakpoints nor at pauses, so that the view stays live.
            thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
            thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
            thread.start()
        except Exception:
            self._leave()

    def finish(self) -> None:
        """At the end of the program: the last news, then goodbye. Waits a moment, not longer."""
        if self.is_over or self._pid != os.getpid():
            return
        self._stop()
        self._connection.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_GOODBYE_SECONDS)
        self._leave()

    def _stop(self) -> None:
        self._is_stopping = self._models.are_last = True

    def _on_switch(self, module: Any) -> None:
        """
        In the user's thread, where a module of no known model was switched: lets the agent look before the program goes on,
        since a short-lived model may be gone a moment later. Waits hardly ever, and never long.
        """
        now = time.monotonic()
        if not self._look.watching or self._thread is None or now < self._next_call:
            return
        if not self._models.is_strange(module):
            return
        self._next_call = now + _LONGEST_REST_SECONDS
        self._has_looked.clear()
        self._is_called = True
        self._connection.wake()
        self._has_looked.wait(_LOOK_SECONDS)

    def _on_compile(self) -> None:
        self._activity.disarm()
        self._tracer.cancel()

    def _in_forked_child(self) -> None:
        # The thread stayed with the parent, and so must the talk: two processes on one socket would garble it.
        self._leave()

    def _leave(self) -> None:
        self.is_over = True
        self._switcher.cancel()
        self._comparer.cancel("The agent leaves.")
        self._compiler.remove()
        self._activity.remove()
        self._tracer.cancel()
        self._timeline.remove()
        self._connection.close()

    def _run(self) -> None:
        try:
            self._connection.open(self._port, self._token)
            self._wait_for_torch()
            self._connection.notify("connected", self._introduction())
            while not self._is_stopping:
                for message in self._connection.receive(self._patience()):
                    self._requests.handle(message)
                # While two forwards are compared, flags and buffers are not the program's own.
                if self._comparer.busy.acquire(blocking=False):
                    try:
                        self._work()
                    finally:
                        self._comparer.busy.release()
                else:
                    time.sleep(_BUSY_SECONDS)
            self._reports.report(is_last=True)
            self._connection.notify("leaving", {})
        except Disconnected:
            pass
        except Exception as error:
            self._models.complain(error)
        finally:
            self._leave()

    def _wait_for_torch(self) -> None:
        """Its package is still being imported when its module class is there already."""
        while not self._is_stopping and not hasattr(torch_module("torch"), "__version__"):
            time.sleep(0.01)

    def _introduction(self) -> dict[str, Any]:
        rank, world = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
        return {
            "process": self._pid,
            "parent": os.getppid(),
            "rank": int(rank) if rank is not None and rank.isdigit() else None,
            "worldSize": int(world) if world is not None and world.isdigit() else None,
            "job": os.environ.get("TORCHELASTIC_RUN_ID"),
            "launch": self._launch,
            **({} if self._title is None else {"title": self._title}),
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": str(getattr(torch_module("torch"), "__version__", "unknown")),
            "argv": [str(word) for word in getattr(sys, "argv", [])],
            "executable": sys.executable,
            "folder": START_FOLDER,
        }

    def _patience(self) -> float:
        """How long to wait for the editor before looking after one's own work."""
        if self._requests.are_unanswered:
            return _SWITCHING_SECONDS
        if self._switcher.is_waiting:
            return _WAITING_SECONDS
        if not self._look.watching:
            return _IDLE_SECONDS
        if self._is_called:
            return 0.0
        due = self._reports.due
        if not self._models:
            due = min(due, self._next_search)
        return max(0.0, min(due - time.monotonic(), _IDLE_SECONDS))

    def _work(self) -> None:
        # Taken before the look: a call that comes during it waits for the next one.
        is_called, self._is_called = self._is_called, False
        self._activity.steps.install()
        self._switcher.try_now()
        self._requests.answer_switches()
        self._requests.answer_forwards()
        now = time.monotonic()
        if not self._look.watching:
            self._reports.tell_switches()
        elif now >= self._reports.due:
            # A large model is reported less often, so that the agent takes its share of the process and no more.
            self._reports.due = _after_rest(self._reports.report, self._look.interval)
        elif is_called or (now >= self._next_search and not self._models):
            self._next_search = _after_rest(self._search, _SEARCH_SECONDS)
        if is_called:
            self._has_looked.set()

    def _search(self) -> None:
        self._reports.find(roots.candidates())


def _after_rest(work: Callable[[], None], least: float) -> float:
    """Does the work, and tells when its next turn is."""
    started = time.thread_time()
    work()
    rest = min(_SHARE * (time.thread_time() - started), _LONGEST_REST_SECONDS)
    return time.monotonic() + max(least, rest)

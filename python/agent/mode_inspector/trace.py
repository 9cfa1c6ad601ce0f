"""Traces one forward: which calls of dropout, attention and normalisation it makes, with which arguments, and from which lines.

Calls of functions that no module owns (``F.dropout(x)``) are seen by nothing else. A ``TorchFunctionMode`` sees them, in the
thread and for the time of that one forward. It is entered by ``Module.__call__``, which is replaced until the forward begins and
is torch's own again before anything of it runs; the ``with`` around the forward leaves the mode however the forward ends.
"""

from __future__ import annotations

import re
import sys
import threading
from types import FrameType
from typing import Any, Callable, Optional

from .calls import known_functions
from .compiling import CompilerWatch
from .models import Model
from .modules import flag_of, is_scripted, torch_module
from .places import absolute
from .switching import is_outside

__all__ = ["Tracer"]

_MOST_CALLS = 2_000
_PACKAGES = ("torch", __name__.partition(".")[0])
_SINGLE_VALUE = re.compile(r"Expected more than 1 .*got input size torch\.Size\(\[([\d, ]*)\]\)")


class Tracer:
    """One trace at a time, and none in a program that compiles: under another mode it would compile again."""

    def __init__(self, compiler: CompilerWatch) -> None:
        self._compiler = compiler
        self._lock = threading.Lock()
        self._class: Any = None
        self._original: Any = None
        self._wrapper: Any = None

    @property
    def is_waiting(self) -> bool:
        return self._wrapper is not None

    @property
    def is_possible(self) -> bool:
        return self._compiler.allows_hooks()

    def start(self, model: Model, training: Optional[bool], on_end: Callable[[dict[str, Any]], None]) -> None:
        """
        Traces the next forward of the model, or of a part of it that is called by itself; with ``training`` the next one in that
        mode. ``on_end`` is called in its thread.
        """
        holder: Any = torch_module("torch.nn.modules.module")
        kind, original = holder.Module, holder.Module.__call__
        paths: dict[int, str] = {}
        for path, module in model.tree.entries():
            paths.setdefault(id(module), path)

        def is_wanted(module: Any) -> bool:
            return id(module) in paths and (training is None or flag_of(module) is training)

        def __call__(module: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_wanted(module) or not is_outside(sys._getframe(1)) or not self._take(__call__):
                return original(module, *args, **kwargs)
            recorder = _Recorder(model, paths, paths[id(module)])
            try:
                with recorder.mode():
                    return original(module, *args, **kwargs)
            except BaseException as error:
                recorder.fail(error)
                raise
            finally:
                on_end(recorder.result())

        self._class, self._original, self._wrapper = kind, original, __call__
        kind.__call__ = __call__

    def cancel(self) -> bool:
        """Gives up waiting. False where the forward has begun."""
        return self._take(self._wrapper)

    def _take(self, wrapper: Any) -> bool:
        """Puts torch's own call back. True for the first who asks."""
        with self._lock:
            if wrapper is None or self._wrapper is not wrapper:
                return False
            self._wrapper = None
            # Where somebody wrapped it after us, the wrapper stays and does nothing more.
            if self._class.__dict__.get("__call__") is wrapper:
                self._class.__call__ = self._original
            return True


class _Recorder:
    def __init__(self, model: Model, paths: dict[int, str], path: str) -> None:
        self._paths, self._path = paths, path
        self._functions = known_functions()
        self._opaque = [each for each, module in model.tree.entries() if is_scripted(module)]
        self._calls: list[dict[str, Any]] = []
        self._failure: Optional[str] = None
        self._single_value: Optional[dict[str, Any]] = None

    def mode(self) -> Any:
        torch: Any = torch_module("torch")
        note = self._note

        class Mode(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                note(function, args, kwargs or {}, sys._getframe(1))
                return function(*args, **(kwargs or {}))

        return Mode()

    def result(self) -> dict[str, Any]:
        return {
            "path": self._path,
            "calls": self._calls,
            "opaque": self._opaque,
            "failure": self._failure,
            "singleValue": self._single_value,
        }

    def fail(self, error: BaseException) -> None:
        try:
            self._failure = f"{type(error).__name__}: {error}"
            found = _SINGLE_VALUE.search(self._failure)
            if found is not None:
                shape = [int(size) for size in found[1].split(",") if size.strip()]
                self._single_value = {"path": self._raiser(error), "shape": shape}
        except Exception:
            # An error whose text can't be made.
            self._failure = self._failure or type(error).__name__

    def _note(self, function: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        try:
            describe = self._functions.get(function)
            if describe is None or len(self._calls) >= _MOST_CALLS:
                return
            path, flag = self._innermost(frame)
            file, line, name = _users_line(frame)
            self._calls.append({**describe(args, kwargs), "path": path, "flag": flag, "file": file, "line": line, "in": name})
        except Exception:
            # Nothing of ours is raised into the user's code.
            pass

    def _innermost(self, frame: Optional[FrameType]) -> tuple[str, Optional[bool]]:
        """Path and flag of the module whose code runs; for one of no known place, those of the module around it."""
        while frame is not None:
            module = _module_of(frame)
            if module is not None and id(module) in self._paths:
                return self._paths[id(module)], flag_of(module)
            frame = frame.f_back
        return self._path, None

    def _raiser(self, error: BaseException) -> str:
        path, trace = self._path, error.__traceback__
        while trace is not None:
            path = self._paths.get(id(_module_of(trace.tb_frame)), path)
            trace = trace.tb_next
        return path


def _module_of(frame: FrameType) -> Any:
    """The module whose call this frame is, or None."""
    holder: Any = torch_module("torch.nn.modules.module")
    return frame.f_locals.get("self") if frame.f_code is holder.Module._call_impl.__code__ else None


def _users_line(frame: Optional[FrameType]) -> tuple[Optional[str], Optional[int], Optional[str]]:
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _PACKAGES:
            return absolute(frame.f_code.co_filename), frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back
    return None, None, None

"""Reads the local variables of functions that run in other threads, and leaves them as they are.

From Python 3.13 on a frame's variables can simply be looked at. Before, asking for ``f_locals`` copies them into a dictionary that
the frame keeps, and this copy has a life: ``locals()`` and ``exec`` give it to the program, and when a function given to
``sys.settrace`` or ``sys.setprofile`` returns, Python writes it back over the variables. So a frame is not asked

- while such a function runs upon it, or a debugger's or an interactive prompt;
- if its code may have hold of the dictionary itself.

What was asked for is emptied again, or the user's tensors would live on in it for as long as the function runs.
"""

from __future__ import annotations

import contextlib
import dis
import sys
import threading
import time
import weakref
from types import CodeType, FrameType
from typing import Any, Iterator

__all__ = ["package_of", "running_functions"]

Variables = dict[str, Any]

_COPIES = sys.version_info < (3, 13)
_CO_OPTIMIZED, _CO_VARARGS, _CO_GENERATORS = 0x01, 0x04, 0x20 | 0x80 | 0x200
_EVENTS = frozenset(("call", "line", "return", "exception", "opcode", "c_call", "c_return", "c_exception"))
# What gives a function its own dictionary of variables, or keeps names in it.
_READING_FUNCTIONS = frozenset(("locals", "vars", "dir", "eval", "exec", "breakpoint"))
_READING_ATTRIBUTES = frozenset(("f_locals", "_getframe", "currentframe"))
_PROMPTS = frozenset(("bdb", "pdb", "code", "IPython"))
_UNDISTURBED_SECONDS = 0.05


def running_functions() -> Iterator[tuple[FrameType, Variables]]:
    """
    The functions that run in other threads, in each the outermost first, with their variables: none for torch's own, and where they
    can't be had without harm.
    """
    if not _COPIES:
        for frame in [frame for stack in _stacks() for frame in reversed(stack)]:
            yield frame, {} if package_of(frame) == "torch" else dict(frame.f_locals)
        return
    with _undisturbed():
        # Only now, since the threads went on until here.
        found = [(frame, variables) for stack in _stacks() for frame, variables in reversed(_variables_of(stack))]
    yield from found


def _stacks() -> list[list[FrameType]]:
    """Of every other thread the running functions, the innermost first."""
    own = threading.get_ident()
    found = []
    for thread, innermost in sys._current_frames().items():
        frame: FrameType | None = innermost if thread != own else None
        stack = []
        while frame is not None:
            stack.append(frame)
            frame = frame.f_back
        found.append(stack)
    return found


def _variables_of(stack: list[FrameType]) -> list[tuple[FrameType, Variables]]:
    answers: list[tuple[FrameType, Variables]] = []
    is_below_prompt = False
    for frame in stack:
        package = package_of(frame)
        is_refused = is_below_prompt or package == "torch" or _is_debugger(package)
        if answers and _may_trace(*answers[-1], frame):
            is_refused = True
        answers.append((frame, {} if is_refused else _copy(frame)))
        is_below_prompt = is_below_prompt or package in _PROMPTS
    return answers


def package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _may_trace(inner: FrameType, variables: Variables, frame: FrameType) -> bool:
    """True if the function ``inner``, which has these variables, may be one that Python calls to tell of the frame."""
    package, code = package_of(inner), inner.f_code
    if package == "torch" or not code.co_flags & _CO_OPTIMIZED or code.co_flags & _CO_GENERATORS:
        return False
    # Such a function takes a frame, an event and an argument.
    if code.co_argcount < 3 and not code.co_flags & _CO_VARARGS:
        return False
    # pydevd writes variables by itself, at once, and reads them anew whenever it shows them.
    if _is_debugger(package):
        return False
    given = [*variables.values(), *(item for value in variables.values() if type(value) is tuple for item in value)]
    return not given or any(value is frame or (type(value) is str and value in _EVENTS) for value in given)


def _copy(frame: FrameType) -> Variables:
    code = frame.f_code
    if not code.co_flags & _CO_OPTIMIZED:
        # A module, a class or a text given to exec(): these are its real variables.
        return dict(frame.f_locals)
    if _reads_itself(code):
        return {}
    variables = frame.f_locals
    copy = dict(variables)
    # Held by the frame, by this function and by the call that counts; whoever else holds it wants to read it.
    if frame.f_trace is None and "pydevd" not in sys.modules and sys.getrefcount(variables) <= 3:
        variables.clear()
    return copy


def _reads_itself(code: CodeType) -> bool:
    known = _known.get(code)
    if known is None:
        # `eval(…)`, not `model.eval()`.
        called = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        known = not _READING_FUNCTIONS.isdisjoint(called) or not _READING_ATTRIBUTES.isdisjoint(code.co_names)
        _known[code] = known
    return known


_known: weakref.WeakKeyDictionary[CodeType, bool] = weakref.WeakKeyDictionary()


def _is_debugger(package: str) -> bool:
    return package == "debugpy" or package.lstrip("_").startswith("pydevd")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A while in which Python lets no other thread in, so that what was looked at is still so."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(max(interval, _UNDISTURBED_SECONDS))
    try:
        # Whoever asked to be let in before comes in now.
        time.sleep(0)
        yield
    finally:
        sys.setswitchinterval(interval)

"""Tells when the program first uses ``torch.compile``: from then on no hook of ours may be there.

A global hook makes a compiled module warn, and it would be traced into the graph of a compiled function. Everything that compiles
makes an ``OptimizeContext``, whose constructor is wrapped while the agent is there; torch's compiler is not imported for it.
"""

from __future__ import annotations

import functools
import gc
from types import ModuleType
from typing import Any, Callable

from .imports import when_imported
from .modules import torch_module

__all__ = ["CompilerWatch"]

_COMPILER = "torch._dynamo.eval_frame"
_CONTEXT = "OptimizeContext"


class CompilerWatch:
    """``on_compile`` is called in the thread that is about to compile, once."""

    def __init__(self, on_compile: Callable[[], None]) -> None:
        self._on_compile = on_compile
        self._class: Any = None
        self._original: Any = None
        self._wrapper: Any = None
        self._forget: Callable[[], None] = lambda: None
        self._is_watching = True
        self.is_compiling = False

    def install(self) -> None:
        self._forget = when_imported(_COMPILER, self._look_at)

    def allows_hooks(self) -> bool:
        """False once something was compiled, and while torch's compiler is being imported."""
        if self._class is None and not self.is_compiling:
            compiler = torch_module(_COMPILER)
            if compiler is not None and _is_new(compiler):
                return False
            if compiler is not None:
                # Its import had begun before the agent came.
                self._look_at(compiler)
        return self._is_watching and not self.is_compiling

    def remove(self) -> None:
        self._is_watching = False
        self._forget()
        if self._class is not None and self._class.__dict__.get("__init__") is self._wrapper:
            self._class.__init__ = self._original

    def _look_at(self, compiler: ModuleType) -> None:
        if not self._is_watching or self._class is not None:
            return
        try:
            self._wrap(compiler)
        except Exception:
            # This runs inside the user's import.
            self._note()

    def _wrap(self, compiler: ModuleType) -> None:
        kind = getattr(compiler, _CONTEXT, None)
        if not isinstance(kind, type):
            # Another compiler than we know: to be on the safe side.
            self._note()
            return
        # Where the compiler was there before the agent, something may be compiled already.
        if not _is_new(compiler) and any(type(value) is kind for value in gc.get_objects()):
            self._note()
        self._class, original = kind, kind.__init__  # type: ignore[misc]
        note = self._note

        @functools.wraps(original)
        def __init__(context: Any, *args: Any, **kwargs: Any) -> None:
            note()
            original(context, *args, **kwargs)

        self._original, self._wrapper = original, __init__
        kind.__init__ = __init__  # type: ignore[misc]

    def _note(self) -> None:
        if self._is_watching and not self.is_compiling:
            self.is_compiling = True
            self._on_compile()


def _is_new(module: ModuleType) -> bool:
    """True while it is being imported."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))

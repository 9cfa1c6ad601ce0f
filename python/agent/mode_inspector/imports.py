"""Waits for torch without importing it. Imports nothing, since every Python that the program starts loads it."""

from __future__ import annotations

import sys

__all__ = ["when_imported"]


def when_imported(name, callback):
    """
    Calls back with the module called ``name``: at once if it is there, else right after its own code has run.
    Returns a function that gives the waiting up.
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        callback(module)
        return lambda: None
    finder = _Finder(name, callback)
    sys.meta_path.insert(0, finder)
    return finder.leave


class _Finder:
    """Stands first among the finders until the module comes by, lets the others find it, and goes away."""

    def __init__(self, name, callback) -> None:
        self._name = name
        self._callback = callback

    def leave(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, fullname, path, target=None):
        if fullname != self._name:
            return None
        self.leave()
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find is not None else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    _call_after_execution(spec.loader, self._callback)
                return spec
        return None


def _call_after_execution(loader, callback) -> None:
    """The loader stays what it is, so that whoever looks at ``__loader__`` or its resources sees no difference."""
    execute = loader.exec_module

    def exec_module(module) -> None:
        del loader.exec_module
        execute(module)
        callback(module)

    loader.exec_module = exec_module

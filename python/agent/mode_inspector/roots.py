"""Finds the root modules of the process and the names under which the user knows them.

Looked at are the main module's names, the local variables of running functions outside torch, and the attributes of the
objects among them (``self.model`` of a trainer). Types are compared; nothing is called, compared or printed.
"""

from __future__ import annotations

import gc
import sys
from typing import Any, Iterator

from .frames import package_of, running_functions
from .modules import is_module

__all__ = ["candidates", "everywhere"]

_MAX_ITEMS = 256
_CO_OPTIMIZED = 0x01


def candidates() -> Iterator[tuple[str, Any]]:
    """Modules within reach by name, the best names first; a module may come several times."""
    main = sys.modules.get("__main__")
    namespace = getattr(main, "__dict__", {})
    yield from _modules_in(namespace)
    # The outermost function first: what it holds lives longest.
    for frame, variables in running_functions():
        # A module under construction has only half its children.
        if package_of(frame) == __name__.partition(".")[0] or frame.f_code.co_name == "__init__":
            continue
        if frame.f_globals is not namespace or frame.f_code.co_flags & _CO_OPTIMIZED:
            yield from _modules_in(variables)


def everywhere() -> Iterator[tuple[str, Any]]:
    """Every module that Python's garbage collector knows. Takes a tenth of a second or more, so only when asked."""
    for value in gc.get_objects():
        if is_module(value):
            yield type(value).__name__, value


def _modules_in(variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(variables.items()):
        if isinstance(name, str) and not name.startswith("_"):
            yield from _modules_under(name, value, depth=0)


def _modules_under(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    kind = type(value)
    if is_module(value):
        yield name, value
    elif depth == 0 and kind in (list, tuple):
        for index, item in enumerate(value[:_MAX_ITEMS]):
            if is_module(item):
                yield f"{name}[{index}]", item
    elif depth == 0 and kind is dict:
        for key, item in list(value.items())[:_MAX_ITEMS]:
            if type(key) is str and is_module(item):
                yield f"{name}[{key!r}]", item
    elif depth == 0 and _is_users_instance(kind):
        for key, item in list(_instance_attributes(value).items())[:_MAX_ITEMS]:
            if type(key) is str:
                yield from _modules_under(f"{name}.{key}", item, depth=1)


def _is_users_instance(kind: type) -> bool:
    return kind.__module__ not in ("builtins", "torch") and not issubclass(kind, type)


def _instance_attributes(value: Any) -> dict[str, Any]:
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except Exception:
        return {}
    return attributes if type(attributes) is dict else {}

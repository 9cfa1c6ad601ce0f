"""Finds modules that others hold in plain lists, tuples and dicts, where ``train()``, ``eval()`` and ``state_dict()`` don't reach them.

Only an instance's ``__dict__`` is read, and in it only what is exactly a list, a tuple or a dict: nothing of the user's runs.
Modules without anything to reach (losses, activations) are left out, and those that stand in the tree too.
"""

from __future__ import annotations

import time
import weakref
from typing import Any, Iterable

from .modules import buffers_of, flag_of, is_module, is_scripted, kind_of, parameters_of, walk

__all__ = ["Unregistered"]

_LASTING_SECONDS = 0.5
_REST = 100
"""So many times as long as a look took nobody looks again."""
_MOST_FOUND = 100
_MOST_DEEP = 3
_MOST_ITEMS = 256
_MOST_LOOKED = 20_000
"""Values that are looked at in all modules together, at one go."""

_TORCHS = ("_parameters", "_buffers", "_modules")
_PLAIN = frozenset((int, float, str, bool, type(None)))
_COLLECTIONS = frozenset((list, tuple, dict))

Held = dict[str, Any]


class Unregistered:
    """What was told of one model, and what came of it since."""

    def __init__(self) -> None:
        self._told: dict[str, list[Held]] = {}
        # And since when on the monotonic clock.
        self._seen: dict[str, tuple[list[Held], float]] = {}
        # Whether a module has anything to reach, by its id; the reference tells whether it is still that module. At this look and the last.
        self._known: dict[int, tuple[weakref.ref[Any], bool]] = {}
        self._remembered = self._known
        self._next_look = 0.0

    def forget(self) -> None:
        """The editor knows nothing of it any more."""
        self._told = {}

    def changed(self, entries: Iterable[tuple[str, Any]], ids: frozenset[int], is_last: bool) -> list[dict[str, Any]]:
        """
        Modules whose list differs from the one that was told, and has been the same for a while: what a program is about to
        register, or to put into eval, is not told. ``is_last``: there won't be another look.
        """
        started = time.monotonic()
        if not is_last and started < self._next_look:
            return []
        now, time_now = self._find(entries, ids), time.monotonic()
        self._next_look = time_now + _REST * (time_now - started)
        seen, self._seen = self._seen, {}
        changed: list[dict[str, Any]] = []
        for path in {**self._told, **now}:
            held = now.get(path, [])
            before, since = seen.get(path, (None, time_now))
            since = since if held == before else time_now
            self._seen[path] = (held, since)
            if held != self._told.get(path, []) and (is_last or time_now - since >= _LASTING_SECONDS):
                changed.append({"path": path, "modules": held})
        for each in changed:
            if each["modules"]:
                self._told[each["path"]] = each["modules"]
            else:
                del self._told[each["path"]]
        return changed

    def _find(self, entries: Iterable[tuple[str, Any]], ids: frozenset[int]) -> dict[str, list[Held]]:
        found: dict[str, list[Held]] = {}
        owners: set[int] = set()
        search = _Search()
        self._remembered, self._known = self._known, {}
        for path, owner in entries:
            # torch's own classes register what they hold.
            if id(owner) in owners or is_scripted(owner) or type(owner).__module__.startswith("torch."):
                continue
            owners.add(id(owner))
            held = [
                {"name": name, "type": type(value).__name__, "training": flag_of(value)}
                for name, value in search.modules_in(object.__getattribute__(owner, "__dict__"))
                if id(value) not in ids and self._matters(value, ids)
            ]
            if held:
                found[path] = held[:_MOST_FOUND]
        return found

    def _matters(self, module: Any, ids: frozenset[int]) -> bool:
        known = self._remembered.get(id(module))
        if known is not None and known[0]() is module:
            self._known[id(module)] = known
            return known[1]
        matters = any(
            id(each) not in ids and (kind_of(each) != "other" or parameters_of(each) or buffers_of(each))
            for _, each in walk(module)
        )
        self._known[id(module)] = (weakref.ref(module), matters)
        return matters


class _Search:
    """Looks through collections, until it has seen too many values."""

    def __init__(self) -> None:
        self._left = _MOST_LOOKED

    def modules_in(self, attributes: dict[str, Any]) -> list[tuple[str, Any]]:
        """The modules in collections among these attributes, by the names that lead to them."""
        found: list[tuple[str, Any]] = []
        # A copy at one go, since the user's thread goes on.
        for name, value in list(attributes.items()):
            if type(value) in _COLLECTIONS and type(name) is str and name not in _TORCHS:
                self._look(name, value, 1, found)
        return found

    def _look(self, name: str, collection: Any, depth: int, found: list[tuple[str, Any]]) -> None:
        for key, value in _items_of(collection):
            if self._left <= 0:
                return
            self._left -= 1
            kind = type(value)
            if kind in _PLAIN:
                continue
            if kind in _COLLECTIONS:
                if depth < _MOST_DEEP:
                    self._look(f"{name}[{_key_name(key)}]", value, depth + 1, found)
            elif is_module(value):
                found.append((f"{name}[{_key_name(key)}]", value))


def _items_of(collection: Any) -> Iterable[tuple[Any, Any]]:
    if type(collection) is dict:
        return list(collection.items()) if len(collection) <= _MOST_ITEMS else ()
    return enumerate(collection[:_MOST_ITEMS])


def _key_name(key: Any) -> str:
    return repr(key) if type(key) is str or type(key) is int else "…"

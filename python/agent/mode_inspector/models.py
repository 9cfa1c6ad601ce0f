"""The models that the editor was told of: found by their roots, told as whole trees, and forgotten when they are gone."""

from __future__ import annotations

import contextlib
import time
import weakref
from typing import Any, Callable, Iterable, Iterator, Optional

from .connection import Connection, Disconnected
from .look import Look
from .modules import ModuleTree
from .statistics import StatisticsReader, described
from .unregistered import Unregistered

__all__ = ["Model", "Models", "parts"]

_CHUNK = 500
"""So many modules at most go into one message."""

_TREE_SECONDS = 1.0
_MANY_FAILURES = 100


class Model:
    """One root module that was told to the editor."""

    def __init__(self, number: int, name: str, root: Any, steps_before: dict[int, int]) -> None:
        self.number = number
        self.name = name
        # Known by its class alone, since no variable led to it yet.
        self.is_nameless = name == type(root).__name__
        self.root = weakref.ref(root)
        self.tree = ModuleTree(root)
        self.flags: list[Optional[bool]] = []
        self.statistics = StatisticsReader()
        self.unregistered = Unregistered()
        # Taken before anything of the model is read, so that no update of statistics is counted without its step.
        self.steps_before = steps_before
        # Of own optimizers and of others.
        self.steps_told: tuple[int, int] = (0, 0)


class Models:
    """``workshop``, where there is one, knows what a model's forward takes; ``steps`` are counted by optimizer."""

    def __init__(self, connection: Connection, look: Look, workshop: Any, steps: Callable[[], dict[int, int]]) -> None:
        self._connection, self._look, self._workshop, self._steps = connection, look, workshop, steps
        self._models: dict[int, Model] = {}
        self._next_number = 1
        self._next_tree = 0.0
        self._failures = 0
        # Of a program that ends, the models stay on show.
        self.are_last = False

    def __iter__(self) -> Iterator[Model]:
        """A copy at one go: models may come and go meanwhile."""
        return iter(list(self._models.values()))

    def __len__(self) -> int:
        return len(self._models)

    def get(self, number: Any) -> Optional[Model]:
        return self._models.get(number)

    def is_strange(self, module: Any) -> bool:
        """True for a module of no model that was told. Asked by the user's thread too."""
        return module is not None and not any(id(module) in model.tree.ids for model in self)

    def place_of(self, module: "weakref.ref[Any]") -> dict[str, Any]:
        for model in self._models.values():
            path = model.tree.path_of(module)
            if path is not None:
                return {"model": model.number, "path": path}
        return {"model": None, "path": None}

    def look_anew(self) -> None:
        """Trees are read at the next look, however long ago they were."""
        self._next_tree = 0.0

    def find(self, found: Iterable[tuple[str, Any]], bury: Callable[[Model], None], is_due: bool = False) -> None:
        """
        Takes up what was ``found`` (name, module) as models, reads trees again that changed, and calls ``bury`` for a model that is
        gone, before it is forgotten. Does so once in a while, or when ``is_due``.
        """
        now = time.monotonic()
        if not is_due and self._models and now < self._next_tree:
            return
        self._next_tree = now + max(_TREE_SECONDS, self._look.interval)
        known = {id(root): model for model in self if (root := model.root()) is not None}
        inside: set[int] = set()
        for model in self:
            root = model.root()
            if root is None:
                if not self.are_last:
                    bury(model)
                    self._forget(model)
                continue
            with self.half_built():
                if model.tree.read(root):
                    self._tell(model)
                for changed in parts(model.tree.changed_learning()):
                    self._connection.notify("requiresGrad", {"model": model.number, "changed": changed})
                self._tell_unregistered(model)
            inside |= model.tree.ids
        fresh: dict[int, tuple[str, Any]] = {}
        for name, module in found:
            named = known.get(id(module))
            if named is not None and named.is_nameless and name != type(module).__name__:
                # Its variable came after the call of train() or eval() by which it was found.
                self._forget(named)
                inside -= named.tree.ids
                del known[id(module)]
            if id(module) not in inside and id(module) not in fresh and id(module) not in known:
                fresh[id(module)] = (name, module)
        self._take_up(fresh, known)

    def _take_up(self, fresh: dict[int, tuple[str, Any]], known: dict[int, Model]) -> None:
        """Of the fresh modules, by their ids, those that stand in no other; a known model that stands in one becomes its part."""
        trees: dict[int, ModuleTree] = {}
        for key, (_, module) in fresh.items():
            with self.half_built():
                trees[key] = ModuleTree(module)
        for key in trees:
            name, module = fresh[key]
            if any(key in tree.ids for other, tree in trees.items() if other != key):
                continue
            for model in [model for other, model in known.items() if other in trees[key].ids]:
                self._forget(model)
            with self.half_built():
                self._add(name, module)

    def _add(self, name: str, root: Any) -> None:
        taken = {model.name for model in self._models.values()}
        plain, number = name, 1
        while name in taken:
            number += 1
            name = f"{plain} ({number})"
        model = Model(self._next_number, name, root, self._steps())
        self._next_number += 1
        self._tell(model)
        self._models[model.number] = model

    def _forget(self, model: Model) -> None:
        self._models.pop(model.number, None)
        self._connection.notify("gone", {"model": model.number})

    def _tell(self, model: Model) -> None:
        """The whole tree, in parts: writing a large one at one go would hold up the user's thread."""
        model.flags = model.tree.flags()
        model.unregistered.forget()
        model.statistics.watch(self._look.layers(model.number, model.tree), self._look.quartiles)
        statistics = dict(model.statistics.changed())
        part: list[dict[str, Any]] = []
        total, sent = len(model.tree), 0
        root = model.root()
        inputs = {} if self._workshop is None or root is None else {"inputs": self._workshop.inputs_of(root)}

        def send(is_last: bool) -> None:
            nonlocal part, sent
            body = {"model": model.number, "name": model.name, "from": sent, "last": is_last, "modules": part, **inputs}
            self._connection.notify("modules", body)
            sent, part = sent + len(part), []
            time.sleep(0)

        for description in model.tree.describe():
            if description["path"] in statistics:
                description["statistics"] = described(statistics[description["path"]])
            part.append(description)
            if len(part) == _CHUNK and sent + len(part) < total:
                send(is_last=False)
        send(is_last=True)

    def _tell_unregistered(self, model: Model) -> None:
        for changed in parts(model.unregistered.changed(model.tree.entries(), model.tree.ids, self.are_last)):
            self._connection.notify("unregistered", {"model": model.number, "changed": changed})

    @contextlib.contextmanager
    def half_built(self) -> Iterator[None]:
        """
        The user's thread may be building or changing a model right now, and then reading it can fail in any way. The next look
        finds it whole; the agent stays. What fails for ever is told once.
        """
        try:
            yield
        except Disconnected:
            raise
        except Exception as error:
            self._failures += 1
            if self._failures == _MANY_FAILURES:
                self.complain(error)

    def complain(self, error: Exception) -> None:
        try:
            self._connection.notify("problem", {"message": f"A model can't be read: {type(error).__name__}: {error}"})
        except Exception:
            pass


def parts(items: list[Any]) -> Iterator[list[Any]]:
    """The items in their order, as many together as go into one message."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]

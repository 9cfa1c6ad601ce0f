"""What is told when: once in a while everything that changed; before a model is gone or an answer is given, what belongs to it."""

from __future__ import annotations

import time
from typing import Any, Iterable, Optional

from . import roots
from .activity import Activity
from .connection import Connection
from .look import Look
from .models import Model, Models, parts
from .statistics import packed
from .switching import Switcher
from .timeline import Switch, Timeline, set_mode

__all__ = ["Reports"]

_NAMING_SECONDS = 0.3


class Reports:
    def __init__(
        self,
        connection: Connection,
        look: Look,
        models: Models,
        timeline: Timeline,
        switcher: Switcher,
        activity: Activity,
    ) -> None:
        self._connection, self._look, self._models = connection, look, models
        self._timeline, self._switcher, self._activity = timeline, switcher, activity
        self._untold: list[Switch] = []
        # On the monotonic clock.
        self.due = 0.0

    def report(self, is_last: bool = False) -> None:
        """All news, if somebody looks. ``is_last`` tells also what seems to stand still."""
        if self._look.watching:
            self._models.find(roots.candidates(), self._bury, is_due=is_last)
            self._hold_pins()
            for model in self._models:
                self.report_model(model, is_last)
        self.tell_switches()
        if self._look.watching:
            self._tell_forwards()
            self._activity.arm()

    def find(self, found: Iterable[tuple[str, Any]]) -> None:
        """Tells of the models among these modules (name, module) now."""
        self._models.find(found, self._bury, is_due=True)

    def start_afresh(self) -> None:
        """After a change of what is looked at."""
        self.due = 0.0
        if not self._look.watching:
            self._activity.disarm()
        self._models.look_anew()
        for model in self._models:
            model.statistics.watch(self._look.layers(model.number, model.tree), self._look.quartiles)

    def report_model(self, model: Model, is_last: bool = False) -> None:
        """The flags and figures of one model that changed."""
        if model.root() is None:
            self._tell_statistics(model, is_last=True)
            return
        with self._models.half_built():
            flags = model.tree.flags()
            if flags != model.flags:
                changed = [
                    {"path": path, "training": flag}
                    for path, flag, old in zip(model.tree.paths(), flags, model.flags)
                    if flag != old
                ]
                model.flags = flags
                self._connection.notify("modes", {"model": model.number, "changed": changed})
            self._tell_statistics(model, is_last)

    def tell_switches(self, of: Optional[Model] = None) -> None:
        """All that were recorded, or those of one model while the others wait."""
        records = self._untold + self._timeline.take()
        self._untold = []
        if of is not None:
            self._untold = [record for record in records if of.tree.path_of(record.module) is None]
            records = [record for record in records if of.tree.path_of(record.module) is not None]
        if not records:
            return
        if self._look.watching and of is None:
            records = self._name(records)
        for record in records:
            self._connection.notify("switch", {**self._models.place_of(record.module), **{
                "time": record.time, "training": record.training, "file": record.file,
                "line": record.line, "function": record.function,
            }})

    def _name(self, records: list[Switch]) -> list[Switch]:
        """Of these records, those that can be told: their modules get a name, or a moment to come by one."""
        if not self._models.are_last:
            # `net = Net().eval()`: the call comes before the name.
            young = time.time() - _NAMING_SECONDS
            waits = [record.time > young and self._models.is_strange(record.module()) for record in records]
            self._untold = [record for record, wait in zip(records, waits) if wait]
            records = [record for record, wait in zip(records, waits) if not wait]
        strangers = [module for record in records if self._models.is_strange(module := record.module())]
        if strangers:
            self.find([*roots.candidates(), *((type(module).__name__, module) for module in strangers)])
        return records

    def _bury(self, model: Model) -> None:
        """What happened to a model between the last report and its end."""
        self._tell_statistics(model, is_last=True)
        self.tell_switches(of=model)
        self._tell_forwards()

    def _tell_forwards(self) -> None:
        """After the switches, so that whoever hears of a forward knows what was switched before."""
        for number, forwards in self._activity.tell(self._models).items():
            for part in parts(forwards):
                self._connection.notify("forwards", {"model": number, "forwards": part})

    def _tell_steps(self, model: Model) -> None:
        steps = self._activity.steps
        own, other = steps.of(model, steps.counts())
        if (own, other) != model.steps_told:
            model.steps_told = (own, other)
            self._connection.notify("steps", {"model": model.number, "own": own, "other": other})

    def _tell_statistics(self, model: Model, is_last: bool = False) -> None:
        changed = model.statistics.changed(is_last)
        # Counted after the statistics were read and told before them: no update of them is without its step.
        self._tell_steps(model)
        for part in parts(changed):
            body = {"paths": [path for path, _ in part], "figures": packed((figures for _, figures in part), self._look.quartiles)}
            self._connection.notify("statistics", {"model": model.number, **body})

    def _hold_pins(self) -> None:
        """Where somebody sets the attribute without calling ``train()``."""
        for module, mode in self._timeline.pinned():
            if getattr(module, "training", mode) is not mode:
                self._switcher.submit(lambda module=module, mode=mode: set_mode(self._timeline, module, mode, True))

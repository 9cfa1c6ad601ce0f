"""The agent itself: one thread that answers the editor, and reports what it asked to see."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import sys
import threading
import time
import weakref
from types import ModuleType
from typing import Any, Callable, Iterator, NamedTuple, Optional

from . import roots
from .connection import Connection, Disconnected
from .modules import ModuleTree, buffer_of, torch_module
from .places import START_FOLDER
from .statistics import StatisticsReader, values_of
from .switching import Switcher
from .timeline import Switch, Timeline

__all__ = ["Agent"]

_CHUNK = 500
_TREE_SECONDS = 1.0
_IDLE_SECONDS = 1.0
_SEARCH_SECONDS = 0.01
_LOOK_SECONDS = 0.05
_SWITCHING_SECONDS = 0.002
_PATIENCE_SECONDS = 0.25
_GOODBYE_SECONDS = 2.0
_MANY_FAILURES = 100
_NAMING_SECONDS = 0.3
# A report is followed by a rest of so many times the processor time that it took.
_SHARE = 100
_LONGEST_REST_SECONDS = 5.0

class _Model:
    """One root module that was told to the editor."""

    def __init__(self, number: int, name: str, root: Any) -> None:
        self.number = number
        self.name = name
        # Known by its class alone, since no variable led to it yet.
        self.is_nameless = name == type(root).__name__
        self.root = weakref.ref(root)
        self.tree = ModuleTree(root)
        self.flags: list[Optional[bool]] = []
        self.statistics = StatisticsReader()


class Agent:
    """See ``mode_inspector.start`` for the arguments."""

    def __init__(self, port: int, token: str, launch: Optional[str], title: Optional[str], workshop: Any) -> None:
        self._port, self._token = port, token
        self._launch, self._title = launch or os.environ.get("MODE_INSPECTOR_LAUNCH"), title
        self._workshop = workshop
        self._finished: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
        self._pid = os.getpid()
        self._connection: Any = None
        self._thread: Any = None
        self._timeline = Timeline(self._on_switch)
        self._switcher = Switcher()
        self._models: dict[int, _Model] = {}
        self._next_number = 1
        # From the start, so that no model is missed while the editor makes up its mind.
        self._watching = True
        self._interval = 0.25
        # None: the statistics of all layers; else of these paths by model.
        self._wanted: Optional[dict[int, list[str]]] = None
        self._next_report = 0.0
        self._next_tree = 0.0
        # A module of no known model was switched, so that there is a new one.
        self._is_called = False
        self._has_looked = threading.Event()
        self._next_search = self._next_call = 0.0
        self._unanswered: list[_Switching] = []
        self._untold: list[Switch] = []
        self._failures = 0
        self._is_stopping = False
        self.is_over = False

    # Life

    def start(self, holder: ModuleType) -> None:
        """``holder`` is ``torch.nn.modules.module``, of which the rest may still be on its way."""
        try:
            self._timeline.install(holder)
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
        self._is_stopping = True
        if self._connection is not None:
            self._connection.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_GOODBYE_SECONDS)
        self._leave()

    def _on_switch(self, module: Any) -> None:
        """
        In the user's thread, where a module of no known model was switched: lets the agent look before the program goes on,
        since a short-lived model may be gone a moment later. Waits hardly ever, and never long.
        """
        now = time.monotonic()
        if not self._watching or self._connection is None or now < self._next_call:
            return
        if not self._is_strange(module):
            return
        self._next_call = now + _LONGEST_REST_SECONDS
        self._has_looked.clear()
        self._is_called = True
        self._connection.wake()
        self._has_looked.wait(_LOOK_SECONDS)

    def _in_forked_child(self) -> None:
        # The thread stayed with the parent, and so must the talk: two processes on one socket would garble it.
        if self._connection is not None:
            self._connection.close()
        self._switcher.cancel()
        self._timeline.remove()
        self.is_over = True

    def _leave(self) -> None:
        self.is_over = True
        self._switcher.cancel()
        self._timeline.remove()
        if self._connection is not None:
            self._connection.close()

    # The thread

    def _run(self) -> None:
        try:
            self._connection = Connection()
            self._connection.open(self._port, self._token)
            self._wait_for_torch()
            self._notify("connected", self._introduction())
            while not self._is_stopping:
                for message in self._connection.receive(self._patience()):
                    self._handle(message)
                self._work()
            self._report(is_last=True)
            self._notify("leaving", {})
        except Disconnected:
            pass
        except Exception as error:
            self._complain(error)
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
        if self._switcher.is_waiting:
            return _SWITCHING_SECONDS
        if not self._watching:
            return _IDLE_SECONDS
        if self._is_called:
            return 0.0
        due = self._next_report if self._models else min(self._next_report, self._next_search)
        return max(0.0, min(due - time.monotonic(), self._interval))

    def _work(self) -> None:
        # Taken before the look: a call that comes during it waits for the next one.
        is_called, self._is_called = self._is_called, False
        self._switcher.try_now()
        self._answer_switches()
        self._answer_forwards()
        now = time.monotonic()
        if not self._watching:
            self._tell_switches()
        elif now >= self._next_report:
            # A large model is reported less often, so that the agent takes its share of the process and no more.
            self._next_report = _after_rest(self._report, self._interval)
        elif is_called or (now >= self._next_search and not self._models):
            self._next_search = _after_rest(self._search, _SEARCH_SECONDS)
        if is_called:
            self._has_looked.set()

    # Reports

    def _report(self, is_last: bool = False) -> None:
        if self._watching:
            self._find_models(roots.candidates(), is_due=is_last)
            self._hold_pins()
            for model in list(self._models.values()):
                self._report_model(model, is_last)
        self._tell_switches()

    def _search(self) -> None:
        self._find_models(roots.candidates(), is_due=True)

    def _find_models(self, found: Any, is_due: bool = False) -> None:
        now = time.monotonic()
        if not is_due and self._models and now < self._next_tree:
            return
        self._next_tree = now + max(_TREE_SECONDS, self._interval)
        known = {id(root): model for model in self._models.values() if (root := model.root()) is not None}
        inside: set[int] = set()
        for model in list(self._models.values()):
            root = model.root()
            if root is None:
                # Of a program that ends, the models stay on show.
                if not self._is_stopping:
                    self._bury(model)
                continue
            with self._half_built():
                if model.tree.read(root):
                    self._tell_model(model)
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
        trees: dict[int, ModuleTree] = {}
        for key, (_, module) in fresh.items():
            with self._half_built():
                trees[key] = ModuleTree(module)
        for key in trees:
            name, module = fresh[key]
            if any(key in tree.ids for other, tree in trees.items() if other != key):
                continue
            for model in [model for other, model in known.items() if other in trees[key].ids]:
                self._forget(model)
            with self._half_built():
                self._add(name, module)

    def _add(self, name: str, root: Any) -> None:
        taken = {model.name for model in self._models.values()}
        plain, number = name, 1
        while name in taken:
            number += 1
            name = f"{plain} ({number})"
        model = _Model(self._next_number, name, root)
        self._next_number += 1
        self._tell_model(model)
        self._models[model.number] = model

    def _bury(self, model: _Model) -> None:
        """What happened to a model between the last report and its end, and then that it is gone."""
        self._tell_statistics(model, is_last=True)
        self._tell_switches(of=model)
        self._forget(model)

    def _forget(self, model: _Model) -> None:
        self._models.pop(model.number, None)
        self._notify("gone", {"model": model.number})

    def _tell_model(self, model: _Model) -> None:
        """The whole tree, in parts: writing a large one at one go would hold up the user's thread."""
        model.flags = model.tree.flags()
        model.statistics.watch(self._layers_of_interest(model))
        statistics = {path: figures for path, figures in model.statistics.changed()}
        part: list[dict[str, Any]] = []
        total, sent = len(model.tree), 0
        root = model.root()
        inputs = {} if self._workshop is None or root is None else {"inputs": self._workshop.inputs_of(root)}

        def send(is_last: bool) -> None:
            nonlocal part, sent
            body = {"model": model.number, "name": model.name, "from": sent, "last": is_last, "modules": part, **inputs}
            self._notify("modules", body)
            sent, part = sent + len(part), []
            time.sleep(0)

        for description in model.tree.describe():
            if description["path"] in statistics:
                description["statistics"] = statistics[description["path"]]
            part.append(description)
            if len(part) == _CHUNK and sent + len(part) < total:
                send(is_last=False)
        send(is_last=True)

    def _report_model(self, model: _Model, is_last: bool = False) -> None:
        if model.root() is None:
            self._tell_statistics(model, is_last=True)
            return
        with self._half_built():
            flags = model.tree.flags()
            if flags != model.flags:
                changed = [
                    {"path": path, "training": flag}
                    for path, flag, old in zip(model.tree.paths(), flags, model.flags)
                    if flag != old
                ]
                model.flags = flags
                self._notify("modes", {"model": model.number, "changed": changed})
            self._tell_statistics(model, is_last)

    def _tell_statistics(self, model: _Model, is_last: bool = False) -> None:
        changed = [{"path": path, **figures} for path, figures in model.statistics.changed(is_last)]
        for start in range(0, len(changed), _CHUNK):
            self._notify("statistics", {"model": model.number, "changed": changed[start : start + _CHUNK]})

    def _layers_of_interest(self, model: _Model) -> Any:
        if self._wanted is None:
            return model.tree.entries()
        paths = self._wanted.get(model.number, [])
        return [(path, module) for path in paths if (module := model.tree.get(path)) is not None]

    def _tell_switches(self, of: Optional[_Model] = None) -> None:
        """All that were recorded, or those of one model while the others wait."""
        records = self._untold + self._timeline.take()
        self._untold = []
        if of is not None:
            self._untold = [record for record in records if of.tree.path_of(record.module) is None]
            records = [record for record in records if of.tree.path_of(record.module) is not None]
        if not records:
            return
        if self._watching and of is None:
            # `net = Net().eval()`: the call comes before the name.
            young = time.time() - _NAMING_SECONDS
            if not self._is_stopping:
                waits = [record.time > young and self._is_strange(record.module()) for record in records]
                self._untold = [record for record, wait in zip(records, waits) if wait]
                records = [record for record, wait in zip(records, waits) if not wait]
            strangers = [module for record in records if self._is_strange(module := record.module())]
            if strangers:
                nameless = [(type(module).__name__, module) for module in strangers]
                self._find_models([*roots.candidates(), *nameless], is_due=True)
        for record in records:
            self._notify("switch", {**self._place_of(record.module), **{
                "time": record.time, "training": record.training, "file": record.file,
                "line": record.line, "function": record.function,
            }})

    def _is_strange(self, module: Any) -> bool:
        """True for a module of no model that was told. Asked by the user's thread too."""
        return module is not None and not any(id(module) in model.tree.ids for model in list(self._models.values()))

    def _place_of(self, module: "weakref.ref[Any]") -> dict[str, Any]:
        for model in self._models.values():
            path = model.tree.path_of(module)
            if path is not None:
                return {"model": model.number, "path": path}
        return {"model": None, "path": None}

    def _hold_pins(self) -> None:
        """Where somebody sets the attribute without calling ``train()``."""
        for module, mode in self._timeline.pinned():
            if getattr(module, "training", mode) is not mode:
                self._switcher.submit(lambda module=module, mode=mode: self._set(module, mode, True))

    # Requests

    def _handle(self, message: dict[str, Any]) -> None:
        method, params, number = message.get("method"), message.get("params"), message.get("id")
        if not isinstance(method, str):
            return
        handler = {
            "look": self._look,
            "setTraining": self._set_training,
            "setFlags": self._set_flags,
            "pin": self._pin,
            "statistics": self._statistics,
            "findEverywhere": self._find_everywhere,
            "runForward": self._run_forward,
            "detach": self._detach,
        }.get(method)
        try:
            if handler is None:
                raise _Refusal(f"This agent knows no request “{method}”.")
            handler(params if isinstance(params, dict) else {}, _Answer(self, number))
        except Disconnected:
            raise
        except _Refusal as refusal:
            _Answer(self, number).refuse(str(refusal))
        except Exception as error:
            _Answer(self, number).refuse(f"{type(error).__name__}: {error}")

    def _look(self, params: dict[str, Any], answer: "_Answer") -> None:
        """{"watching": bool, "interval": seconds, "statistics": "all" or {model: [path]}}"""
        self._watching = params.get("watching") is True
        interval = params.get("interval")
        self._interval = min(60.0, max(0.05, float(interval))) if isinstance(interval, (int, float)) else 0.25
        wanted = params.get("statistics")
        if wanted == "all":
            self._wanted = None
        elif isinstance(wanted, dict):
            self._wanted = {
                int(model): [path for path in paths if isinstance(path, str)]
                for model, paths in wanted.items()
                if isinstance(model, str) and model.isdigit() and isinstance(paths, list)
            }
        self._next_report = self._next_tree = 0.0
        for model in self._models.values():
            model.statistics.watch(self._layers_of_interest(model) if self._watching else [])
        answer.give({})

    def _set_training(self, params: dict[str, Any], answer: "_Answer") -> None:
        """{"model", "path", "training", "recursive"}: as ``module.train(mode)``, or this flag only."""
        module = self._module(params)
        training, recursive = _boolean(params, "training"), _boolean(params, "recursive")
        self._submit(params, answer, lambda: self._set(module, training, recursive))

    def _set_flags(self, params: dict[str, Any], answer: "_Answer") -> None:
        """{"model", "flags": {path: bool}}: each flag by itself, as when modes are restored."""
        model = self._model(params)
        flags = params.get("flags")
        if not isinstance(flags, dict):
            raise _Refusal("No flags were given.")
        wanted = [(model.tree.get(path), flag) for path, flag in flags.items() if isinstance(flag, bool)]

        def job() -> None:
            for module, flag in wanted:
                if module is not None:
                    module.training = flag

        self._submit(params, answer, job)

    def _pin(self, params: dict[str, Any], answer: "_Answer") -> None:
        """{"model", "path", "training": bool or null}"""
        module, training = self._module(params), params.get("training")
        if training is None:
            self._timeline.pin(module, None)
            answer.give({"pending": False})
            return
        mode = _boolean(params, "training")
        self._timeline.pin(module, mode)
        self._submit(params, answer, lambda: self._set(module, mode, True))

    def _set(self, module: Any, training: bool, recursive: bool) -> None:
        with self._timeline.silently():
            if recursive:
                module.train(training)
            else:
                module.training = training
        self._timeline.switched_by_editor(module, training)

    def _submit(self, params: dict[str, Any], answer: "_Answer", job: Callable[[], None]) -> None:
        """Answers when the job is done, or after a while that it waits for the next forward."""
        outcome: list[Optional[str]] = []

        def guarded() -> None:
            # This may run in the user's thread, into which nothing of ours may be raised.
            try:
                job()
                outcome.append(None)
            except Exception as error:
                outcome.append(f"{type(error).__name__}: {error}")

        self._switcher.submit(guarded)
        self._unanswered.append(_Switching(params.get("model", 0), time.monotonic() + _PATIENCE_SECONDS, outcome, answer))
        self._answer_switches()

    def _answer_switches(self) -> None:
        """Those that are done, and those that wait for a forward that may never come."""
        waiting, self._unanswered = self._unanswered, []
        for each in waiting:
            if not each.outcome and time.monotonic() < each.deadline:
                self._unanswered.append(each)
                continue
            # The news first, so that whoever hears that the switch is done finds it shown.
            model = self._models.get(each.model)
            if model is not None:
                self._report_model(model)
            self._tell_switches()
            failure = each.outcome[0] if each.outcome else None
            if failure is None:
                each.answer.give({"pending": not each.outcome})
            else:
                each.answer.refuse(failure)

    def _statistics(self, params: dict[str, Any], answer: "_Answer") -> None:
        """{"model", "path"}: every element."""
        module = self._module(params)
        if buffer_of(module, "running_mean") is None and buffer_of(module, "running_var") is None:
            raise _Refusal("This module keeps no running statistics.")
        answer.give(values_of(module))

    def _run_forward(self, params: dict[str, Any], answer: "_Answer") -> None:
        """{"model", "inputs": [{"shape", "dtype"}], "steps", "seed"}"""
        model, workshop = self._model(params), self._workshop
        if workshop is None:
            raise _Refusal("This program runs its models by itself.")
        root, entries = model.root(), list(model.tree.entries())

        def forward(run: Callable[..., dict[str, Any]]) -> None:
            # In the thread that built the model. The answer is sent by the agent's own, which alone uses the connection.
            try:
                result = run(root, entries, params)
                self._finished.put(lambda: answer.give(result))
            except Exception as error:
                message = f"{type(error).__name__}: {error}"
                self._finished.put(lambda: answer.refuse(message))
            self._connection.wake()

        workshop.put(forward)

    def _answer_forwards(self) -> None:
        """The news first, so that whoever hears that a forward is done finds its statistics moved."""
        while not self._finished.empty():
            if self._watching:
                self._report()
            self._finished.get()()

    def _find_everywhere(self, _params: dict[str, Any], answer: "_Answer") -> None:
        self._find_models(roots.everywhere(), is_due=True)
        answer.give({"models": len(self._models)})

    def _detach(self, _params: dict[str, Any], answer: "_Answer") -> None:
        answer.give({})
        self._is_stopping = True

    def _model(self, params: dict[str, Any]) -> _Model:
        model = self._models.get(params.get("model", 0))
        if model is None or model.root() is None:
            raise _Refusal("The model is gone.")
        return model

    def _module(self, params: dict[str, Any]) -> Any:
        module = self._model(params).tree.get(str(params.get("path", "")))
        if module is None:
            raise _Refusal("The module is gone.")
        return module

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._connection.send({"jsonrpc": "2.0", "method": method, "params": params})

    @contextlib.contextmanager
    def _half_built(self) -> Iterator[None]:
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
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        try:
            self._notify("problem", {"message": f"A model can't be read: {type(error).__name__}: {error}"})
        except Exception:
            pass


def _after_rest(work: Callable[[], None], least: float) -> float:
    """Does the work, and tells when its next turn is."""
    started = time.thread_time()
    work()
    rest = min(_SHARE * (time.thread_time() - started), _LONGEST_REST_SECONDS)
    return time.monotonic() + max(least, rest)


class _Answer:
    def __init__(self, agent: Agent, number: Any) -> None:
        self._agent, self._number = agent, number

    def give(self, result: dict[str, Any]) -> None:
        self._send({"result": result})

    def refuse(self, message: str) -> None:
        self._send({"error": {"code": -32000, "message": message}})

    def _send(self, body: dict[str, Any]) -> None:
        if self._number is not None:
            self._agent._connection.send({"jsonrpc": "2.0", "id": self._number, **body})


class _Switching(NamedTuple):
    """A switch that the editor waits for. ``outcome`` is empty until it is done; then None, or what went wrong."""

    model: int
    deadline: float
    outcome: list[Optional[str]]
    answer: _Answer


class _Refusal(Exception):
    """A request that can't be met; its text goes to the editor."""


def _boolean(params: dict[str, Any], name: str) -> bool:
    value = params.get(name)
    if not isinstance(value, bool):
        raise _Refusal(f"“{name}” must be true or false.")
    return value

"""What the editor asks: to look, to switch and pin, to run a forward, to leave. Every request is answered, a bad one by a sentence."""

from __future__ import annotations

import queue
import time
from typing import Any, Callable, NamedTuple, Optional

from . import roots
from .comparison import Comparer, compare, obstacle_to
from .connection import Connection, Disconnected
from .forward import arguments_for
from .look import Look
from .models import Model, Models
from .modules import buffer_of
from .reports import Reports
from .statistics import values_of
from .switching import Switcher
from .timeline import Timeline, set_mode
from .trace import Tracer

__all__ = ["Requests"]

_PATIENCE_SECONDS = 0.25
_TRACE_SECONDS = 60.0


class Requests:
    """``workshop``, where there is one, runs forwards in a thread of its own; ``stop`` ends the agent."""

    def __init__(
        self,
        connection: Connection,
        look: Look,
        models: Models,
        reports: Reports,
        timeline: Timeline,
        switcher: Switcher,
        tracer: Tracer,
        comparer: Comparer,
        workshop: Any,
        stop: Callable[[], None],
    ) -> None:
        self._connection, self._look, self._models, self._reports = connection, look, models, reports
        self._timeline, self._switcher, self._tracer = timeline, switcher, tracer
        self._comparer, self._workshop, self._stop = comparer, workshop, stop
        self._unanswered: list[_Switching] = []
        self._tracing: Optional[_Tracing] = None
        # What begins the next trace, when the forward that is traced now has ended.
        self._next_tracing: Optional[Callable[[], None]] = None
        self._finished: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
        self._handlers: dict[str, _Handler] = {
            "look": self._change_look,
            "setTraining": self._set_training,
            "setFlags": self._set_flags,
            "pin": self._pin,
            "statistics": self._statistics,
            "findEverywhere": self._find_everywhere,
            "runForward": self._run_forward,
            "compareModes": self._compare_modes,
            "stopComparing": self._stop_comparing,
            "traceForward": self._trace_forward,
            "detach": self._detach,
        }

    @property
    def are_unanswered(self) -> bool:
        """True while somebody waits for a switch."""
        return bool(self._unanswered)

    def handle(self, message: dict[str, Any]) -> None:
        """
        Does what one message asks. The answer may come later, by :meth:`answer_switches` or :meth:`answer_forwards`.

        :raises Disconnected: if the editor is gone.
        """
        method, params = message.get("method"), message.get("params")
        if not isinstance(method, str):
            return
        answer = _Answer(self._connection, message.get("id"))
        handler = self._handlers.get(method)
        if handler is None:
            answer.refuse(f"This agent knows no request “{method}”.")
        else:
            self._attempt(handler, params if isinstance(params, dict) else {}, answer)

    def _attempt(self, handler: _Handler, params: dict[str, Any], answer: _Answer) -> None:
        try:
            handler(params, answer)
        except Disconnected:
            raise
        except _Refusal as refusal:
            answer.refuse(str(refusal))
        except Exception as error:
            answer.refuse(f"{type(error).__name__}: {error}")

    def answer_switches(self) -> None:
        """Those that are done, and those that wait for a forward that may never come."""
        waiting, self._unanswered = self._unanswered, []
        for each in waiting:
            if not each.outcome and time.monotonic() < each.deadline:
                self._unanswered.append(each)
                continue
            # The news first, so that whoever hears that the switch is done finds it shown.
            model = self._models.get(each.model)
            if model is not None:
                self._reports.report_model(model)
            self._reports.tell_switches()
            failure = each.outcome[0] if each.outcome else None
            if failure is None:
                each.answer.give({"pending": not each.outcome})
            else:
                each.answer.refuse(failure)

    def answer_forwards(self) -> None:
        """The news first, so that whoever hears that a forward is done finds its statistics moved."""
        self._give_up_tracing()
        while not self._finished.empty():
            if self._look.watching:
                self._reports.report()
            self._finished.get()()

    def _change_look(self, params: dict[str, Any], answer: _Answer) -> None:
        self._look.change(params)
        self._reports.start_afresh()
        answer.give({})

    def _set_training(self, params: dict[str, Any], answer: _Answer) -> None:
        """{"model", "path", "training", "recursive"}: as ``module.train(mode)``, or this flag only."""
        module = self._module(params)
        training, recursive = _boolean(params, "training"), _boolean(params, "recursive")
        self._submit(params, answer, lambda: set_mode(self._timeline, module, training, recursive))

    def _set_flags(self, params: dict[str, Any], answer: _Answer) -> None:
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

    def _pin(self, params: dict[str, Any], answer: _Answer) -> None:
        """{"model", "path", "training": bool or null}"""
        module, training = self._module(params), params.get("training")
        if training is None:
            self._timeline.pin(module, None)
            answer.give({"pending": False})
            return
        mode = _boolean(params, "training")
        self._timeline.pin(module, mode)
        self._submit(params, answer, lambda: set_mode(self._timeline, module, mode, True))

    def _submit(self, params: dict[str, Any], answer: _Answer, job: Callable[[], None]) -> None:
        """Answers when the job is done, or after a while that it waits for the next forward."""
        outcome: list[Optional[str]] = []

        def guarded() -> None:
            # This may run in the user's thread, into which nothing of ours may be raised.
            try:
                job()
                outcome.append(None)
            except (Exception, SystemExit) as error:
                outcome.append(f"{type(error).__name__}: {error}")
            self._connection.wake()

        self._switcher.submit(guarded)
        self._unanswered.append(_Switching(params.get("model", 0), time.monotonic() + _PATIENCE_SECONDS, outcome, answer))
        self.answer_switches()

    def _statistics(self, params: dict[str, Any], answer: _Answer) -> None:
        """{"model", "path"}: every element."""
        module = self._module(params)
        if buffer_of(module, "running_mean") is None and buffer_of(module, "running_var") is None:
            raise _Refusal("This module keeps no running statistics.")
        answer.give(values_of(module))

    def _run_forward(self, params: dict[str, Any], answer: _Answer) -> None:
        """{"model", "inputs": [{"shape", "dtype"}], "steps", "seed"}"""
        model, workshop = self._model(params), self._workshop
        if workshop is None:
            raise _Refusal("This program runs its models by itself.")
        root, entries = model.root(), list(model.tree.entries())

        def forward(run: Callable[..., dict[str, Any]]) -> None:
            # In the thread that built the model.
            self._later(answer, lambda: run(root, entries, params))

        workshop.put(forward)

    def _compare_modes(self, params: dict[str, Any], answer: _Answer) -> None:
        """{"model", "inputs": [{"shape", "dtype"}], "seed"}: a program's own model is compared at its next forward, with what that is given."""
        model = self._model(params)
        root, entries = model.root(), list(model.tree.entries())
        if self._workshop is None:
            give, refuse = self._finishing(answer)
            self._comparer.submit(root, entries, give, refuse)
            return
        obstacle = obstacle_to(root, entries)
        if obstacle is not None:
            raise _Refusal(obstacle)

        def both() -> dict[str, Any]:
            arguments = arguments_for(root, entries, params)
            with self._comparer.busy:
                return compare(root, entries, arguments, {}, self._timeline)

        self._workshop.put(lambda _run: self._later(answer, both))

    def _stop_comparing(self, _params: dict[str, Any], answer: _Answer) -> None:
        self._comparer.cancel("It is no longer waited for.")
        answer.give({})

    def _later(self, answer: _Answer, work: Callable[[], dict[str, Any]]) -> None:
        """Works in a thread of the user's; nothing is raised into it."""
        give, refuse = self._finishing(answer)
        try:
            give(work())
        except Exception as error:
            refuse(f"{type(error).__name__}: {error}")

    def _finishing(self, answer: _Answer) -> tuple[Callable[[dict[str, Any]], None], Callable[[str], None]]:
        """What gives and refuses an answer from any thread: it is sent by the agent's own, which alone uses the connection."""

        def finish(send: Callable[[], None]) -> None:
            self._finished.put(send)
            self._connection.wake()

        return lambda result: finish(lambda: answer.give(result)), lambda message: finish(lambda: answer.refuse(message))

    def _trace_forward(self, params: dict[str, Any], answer: _Answer) -> None:
        """{"model", "training": bool or null, "seconds"}: answered when a forward has run, refused if none does in that time."""
        model, seconds, training = self._model(params), params.get("seconds"), params.get("training")
        tracing = self._tracing
        if tracing is not None:
            # One that is traced for its mode gives way to the next one, whatever its mode, which a person asks for.
            if self._next_tracing is not None or tracing.training is None or training is not None:
                raise _Refusal("Another trace waits for its forward.")
            if not self._end_tracing("Another trace was asked for."):
                self._next_tracing = lambda: self._attempt(self._trace_forward, params, answer)
                return
        if not self._tracer.is_possible:
            raise _Refusal("This program uses torch.compile, which would compile anew for a trace.")
        wait = float(seconds) if isinstance(seconds, (int, float)) else _TRACE_SECONDS
        training = training if isinstance(training, bool) else None
        self._tracing = _Tracing(time.monotonic() + wait, training, answer)

        def end(result: dict[str, Any]) -> None:
            # In the thread of the forward. Whoever finds a trace on its way may leave the next one to what is put here.
            self._tracing = None
            self._finished.put(lambda: self._finish_tracing(answer, result))
            self._connection.wake()

        self._tracer.start(model, training, end)

    def _finish_tracing(self, answer: _Answer, result: dict[str, Any]) -> None:
        answer.give(result)
        begin_next, self._next_tracing = self._next_tracing, None
        if begin_next is not None:
            begin_next()

    def _give_up_tracing(self) -> None:
        tracing = self._tracing
        if tracing is None or (self._tracer.is_possible and time.monotonic() < tracing.deadline):
            return
        is_late = time.monotonic() >= tracing.deadline
        self._end_tracing("No such forward ran in time." if is_late else "This program began to use torch.compile.")

    def _end_tracing(self, why: str) -> bool:
        """Gives a trace up that waits for its forward. Where that has begun, its end gives the answer."""
        tracing = self._tracing
        if tracing is None or not (self._tracer.cancel() or not self._tracer.is_possible):
            return tracing is None
        self._tracing = None
        tracing.answer.refuse(why)
        return True

    def _find_everywhere(self, _params: dict[str, Any], answer: _Answer) -> None:
        self._reports.find(roots.everywhere())
        answer.give({"models": len(self._models)})

    def _detach(self, _params: dict[str, Any], answer: _Answer) -> None:
        answer.give({})
        self._stop()

    def _model(self, params: dict[str, Any]) -> Model:
        model = self._models.get(params.get("model", 0))
        if model is None or model.root() is None:
            raise _Refusal("The model is gone.")
        return model

    def _module(self, params: dict[str, Any]) -> Any:
        module = self._model(params).tree.get(str(params.get("path", "")))
        if module is None:
            raise _Refusal("The module is gone.")
        return module


class _Answer:
    def __init__(self, connection: Connection, number: Any) -> None:
        self._connection, self._number = connection, number

    def give(self, result: dict[str, Any]) -> None:
        self._send({"result": result})

    def refuse(self, message: str) -> None:
        self._send({"error": {"code": -32000, "message": message}})

    def _send(self, body: dict[str, Any]) -> None:
        # Once: a trace may end while it is given up.
        number, self._number = self._number, None
        if number is not None:
            self._connection.send({"jsonrpc": "2.0", "id": number, **body})


class _Switching(NamedTuple):
    """A switch that the editor waits for. ``outcome`` is empty until it is done; then None, or what went wrong."""

    model: int
    deadline: float
    outcome: list[Optional[str]]
    answer: _Answer


class _Tracing(NamedTuple):
    deadline: float
    training: Optional[bool]
    answer: _Answer


_Handler = Callable[[dict[str, Any], _Answer], None]


class _Refusal(Exception):
    """A request that can't be met; its text goes to the editor."""


def _boolean(params: dict[str, Any], name: str) -> bool:
    value = params.get(name)
    if not isinstance(value, bool):
        raise _Refusal(f"“{name}” must be true or false.")
    return value

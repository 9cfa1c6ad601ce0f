"""Builds a module class of the user's file in a process of its own, and runs its forward when the editor asks.

The file is imported as a module, so that what stands under ``if __name__ == "__main__"`` does not run. How it went is written
to a report, since an import may fail before there is an agent that could tell.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import queue
import sys
import traceback
from types import ModuleType, TracebackType
from typing import Any, Optional

from . import is_running, start
from .forward import inputs_of, run_forward
from .modules import is_module

__all__ = ["Workshop"]

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))) + os.sep


class _Failure(Exception):
    """A sentence for the user; ``error`` is what their code raised."""

    def __init__(self, message: str, error: Optional[BaseException] = None) -> None:
        super().__init__(message)
        self.error = error


class Workshop:
    """``job``: {"file", "name", "arguments": text or null, "checkpoint": path or null, "report": path, "title": text}."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._forwards: "queue.Queue[Any]" = queue.Queue()

    def build(self) -> Any:
        """The model, or None after a report of what is wrong or missing."""
        job = self._job
        sys.argv = [job["file"]]
        try:
            kind = self._find_class(_import_file(job["file"]))
            needed = _needed(kind)
            if needed and job["arguments"] is None:
                self._report({"kind": "arguments", "parameters": needed})
                return None
            model = self._construct(kind)
            loaded = {} if job["checkpoint"] is None else _load(model, job["checkpoint"])
            self._report({"kind": "built", **loaded})
            return model
        except _Failure as failure:
            self._report({"kind": "error", **_describe(failure)})
            return None

    def serve(self) -> None:
        """Tells the editor of the model, and runs forwards in this thread until the agent leaves."""
        port, token = os.environ["MODE_INSPECTOR_PORT"], os.environ["MODE_INSPECTOR_TOKEN"]
        start(int(port), token, None, self._job["title"], self)
        while is_running():
            try:
                forward = self._forwards.get(timeout=0.5)
            except queue.Empty:
                continue
            forward(run_forward)

    def put(self, forward: Any) -> None:
        """Takes a forward that the editor asks for, as a function that :meth:`serve` calls with the one that runs a model."""
        self._forwards.put(forward)

    def inputs_of(self, model: Any) -> list[dict[str, Any]]:
        """The arguments of the model's forward."""
        return inputs_of(model)

    def _find_class(self, module: ModuleType) -> Any:
        value: Any = module
        for part in self._job["name"].split("."):
            value = getattr(value, part, None)
        if not isinstance(value, type):
            raise _Failure(f"{os.path.basename(self._job['file'])} defines no class {self._job['name']} when it is imported")
        return value

    def _construct(self, kind: Any) -> Any:
        text = self._job["arguments"] or ""
        namespace = vars(sys.modules[kind.__module__])
        try:
            args, kwargs = eval(f"(lambda *args, **kwargs: (args, kwargs))({text}\n)", dict(namespace))
        except Exception as error:
            raise _Failure(f"The arguments “{text}” can’t be read: {_words(error)}") from error
        try:
            model = kind(*args, **kwargs)
        except BaseException as error:
            raise _Failure(f"{self._job['name']}({text}) failed: {_words(error)}", error) from error
        if not is_module(model):
            raise _Failure(f"{self._job['name']} is no torch.nn.Module")
        return model

    def _report(self, report: dict[str, Any]) -> None:
        unfinished = self._job["report"] + ".part"
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(report, file)
        os.replace(unfinished, self._job["report"])


def _import_file(file: str) -> ModuleType:
    folder, name = os.path.dirname(file), os.path.splitext(os.path.basename(file))[0]
    sys.path.insert(0, folder)
    package = []
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, last = os.path.split(folder)
        package.insert(0, last)
    try:
        if package:
            sys.path.insert(0, folder)
            return importlib.import_module(".".join([*package, name]))
        # A file may be called like a module that is there already.
        name = name if name not in sys.modules else f"_inspected_{name}"
        spec = importlib.util.spec_from_file_location(name, file)
        loader: Any = None if spec is None else spec.loader
        if spec is None or loader is None:
            raise ImportError(f"{file} is no Python file")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module
    except BaseException as error:
        raise _Failure(f"{os.path.basename(file)} can’t be imported: {_words(error)}", error) from error


def _needed(kind: Any) -> list[dict[str, Any]]:
    """The constructor's parameters that have no default."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        {"name": each.name, "positional": each.kind is inspect.Parameter.POSITIONAL_ONLY}
        for each in parameters
        if each.default is inspect.Parameter.empty and each.kind not in variable
    ]


def _load(model: Any, file: str) -> dict[str, Any]:
    name = os.path.basename(file)
    try:
        content = importlib.import_module("torch").load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _Failure(f"{name} can’t be loaded: {_words(error)}", error) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise _Failure(f"{name} holds no state_dict")
    for prefix in ("module.", "_orig_mod."):
        if content and all(isinstance(key, str) and key.startswith(prefix) for key in content):
            content = {key[len(prefix) :]: value for key, value in content.items()}
    try:
        keys = model.load_state_dict(content, strict=False)
    except Exception as error:
        raise _Failure(f"{name} does not fit: {_words(error)}", error) from error
    if len(keys.unexpected_keys) == len(content):
        raise _Failure(f"{name} does not fit: none of its {len(content)} keys is one of the model’s")
    return {"missing": list(keys.missing_keys), "unexpected": list(keys.unexpected_keys)}


def _describe(failure: _Failure) -> dict[str, Any]:
    error = failure.error
    if error is None:
        return {"message": str(failure)}
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"message": str(failure), "traceback": text, **_users_line(error)}


def _users_line(error: BaseException) -> dict[str, Any]:
    """The innermost line that is the user's own."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return {"file": error.filename, "line": error.lineno}
    found: dict[str, Any] = {}
    step: Optional[TracebackType] = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        is_foreign = file.startswith("<") or "site-packages" in file or os.path.realpath(file).startswith(_OWN_FOLDER)
        if not is_foreign and not file.startswith(os.path.dirname(os.__file__)):
            found = {"file": file, "line": step.tb_lineno}
        step = step.tb_next
    return found


def _words(error: BaseException) -> str:
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__

"""Runs a model in torch, step by step, and writes what happened as NAME.json + NAME.bin, beside the saved NAME.pt, .pt2 or .onnx.

A TorchScript file is run as torch loads it. An exported program has no train() or eval() in torch, so that the model from
which it was exported is run in its place.

The JSON file holds the steps; every tensor in it is a dtype, a shape and an offset into the .bin file, where the
elements stand contiguous and little-endian. test/parity/fixture.ts reads them and describes each field.
"""

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

import torch
from torch import nn

DTYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.int16: "int16",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.bool: "bool",
}

# [rtol, atol] for outputs by dtype; what is not listed is compared exactly. Halves: two units in the last place.
OUTPUT_TOLERANCE = {
    "float32": [1e-4, 1e-5],
    "float64": [1e-9, 1e-10],
    "float16": [2e-3, 2e-3],
    "bfloat16": [1.6e-2, 1e-2],
}
# The same for running statistics. atol is for means that are sums of cancelling terms, near zero.
STATISTICS_TOLERANCE = {**OUTPUT_TOLERANCE, "float32": [1e-5, 1e-6]}
STATISTICS = {"running_mean": "runningMean", "running_var": "runningVar", "num_batches_tracked": "numBatchesTracked"}


class CaseFacts(Protocol):
    """What a recorder has to know of a case."""

    family: str
    name: str
    form: str
    random: bool


class Recorder:
    """Records each step that a case makes on its model.

    `load` returns a model to run, a new one each time; `describe` the modules that a reader of the file has to find.
    """

    def __init__(
        self,
        stem: Path,
        case: "CaseFacts",
        *,
        load: Callable[[], Any],
        describe: Callable[[Any], List[Dict[str, Any]]],
    ):
        self.stem = stem
        self.name = case.name
        self.random = case.random
        self.saw_random = False
        self.blob = bytearray()
        self.steps: List[Dict[str, Any]] = []
        # A random case runs on a second copy with other seeds: what differs between the two can't be compared.
        self.copies = [load() for _ in range(2 if case.random else 1)]
        self.header = {
            "torch": torch.__version__,
            "name": case.name,
            "family": case.family,
            "form": case.form,
            "random": case.random,
            "tolerance": OUTPUT_TOLERANCE,
            "statisticsTolerance": STATISTICS_TOLERANCE,
            "modules": describe(self.copies[0]),
        }

    def set(self, path: str, training: bool, recursive: bool = True) -> None:
        """Switches the mode of one module, or of it and everything below."""
        for copy in self.copies:
            module = dict(every_path(copy))[path]
            if recursive:
                module.train(training)
            else:
                module.training = training
        self._step({"set": [{"path": path, "training": training, "recursive": recursive}]})

    def train(self, path: str = "") -> None:
        self.set(path, True)

    def eval(self, path: str = "") -> None:
        self.set(path, False)

    def seed(self, seed: int) -> None:
        """Seeds the runtime for the next forward; torch's own numbers are never compared with a seed."""
        self.steps.append({"seed": seed})

    def forward(
        self,
        *inputs: Any,
        method: str = "forward",
        error: Optional[str] = None,
        dropout: Optional[Dict[str, Any]] = None,
        keywords: Optional[Dict[str, Any]] = None,
    ) -> Any:
        """Runs the method and records its outputs and the running statistics after it.

        `error` is the part of torch's message that the runtime's must contain. Where the second copy returned something
        else, the outputs are compared by their shapes only. `keywords` stand behind the positional inputs in the fixture.
        """
        results = []
        for index, copy in enumerate(self.copies):
            torch.manual_seed(1000 * len(self.steps) + index)
            results.append(self._run(copy, method, inputs, error, keywords or {}))
        repeatable = len(results) < 2 or same(results[0], results[1])
        self.saw_random = self.saw_random or not repeatable
        step: Dict[str, Any] = {
            "inputs": [self._value(value) for value in (*inputs, *(keywords or {}).values())],
            "outputs": None if error is not None else self._value(results[0]),
            "error": error,
            "compare": "close" if repeatable else "shapes",
            "statistics": self._statistics(),
        }
        if method != "forward":
            step["method"] = method
        if dropout is not None:
            step["dropout"] = dropout
        self.steps.append({"forward": step})
        return results[0]

    def save(self) -> None:
        if self.random and not self.saw_random:
            raise ValueError(f"{self.name}: declared random, but two seeds gave the same results in every step")
        if not any("forward" in step for step in self.steps):
            raise ValueError(f"{self.name}: no forward in this case")
        Path(str(self.stem) + ".bin").write_bytes(self.blob)
        document = {**self.header, "steps": self.steps}
        Path(str(self.stem) + ".json").write_text(json.dumps(document, allow_nan=False), encoding="utf-8")

    def _step(self, step: Dict[str, Any]) -> None:
        previous = self.steps[-1] if self.steps else {}
        if "set" in step and "set" in previous:
            previous["set"].extend(step["set"])
        else:
            self.steps.append(step)

    def _run(
        self, module: Any, method: str, inputs: Sequence[Any], error: Optional[str], keywords: Dict[str, Any]
    ) -> Any:
        arguments = [clone(value) for value in inputs]
        try:
            # The plain interpreter, without profiling and fusion, so that the first run is like every other.
            with torch.jit.optimized_execution(False):
                result = module(*arguments, **clone(keywords)) if method == "forward" else getattr(module, method)(*arguments)
        except Exception as thrown:
            if error is None:
                raise RuntimeError(f"{self.name}: torch refused the forward: {thrown}") from thrown
            if error not in str(thrown):
                raise ValueError(
                    f"{self.name}: torch said {str(thrown)!r}, expected a part to be {error!r}"
                ) from thrown
            return None
        if error is not None:
            raise ValueError(f"{self.name}: torch ran, but was expected to say {error!r}")
        return clone(result)

    def _statistics(self) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        others = dict(every_path(self.copies[-1]))
        for path, module in every_path(self.copies[0]):
            buffers = dict(module.named_buffers(recurse=False))
            if "running_mean" not in buffers:
                continue
            entry: Dict[str, Any] = {}
            for key, name in STATISTICS.items():
                buffer = buffers.get(key)
                # Statistics behind a random layer differ between the copies: null says "don't compare these".
                if buffer is None or not same(buffer, getattr(others[path], key)):
                    entry[name] = None
                else:
                    entry[name] = int(buffer) if key == "num_batches_tracked" else self._value(buffer)
            found[path] = entry
        return found

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, torch.Tensor):
            return {"tensor": self._tensor(value)}
        if isinstance(value, int):
            # JSON numbers are doubles on the other side.
            return {"int": value if abs(value) <= 2**53 else str(value)}
        if isinstance(value, float):
            # JSON has no NaN or infinity.
            finite = value == value and abs(value) != float("inf")
            return {"float": value if finite else {"inf": "inf", "-inf": "-inf"}.get(str(value), "nan")}
        if isinstance(value, tuple):
            return {"tuple": [self._value(item) for item in value]}
        if isinstance(value, list):
            return {"list": [self._value(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[self._value(key), self._value(item)] for key, item in value.items()]}
        raise TypeError(f"{self.name}: no fixture form for a value of {type(value)}")

    def _tensor(self, tensor: torch.Tensor) -> Dict[str, Any]:
        while len(self.blob) % 8:
            self.blob.append(0)
        offset = len(self.blob)
        flat = tensor.detach().contiguous().reshape(-1)
        # numpy has no bfloat16, and old versions of torch see a tensor as another dtype of the same size only.
        self.blob += (flat.view(torch.int16) if flat.dtype == torch.bfloat16 else flat).numpy().tobytes()
        return {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "offset": offset}


def every_path(module: Any, path: str = "") -> Iterator[Tuple[str, Any]]:
    """named_modules(remove_duplicate=False), which old versions of torch lack."""
    yield path, module
    for name, child in module._modules.items():
        if child is not None:
            yield from every_path(child, name if path == "" else f"{path}.{name}")


def describe_modules(loaded: Any, eager: Optional[nn.Module], form: str) -> List[Dict[str, Any]]:
    """Every path of the loaded file with its class and flag, and the options of the eager module behind it."""
    eager_modules = dict(every_path(eager)) if eager is not None else {}
    first_path: Dict[int, str] = {}
    loaded_modules = dict(every_path(loaded))
    modules = []
    for path, module in loaded_modules.items():
        entry: Dict[str, Any] = {
            "path": path,
            "type": class_name(module),
            "training": bool(module.training) if form == "pickle" or module._c.hasattr("training") else None,
        }
        source = eager_modules.get(path)
        if source is not None:
            first = first_path.setdefault(id(source), path)
            if first != path and (form == "pickle" or is_one_object(loaded_modules[first], module)):
                entry["sharedWith"] = first
            entry.update(options_of(source, form))
        modules.append(entry)
    return modules


def class_name(module: Any) -> str:
    """The class of a module, also of one that TorchScript has made over."""
    return getattr(module, "original_name", type(module).__name__)


def is_one_object(one: Any, other: Any) -> bool:
    """Whether the file shows them as one: TorchScript keeps two objects with a flag each, but over the same tensors."""
    own = [tensor.data_ptr() for tensor in one.state_dict().values()]
    return bool(own) and own == [tensor.data_ptr() for tensor in other.state_dict().values()]


def options_of(module: nn.Module, form: str) -> Dict[str, Any]:
    # Whether the file itself holds the options: scripted code does, a trace has only what its calls were given.
    stored = form in ("script", "pickle")
    kinds = {nn.modules.batchnorm._BatchNorm: "batchNorm", nn.modules.instancenorm._InstanceNorm: "instanceNorm"}
    for kind, key in kinds.items():
        if isinstance(module, kind):
            momentum = module.momentum
            if momentum is None and not stored:
                # What the cumulative average came to in the forward that was traced: nothing, or one in the batches so far.
                momentum = 1.0 / int(module.num_batches_tracked) if form == "trace_train" else 0.0
            return {
                key: {
                    "stored": stored,
                    "numFeatures": module.num_features,
                    "eps": module.eps,
                    "momentum": momentum,
                    "affine": module.affine,
                    "trackRunningStats": module.track_running_stats,
                }
            }
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return {"dropout": {"stored": stored, "p": float(module.p)}}
    return {}


def clone(value: Any) -> Any:
    """A copy that an in-place operator can't reach."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(clone(item) for item in value)
    if isinstance(value, (list, tuple)):
        return type(value)(clone(item) for item in value)
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    return value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if one.dtype.is_floating_point:
            return torch.allclose(one.double(), other.double(), rtol=1e-6, atol=1e-7, equal_nan=True)
        return torch.equal(one, other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def remove(stem: Path) -> None:
    """Deletes the files of a case, where they exist."""
    for suffix in (".pt", ".pt2", ".onnx", ".json", ".bin"):
        try:
            os.remove(str(stem) + suffix)
        except FileNotFoundError:
            pass

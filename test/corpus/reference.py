"""What torch, onnx, ONNX Runtime and safetensors say of the corpus' files.

Called by prepare.ts with a JSON file of jobs: for each file its path, its inputs and a folder. In that folder it leaves
`input-N.npy`, the first output in eval as `output.npy`, and in `reference.json` what a reader must find. Nothing in a pickle is
executed: classes that are not torch's own way to rebuild tensors become inert objects.
"""

import json
import pickle
import sys
import types
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import torch


class Inert:
    """Stands for an object of any class."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "Inert":
        return object.__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, _key: Any, _value: Any) -> None: ...

    def append(self, _item: Any) -> None: ...

    def extend(self, _items: Any) -> None: ...


class Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and (name.endswith("Storage") or name in ("Size", "device") or isinstance(getattr(torch, name, None), torch.dtype)):
            return super().find_class(module, name)
        if (module, name.startswith("_rebuild_")) in (("torch._utils", True), ("torch._tensor", True)):
            return super().find_class(module, name)
        if (module, name) in (("collections", "OrderedDict"), ("torch.storage", "UntypedStorage"), ("torch.nn.parameter", "Parameter")):
            return super().find_class(module, name)
        if module in ("builtins", "__builtin__") and name in ("set", "int", "long", "float", "str", "bool", "dict", "list", "tuple"):
            return super().find_class(module, name)
        return type(name, (Inert,), {"__module__": module})


inert = types.SimpleNamespace(Unpickler=Unpickler, load=pickle.load, __name__="inert")


def prefixes(names: List[str]) -> set:
    """The modules that names of tensors are in, the root included."""
    parts = (name.split(".")[:-1] for name in names)
    return {""} | {".".join(part[:i]) for part in parts for i in range(1, len(part) + 1)}


def figures(mean: Any, variance: Any, batches: Any) -> List[Any]:
    return [float(np.mean(mean, dtype=np.float64)), float(np.mean(variance, dtype=np.float64)), batches]


def norms_in(tensors: Dict[str, Any]) -> Dict[str, List[Any]]:
    found = {}
    for name in tensors:
        path, _, last = name.rpartition(".")
        start = f"{path}." if path else ""
        if last != "running_mean" or f"{start}running_var" not in tensors:
            continue
        batches = tensors.get(f"{start}num_batches_tracked")
        pair = (np.asarray(tensors[f"{start}{key}"].float()) for key in ("running_mean", "running_var"))
        found[path] = figures(*pair, None if batches is None else int(batches))
    return found


def state_dicts(value: Any, seen: set) -> Iterator[Dict[str, Any]]:
    """The dicts of tensors by name, but those of optimizers."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, dict) and "param_groups" not in value:
        tensors = {key: item for key, item in value.items() if isinstance(key, str) and isinstance(item, torch.Tensor)}
        # Scores by the names of checkpoints have no dimensions.
        if tensors and (any("." in key and item.dim() for key, item in tensors.items()) or hasattr(value, "_metadata")):
            yield value
            return
        for item in value.values():
            yield from state_dicts(item, seen)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from state_dicts(item, seen)


def inert_modules(value: Any, path: str = "") -> Iterator[Tuple[str, Any]]:
    if isinstance(value, Inert) and isinstance(value.state, dict) and "_modules" in value.state:
        yield path, value
        for name, child in value.state["_modules"].items():
            yield from inert_modules(child, f"{path}.{name}" if path else name)


def read_saved(file: Path) -> Dict[str, Any]:
    value = torch.load(file, map_location="cpu", weights_only=False, pickle_module=inert)
    modules = dict(inert_modules(value))
    if modules:
        flags = {path: [type(module).__name__, module.state["training"]] for path, module in modules.items()}
        return {"flags": flags, "norms": {}}
    norms: Dict[str, Any] = {}
    paths = []
    for state in state_dicts(value, set()):
        tensors = {key: item for key, item in state.items() if isinstance(item, torch.Tensor)}
        norms.update(norms_in(tensors))
        paths.append(sorted(prefixes(list(tensors)) | set(getattr(state, "_metadata", {}))))
    return {"norms": norms, "states": paths}


def read_script(file: Path) -> Dict[str, Any]:
    model = torch.jit.load(file, map_location="cpu")
    named = model.named_modules(remove_duplicate=False)
    return {"flags": {path: [module.original_name, module.training] for path, module in named}, "norms": norms_in(dict(model.named_buffers()))}


def read_onnx(file: Path) -> Dict[str, Any]:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(file).graph
    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            known[node.output[0]] = node.attribute[0].t
    counts: Dict[str, int] = {}
    norms = []
    for node in graph.node:
        if node.op_type in ("BatchNormalization", "Dropout"):
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
        if node.op_type == "BatchNormalization" and all(name in known for name in node.input[3:5]):
            norms.append(figures(*(numpy_helper.to_array(known[name]) for name in node.input[3:5]), None))
    return {"counts": counts, "norms": {str(i): norm for i, norm in enumerate(norms)}}


def read_safetensors(file: Path) -> Dict[str, Any]:
    from safetensors import safe_open

    with safe_open(file, "pt") as tensors:
        return {"norms": {}, "states": [sorted(prefixes(list(tensors.keys())))]}


def make_input(spec: Any, generator: np.random.RandomState) -> np.ndarray:
    if isinstance(spec, dict) and "value" in spec:
        return np.array(spec["value"], dtype=spec.get("dtype", "int64"))
    text = spec["shape"] if isinstance(spec, dict) else spec
    sizes, _, dtype = text.partition(":")
    shape = [int(size) for size in sizes.split(",")]
    if dtype:
        return generator.randint(0, 256, shape).astype(dtype)
    values = generator.standard_normal(shape).astype(np.float32)
    return np.abs(values) if isinstance(spec, dict) and spec.get("positive") else values


def run(file: Path, inputs: List[np.ndarray]) -> np.ndarray:
    if file.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return session.run(None, {known.name: value for known, value in zip(session.get_inputs(), inputs)})[0]
    # A number is no tensor to a script.
    values = [value.item() if value.ndim == 0 else torch.from_numpy(value) for value in inputs]
    with torch.no_grad():
        return torch.jit.load(file, map_location="cpu").eval()(*values).numpy()


def main() -> None:
    readers = {".onnx": read_onnx, ".safetensors": read_safetensors, ".jit": read_script}
    for job in json.loads(Path(sys.argv[1]).read_text()):
        file, folder = Path(job["file"]), Path(job["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        if job["isModel"]:
            reference = readers.get(file.suffix, read_saved)(file)
        else:
            reference = {"norms": {}}
        generator = np.random.RandomState(7)
        inputs = [make_input(spec, generator) for spec in job.get("inputs", [])]
        for number, value in enumerate(inputs):
            np.save(folder / f"input-{number}.npy", value)
        if inputs:
            np.save(folder / "output.npy", np.array(run(file, inputs), order="C"))
        (folder / "reference.json").write_text(json.dumps(reference))


main()

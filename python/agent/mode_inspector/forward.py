"""Runs a model that the editor built, on made-up inputs, in the modes that it is in."""

from __future__ import annotations

import ctypes
import hashlib
import inspect
import time
from typing import Any, Iterator

from .modules import buffer_of, torch_module

__all__ = ["arguments_for", "inputs_of", "run_forward", "tensors_in"]

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def inputs_of(model: Any) -> list[dict[str, Any]]:
    """The arguments of the model's forward."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        {"name": each.name, "type": _type_name(each.annotation), "hasDefault": each.default is not inspect.Parameter.empty}
        for each in parameters
        if each.kind in kinds
    ]


def run_forward(root: Any, entries: list[tuple[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    """
    ``params``: {"inputs": [{"shape", "dtype"}], "steps", "seed"}. Inputs are the same for the same shapes, or for the same seed,
    which also decides what dropout draws. Gradients are off; in train the running statistics move, as they do in any forward.
    """
    torch: Any = torch_module("torch")
    seed, steps = params.get("seed"), params.get("steps")
    arguments = arguments_for(root, entries, params)
    if isinstance(seed, int):
        torch.manual_seed(seed)
    before = {path: _statistics(module) for path, module in entries}
    output: Any = None
    started = time.perf_counter()
    with torch.no_grad():
        for _ in range(steps if isinstance(steps, int) and steps > 0 else 1):
            output = root(*arguments)
    milliseconds = (time.perf_counter() - started) * 1000
    moved = [path for path, module in entries if _differ(torch, before[path], _statistics(module))]
    tensors = list(tensors_in(torch, "", output, 0))
    return {
        "outputs": [_summary(torch, name, tensor) for name, tensor in tensors],
        "digest": _digest([tensor for _, tensor in tensors]),
        "moved": moved,
        "milliseconds": milliseconds,
    }


def arguments_for(root: Any, entries: list[tuple[str, Any]], params: dict[str, Any]) -> list[Any]:
    """Made-up arguments of the model's forward, as ``params`` of :func:`run_forward` say."""
    torch: Any = torch_module("torch")
    seed = params.get("seed")
    generator = torch.Generator().manual_seed(seed if isinstance(seed, int) else 0)
    limit = min((module.num_embeddings for _, module in entries if isinstance(module, torch.nn.Embedding)), default=10)
    device = next((tensor.device for tensor in root.parameters()), torch.device("cpu"))
    inputs = [_make(torch, each["shape"], each["dtype"], generator, limit).to(device) for each in params["inputs"]]
    return [
        value.item() if spec["type"] in ("int", "float", "bool") and value.numel() == 1 else value
        for value, spec in zip(inputs, inputs_of(root))
    ]


def _make(torch: Any, shape: list[int], name: str, generator: Any, limit: int) -> Any:
    dtype = getattr(torch, name)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 2 if dtype is torch.bool else limit, shape, generator=generator).to(dtype)


def _statistics(module: Any) -> list[Any]:
    buffers = [buffer_of(module, name) for name in _STATISTICS]
    return [None if buffer is None else buffer.clone() for buffer in buffers]


def _differ(torch: Any, before: list[Any], after: list[Any]) -> bool:
    return any(a is not None and b is not None and not torch.equal(a, b) for a, b in zip(before, after))


def tensors_in(torch: Any, name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif depth < 8 and isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from tensors_in(torch, f"{name}.{key}" if name else str(key), item, depth + 1)


def _summary(torch: Any, name: str, tensor: Any) -> dict[str, Any]:
    values = (torch.view_as_real(tensor) if tensor.is_complex() else tensor).double()
    finite = values[torch.isfinite(values)]
    some = finite.numel() > 0
    return {
        "name": name,
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).rpartition(".")[2],
        "min": finite.min().item() if some else None,
        "max": finite.max().item() if some else None,
        "mean": finite.mean().item() if some else None,
        "nonFinite": values.numel() - finite.numel(),
    }


def _digest(tensors: list[Any]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        # Bytes, without numpy, which need not be there.
        host = tensor.cpu().contiguous()
        digest.update(ctypes.string_at(host.data_ptr(), host.numel() * host.element_size()) if host.numel() else b"")
    return digest.hexdigest()


def _type_name(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "Tensor"
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    optional = str(annotation)
    if "Optional[" in optional or "None" in optional:
        return "Optional[Tensor]"
    return text.rpartition(".")[2]

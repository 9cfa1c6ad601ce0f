"""Compare Train and Eval: one input through a model in both modes, layer by layer, and the model back to where it was.

The two forwards run in the user's thread, just before one of the program's own, on copies of what that one was given. They draw
from the same random numbers and compute no gradients. Buffers are exchanged for copies meanwhile, so that the model's own are
not even written to; flags, attributes and the states of the random number generators are put back, whatever happens.
"""

from __future__ import annotations

import contextlib
import math
import random
import sys
import threading
import time
import weakref
from typing import Any, Callable, Iterator, Optional

from .forward import tensors_in
from .modules import buffer_of, is_scripted, kind_of, torch_module
from .switching import is_outermost
from .timeline import Timeline

__all__ = ["Comparer", "compare"]

_CHUNK = 1 << 20
_SHARDED = ("FullyShardedDataParallel", "FSDPModule")
_WRAPPERS = {"DistributedDataParallel": "module", "OptimizedModule": "_orig_mod"}


class Comparer:
    """Waits for the next forward of a model, and compares then. One model at a time."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._hook: Any = None
        self._refuse: Optional[Callable[[str], None]] = None
        # Held while flags and buffers are not the user's: nobody reports them then.
        self.busy = threading.Lock()

    def submit(
        self,
        root: Any,
        entries: list[tuple[str, Any]],
        give: Callable[[dict[str, Any]], None],
        refuse: Callable[[str], None],
    ) -> None:
        """Calls ``give`` or ``refuse`` once, in whichever thread; ``refuse`` also if something else is asked for meanwhile."""
        self.cancel("Another comparison was asked for.")
        holder: Any = torch_module("torch.nn.modules.module")
        obstacle = obstacle_to(root, entries)
        if holder is None or obstacle is not None:
            refuse(obstacle or "torch is not imported.")
            return
        gone = weakref.ref(root, lambda _: self.cancel("The model is gone."))
        places = [(path, weakref.ref(module)) for path, module in entries]

        def before_forward(module: Any, args: Any) -> None:
            frame = sys._getframe(1)
            if module is not gone() or not is_outermost(frame) or _is_transformed(args):
                return
            if self._take() is None:
                return
            alive = [(path, each) for path, place in places if (each := place()) is not None]
            try:
                with self.busy:
                    result = compare(module, alive, args, frame.f_locals.get("kwargs") or {}, self._timeline)
            except Exception as error:
                # Nothing of ours is raised into the user's code.
                refuse(f"{type(error).__name__}: {error}")
            else:
                give(result)

        self._refuse = refuse
        self._hook = holder.register_module_forward_pre_hook(before_forward)

    def cancel(self, reason: str) -> None:
        """Forgets what waits."""
        refuse = self._take()
        if refuse is not None:
            refuse(reason)

    def _take(self) -> Optional[Callable[[str], None]]:
        """Takes the hook away; whoever gets the refusal has the word."""
        hook, self._hook = self._hook, None
        refuse, self._refuse = self._refuse, None
        if hook is not None:
            hook.remove()
        return refuse


def obstacle_to(root: Any, entries: list[tuple[str, Any]]) -> Optional[str]:
    """Why the model can't be run twice more, as a sentence; None if it can."""
    if is_scripted(root):
        return "A scripted model keeps its state out of reach; save it and compare the file."
    distributed: Any = torch_module("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    if distributed.get_world_size() > 1:
        for path, module in entries:
            names = {base.__name__ for base in type(module).__mro__}
            if "SyncBatchNorm" in names or names.intersection(_SHARDED):
                return f"“{path}” ({type(module).__name__}) talks to the other ranks in its forward, which would wait for ever."
    return None


def compare(root: Any, entries: list[tuple[str, Any]], args: Any, kwargs: Any, timeline: Timeline) -> dict[str, Any]:
    """
    The distances of every module's outputs, in the order in which the modules returned; see ``ModeComparison`` in the editor.

    :param entries: path and module, for all that may be told.
    :raises Exception: as the model's forward does; the model is back to where it was by then.
    """
    torch: Any = torch_module("torch")
    started = time.perf_counter()
    paths: dict[int, str] = {}
    for path, module in entries:
        paths.setdefault(id(module), path)
    in_eval = _Outputs(paths)
    gaps = _Gaps(paths, in_eval)
    try:
        _run_both(torch, root, entries, args, kwargs, timeline, (in_eval, gaps))
    finally:
        # What autocast keeps of the weights knows no gradients.
        torch.clear_autocast_cache()
    inputs = [tensor for _, tensor in tensors_in(torch, "", [args, kwargs], 0)]
    return {
        "layers": gaps.layers(),
        "inputs": [{"shape": list(each.shape), "dtype": str(each.dtype).rpartition(".")[2]} for each in inputs],
        "unlike": gaps.unlike(),
        "milliseconds": (time.perf_counter() - started) * 1000,
    }


def _run_both(
    torch: Any,
    root: Any,
    entries: list[tuple[str, Any]],
    args: Any,
    kwargs: Any,
    timeline: Timeline,
    observers: tuple[_Outputs, _Gaps],
) -> None:
    runs = root
    while type(runs).__name__ in _WRAPPERS:
        runs = getattr(runs, _WRAPPERS[type(runs).__name__])
    modules = [module for _, module in entries]
    with timeline.silently(), torch.no_grad(), _eagerly(), _same_random_numbers(torch) as again:
        for observer, mode in zip(observers, (False, True)):
            again()
            torch.clear_autocast_cache()
            with _borrowed(torch, modules), _hooks(observer):
                root.train(mode)
                runs(*_copied(torch, args), **_copied(torch, kwargs))


class _Outputs:
    """What the modules returned in eval."""

    def __init__(self, paths: dict[int, str]) -> None:
        self._paths = paths
        self._kept: dict[str, list[Any]] = {}
        # What a module returns its parent often returns too.
        self._last: list[tuple[Any, int, Any]] = []

    def before(self, module: Any, args: Any) -> None:
        pass

    def after(self, module: Any, output: Any) -> None:
        path = self._paths.get(id(module))
        if path is not None:
            torch: Any = torch_module("torch")
            tensors = [each for _, each in tensors_in(torch, "", output, 0) if _is_dense(torch, each)]
            self._kept.setdefault(path, []).extend(map(self._copy, tensors))

    def take(self, path: str) -> Any:
        """The next tensor that the module returned, or None. It is given away."""
        kept = self._kept.get(path)
        return kept.pop(0) if kept else None

    def rest(self) -> list[str]:
        return [path for path, kept in self._kept.items() if kept]

    def _copy(self, tensor: Any) -> Any:
        for reference, version, copy in self._last:
            if reference() is tensor and _version(tensor) == version:
                return copy
        copy = tensor.clone()
        self._last = [*self._last[-3:], (weakref.ref(tensor), _version(tensor), copy)]
        return copy


class _Gaps:
    """What the modules return in train, beside what they returned in eval."""

    def __init__(self, paths: dict[int, str], in_eval: _Outputs) -> None:
        self._paths, self._in_eval = paths, in_eval
        self._sums: dict[str, _Sum] = {}
        self._shifts: dict[str, dict[str, Any]] = {}
        self._unlike: list[str] = []

    def before(self, module: Any, args: Any) -> None:
        path = self._paths.get(id(module))
        if path is not None and path not in self._shifts and args and kind_of(module) == "batchNorm" and module.training:
            mean, var = buffer_of(module, "running_mean"), buffer_of(module, "running_var")
            if mean is not None and var is not None:
                self._shifts[path] = _shift(args[0], mean, var, module.eps)

    def after(self, module: Any, output: Any) -> None:
        path = self._paths.get(id(module))
        if path is None:
            return
        torch: Any = torch_module("torch")
        for _, tensor in tensors_in(torch, "", output, 0):
            if not _is_dense(torch, tensor):
                continue
            other = self._in_eval.take(path)
            if other is None or other.shape != tensor.shape:
                self._unlike.append(path)
            else:
                self._sums.setdefault(path, _Sum()).add(torch, other, tensor)

    def layers(self) -> list[dict[str, Any]]:
        return [
            {"path": path, **total.figures(), **({"batchShift": self._shifts[path]} if path in self._shifts else {})}
            for path, total in self._sums.items()
        ]

    def unlike(self) -> list[str]:
        """Modules that returned something of another shape or number."""
        return list(dict.fromkeys([*self._unlike, *self._in_eval.rest()]))


class _Sum:
    """Adds up what distances are made of, over the elements that are finite in both."""

    def __init__(self) -> None:
        self._outputs = self._non_finite = 0
        self._difference = self._reference = self._other = self._dot = self._largest = 0.0

    def add(self, torch: Any, reference: Any, other: Any) -> None:
        self._outputs += 1
        a, b = _flat(torch, reference), _flat(torch, other)
        for start in range(0, a.numel(), _CHUNK):
            # Not every device has double precision.
            x, y = (each[start : start + _CHUNK].cpu().double() for each in (a, b))
            finite = torch.isfinite(x) & torch.isfinite(y)
            if not finite.all():
                same = (x == y) | (torch.isnan(x) & torch.isnan(y))
                self._non_finite += int((~finite & ~same).sum())
                x, y = x[finite], y[finite]
            if x.numel() == 0:
                continue
            apart = y - x
            self._difference += float(apart.dot(apart))
            self._reference += float(x.dot(x))
            self._other += float(y.dot(y))
            self._dot += float(x.dot(y))
            self._largest = max(self._largest, float(apart.abs().max()))

    def figures(self) -> dict[str, Any]:
        relative: Optional[float] = None
        if self._difference == 0:
            relative = 0.0
        elif self._reference > 0:
            relative = math.sqrt(self._difference / self._reference)
        norms = math.sqrt(self._reference) * math.sqrt(self._other)
        return {
            "outputs": self._outputs,
            "relativeL2": relative,
            "cosine": None if norms == 0 else max(-1.0, min(1.0, self._dot / norms)),
            "maxAbs": self._largest,
            "nonFinite": self._non_finite,
        }


def _shift(value: Any, running_mean: Any, running_var: Any, eps: float) -> dict[str, Any]:
    """How far the batch lies from the running statistics; see ``BatchShift`` in the editor."""
    torch: Any = torch_module("torch")
    dims = [d for d in range(value.dim()) if d != 1]
    var, mean = torch.var_mean(value.detach().float(), dim=dims, unbiased=False)
    mean, var, old_mean, old_var = (each.cpu().double() for each in (mean, var, running_mean, running_var))
    spread = old_var + eps
    apart, logs = (mean - old_mean) / spread.sqrt(), ((var + eps) / spread).log()
    apart, logs = apart[torch.isfinite(apart)], logs[torch.isfinite(logs)]
    return {
        "meanShift": float(apart.square().mean().sqrt()) if apart.numel() else None,
        "varianceRatio": float(logs.mean().exp()) if logs.numel() else None,
    }


@contextlib.contextmanager
def _borrowed(torch: Any, modules: list[Any]) -> Iterator[None]:
    """Lets a forward do as it likes: tensors that are no parameters are copies, and every attribute comes back."""
    copies: dict[int, Any] = {}

    def copy_of(tensor: Any) -> Any:
        # One for each, so that what was one tensor stays one.
        if id(tensor) not in copies:
            copies[id(tensor)] = (tensor, tensor.clone())
        return copies[id(tensor)][1]

    saved: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for module in {id(each): each for each in modules}.values():
        attributes = object.__getattribute__(module, "__dict__")
        for each in (attributes, attributes.get("_buffers"), attributes.get("_parameters")):
            if isinstance(each, dict):
                saved.append((each, dict(each)))
    try:
        for living, before in saved:
            for name, value in before.items():
                if type(value) is torch.Tensor:
                    living[name] = copy_of(value)
        yield
    finally:
        for living, before in saved:
            for name in [name for name in living if name not in before]:
                del living[name]
            for name, value in before.items():
                if living.get(name) is not value:
                    living[name] = value


@contextlib.contextmanager
def _hooks(observer: Any) -> Iterator[None]:
    """Global hooks of torch's own: none is hung on the user's modules."""
    holder: Any = torch_module("torch.nn.modules.module")
    thread = threading.get_ident()

    def before(module: Any, args: Any) -> None:
        if threading.get_ident() == thread:
            observer.before(module, args)

    def after(module: Any, _args: Any, output: Any) -> None:
        if threading.get_ident() == thread:
            observer.after(module, output)

    handles = [holder.register_module_forward_pre_hook(before), holder.register_module_forward_hook(after)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _same_random_numbers(torch: Any) -> Iterator[Callable[[], None]]:
    """Yields a function that puts all generators back to where they are now; that is done at the end, too."""
    numpy: Any = sys.modules.get("numpy.random")
    restores: list[Callable[[], Any]] = []
    for get, put in (
        (torch.get_rng_state, torch.set_rng_state),
        (random.getstate, random.setstate),
        *([(numpy.get_state, numpy.set_state)] if hasattr(numpy, "get_state") else []),
        *([(torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all)] if torch.cuda.is_initialized() else []),
        *([(torch.mps.get_rng_state, torch.mps.set_rng_state)] if torch.backends.mps.is_available() else []),
    ):
        state = get()
        restores.append(lambda put=put, state=state: put(state))

    def again() -> None:
        for restore in restores:
            restore()

    try:
        yield again
    finally:
        again()


def _eagerly() -> Any:
    """
    Compiled parts run as Python, so that nothing is compiled anew for a mode that is looked at once, where torch knows how (2.6).
    Without such parts nothing is imported.
    """
    is_compiling = torch_module("torch._dynamo") is not None
    set_stance = getattr(torch_module("torch.compiler"), "set_stance", None) if is_compiling else None
    return contextlib.nullcontext() if set_stance is None else set_stance("force_eager")


def _is_transformed(args: Any) -> bool:
    """True while torch traces, exports, captures or transforms the call: what ran now would become part of that."""
    torch: Any = torch_module("torch")
    if torch.jit.is_tracing() or (torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()):
        return True
    depth = getattr(torch._C, "_len_torch_dispatch_stack", None)
    functorch = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", None)
    if (depth is not None and depth() > 0) or (functorch is not None and functorch() is not None):
        return True
    return any(type(tensor) not in (torch.Tensor, torch.nn.Parameter) for _, tensor in tensors_in(torch, "", args, 0))


def _copied(torch: Any, value: Any) -> Any:
    """The same nested value over copies of its tensors; what is no plain container is passed on as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if type(value) in (list, tuple):
        return type(value)(_copied(torch, item) for item in value)
    if type(value) is dict:
        return {key: _copied(torch, item) for key, item in value.items()}
    return value


def _is_dense(torch: Any, tensor: Any) -> bool:
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and tensor.device.type != "meta"
    )


def _flat(torch: Any, tensor: Any) -> Any:
    tensor = tensor.detach()
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).reshape(-1)


def _version(tensor: Any) -> int:
    # An inference tensor counts no writes.
    return -1 if tensor.is_inference() else tensor._version

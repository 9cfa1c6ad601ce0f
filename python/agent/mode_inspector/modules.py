"""Reads module trees: paths, classes, flags, options and the shapes of tensors.

Nothing here calls into the user's code. ``torch.nn.Module`` keeps what it knows in the instance's ``__dict__``, where it is
read, so that a broken ``__getattr__`` or a property of the user's is never run. A scripted module keeps it in C++ and is read
through torch's own accessors. Modules are held by weak references: a model that the user lets go of goes.
"""

from __future__ import annotations

import sys
import weakref
from types import ModuleType
from typing import Any, Iterator, Optional

from .places import absolute

__all__ = [
    "ModuleTree",
    "buffer_of",
    "buffers_of",
    "child_of",
    "flag_of",
    "has_children",
    "is_module",
    "is_scripted",
    "kind_of",
    "learns",
    "parameters_of",
    "plain_tensor",
    "torch_module",
    "walk",
]

MAX_MODULES = 200_000


def torch_module(name: str) -> Optional[ModuleType]:
    """A module of torch that is imported already; None for others. Importing one is the user's business."""
    return sys.modules.get(name)


def is_module(value: object) -> bool:
    """True for an ``nn.Module``, judged by its type alone: ``isinstance`` would ask the object for ``__class__``."""
    base = _module_class()
    return base is not None and issubclass(type(value), base)


def flag_of(module: Any) -> Optional[bool]:
    """The training flag; None where there is none or it is no bool."""
    flag = object.__getattribute__(module, "__dict__").get("training")
    if flag is True or flag is False:
        return flag
    compiled = _compiled_by(module)
    if compiled is not None:
        return flag_of(compiled)
    if flag is None:
        flag = module.training if is_scripted(module) else getattr(type(module), "training", None)
    return flag if isinstance(flag, bool) else None


def _compiled_by(module: Any) -> Any:
    """What torch.compile wrapped: its module has no flag of its own, and hands on the one of the model. None for every other."""
    kind = type(module)
    if kind.__name__ != "OptimizedModule" or kind.__module__ != "torch._dynamo.eval_frame":
        return None
    return child_of(module, "_orig_mod")


class ModuleTree:
    """The modules of one root under all their paths, in the order of ``named_modules(remove_duplicate=False)``."""

    def __init__(self, root: Any) -> None:
        self._entries: list[tuple[str, weakref.ref[Any]]] = []
        self._by_path: dict[str, weakref.ref[Any]] = {}
        self._ids: list[int] = []
        self._places: dict[int, str] = {}
        # Of each module its children's names and ids; None where torch makes them anew for whoever asks.
        self._shape: Optional[list[tuple[weakref.ref[Any], list[str], list[int]]]] = None
        # Which parameters required gradients when they were told: path, module, by name.
        self._learning: list[tuple[str, weakref.ref[Any], dict[str, bool]]] = []
        self.ids: frozenset[int] = frozenset()
        self.read(root)

    def read(self, root: Any) -> bool:
        """Walks the tree again, if it has changed. True if modules came, went or moved."""
        if self._has_its_shape():
            return False
        found = list(walk(root))
        self._shape = _shape_of(found)
        ids = [id(module) for _, module in found]
        paths_are_same = len(found) == len(self._entries) and all(
            path == old for (path, _), (old, _) in zip(found, self._entries)
        )
        if paths_are_same and ids == self._ids:
            return False
        self._entries = [(path, weakref.ref(module)) for path, module in found]
        self._by_path = dict(self._entries)
        self._places = {id(reference): path for path, reference in reversed(self._entries)}
        self._ids = ids
        self.ids = frozenset(ids)
        return True

    def _has_its_shape(self) -> bool:
        """Whether every module is there and has the children that it had."""
        if self._shape is None:
            return False
        for reference, names, ids in self._shape:
            module = reference()
            children = None if module is None else object.__getattribute__(module, "__dict__").get("_modules")
            if children is None:
                return False
            if (children or names) and (list(children) != names or list(map(id, children.values())) != ids):
                return False
        return True

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Path and module, without those that are gone."""
        for path, reference in self._entries:
            module = reference()
            if module is not None:
                yield path, module

    def get(self, path: str) -> Any:
        """The module at ``path``, or None."""
        reference = self._by_path.get(path)
        return None if reference is None else reference()

    def path_of(self, wanted: "weakref.ref[Any]") -> Optional[str]:
        """The first path of the module, or None. One that is gone has its place still: Python makes one reference of each object."""
        return self._places.get(id(wanted))

    def flags(self) -> list[Optional[bool]]:
        """Flags in the order of the entries; None for a module that is gone."""
        return [None if (module := reference()) is None else flag_of(module) for _, reference in self._entries]

    def paths(self) -> list[str]:
        return [path for path, _ in self._entries]

    def describe(self) -> Iterator[dict[str, Any]]:
        """Every module as the editor wants to know it."""
        first: dict[int, str] = {}
        self._learning = []
        for path, module in self.entries():
            description = describe(path, module)
            shared = first.setdefault(id(module), path)
            if shared != path:
                description["sharedWith"] = shared
            if description["parameters"] and not is_scripted(module):
                told = {each["name"]: each["requiresGrad"] for each in description["parameters"]}
                self._learning.append((path, weakref.ref(module), told))
            yield description

    def changed_learning(self) -> list[dict[str, Any]]:
        """Modules of which parameters were frozen or thawed since they were told."""
        changed = []
        kinds = _tensor_classes()
        for path, reference, told in self._learning:
            module = reference()
            holder: Any = None if module is None else _attributes(module).get("_parameters")
            if not isinstance(holder, dict):
                continue
            values: list[tuple[str, Any, bool]] = [(name, holder.get(name), was) for name, was in told.items()]
            now = {
                name: value.requires_grad
                for name, value, was in values
                if type(value) in kinds and value.requires_grad is not was
            }
            if now:
                told.update(now)
                changed.append({"path": path, "parameters": now})
        return changed


def describe(path: str, module: Any) -> dict[str, Any]:
    attributes = _attributes(module)
    kind = type(module)
    name, package = kind.__name__, kind.__module__
    if is_scripted(module):
        name = str(getattr(module, "original_name", name))
    description: dict[str, Any] = {
        "path": path,
        "type": name,
        "qualifiedType": f"{package}.{kind.__qualname__}",
        "training": flag_of(module),
        "kind": kind_of(module),
        "parameters": _tensors(module, "_parameters"),
        "buffers": _tensors(module, "_buffers"),
    }
    description.update(_options(description["kind"], module, attributes))
    source = _source_of(kind)
    if source is not None:
        description["source"] = source
    return description


def kind_of(module: Any) -> str:
    """What the mode means to a module, by torch's class from which it derives; ``other`` where it means nothing."""
    kind = type(module)
    name = kind.__name__
    if is_scripted(module):
        return _KINDS_BY_NAME.get(str(getattr(module, "original_name", "")), "other")
    for base in kind.__mro__:
        if base.__module__.startswith("torch.") and base.__name__ in _KINDS_BY_NAME:
            found = _KINDS_BY_NAME[base.__name__]
            return _KINDS_OF_QUANTIZED.get(found, found) if ".nn.quantized." in base.__module__ else found
    if name.startswith("Frozen") and "BatchNorm" in name:
        return "frozenBatchNorm"
    buffers = _attributes(module).get("_buffers") or {}
    if "running_mean" in buffers and "running_var" in buffers:
        return "batchNorm"
    if _has_spectral_norm_hook(module, buffers):
        return "spectralNorm"
    # A block that is named after the layers in it has children.
    if ("Dropout" in name or name in ("DropPath", "StochasticDepth")) and not has_children(module):
        return "dropout"
    return "other"


def _has_spectral_norm_hook(module: Any, buffers: Any) -> bool:
    """``torch.nn.utils.spectral_norm`` leaves its vectors beside the weight. (Pruning has an ``_orig`` too, and a mask.)"""
    parameters = _attributes(module).get("_parameters") or {}
    return any(str(name).endswith("_u") and f"{str(name)[:-1]}orig" in parameters for name in buffers)


_KINDS_BY_NAME = {
    "_BatchNorm": "batchNorm",
    "BatchNorm1d": "batchNorm",
    "BatchNorm2d": "batchNorm",
    "BatchNorm3d": "batchNorm",
    "SyncBatchNorm": "batchNorm",
    "_InstanceNorm": "instanceNorm",
    "InstanceNorm1d": "instanceNorm",
    "InstanceNorm2d": "instanceNorm",
    "InstanceNorm3d": "instanceNorm",
    "_DropoutNd": "dropout",
    "Dropout": "dropout",
    "Dropout1d": "dropout",
    "Dropout2d": "dropout",
    "Dropout3d": "dropout",
    "AlphaDropout": "dropout",
    "FeatureAlphaDropout": "dropout",
    "RNNBase": "recurrent",
    "RNN": "recurrent",
    "LSTM": "recurrent",
    "GRU": "recurrent",
    "MultiheadAttention": "attention",
    "TransformerEncoderLayer": "encoderLayer",
    "RReLU": "rrelu",
    "_SpectralNorm": "spectralNorm",
}


# Quantized layers are for inference whatever their flag, which is that of a new module.
_KINDS_OF_QUANTIZED = {"dropout": "other", "batchNorm": "frozenBatchNorm"}


def _options(kind: str, module: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    def value(name: str) -> Any:
        return getattr(module, name, None) if is_scripted(module) else attributes.get(name)

    if kind in ("batchNorm", "instanceNorm", "frozenBatchNorm"):
        momentum = value("momentum")
        return {
            "norm": {
                "numFeatures": _number(value("num_features")),
                "eps": _number(value("eps")),
                "momentum": _number(momentum),
                "cumulative": momentum is None and kind != "frozenBatchNorm",
                "affine": _tensor(module, "_parameters", "weight") is not None or _tensor(module, "_buffers", "weight") is not None,
                "tracks": value("track_running_stats") is not False,
                "hasStatistics": _tensor(module, "_buffers", "running_mean") is not None,
            }
        }
    if kind == "dropout":
        p = value("p")
        return {"p": _number(value("drop_prob") if p is None else p)}
    if kind in ("recurrent", "attention"):
        layers = value("num_layers")
        drops = isinstance(layers, int) and layers > 1 if kind == "recurrent" else True
        return {"p": _number(value("dropout")) if drops else 0}
    return {}


def buffer_of(module: Any, name: str) -> Any:
    """The buffer called ``name`` if it is a plain tensor with numbers in it, else None."""
    return _tensor(module, "_buffers", name)


def buffers_of(module: Any) -> dict[str, Any]:
    """The module's own dictionary of buffers, which is a live one unless the module is scripted."""
    if is_scripted(module):
        return dict(module.named_buffers(recurse=False))
    holder = _attributes(module).get("_buffers")
    return holder if isinstance(holder, dict) else {}


def parameters_of(module: Any) -> list[Any]:
    """The module's own parameters that are plain tensors."""
    if is_scripted(module):
        held = [value for _, value in module.named_parameters(recurse=False)]
    else:
        holder = _attributes(module).get("_parameters")
        held = list(holder.values()) if isinstance(holder, dict) else []
    return [value for value in held if plain_tensor(value) is not None]


def learns(module: Any) -> bool:
    """True if a parameter of it, or below it, requires a gradient."""
    return any(value.requires_grad for _, each in walk(module) for value in parameters_of(each))


def has_children(module: Any) -> bool:
    return is_scripted(module) or bool(_attributes(module).get("_modules"))


def child_of(module: Any, name: str) -> Any:
    """The child module of that name, or None."""
    holder = None if is_scripted(module) else _attributes(module).get("_modules")
    child = holder.get(name) if isinstance(holder, dict) else None
    return child if is_module(child) else None


def plain_tensor(value: Any) -> Any:
    """
    The tensor if it is one whose numbers can be read, else None. Subclasses (distributed, fake, quantised tensors) have rules
    of their own.
    """
    torch: Any = torch_module("torch")
    if type(value) not in _tensor_classes():
        return None
    return value if value.layout is torch.strided and value.device.type != "meta" else None


def _tensor_classes() -> tuple[type, ...]:
    """Those that are torch's own, so that nothing of the user's runs when an attribute is read."""
    torch = torch_module("torch")
    return () if torch is None else (torch.Tensor, torch.nn.Parameter)


def _tensor(module: Any, group: str, name: str) -> Any:
    if is_scripted(module):
        value = getattr(module, name, None)
    else:
        holder = _attributes(module).get(group)
        value = holder.get(name) if isinstance(holder, dict) else None
    return plain_tensor(value)


def _tensors(module: Any, group: str) -> list[dict[str, Any]]:
    if is_scripted(module):
        named = module.named_parameters if group == "_parameters" else module.named_buffers
        items = list(named(recurse=False))
    else:
        holder = _attributes(module).get(group)
        items = list(holder.items()) if isinstance(holder, dict) else []
    return [_describe_tensor(name, value) for name, value in items if isinstance(name, str) and value is not None]


def _describe_tensor(name: str, tensor: Any) -> dict[str, Any]:
    lazy = _is_lazy(tensor)
    shape = [] if lazy else [int(size) for size in tensor.shape if isinstance(size, int)]
    dtype = str(tensor.dtype).rpartition(".")[2]
    return {"name": name, "dtype": dtype, "shape": shape, "requiresGrad": bool(tensor.requires_grad), **({"lazy": True} if lazy else {})}


def _is_lazy(tensor: Any) -> bool:
    parameter = torch_module("torch.nn.parameter")
    mixin = getattr(parameter, "UninitializedTensorMixin", None)
    return mixin is not None and issubclass(type(tensor), mixin)


def _source_of(kind: type) -> Optional[dict[str, Any]]:
    """Where the class's forward stands, for classes that are not torch's own."""
    forward = kind.__dict__.get("forward")
    code = getattr(forward, "__code__", None)
    if code is None or kind.__module__.partition(".")[0] == "torch" or code.co_filename.startswith("<"):
        return None
    return {"file": absolute(code.co_filename), "line": code.co_firstlineno}


def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Pre-order. A module that contains itself is not entered again; beyond all measure, the rest is left out."""
    count = 0
    stack: list[tuple[str, Any, frozenset[int]]] = [("", root, frozenset())]
    base, scripted = _module_class(), _script_class()
    while stack:
        path, module, above = stack.pop()
        yield path, module
        count += 1
        if count >= MAX_MODULES:
            return
        if scripted is not None and issubclass(type(module), scripted):
            holder = module._modules
        else:
            holder = object.__getattribute__(module, "__dict__").get("_modules")
        if not holder:
            continue
        inside = above | {id(module)}
        # A copy at one go, since the user's thread may be building the model right now.
        for name, child in reversed(list(holder.items())):
            if isinstance(name, str) and base is not None and issubclass(type(child), base) and id(child) not in inside:
                stack.append((f"{path}.{name}" if path else name, child, inside))


def _shape_of(found: list[tuple[str, Any]]) -> Optional[list[tuple["weakref.ref[Any]", list[str], list[int]]]]:
    shape = []
    for module in {id(module): module for _, module in found}.values():
        children = _attributes(module).get("_modules")
        if is_scripted(module) or not isinstance(children, dict):
            return None
        shape.append((weakref.ref(module), list(children), list(map(id, children.values()))))
    return shape


def _attributes(module: Any) -> dict[str, Any]:
    attributes = object.__getattribute__(module, "__dict__")
    return attributes if isinstance(attributes, dict) else {}


def _module_class() -> Optional[type]:
    holder = torch_module("torch.nn.modules.module")
    return getattr(holder, "Module", None)


def is_scripted(module: Any) -> bool:
    kind = _script_class()
    return kind is not None and issubclass(type(module), kind)


def _script_class() -> Optional[type]:
    return getattr(torch_module("torch.jit._script"), "RecursiveScriptModule", None)


def _number(value: Any) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if value == value and abs(value) != float("inf") else None

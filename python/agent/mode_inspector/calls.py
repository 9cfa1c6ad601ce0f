"""The functions of torch whose result depends on a mode that they are told, and what a call of one of them does."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Optional

from .modules import torch_module

__all__ = ["known_functions"]

Describe = Callable[[Any, Any], dict[str, Any]]
Arguments = Callable[[Any, Any], dict[str, Any]]

_DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
# Their names in torch itself, which have no Python signature.
_PLAIN_DROPOUTS = ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
_PLAIN_NORM = ("input", "weight", "bias", "running_mean", "running_var", "training")


def known_functions() -> dict[Any, Describe]:
    """What describes a call, by the function that is called."""
    torch: Any = torch_module("torch")
    functional = torch.nn.functional
    known: dict[Any, Describe] = {}

    def add(holder: Any, name: str, describe: Callable[[str, dict[str, Any]], dict[str, Any]], positions: Any = None) -> None:
        function = getattr(holder, name, None)
        if function is not None:
            arguments = _by_signature(function) if positions is None else _by_position(positions)
            known[function] = lambda args, kwargs: describe(name, arguments(args, kwargs))

    for name in _DROPOUTS:
        add(functional, name, _dropout)
    for name in _PLAIN_DROPOUTS:
        for form in (name, f"{name}_"):
            add(torch, form, _dropout, ("input", "p", "training"))
    add(functional, "multi_head_attention_forward", _attention)
    add(functional, "scaled_dot_product_attention", _attention, ("query", "key", "value", "attn_mask", "dropout_p"))
    add(functional, "batch_norm", _norm)
    add(torch, "batch_norm", _norm, _PLAIN_NORM)
    add(functional, "instance_norm", _norm)
    add(torch, "instance_norm", _norm, _PLAIN_NORM)
    add(functional, "rrelu", _rrelu)
    add(torch, "rrelu", _rrelu, ("input", "lower", "upper", "training"))
    return known


def _call(function: str, **rest: Any) -> dict[str, Any]:
    return {"function": function, "p": None, "training": None, "random": False, "statistics": None, "moves": False, **rest}


def _dropout(name: str, given: dict[str, Any]) -> dict[str, Any]:
    p, training = _number(given.get("p")), _flag(given.get("training", given.get("train")))
    return _call(name, p=p, training=training, random=training is True and p != 0)


def _attention(name: str, given: dict[str, Any]) -> dict[str, Any]:
    p = _number(given.get("dropout_p", 0.0))
    # The plain function is told no mode: whoever gives it a probability wants it to drop.
    training = _flag(given.get("training"))
    return _call(name, p=p, training=training, random=training is not False and p != 0)


def _norm(name: str, given: dict[str, Any]) -> dict[str, Any]:
    training = _flag(given.get("use_input_stats", given.get("training")))
    keeps = given.get("running_mean") is not None
    return _call(name, training=training, statistics="batch" if training else "running", moves=training is True and keeps)


def _rrelu(name: str, given: dict[str, Any]) -> dict[str, Any]:
    training = _flag(given.get("training"))
    return _call(name, training=training, random=training is True)


def _by_signature(function: Any) -> Arguments:
    signature = inspect.signature(function)

    def arguments(args: Any, kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    return arguments


def _by_position(names: tuple[str, ...]) -> Arguments:
    return lambda args, kwargs: {**dict(zip(names, args)), **kwargs}


def _number(value: Any) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value else None


def _flag(value: Any) -> Optional[bool]:
    return value if isinstance(value, bool) else None

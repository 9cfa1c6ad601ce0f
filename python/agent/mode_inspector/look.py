"""What the editor looks at: whether at all, how often, and at whose statistics."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from .modules import ModuleTree

__all__ = ["Look"]

_SECONDS = 0.25
_LEAST_SECONDS, _MOST_SECONDS = 0.05, 60.0


class Look:
    """From the start at everything, so that no model is missed while the editor makes up its mind."""

    def __init__(self) -> None:
        self.watching = True
        self.interval = _SECONDS
        # None: the statistics of all layers; else of these paths by model.
        self._wanted: Optional[dict[int, list[str]]] = None
        # Sorting the elements costs more than all other figures.
        self.quartiles = False

    def change(self, params: dict[str, Any]) -> None:
        """{"watching": bool, "interval": seconds, "statistics": "all" or {model: [path]}, "quartiles": bool}"""
        self.watching = params.get("watching") is True
        interval = params.get("interval")
        is_number = isinstance(interval, (int, float))
        self.interval = min(_MOST_SECONDS, max(_LEAST_SECONDS, float(interval))) if is_number else _SECONDS
        self.quartiles = params.get("quartiles") is True
        wanted = params.get("statistics")
        if wanted == "all":
            self._wanted = None
        elif isinstance(wanted, dict):
            self._wanted = {
                int(model): [path for path in paths if isinstance(path, str)]
                for model, paths in wanted.items()
                if isinstance(model, str) and model.isdigit() and isinstance(paths, list)
            }

    def layers(self, number: int, tree: ModuleTree) -> Iterable[tuple[str, Any]]:
        """The layers of the model of that number whose statistics are looked at."""
        if not self.watching:
            return []
        if self._wanted is None:
            return tree.entries()
        paths = self._wanted.get(number, [])
        return [(path, module) for path in paths if (module := tree.get(path)) is not None]

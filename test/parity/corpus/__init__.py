"""The parity corpus: models and operators that real torch runs, to be compared with the bundled runtime."""

from . import (
    dropout,
    edge_shapes,
    edge_values,
    fast_path,
    language,
    layers,
    modes,
    normalisation,
    operators,
    pickled,
    sequence,
    vision,
)

__all__ = [
    "dropout",
    "edge_shapes",
    "edge_values",
    "fast_path",
    "language",
    "layers",
    "modes",
    "normalisation",
    "operators",
    "pickled",
    "sequence",
    "vision",
]

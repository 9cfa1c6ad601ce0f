"""The parity corpus: models and operators that real torch runs, to be compared with the bundled runtime."""

from . import (
    dropout,
    edge_shapes,
    edge_values,
    exported,
    exported_features,
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

# Takes models of the others.
from . import onnx_files  # isort: skip

__all__ = [
    "dropout",
    "edge_shapes",
    "edge_values",
    "exported",
    "exported_features",
    "fast_path",
    "language",
    "layers",
    "modes",
    "normalisation",
    "onnx_files",
    "operators",
    "pickled",
    "sequence",
    "vision",
]

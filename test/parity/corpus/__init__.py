"""The parity corpus: models and operators that real torch runs, to be compared with the bundled runtime."""

from . import dropout, language, layers, modes, normalisation, operators, sequence, vision

__all__ = ["dropout", "language", "layers", "modes", "normalisation", "operators", "sequence", "vision"]

"""Where the program was started, which must be noted before it moves."""

from __future__ import annotations

import os

__all__ = ["START_FOLDER", "absolute"]

try:
    START_FOLDER = os.getcwd()
except OSError:
    START_FOLDER = os.sep


def absolute(file: str) -> str:
    """The file of a code object, which Python names as it was named at the start, though the program may have moved since."""
    return file if file.startswith("<") else os.path.normpath(os.path.join(START_FOLDER, file))

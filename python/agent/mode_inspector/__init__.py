"""Mode Inspector's agent: tells the editor which mode every layer of this process is in, and switches it on request.

It runs in the user's own process, so it keeps four promises: it never imports torch, it never raises into the user's code,
it changes nothing that nobody asked for, and what it reads it reads without evaluating objects of the user's.

    import mode_inspector
    mode_inspector.start(port, token)

The editor or ``mode-inspector watch`` listens on 127.0.0.1 and gives port and token. Needs Python 3.9 and torch 2.0 or newer.
"""

from __future__ import annotations

from .agent import start, stop

__all__ = ["start", "stop"]

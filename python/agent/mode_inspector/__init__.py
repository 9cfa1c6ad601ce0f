"""Mode Inspector's agent: tells the editor which mode every layer of this process is in, and switches it on request.

It runs in the user's own process, so it keeps four promises: it never imports torch, it never raises into the user's code,
it changes nothing that nobody asked for, and what it reads it reads without evaluating objects of the user's.

    import mode_inspector
    mode_inspector.start(port, token)

The editor or ``mode-inspector watch`` listens on 127.0.0.1 and gives port and token. Needs Python 3.9 and torch 2.0 or newer.

This file is what every Python loads that is started with the agent in its environment. The rest comes with torch.
"""

from __future__ import annotations

from . import places as places  # notes the folder now
from .imports import when_imported

__all__ = ["is_running", "start"]

_TORCH = "torch.nn.modules.module"

_agent = None
_is_waiting = False


def start(
    port: int, token: str, launch: str | None = None, title: str | None = None, workshop: object = None
) -> None:
    """
    Connects to the editor that listens on ``port`` of this machine, as soon as the process imports torch.
    A second call does nothing while the first one's connection stands. Never raises; without an editor nothing happens.

    :param launch: told to the editor, which knows by it whom it has started.
    :param title: what the process is called, where its command would say little.
    :param workshop: a ``builder.Workshop`` that runs forwards which the editor asks for. Only a process that the editor built a
        model in has one: in a training program a forward is the user's business.
    """
    global _is_waiting
    if _is_waiting or is_running():
        return

    def connect(holder) -> None:
        global _agent, _is_waiting
        _is_waiting = False
        try:
            from .agent import Agent

            _agent = Agent(port, token, launch, title, workshop)
            _agent.start(holder)
        except Exception:
            # This runs inside the user's `import torch`.
            _agent = None

    _is_waiting = True
    when_imported(_TORCH, connect)


def is_running() -> bool:
    """False once the agent has left, or the editor has."""
    return _agent is not None and not _agent.is_over

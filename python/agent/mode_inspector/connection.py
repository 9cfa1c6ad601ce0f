"""One connection to the editor: a handshake by which both sides prove the token, then JSON-RPC 2.0 with Content-Length frames."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import select
import socket
import time
from typing import Any

__all__ = ["Connection", "Disconnected", "PROTOCOL"]

PROTOCOL = 1
"""Both sides name it in the handshake; a peer of another version is refused."""

_GREETING = f"mode-inspector {PROTOCOL}"
_LARGEST_MESSAGE = 4 << 20
_LONGEST_HEADER = 256
_SEND_SECONDS = 10.0
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Disconnected(Exception):
    """The peer is gone, did not know the token, or sent what is no message."""


class Connection:
    """A socket that speaks whole messages. Used by one thread.

    :raises Disconnected: from every method once the peer is gone.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._bell, self._button = socket.socketpair()
        self._socket: Any = None

    def open(self, port: int, token: str, timeout: float = 5.0) -> None:
        """Connects to ``port`` of this machine and shakes hands."""
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout)
            # Deltas are small and wait for nobody.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._shake_hands(token.encode(), timeout)
            self._socket.settimeout(_SEND_SECONDS)
        except OSError as error:
            raise Disconnected(str(error)) from error

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message; waits while the peer is slow, and gives up on one that reads nothing."""
        body = _encode(message).encode("utf-8", "replace")
        try:
            self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        except OSError as error:
            raise Disconnected(str(error)) from error

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Sends a message that wants no answer."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def receive(self, seconds: float) -> list[dict[str, Any]]:
        """The messages that arrive within ``seconds``, as soon as there is one."""
        deadline = time.monotonic() + seconds
        while True:
            messages = self._complete_messages()
            remaining = deadline - time.monotonic()
            if messages or not self._wait(max(0.0, remaining)):
                return messages
            self._read()

    def wake(self) -> None:
        """Ends a ``receive`` that waits in another thread."""
        try:
            self._button.send(b"!")
        except OSError:
            pass

    def close(self) -> None:
        for each in (self._socket, self._bell, self._button):
            try:
                if each is not None:
                    each.close()
            except OSError:
                pass

    def _shake_hands(self, token: bytes, timeout: float) -> None:
        """The token itself never travels: each side signs its own role and the agent's random word."""
        nonce = os.urandom(16).hex()
        self._socket.sendall(f"{_GREETING} {nonce} {_sign(token, 'agent', nonce)}\n".encode())
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LONGEST_HEADER or not self._wait(max(0.0, deadline - time.monotonic())):
                raise Disconnected("no answer to the handshake")
            self._read()
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        expected = f"{_GREETING} {_sign(token, 'host', nonce)}".encode()
        if not hmac.compare_digest(line, expected):
            raise Disconnected("the peer does not know the token")

    def _wait(self, seconds: float) -> bool:
        try:
            readable, _, _ = select.select([self._socket, self._bell], [], [], seconds)
            if self._bell in readable:
                self._bell.recv(64)
        except (OSError, ValueError) as error:
            raise Disconnected(str(error)) from error
        return self._socket in readable

    def _read(self) -> None:
        try:
            chunk = self._socket.recv(1 << 16)
        except OSError as error:
            raise Disconnected(str(error)) from error
        if not chunk:
            raise Disconnected("the peer closed the connection")
        self._buffer += chunk

    def _complete_messages(self) -> list[dict[str, Any]]:
        messages = []
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _LONGEST_HEADER:
                    raise Disconnected("a message without a length")
                return messages
            start, length = end + 4, _content_length(bytes(self._buffer[:end]))
            if len(self._buffer) < start + length:
                return messages
            body = bytes(self._buffer[start : start + length])
            del self._buffer[: start + length]
            try:
                message = json.loads(body)
            except (ValueError, RecursionError) as error:
                raise Disconnected("a message that is no JSON") from error
            if isinstance(message, dict):
                messages.append(message)


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            length = int(value)
            if length <= _LARGEST_MESSAGE:
                return length
    raise Disconnected("a message without a length, or with one beyond all measure")


def _sign(token: bytes, role: str, nonce: str) -> str:
    return hmac.new(token, f"{role} {nonce}".encode(), hashlib.sha256).hexdigest()

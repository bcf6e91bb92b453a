"""The door for data channels: a WebSocket under DATA_CHANNEL for each ExecuteCommand session.

Lets everybody in: the session's token, the first thing that a client says, is looked at behind it. Knows
ASGI; not what is said inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from windlass.services.ecs.exec_sessions import ExecSessions
from windlass.services.ecs.handlers.exec import DATA_CHANNEL

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class DataChannelDoor:
    """Lets clients in to the sessions of one plane."""

    def __init__(self, sessions: ExecSessions) -> None:
        self._sessions = sessions

    async def open(self, path: str, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        """One WebSocket, from its handshake to its end."""
        await send({"type": "websocket.accept"})
        await self._sessions.serve(path.removeprefix(DATA_CHANNEL), _Connection(receive, send))


class _Connection:
    """Implements exec_session.Connection."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._closed = False

    async def receive(self) -> bytes | str | None:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._closed = True
            return None
        body: bytes | None = message.get("bytes")
        return str(message.get("text", "")) if body is None else body

    async def send(self, raw: bytes) -> None:
        if self._closed:
            raise ConnectionResetError("the client has gone")
        await self._send({"type": "websocket.send", "bytes": raw})

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                await self._send({"type": "websocket.close", "code": 1000})
            except (OSError, RuntimeError):  # it ended meanwhile
                return

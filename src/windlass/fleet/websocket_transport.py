"""Sessions over a WebSocket, the plane's end: nodes on other machines.

Knows ASGI's messages, not who serves them: front/nodes.py lets a node in and hands its connection over. A
binary message is one message of ours; the server in front bounds its size and reads no more than one ahead,
so a node that says more than is taken in is held back by TCP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from windlass.fleet.frames import BadFrame, decode_from_node, encode
from windlass.fleet.messages import FromNode, FromPlane
from windlass.kernel.spawn import Spawn

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class WebSocketTransport:
    """One accepted connection. When the peer is gone, sending raises an OSError, receiving gives None."""

    def __init__(self, receive: Receive, send: Send, spawn: Spawn) -> None:
        self._receive = receive
        self._send = send
        self._spawn = spawn
        self._closed = False

    async def send(self, message: FromNode | FromPlane) -> None:
        if self._closed:
            raise ConnectionResetError("the connection is closed")
        try:
            await self._send({"type": "websocket.send", "bytes": encode(message)})
        except OSError as error:
            raise ConnectionResetError("the node closed the connection") from error

    async def receive(self) -> FromNode | None:
        message = await self._receive()
        if self._closed or message["type"] != "websocket.receive":
            self._closed = True
            return None
        body: bytes | None = message.get("bytes")
        if body is None:
            raise BadFrame("a text message; messages are binary")
        return decode_from_node(body)

    def close(self) -> None:
        """Say goodbye beside everything else: whoever receives now gets None."""
        if not self._closed:
            self._closed = True
            self._spawn.start("websocket close", self._say_goodbye())

    async def _say_goodbye(self) -> None:
        try:
            await self._send({"type": "websocket.close", "code": 1000})
        except (OSError, RuntimeError):  # it ended meanwhile, from either side
            return

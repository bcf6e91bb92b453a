"""The way to a plane on another machine: a WebSocket, over TLS when the plane's URL is https.

Imported by agents that have joined a plane only: the embedded one never pays for it. Pings find out that the
link is dead when nothing else would; how a message looks is frames.py's business.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, PayloadTooBig

from windlass.fleet.frames import FROM_PLANE_BYTES_MAX, BadFrame, decode_from_plane, encode
from windlass.fleet.messages import FromNode, FromPlane
from windlass.node.session import SessionRefused

NODE_PATH = "/_windlass/node"
"""As front/admit.py has it."""
OPEN_WITHIN_S = 10.0
PING_EVERY_S = 10.0
PONG_WITHIN_S = 60.0
"""Seconds without an answer to a ping until the link counts as dead. An answer waits behind what was sent

before: with less, a large desired set on a slow link would never arrive, but be sent again and again.
"""
REASON_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class PlaneUrl:
    """Where the plane is. `authority` is a PEM file to trust instead of the host's own authorities."""

    url: str
    authority: Path | None = None

    def context(self) -> ssl.SSLContext | None:
        """What TLS connections are made with; None over plain HTTP. Raises OSError for a bad file."""
        if not self.url.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=None if self.authority is None else str(self.authority))


class WebSocketTransport:
    """Messages on one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: FromNode | FromPlane) -> None:
        try:
            await self._connection.send(encode(message))
        except ConnectionClosed as closed:
            raise ConnectionResetError(_why(closed)) from closed

    async def receive(self) -> FromPlane | None:
        try:
            body = await self._connection.recv()
        except PayloadTooBig as error:
            raise BadFrame(str(error)) from error
        except ConnectionClosed as closed:
            if closed.rcvd is not None:
                return None
            raise ConnectionResetError(_why(closed)) from closed
        if isinstance(body, str):
            raise BadFrame("a text message; messages are binary")
        return decode_from_plane(body)

    def close(self) -> None:
        """At once: everything that matters was acknowledged, and a dead link would take no goodbye."""
        self._connection.transport.abort()


async def open_websocket(plane: PlaneUrl, node_id: str, secret: str) -> WebSocketTransport:
    """Open one connection. Raises SessionRefused when the plane does not want this node, else OSError."""
    parts = urlsplit(plane.url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    path = parts.path.rstrip("/") + NODE_PATH
    try:
        connection = await connect(
            urlunsplit((scheme, parts.netloc, path, "", "")),
            additional_headers={"Authorization": f"Bearer {node_id}:{secret}"},
            ssl=plane.context(),
            compression=None,
            proxy=None,
            max_size=FROM_PLANE_BYTES_MAX,
            open_timeout=OPEN_WITHIN_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PONG_WITHIN_S,
        )
    except InvalidStatus as answer:
        status, said = answer.response.status_code, (answer.response.body or b"").decode(errors="replace")
        raise SessionRefused(f"HTTP {status} {said.strip()[:REASON_CHARS_MAX]}") from answer
    except InvalidHandshake as error:
        raise ConnectionResetError(f"no WebSocket at {plane.url}: {error}") from error
    return WebSocketTransport(connection)


def _why(closed: ConnectionClosed) -> str:
    close = closed.rcvd or closed.sent
    return f"the connection ended: {close.code} {close.reason}" if close else "the connection broke"

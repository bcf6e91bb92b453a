"""The door for nodes on other machines: a WebSocket under NODE_PATH, open to whoever shows a node's secret.

The secret comes with the handshake, so that a stranger is turned away before anything of his is read; the
session itself (fleet/link.py) looks at it again. Knows ASGI and secrets; not what is said inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from windlass.fleet.intake import NodeRefused
from windlass.fleet.link import NodeLinks
from windlass.fleet.websocket_transport import WebSocketTransport
from windlass.kernel.spawn import Spawn

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_SCHEME = "bearer "


class NodeDoor:
    """Lets nodes in to the sessions of one plane."""

    def __init__(self, links: NodeLinks, spawn: Spawn) -> None:
        self._links = links
        self._spawn = spawn

    async def open(self, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        """One WebSocket, from its handshake to its end."""
        node_id, secret = _shown(headers.get("authorization", ""))
        try:
            self._links.check_secret(node_id, secret)
        except NodeRefused as refused:
            await refuse(send, 401, str(refused))
            return
        await send({"type": "websocket.accept"})
        await self._links.serve(WebSocketTransport(receive, send, self._spawn))


async def refuse(send: Send, status: int, why: str) -> None:
    """Answer a handshake with an ordinary HTTP response."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": f"{why}\n".encode()})


def _shown(authorization: str) -> tuple[str, str]:
    """(node id, secret) of `Bearer ID:SECRET`; empty ones fit no node."""
    if not authorization.lower().startswith(_SCHEME):
        return "", ""
    node_id, _, secret = authorization[len(_SCHEME) :].strip().partition(":")
    return node_id, secret

"""The door for nodes on other machines: registrations, and WebSockets for those that show their secret.

The secret comes with the handshake, so that a stranger is turned away before anything of his is read; the
session itself (fleet/link.py) looks at it again. Knows ASGI, HTTP and secrets; neither what is said inside
nor who may register (services/ssm/registrar.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from windlass.aws.wire import Request, Response
from windlass.fleet.intake import NodeRefused
from windlass.fleet.link import NodeLinks
from windlass.fleet.websocket_transport import WebSocketTransport
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.spawn import Spawn
from windlass.services.ssm.registrar import Registrar, Registration

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
REGISTRATION_BYTES_MAX = 64 * 1024
_SCHEME = "bearer "


class NodeDoor:
    """Lets nodes in to one plane."""

    def __init__(self, links: NodeLinks, spawn: Spawn, registrar: Registrar | None = None) -> None:
        self._links = links
        self._spawn = spawn
        self._registrar = registrar

    async def register(self, request: Request) -> Response:
        """Answer a machine that asks to be a node: its id, or why not."""
        if request.method != "POST" or self._registrar is None:
            return _answer(405, {"message": "machines register by POST"})
        if len(request.body) > REGISTRATION_BYTES_MAX:
            return _answer(413, {"message": "a registration is shorter"})
        try:
            asked = msgspec.json.decode(request.body, type=Registration)
            return _answer(200, {"node_id": await self._registrar.register(asked)})
        except msgspec.DecodeError as error:
            return _answer(400, {"message": f"no registration: {error}"})
        except Fault as fault:
            return _answer(400, {"code": fault.code, "message": fault.message})
        except Retry as error:
            return _answer(503, {"message": error.why})

    async def open(self, path: str, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
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


def _answer(status: int, body: Mapping[str, str]) -> Response:
    return Response(status, (("content-type", "application/json"),), msgspec.json.encode(body) + b"\n")


def _shown(authorization: str) -> tuple[str, str]:
    """(node id, secret) of `Bearer ID:SECRET`; empty ones fit no node."""
    if not authorization.lower().startswith(_SCHEME):
        return "", ""
    node_id, _, secret = authorization[len(_SCHEME) :].strip().partition(":")
    return node_id, secret

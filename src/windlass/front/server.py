"""Sockets: an ASGI app between uvicorn and the gateway. The only place in front/ that knows HTTP bytes arrive

in pieces. Bounds the body, notices a client that leaves, streams what streams.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import uvicorn

from windlass.aws.wire import Broken, Request, Response
from windlass.fleet.frames import FROM_NODE_BYTES_MAX
from windlass.front.admit import refused
from windlass.front.corked import CorkedHttp
from windlass.front.nodes import refuse

BODY_BYTES_MAX = 70_167_211 + 65_536
"""Largest request body: Lambda's CreateFunction limit (facts/lambda.md section 3) and some room."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = Callable[[Request, Callable[[], Coroutine[Any, Any, None]]], Awaitable[Response]]
"""Answers a request; may watch whether the client has gone meanwhile."""


class Door(Protocol):
    """Who takes WebSockets."""

    async def open(self, path: str, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        """One WebSocket, from its handshake, which may be refused, to its end."""


Doors: TypeAlias = Mapping[str, Door]
"""A path, or the beginning of one that ends with a slash → who takes WebSockets there."""
NO_DOORS: Doors = {}
Visited = Callable[[Request], Awaitable[Response]]
Hosts: TypeAlias = Callable[[str], "Visited | None"]
"""A Host header → who answers requests to that host; None: the plane itself. Such hosts are for everybody,

foreign web pages too, and have nothing but what they answer: no admin endpoints, no WebSockets.
"""


def no_hosts(host: str) -> None:
    """Only the plane itself is here."""


TOO_LARGE = Response(413, (("content-type", "text/plain"),), b"request body too large\n")


class _ClientGone(Exception):
    """The client closed the connection before it had sent everything."""


def asgi(
    answer: Answer, doors: Doors = NO_DOORS, hosts: Hosts = no_hosts
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI app: requests go to `answer` or to their host's, WebSockets to the door of their path."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _open(doors, hosts, scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        visited = hosts(headers.get("host", ""))
        refusal = refused(scope["raw_path"].decode("latin-1"), headers, _peer(scope))
        if refusal and visited is None:
            await _send(send, Response(403, (("content-type", "text/plain"),), f"{refusal}\n".encode()))
            return
        try:
            body = await _body(headers, receive)
        except _ClientGone:
            return
        if body is None:
            await _send(send, TOO_LARGE)
            return
        request = _request(scope, headers, body)
        if visited is not None:
            await _send(send, await visited(request))
            return
        await _send(send, await answer(request, lambda: _gone(receive)))

    return app


async def _open(doors: Doors, hosts: Hosts, scope: Scope, receive: Receive, send: Send) -> None:
    """One WebSocket: nodes open them, and clients of ECS Exec."""
    path, headers = scope["raw_path"].decode("latin-1"), _headers(scope)
    await receive()  # "websocket.connect"
    if refusal := refused(path, headers, _peer(scope)):
        await refuse(send, 403, refusal)
        return
    if hosts(headers.get("host", "")) is not None:
        await refuse(send, 404, "this host has no WebSockets")
        return
    for place, door in doors.items():
        if path == place or (place.endswith("/") and path.startswith(place)):
            await door.open(path, headers, receive, send)
            return
    await refuse(send, 404, f"no WebSocket at {path}")


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than allowed, before reading more of it."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > BODY_BYTES_MAX:
        return None
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > BODY_BYTES_MAX:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _request(scope: Scope, headers: Mapping[str, str], body: bytes) -> Request:
    path = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, headers, body, scope["scheme"], _peer(scope))


async def _gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, response: Response) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.stream is None and response.status != 204:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.stream is None:
        await send({"type": "http.response.body", "body": response.body})
        return
    with contextlib.suppress(Broken):
        async for piece in response.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class _FalseAlarms(logging.Filter):
    """uvicorn takes a handshake that was answered with an HTTP response for one that was not answered, and

    complains of responses that are cut on purpose (wire.Broken), which is the way to have it cut them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        return "without completing handshake" not in said and "without completing response" not in said


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the composition root decides how the plane ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


_FALSE_ALARMS = _FalseAlarms()


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate with its chain, and its key: PEM files."""

    certificate: Path
    key: Path


def make_server(
    answer: Answer,
    doors: Doors = NO_DOORS,
    tls: Tls | None = None,
    hosts: Hosts = no_hosts,
    http: type[CorkedHttp] = CorkedHttp,
) -> Server:
    """A server for the running loop; run it with `serve(sockets=[...])`, end it by `should_exit`.

    Agents beat and answer the lease, so the server itself sends no pings; what nodes say is compact already.
    """
    logging.getLogger("uvicorn.error").addFilter(_FALSE_ALARMS)
    config = uvicorn.Config(
        asgi(answer, doors, hosts),
        http=http,
        loop="none",
        ws="websockets-sansio",
        ws_max_size=FROM_NODE_BYTES_MAX,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nobody stands before us whom we could believe
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    return Server(config)

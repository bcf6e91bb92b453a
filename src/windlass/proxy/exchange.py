"""One request's way from its client to a target and back.

Joins two sides that know nothing of each other: a `Stream` of a client (HTTP/1.1 or HTTP/2) and a link to a
target (http1_target.py, http2_target.py). Bodies pass in both directions as they come; who is slow holds the
other side. What goes wrong becomes an answer of ours, or, when the target's had begun, an answer cut short,
which the client can see. A request that met a kept connection which its target had just given up is sent once
more on a new one, if nothing was answered and doing it twice does no harm.

Not decided here: which rule and which target (table.py, pools), what a head may say (framing.py, headers.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from windlass.fleet.proxy_messages import Fixed, Forward, Redirect
from windlass.proxy import headers as rules_of_headers
from windlass.proxy.framing import Headers, Request
from windlass.proxy.headers import Malformed, Via
from windlass.proxy.pieces import Pieces
from windlass.proxy.rewrite import CannotRewrite
from windlass.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from windlass.proxy.dataplane import DataPlane
    from windlass.proxy.http1_target import Http1Target
    from windlass.proxy.pools import Used
    from windlass.proxy.queue import Ticket
    from windlass.proxy.served import Choice, Served
    from windlass.proxy.upstream import Link, Target

REPLAY_BYTES_MAX = 64 * 1024
"""Longest body that is kept to be sent again."""
WAITING_BYTES_MAX = 256 * 1024
"""Read of a body while its target is not connected yet; then the client waits."""


Collected: TypeAlias = "Callable[[Exchange, Headers, bytes], None]"
"""Takes a request with its headers and its whole body."""


class Stream(Protocol):
    """The client's side of one request."""

    def respond(self, status: int, headers: Headers, length: int | None, pieces: Pieces, last: bool) -> None:
        """The head, and what is there of the body. `length` None: not known."""

    def send(self, pieces: Pieces, last: bool, trailers: Headers) -> None: ...

    def cut(self) -> None:
        """The answer cannot be completed: the client must see that it is not whole."""

    def hold(self) -> None:
        """Read no more of the request's body until `release`."""

    def release(self) -> None: ...

    def touch(self) -> None:
        """Something happened: the idle timeout begins anew."""

    def switch(self, headers: Headers, tunnel: Tunnel) -> bytes:
        """Change the protocol: 101; what the client had sent already."""


class Exchange:
    """Made for a request whose head has come; `body` brings more of it."""

    __slots__ = (
        "_collects",
        "_held",
        "_limit",
        "_link",
        "_pieces",
        "_plane",
        "_replay",
        "_retried",
        "_said",
        "_whole",
        "answered",
        "began",
        "began_ns",
        "choice",
        "complete",
        "done",
        "error",
        "place",
        "received",
        "request",
        "sent",
        "served",
        "status",
        "stream",
        "target",
        "target_s",
        "target_status",
        "ticket",
        "trace",
        "tunnel",
        "used",
        "via",
    )

    def __init__(self, plane: DataPlane, served: Served, stream: Stream, request: Request, via: Via) -> None:
        self._plane = plane
        self.served = served
        self.stream = stream
        self.request = request
        self.via = via
        self.began = time.perf_counter()
        self.began_ns = time.time_ns()
        self.choice: Choice | None = None
        self.used: Used | None = None
        """The pool that it went to."""
        self.place = ""
        """The endpoint that its pool gave it; the pool's own affair, as is the ticket."""
        self.ticket: Ticket | None = None
        self.target: Target | None = None
        self.trace = b""
        self.status = 0
        self.target_status = 0
        self.target_s = -1.0
        self.error = ""
        self.received = request.wire_bytes
        self.sent = 0
        self.complete = False
        """The request has come whole."""
        self.answered = False
        """The head of an answer was sent."""
        self.done = False
        self.tunnel: Tunnel | None = None
        self._link: Link | None = None
        self._pieces: Pieces = []
        self._replay: Pieces | None = []
        self._said = 0
        self._retried = False
        self._held = False
        self._limit = WAITING_BYTES_MAX
        self._collects: Collected | None = None
        self._whole: asyncio.TimerHandle | None = None

    # the client's side

    def start(self, pieces: Pieces, complete: bool) -> None:
        """Choose, and send what is there."""
        self.complete = complete
        self._pieces = pieces
        for piece in pieces:
            self.received += len(piece)
        if self.served.request_s:
            loop = asyncio.get_running_loop()
            self._whole = loop.call_later(self.served.request_s, self.expired)
        try:
            self.choice = choice = self.served.choose(self.request, self.via)
        except CannotRewrite:
            self.answer(500)
            return
        action = choice.action
        if type(action) is Forward:
            self._plane.forward(self)
        elif type(action) is Fixed:
            self._fixed(action)
        elif type(action) is Redirect:
            self._redirect(choice.location)

    def body(self, pieces: Pieces, complete: bool) -> None:
        """More of the request."""
        self.complete = complete
        for piece in pieces:
            self.received += len(piece)
        if self.done:
            return
        if self._link is None:
            self._pieces += pieces
            if self._collects is not None:
                self._collect()
            elif not self._held and sum(map(len, self._pieces)) > WAITING_BYTES_MAX:
                self._held = True
                self.stream.hold()
            return
        self._keep(pieces)
        self._link.body(pieces, complete)

    def client_gone(self) -> None:
        """The client closed its connection, or reset the stream."""
        if self.tunnel is not None:
            self.tunnel.client_lost()
        elif not self.done:
            if not self.answered:
                self.status = 460
            self._finish()

    def client_full(self) -> None:
        if self._link is not None:
            self._link.hold()

    def client_room(self) -> None:
        if self._link is not None:
            self._link.release()

    def expired(self) -> None:
        """Nothing happened for the idle timeout, or the whole request took too long."""
        if self.done:
            return
        if self.answered:
            self.error = "TargetTimeout"
            self._cut()
        elif not self.complete:
            self.answer(408)
        else:
            self.answer(504)

    # which target

    def collect(self, limit: int, call: Collected) -> None:
        """Have `call` made with the whole body; 413 if it is longer than `limit` bytes."""
        self._limit, self._collects = limit, call
        self._collect()

    def to(self, target: Target) -> None:
        """That one: on a kept connection, or a new one."""
        self.target = target
        target.begin(self)
        link = target.take(self.request.replayable)
        if link is None:
            target.dial(self)
        else:
            self.on_link(link)

    def on_link(self, link: Link) -> None:
        """Connected."""
        if self.done:
            link.unused()
            return
        self._link = link
        request, choice, target = self.request, self.choice, self.target
        assert choice is not None and target is not None
        headers = self._headers(choice)
        pieces, self._pieces = self._pieces, []
        self._keep(pieces)
        if self._held:
            self._held = False
            self.stream.release()
        link.send(self, request, choice.target, headers, pieces, self.complete)

    def on_unreachable(self, status: int, why: str) -> None:
        """No connection: 502 when it was refused, 504 when nobody answered."""
        if not self.done:
            self._plane.unreachable(self)
            self.error = why
            self.answer(status)

    # the target's side

    def on_head(self, status: int, headers: Headers, pieces: Pieces, complete: bool) -> None:
        if self.done:
            return
        self.target_s = time.perf_counter() - self.began
        self.target_status = status
        try:
            answer = rules_of_headers.from_target(status, headers, self.served.options)
        except Malformed as error:
            self.error = str(error)
            self._drop()
            self.answer(502)
            return
        self._plane.stick(self, answer)
        self.answered = True
        self.status = status
        for piece in pieces:
            self.sent += len(piece)
        if not complete:
            self.stream.touch()
            self.stream.respond(status, answer.headers, answer.length, pieces, False)
            return
        length = answer.length
        if length is None and self.request.method != "HEAD":
            length = sum(map(len, pieces))
        self._link = None
        self.stream.respond(status, answer.headers, length, pieces, True)
        self._finish()

    def on_data(self, pieces: Pieces, complete: bool, trailers: Headers) -> None:
        if self.done:
            return
        for piece in pieces:
            self.sent += len(piece)
        if complete:
            self._link = None
        else:
            self.stream.touch()
        self.stream.send(pieces, complete, trailers)
        if complete:
            self._finish()

    def on_switch(self, link: Http1Target, headers: Headers, rest: bytes) -> None:
        """101: from now on bytes are passed, whatever they mean."""
        if self.done:
            return
        if not self.request.upgrade:
            self._drop()
            self.answer(502)
            return
        self.target_s = time.perf_counter() - self.began
        self.answered, self.status, self.target_status = True, 101, 101
        self.tunnel = tunnel = Tunnel(link, self.stream.touch, self._tunnelled)
        link.wire = tunnel
        upgrade = [pair for pair in headers if pair[0].lower() != b"connection"]
        early = self.stream.switch(upgrade, tunnel)
        if rest:
            tunnel.from_target(rest)
        if early:
            tunnel.from_client(early)

    def on_lost(self, why: str) -> None:
        link, self._link = self._link, None
        if self.done:
            return
        self.error = why
        if self.answered:
            self._cut()
            return
        target = self.target
        assert target is not None
        stale = link is not None and link.used > 1
        if stale and not self._retried and self._replay is not None and self.request.replayable:
            self._retried = True
            self._pieces, self._replay, self._said = self._replay, [], 0
            target.dial(self)
            return
        self.answer(502)

    def on_full(self) -> None:
        self.stream.hold()

    def on_room(self) -> None:
        self.stream.release()

    def revoke(self) -> None:
        """The target's deregistration delay is over: 502, as an Application Load Balancer does."""
        if self.done:
            return
        self._drop()
        if self.tunnel is not None:
            self.tunnel.cut()
        elif self.answered:
            self._cut()
        else:
            self.answer(502)

    # answers of our own

    def answer(self, status: int) -> None:
        """With one of ours."""
        self._drop()
        self.status = status
        headers, body = self._plane.own(self.served, status)
        self._say(status, headers, body)

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """With that of a function."""
        self.target_s = time.perf_counter() - self.began
        self.target_status = self.status = status
        answer = rules_of_headers.from_target(status, headers, self.served.options)
        self._say(status, answer.headers, body)

    def _say(self, status: int, headers: Headers, body: bytes) -> None:
        self.answered = True
        self.sent = len(body)
        self.stream.respond(status, headers, len(body), [body] if body else [], True)
        self._finish()

    def _fixed(self, action: Fixed) -> None:
        self.status = action.status
        headers: Headers = [*self._plane.ours(self.served)]
        body = action.body.encode()
        if body:
            headers.append((b"Content-Type", action.content_type.encode("latin-1")))
        self._say(action.status, headers, body)

    def _redirect(self, location: str) -> None:
        action = self.choice.action if self.choice else None
        assert isinstance(action, Redirect)
        self.status = action.status
        headers = [*self._plane.ours(self.served), (b"Location", location.encode("latin-1", "replace"))]
        self._say(action.status, headers, b"")

    # inside

    def _headers(self, choice: Choice) -> Headers:
        if not self.trace:
            self.trace = self._plane.trace()
        return rules_of_headers.to_target(
            self.request, self.via, self.served.options, self.trace, choice.host
        )

    def _collect(self) -> None:
        call, choice = self._collects, self.choice
        assert call is not None and choice is not None
        if sum(map(len, self._pieces)) > self._limit or (self.request.length or 0) > self._limit:
            self._collects = None
            self.answer(413)
        elif self.complete:
            self._collects = None
            call(self, self._headers(choice), b"".join(self._pieces))

    def _keep(self, pieces: Pieces) -> None:
        if self._replay is None or not pieces:
            return
        self._said += sum(map(len, pieces))
        if self._said > REPLAY_BYTES_MAX:
            self._replay = None
        else:
            self._replay += pieces

    def _drop(self) -> None:
        """Leave a link in the middle of its work."""
        link, self._link = self._link, None
        if link is not None:
            link.abandon()

    def _cut(self) -> None:
        self._drop()
        self.stream.cut()
        self._finish()

    def _tunnelled(self, to_client: int, to_target: int) -> None:
        """The tunnel has ended."""
        self.sent += to_client
        self.received += to_target
        self._link = None
        self._finish()

    def _finish(self) -> None:
        if self.done:
            return
        self.done = True
        if self._whole is not None:
            self._whole.cancel()
        self._drop()
        self._plane.finished(self)

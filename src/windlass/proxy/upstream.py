"""Targets as they are used now: their open requests and the connections kept to them.

A connection that has waited is taken newest first. A request that cannot be sent twice takes only one that
has waited less than `FRESH_S`: an older one may just be given up by its target. Which target a request gets
is not decided here.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from windlass.fleet.proxy_messages import Endpoint, Pool
from windlass.kernel.spawn import Spawn
from windlass.proxy.framing import Headers, Request
from windlass.proxy.http1_target import Asker, Http1Target
from windlass.proxy.http2_target import Http2Target
from windlass.proxy.pieces import Pieces
from windlass.proxy.worker import Dial

if TYPE_CHECKING:
    from windlass.proxy.exchange import Exchange

CONNECT_S = 10.0
"""ALB guide, "Troubleshoot": HTTP 504 when a connection is not established within 10 seconds."""
KEPT_S = 60.0
"""How long a connection waits for its next request."""
KEPT_MAX = 1024
"""Connections that wait, per target."""
FRESH_S = 1.0

Speaks = TypeVar("Speaks", Http1Target, Http2Target)

log = logging.getLogger("windlass.proxy")


class Link(Protocol):
    """A connection to a target, or a stream of one, for one request."""

    used: int

    def send(
        self,
        asker: Asker,
        request: Request,
        target: str,
        headers: Headers,
        pieces: Pieces,
        last: bool,
    ) -> None: ...

    def body(self, pieces: Pieces, last: bool) -> None: ...

    def hold(self) -> None: ...

    def release(self) -> None: ...

    def abandon(self) -> None: ...

    def unused(self) -> None:
        """It was connected for somebody who has gone."""


class Target:
    """One endpoint of a pool. `exchanges` are its open requests."""

    __slots__ = (
        "_context",
        "_dial",
        "_kept",
        "_links",
        "_loop",
        "_shared",
        "_spawn",
        "_waiting",
        "endpoint",
        "exchanges",
        "gone",
        "pool",
    )

    def __init__(self, pool: Pool, endpoint: Endpoint, dial: Dial, spawn: Spawn) -> None:
        self.pool = pool
        self.endpoint = endpoint
        self.exchanges: set[Exchange] = set()
        self.gone = False
        self._dial = dial
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._kept: list[Http1Target] = []
        self._links: set[Http1Target] = set()
        self._shared: list[Http2Target] = []
        self._waiting: list[Exchange] = []
        self._context = _context(pool) if pool.tls else None

    def become(self, pool: Pool, endpoint: Endpoint) -> None:
        """As the table says now; where it is has not changed."""
        if endpoint.draining and not self.endpoint.draining:
            self._close_kept()
        self.pool, self.endpoint = pool, endpoint

    def is_elsewhere(self, pool: Pool, endpoint: Endpoint) -> bool:
        """Whether that is to be reached in another way: no connection can be kept."""
        before, now = self.endpoint, endpoint
        return (before.host, before.port, before.netns, self.pool.tls, self.pool.protocol) != (
            now.host,
            now.port,
            now.netns,
            pool.tls,
            pool.protocol,
        )

    def begin(self, exchange: Exchange) -> None:
        self.exchanges.add(exchange)

    def end(self, exchange: Exchange) -> None:
        self.exchanges.discard(exchange)

    def take(self, replayable: bool) -> Link | None:
        """A connection that is open already."""
        for connection in self._shared:
            if (stream := connection.link()) is not None:
                return stream
        kept = self._kept
        while kept:
            link = kept[-1]
            if not replayable and self._loop.time() - link.idle_since > FRESH_S:
                return None
            kept.pop()
            if link.usable:
                return link
        return None

    def dial(self, exchange: Exchange) -> None:
        """Open a connection for that request, and tell it."""
        if self.pool.protocol == "HTTP1":
            self._spawn.start(f"dial {self.endpoint.key}", self._connect(exchange))
            return
        self._waiting.append(exchange)  # for a connection that all of them share
        if len(self._waiting) == 1:
            self._spawn.start(f"dial {self.endpoint.key}", self._share())

    def sweep(self, now: float) -> None:
        """Close what has waited too long; `now` as the loop tells it."""
        old = [link for link in self._kept if now - link.idle_since > KEPT_S]
        if old:
            self._kept = [link for link in self._kept if now - link.idle_since <= KEPT_S]
            for link in old:
                link.close()
        for connection in list(self._shared):
            if not connection.streams and now - connection.idle_since > KEPT_S:
                connection.retire()

    def retire(self, cut: bool) -> None:
        """It is no endpoint any more. `cut`: its deregistration delay is over, so what is open ends."""
        self.gone = True
        self._close_kept()
        if cut:
            for exchange in list(self.exchanges):
                exchange.revoke()

    def close(self) -> None:
        for link in list(self._links):
            link.abandon()
        for connection in list(self._shared):
            connection.close()

    def _close_kept(self) -> None:
        kept, self._kept = self._kept, []
        for link in kept:
            link.close()
        for connection in list(self._shared):
            connection.retire()

    async def _connect(self, exchange: Exchange) -> None:
        try:
            link = await self._connected(self._http1)
        except (TimeoutError, OSError, ssl.SSLError) as error:
            status = 504 if isinstance(error, TimeoutError) else 502
            exchange.on_unreachable(status, str(error) or "no connection in time")
            return
        self._links.add(link)
        try:
            exchange.on_link(link)
        except Exception:
            log.exception("a request broke as its connection was there")
            link.abandon()

    async def _share(self) -> None:
        """Open a connection of HTTP/2 for all who wait by then, and more if one is not enough."""
        while self._waiting:
            try:
                connection = await self._connected(self._http2)
            except (TimeoutError, OSError, ssl.SSLError) as error:
                waiting, self._waiting = self._waiting, []
                status = 504 if isinstance(error, TimeoutError) else 502
                for exchange in waiting:
                    exchange.on_unreachable(status, str(error) or "no connection in time")
                return
            self._shared.append(connection)
            waiting, self._waiting = self._waiting, []
            for number, exchange in enumerate(waiting):
                if (link := connection.link()) is None:
                    self._waiting = [*waiting[number:], *self._waiting]
                    break
                exchange.on_link(link)
            if self.gone or self.endpoint.draining:
                connection.retire()

    def _http1(self) -> Http1Target:
        return Http1Target(self._given_back, self._closed)

    def _http2(self) -> Http2Target:
        return Http2Target(self._loop, self.pool.tls, self._unshare)

    async def _connected(self, factory: Callable[[], Speaks]) -> Speaks:
        endpoint = self.endpoint
        async with asyncio.timeout(CONNECT_S):
            connection = await self._dial(endpoint.host, endpoint.port, endpoint.netns)
            try:
                _, spoken = await self._loop.create_connection(
                    factory,
                    sock=connection,
                    ssl=self._context,
                    server_hostname="" if self._context else None,
                )
            except BaseException:
                connection.close()
                raise
        return spoken

    def _unshare(self, connection: Http2Target) -> None:
        if connection in self._shared:
            self._shared.remove(connection)

    def _given_back(self, link: Http1Target) -> None:
        if self.gone or self.endpoint.draining or len(self._kept) >= KEPT_MAX:
            link.close()
            return
        link.idle_since = self._loop.time()
        self._kept.append(link)

    def _closed(self, link: Http1Target) -> None:
        self._links.discard(link)
        if link in self._kept:
            self._kept.remove(link)


def _context(pool: Pool) -> ssl.SSLContext:
    """An Application Load Balancer believes any certificate of a target."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"] if pool.protocol == "HTTP1" else ["h2"])
    return context

"""One session of the plane with a proxy: what it has yet to be told, and what it said.

Changes are collected within a turn of the loop and sent as one difference; what changes while a slow proxy
takes one is in the next, however often it changed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Protocol

from windlass.fleet.proxy_messages import FromProxy, Frontend, Pool, ProxyHello, Table, ToProxy
from windlass.kernel.clock import Instant


class ProxyTransport(Protocol):
    """One session's way to a proxy: whole messages, in order, until it breaks."""

    async def send(self, message: ToProxy) -> None:
        """Raises ConnectionError when it is gone."""

    async def receive(self) -> FromProxy | None:
        """The next message; None when the proxy has ended. Raises ConnectionError or BadFrame."""

    def close(self) -> None:
        """May be called twice."""


@dataclass(slots=True)
class Served:
    """What all proxies are to serve."""

    generation: int = 0
    frontends: dict[str, Frontend] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)

    def whole(self) -> Table:
        return Table(self.generation, True, tuple(self.frontends.values()), tuple(self.pools.values()))


class ProxySession:
    """Of one proxy; made with its Hello."""

    def __init__(self, hello: ProxyHello, transport: ProxyTransport, now: Instant) -> None:
        self.index = hello.index
        self.pid = hello.pid
        self.ingress = hello.ingress
        self.since = now
        self.taken = hello.generation
        """The generation that it serves."""
        self.refused: tuple[tuple[str, str, str], ...] = ()
        self.idle: set[tuple[str, str]] = set()
        """(pool, endpoint) of those that drain and have no open request at this proxy."""
        self.sender: asyncio.Task[None] | None = None
        self._transport = transport
        self._whole = True
        self._frontends: set[str] = set()
        self._pools: set[str] = set()
        self._others: deque[ToProxy] = deque()
        self._woken = asyncio.Event()
        self._woken.set()

    def offer(self, frontends: Set[str], pools: Set[str]) -> None:
        """These keys changed, or are gone."""
        self._frontends |= frontends
        self._pools |= pools
        self._woken.set()

    def send(self, message: ToProxy) -> None:
        """Soon, and after the table as it is now."""
        self._others.append(message)
        self._woken.set()

    def close(self) -> None:
        """May be called twice."""
        self._transport.close()
        if self.sender is not None:
            self.sender.cancel()

    async def send_always(self, served: Served) -> None:
        """Until the connection breaks, which ends the session."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                if self._whole or self._frontends or self._pools:
                    await self._transport.send(self._due(served))
                while self._others:
                    await self._transport.send(self._others.popleft())
        except ConnectionError:
            self._transport.close()

    def _due(self, served: Served) -> Table:
        """What it has not been told yet. A key is gone as both, so what stays under it is told again."""
        if self._whole:
            self._whole = False
            self._frontends.clear()
            self._pools.clear()
            return served.whole()
        gone = {key for key in self._frontends if key not in served.frontends}
        gone |= {key for key in self._pools if key not in served.pools}
        frontends = sorted((self._frontends | gone) & served.frontends.keys())
        pools = sorted((self._pools | gone) & served.pools.keys())
        self._frontends, self._pools = set(), set()
        return Table(
            served.generation,
            False,
            tuple(served.frontends[key] for key in frontends),
            tuple(served.pools[key] for key in pools),
            tuple(sorted(gone)),
        )

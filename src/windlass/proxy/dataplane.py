"""The data plane of one proxy: joins doors, frontends, pools and targets, and tells the plane what happened.

What it knows of the table it builds anew for each change; requests in flight hold on to what they began with.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from email.utils import formatdate
from random import Random

from windlass.fleet.proxy_messages import Counted, Endpoint, Fixed, Forward, Idle, Pool, Redirect
from windlass.kernel.clock import SECOND
from windlass.proxy import answers
from windlass.proxy.counts import Counts, bucket
from windlass.proxy.door import Ingress
from windlass.proxy.exchange import Exchange
from windlass.proxy.framing import Headers
from windlass.proxy.headers import Answer
from windlass.proxy.listener import Listeners
from windlass.proxy.pools import PoolState
from windlass.proxy.served import Served
from windlass.proxy.table import Changes
from windlass.proxy.upstream import Target
from windlass.proxy.worker import Worker

FINISH_S = 5.0
"""How long requests in flight have when the proxy ends."""


class DataPlane:
    """A part of a proxy (worker.py)."""

    def __init__(self, worker: Worker, chance: Random) -> None:
        self._worker = worker
        self._chance = chance
        self.counts = Counts()
        self.served: dict[str, Served] = {}
        self._pools: dict[str, PoolState] = {}
        self._listeners = Listeners(self, worker.spawn)
        self._ingress = Ingress(self)
        self._date = (0, b"")
        self._open: set[Exchange] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        worker.current.on_change(self._changed)

    async def open(self) -> None:
        self._worker.spawn.start("counts", self._tell_always())

    async def close(self) -> None:
        self._listeners.close()
        self._ingress.end_soon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                await self._quiet.wait()
        for state in self._pools.values():
            for target in state.targets.values():
                target.close()
        self._tell()

    # the table

    def _changed(self, changes: Changes) -> None:
        current = self._worker.current
        for key in changes.gone_frontends:
            if (served := self.served.pop(key, None)) is not None:
                served.gone = True
        for key in changes.frontends:
            self.served[key] = Served(current.frontends[key])
        for key in changes.gone_pools:
            state = self._pools.pop(key)
            for target in state.targets.values():
                target.retire(False)
        for key in changes.pools:
            pool = current.pools[key]
            if (known := self._pools.get(key)) is not None:
                known.become(pool)
            else:
                self._pools[key] = PoolState(pool, self._target)
        refused = self._listeners.make_so(current.frontends.values())
        self._worker.plane.refuse(refused)

    def _target(self, pool: Pool, endpoint: Endpoint) -> Target:
        return Target(pool, endpoint, self._worker.dial, self._worker.spawn, self._idle)

    def _idle(self, target: Target) -> None:
        if not target.gone:
            self._worker.plane.tell(Idle(target.pool.key, target.endpoint.key))

    def hosted(self, host: str) -> Served | None:
        return None

    # requests

    def forward(self, exchange: Exchange, action: Forward) -> None:
        """Send it to one of the pools."""
        self._open.add(exchange)
        self._quiet.clear()
        key = action.shares[0].pool
        state = self._pools.get(key)
        exchange.pool = key
        target = state.pick() if state is not None else None
        if target is None:
            exchange.answer(503)
        else:
            exchange.to(target)

    def stick(self, exchange: Exchange, answer: Answer) -> Answer:
        return answer

    def unreachable(self, exchange: Exchange) -> None:
        target = exchange.target
        endpoint = target.endpoint.key if target else ""
        self.counts.of(exchange.served.frontend.key, exchange.pool, endpoint).connection_errors += 1

    def finished(self, exchange: Exchange) -> None:
        """Count it, and let its target go."""
        self._open.discard(exchange)
        if not self._open:
            self._quiet.set()
        target = exchange.target
        if target is not None:
            target.end(exchange)
        endpoint = target.endpoint.key if target is not None else ""
        tally = self.counts.of(exchange.served.frontend.key, exchange.pool, endpoint)
        tally.requests += 1
        tally.bytes += exchange.sent + exchange.received
        if exchange.target_status:
            tally.classes[exchange.target_status // 100] += 1
            if exchange.target_s >= 0:
                number = bucket(exchange.target_s)
                tally.times[number] = tally.times.get(number, 0) + 1
        choice = exchange.choice
        if choice is not None and type(choice.action) is Fixed:
            tally.fixed += 1
        elif choice is not None and type(choice.action) is Redirect:
            tally.redirects += 1
            tally.elb[exchange.status] = tally.elb.get(exchange.status, 0) + 1
        elif exchange.status != exchange.target_status:
            tally.elb[exchange.status] = tally.elb.get(exchange.status, 0) + 1

    # what all answers need

    def trace(self) -> bytes:
        """An id for X-Amzn-Trace-Id."""
        return b"1-%08x-%024x" % (int(time.time()), self._chance.getrandbits(96))

    def date(self) -> bytes:
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return self._date[1]

    def ours(self, served: Served) -> Headers:
        """Headers of every answer of our own."""
        headers: Headers = [(b"Date", self.date())]
        if served.options.server_header and served.frontend.kind == "alb":
            headers.append((b"Server", b"awselb/2.0"))
        return headers

    def own(self, served: Served, status: int) -> tuple[Headers, bytes]:
        return answers.own(status, served.frontend.kind, served.options.server_header, self.date())

    def refusal(self, served: Served | None, status: int) -> tuple[Headers, bytes]:
        if served is None:
            return answers.own(status, "alb", True, self.date())
        tally = self.counts.of(served.frontend.key)
        tally.requests += 1
        tally.elb[status] = tally.elb.get(status, 0) + 1
        return self.own(served, status)

    # what the plane is told

    async def _tell_always(self) -> None:
        while True:
            await self._worker.clock.sleep(SECOND)
            self._tell()
            now = asyncio.get_running_loop().time()
            for state in self._pools.values():
                for target in state.targets.values():
                    target.sweep(now)

    def _tell(self) -> None:
        if counts := self.counts.take():
            now = self._worker.clock.now()
            self._worker.plane.tell(Counted(now - SECOND, now, counts))

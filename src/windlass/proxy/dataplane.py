"""The data plane of one proxy: joins doors, frontends, pools and targets, and tells the plane what happened.

What it knows of the table it builds anew for each change; requests in flight hold on to what they began with.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Iterable
from email.utils import formatdate
from random import Random

from windlass.fleet.proxy_messages import (
    Counted,
    Endpoint,
    Fixed,
    Forward,
    Frontend,
    Health,
    Idle,
    Load,
    Pool,
    Redirect,
)
from windlass.kernel.clock import SECOND
from windlass.kernel.linear_regex import BadRegex
from windlass.proxy import answers
from windlass.proxy.access_log import AccessLog
from windlass.proxy.counts import Counts, Tally, bucket
from windlass.proxy.exchange import Exchange
from windlass.proxy.framing import Headers, Request
from windlass.proxy.functions import Function
from windlass.proxy.headers import Answer, inserted
from windlass.proxy.ingress import Ingress
from windlass.proxy.listener import Listeners
from windlass.proxy.pools import Balanced, Used
from windlass.proxy.queued import Queued
from windlass.proxy.served import Served
from windlass.proxy.stickiness import Seal
from windlass.proxy.table import Changes
from windlass.proxy.upstream import Target
from windlass.proxy.worker import Worker

FINISH_S = 5.0
"""How long requests in flight have when the proxy ends."""

log = logging.getLogger("windlass.proxy")


class DataPlane:
    """A part of a proxy (worker.py)."""

    def __init__(self, worker: Worker, chance: Random, secret: bytes) -> None:
        """`secret`: of cookies, the same in all proxies of a plane (secret.py)."""
        self._worker = worker
        self._chance = chance
        self.counts = Counts()
        self._log = AccessLog()
        self.served: dict[str, Served] = {}
        self._unfit: dict[str, str] = {}
        """Frontends that cannot be served as the table says now, and why."""
        self._pools: dict[str, Used] = {}
        self._seal = Seal(secret)
        self._listeners = Listeners(self, worker.spawn)
        self._ingress = Ingress(self)
        self._date = (0, b"")
        self._open: set[Exchange] = set()
        self._lacking = False
        self._quiet = asyncio.Event()
        self._quiet.set()
        worker.current.on_change(self._changed)
        worker.standing.on_change(self._health)
        worker.plane.on_open(self._tell_idle)

    async def open(self) -> None:
        if not self._worker.index:
            await self._ingress.listen(self._worker.ingress)
        self._worker.spawn.start("counts", self._tell_always())

    async def close(self) -> None:
        self._lacking = False
        self._listeners.close()
        self._ingress.close()
        self._ingress.end_soon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                await self._quiet.wait()
        for used in self._pools.values():
            used.close(True)
        self._tell()

    # the table

    def _changed(self, changes: Changes) -> None:
        current = self._worker.current
        for key in changes.gone_frontends:
            self._forget(key)
        for key in changes.frontends:
            self._serve(current.frontends[key])
        for key in changes.gone_pools:
            self._pools.pop(key).close(False)
        for key in changes.pools:
            pool = current.pools[key]
            known = self._pools.get(key)
            if known is not None and known.pool.kind == pool.kind:
                known.become(pool)
            else:
                if known is not None:
                    known.close(False)
                self._pools[key] = self._used(pool)
        self._hand_over(changes.pools)
        self._ingress.know()
        self._listen()

    def _hand_over(self, pools: Iterable[str]) -> None:
        """Requests that wait in those of them that get no more go to whoever gets them now."""
        for key in sorted(pools):
            former = self._pools[key]
            if isinstance(former, Queued) and (heir := self._pools.get(former.pool.heir)) is not None:
                for exchange in former.leave():
                    exchange.used = heir
                    heir.take(exchange)

    def _listen(self) -> None:
        """At the addresses of the table; what cannot be had is told, and tried again while it is wanted."""
        current = self._worker.current
        refused = self._listeners.make_so(served.frontend for served in self.served.values())
        unfit = [
            (key, f"{bind.host}:{bind.port}", why)
            for key, why in self._unfit.items()
            for bind in current.frontends[key].binds
        ]
        self._worker.plane.refuse((*refused, *unfit))
        self._lacking = bool(refused)

    def _serve(self, frontend: Frontend) -> None:
        """Queues are in one process, so worker 0 alone serves those frontends that have one."""
        if frontend.kind == "apprunner" and self._worker.index:
            return
        try:
            self.served[frontend.key] = Served(frontend, self._seal)
            self._unfit.pop(frontend.key, None)
        except (BadRegex, ssl.SSLError, ValueError) as error:  # its service should have refused it
            log.error("%s is served as it was: %s", frontend.key, error)
            self._unfit[frontend.key] = str(error)

    def _forget(self, key: str) -> None:
        self._unfit.pop(key, None)
        if (served := self.served.pop(key, None)) is not None:
            served.gone = True

    def _used(self, pool: Pool) -> Used:
        worker, key = self._worker, pool.key

        def make(pool: Pool, endpoint: Endpoint) -> Target:
            return Target(pool, endpoint, worker.dial, worker.spawn)

        def health(endpoint: Endpoint) -> Health:
            return worker.standing.of(key, endpoint)

        def idle(endpoint: str) -> None:
            worker.plane.tell(Idle(key, endpoint))

        if pool.kind == "function":
            return Function(pool, worker.plane.ask, worker.spawn)
        if pool.kind == "queued":
            tell = _unheard if worker.index else worker.plane.tell  # only worker 0 has requests of these
            return Queued(pool, make, health, idle, tell)
        return Balanced(pool, make, worker.clock.now, self._chance.random, health, self._seal, idle)

    def _tell_idle(self) -> None:
        """What drained while there was no plane, or was told to the one before."""
        for key, used in sorted(self._pools.items()):
            for endpoint in used.idle():
                self._worker.plane.tell(Idle(key, endpoint))

    def _health(self, pool: str, endpoint: str, health: Health) -> None:
        if (used := self._pools.get(pool)) is not None:
            used.look(endpoint)

    # requests

    def forward(self, exchange: Exchange) -> None:
        """Send it to one of the pools of its rule."""
        self._open.add(exchange)
        self._quiet.clear()
        choice, request = exchange.choice, exchange.request
        assert choice is not None
        group = exchange.served.groups[choice.rule.key]
        key = group.choose(request.cookie, self._worker.clock.now())
        used = self._pools.get(key) if key is not None else None
        if used is None:
            exchange.answer(503)
            return
        exchange.used = used
        if mismatched(request, used.pool):
            exchange.answer(464)
        else:
            used.take(exchange)

    def stick(self, exchange: Exchange, answer: Answer) -> None:
        """Add the cookies by which the client comes back to this target, and to this pool."""
        used, choice = exchange.used, exchange.choice
        if used is None or choice is None:
            return
        action = choice.action
        sticky_group = type(action) is Forward and action.sticky_s
        if used.pool.sticky is None and not sticky_group:
            return
        secure = exchange.via.scheme == "https"
        came = [cookie.decode("latin-1") for cookie in answer.cookies]
        ours = [*used.cookies(exchange, came, secure)]
        if sticky_group:
            group = exchange.served.groups[choice.rule.key]
            ours += group.cookies(used.pool.key, secure, self._worker.clock.now())
        answer.headers.extend((b"Set-Cookie", cookie.encode("latin-1")) for cookie in ours)

    def unreachable(self, exchange: Exchange) -> None:
        self._tally(exchange).connection_errors += 1

    def finished(self, exchange: Exchange) -> None:
        """Count it, and let its target go."""
        self._open.discard(exchange)
        if not self._open:
            self._quiet.set()
        if exchange.served.options.access_log:
            self._log.answered(exchange, self._worker.clock.now())
        tally = self._tally(exchange)
        tally.requests += 1
        tally.bytes += exchange.sent + exchange.received
        if exchange.target_status:
            tally.classes[exchange.target_status // 100] += 1
            number = bucket(exchange.target_s)
            tally.times[number] = tally.times.get(number, 0) + 1
        action = None if exchange.choice is None else type(exchange.choice.action)
        if action is Fixed:
            tally.fixed += 1
        elif exchange.status != exchange.target_status:
            tally.elb[exchange.status] = tally.elb.get(exchange.status, 0) + 1
            if action is Redirect:
                tally.redirects += 1
        if exchange.target is not None:
            exchange.target.end(exchange)
        if exchange.used is not None:
            exchange.used.end(exchange)

    def _tally(self, exchange: Exchange) -> Tally:
        pool = exchange.used.pool.key if exchange.used is not None else ""
        endpoint = exchange.target.endpoint.key if exchange.target is not None else ""
        return self.counts.of(exchange.served.frontend.key, pool, endpoint)

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
        """Headers of an answer that a rule gives."""
        headers: Headers = [(b"Date", self.date())]
        if served.options.server_header and served.frontend.kind == "alb":
            headers.append((b"Server", b"awselb/2.0"))
        return inserted(headers, served.options)

    def own(self, served: Served, status: int) -> tuple[Headers, bytes]:
        options = served.options
        headers, body = answers.own(status, served.frontend.kind, options.server_header, self.date())
        return inserted(headers, options), body

    def refusal(self, served: Served | None, status: int) -> tuple[Headers, bytes]:
        if served is None:
            return answers.own(status, "alb", True, self.date())
        self._log.refused(served, status, self._worker.clock.now())
        tally = self.counts.of(served.frontend.key)
        tally.requests += 1
        tally.elb[status] = tally.elb.get(status, 0) + 1
        return self.own(served, status)

    # what the plane is told

    async def _tell_always(self) -> None:
        while True:
            await self._worker.clock.sleep(SECOND)
            self._tell()
            if self._lacking:
                self._listen()
            now = asyncio.get_running_loop().time()
            for used in self._pools.values():
                used.sweep(now)

    def _tell(self) -> None:
        for lines in self._log.take():
            self._worker.plane.tell(lines)
        if counts := self.counts.take():
            now = self._worker.clock.now()
            self._worker.plane.tell(Counted(now - SECOND, now, counts))


def mismatched(request: Request, pool: Pool) -> bool:
    """Whether the pool takes another version of HTTP than the request has: 464.

    A pool of HTTP/2 or gRPC takes no HTTP/1.1; one of HTTP/1.1 no gRPC; one of gRPC nothing but POST.
    """
    if pool.protocol == "HTTP1":
        return request.version == "2" and any(
            name == b"content-type" and value.startswith(b"application/grpc") for name, value in request.kept
        )
    return request.version != "2" or (pool.protocol == "GRPC" and request.method != "POST")


def _unheard(load: Load) -> None:
    """Of a worker that does not serve the pool: nothing to tell."""

"""A simulated proxy: the real policies (rules, picking, queues, probes) in virtual time, without sockets.

It speaks the link's messages like a proxy process, so the plane cannot tell; a broken session changes
nothing in what it serves. It is worker 0, and the only one. Probes cost no time; answers are whole.
Known gaps: connections, bodies, headers, stickiness and pools of kind "function".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from windlass.fleet.proxy_messages import (
    Counted,
    Endpoint,
    Fixed,
    Forward,
    FromProxy,
    Frontend,
    Health,
    Idle,
    Pool,
    ProxyHello,
    Redirect,
    Table,
    Took,
    ToProxy,
)
from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration, Instant, in_seconds
from windlass.proxy.counts import Counts, bucket
from windlass.proxy.pick import Balance, Draw, Shares
from windlass.proxy.probe import Probes, first_of
from windlass.proxy.queue import RequestQueue, Ticket
from windlass.proxy.rules import Question, Rules
from windlass.proxy.standing import Standing
from windlass.proxy.table import Changes, Current
from windlass.sim.net import Net
from windlass.sim.sites import Served, Sites

LOAD_EVERY: Duration = 10 * MILLISECOND
COUNTS_EVERY: Duration = SECOND
LINE = "proxy"
"""Of proxies' sessions in a network (sim/net.py)."""
BAD_GATEWAY, NOBODY, TOO_LATE = 502, 503, 504


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request. `endpoint`: who answered, "" if the proxy did.

    `waited`: in the proxy's queue and for its target's turn.
    """

    status: int
    endpoint: str = ""
    waited: Duration = 0


def _answer(served: Served, endpoint: str, queued: Duration = 0) -> Answer:
    """Of a request that a target was given."""
    waited = queued + served.waited
    if served.answered:
        return Answer(200, endpoint, waited)
    return Answer(TOO_LATE if served.late else BAD_GATEWAY, "", waited)


def _patience(frontend: Frontend) -> Duration:
    """How long an answer may take: nothing is sent until it is whole, so the connection is idle meanwhile."""
    options = frontend.options
    return min(options.idle_timeout, options.request_timeout or options.idle_timeout)


class ProxySession:
    """The plane's end of a session: implements proxy_session.ProxyTransport."""

    def __init__(self, take: Callable[[ToProxy], None], net: Net | None) -> None:
        self._take = take
        self._said: asyncio.Queue[FromProxy | None] = asyncio.Queue()
        self._closed = False
        self._there: Callable[[ToProxy], None] = self._deliver
        self._back: Callable[[FromProxy | None], None] = self._said.put_nowait
        if net is not None:
            self._there, self._back = net.way(LINE, self._deliver).put, net.way(LINE, self._back).put

    async def send(self, message: ToProxy) -> None:
        if self._closed:
            raise ConnectionResetError("the proxy's session is closed")
        self._there(message)

    def _deliver(self, message: ToProxy) -> None:
        if not self._closed:
            self._take(message)

    async def receive(self) -> FromProxy | None:
        return await self._said.get()

    def tell(self, message: FromProxy) -> None:
        self._back(message)

    def close(self) -> None:
        self._closed = True
        self._said.put_nowait(None)


class SimulatedProxy:
    """One proxy; `session()` opens one, which ends the former."""

    def __init__(self, sites: Sites, clock: Clock, wall: Clock, draw: Draw) -> None:
        self.sites = sites
        self.net: Net | None = None
        """What goes wrong on its way to the plane; None: nothing."""
        self.current = Current()
        self._clock = clock
        """How long things take: the loop's time of a real proxy."""
        self._wall = wall
        """What instants are told by: that of the host, which may be set."""
        self._draw = draw
        self._session: ProxySession | None = None
        self._open = False
        """Whether this session has had its first table."""
        self._standing = Standing(self.current)
        self._hosts: dict[str, Frontend] = {}
        self._rules: dict[str, Rules] = {}
        self._shares: dict[tuple[str, str], Shares] = {}
        self._balances: dict[str, Balance] = {}
        self._queues: dict[str, RequestQueue] = {}
        self._waiting: dict[Ticket, asyncio.Future[None]] = {}
        self._probes: dict[str, Probes] = {}
        self._counts = Counts()
        self._counted_at = wall.now()
        self._counting = Alarm(wall, self._tell_counts)
        self._probing = Alarm(clock, self._probe)
        self._expiring = Alarm(clock, self._expire)
        self._loading = Alarm(clock, self._tell_load)
        self._loaded: dict[str, None] = {}
        """Queued pools whose load changed since it was told."""
        self._load_told_at: Instant = 0
        self.current.on_change(self._become)
        self._standing.on_change(lambda pool, endpoint, health: self._look(pool, endpoint))

    # the link

    def session(self) -> ProxySession:
        """The plane's end of a new session, with Hello in it already."""
        self.disconnect()
        self._session, self._open = ProxySession(self._take, self.net), False
        self._session.tell(ProxyHello(0, 1, self.current.generation, "/ingress"))
        return self._session

    def disconnect(self) -> None:
        """The session breaks; what is served is served on."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _take(self, message: ToProxy) -> None:
        if isinstance(message, Table):
            self.current.take(message)
            self._tell(Took(message.generation))
            if not self._open:
                self._open = True
                self._tell_idle()

    def _tell_idle(self) -> None:
        """What drained while there was no plane, or was told to the one before."""
        for key, balance in sorted(self._balances.items()):
            for endpoint in balance.idle():
                self._tell(Idle(key, endpoint))
        for key, queue in sorted(self._queues.items()):
            for one in queue.pool.endpoints:
                if one.draining and queue.is_idle(one.key):
                    self._tell(Idle(key, one.key))

    def _tell(self, message: FromProxy) -> None:
        if self._session is not None:
            self._session.tell(message)

    # the table

    def _become(self, changes: Changes) -> None:
        now = self._clock.now()
        for key in changes.gone_frontends | changes.frontends:
            self._rules.pop(key, None)
            self._shares = {place: one for place, one in self._shares.items() if place[0] != key}
        for key in changes.gone_pools:
            for known in (self._balances, self._queues, self._probes):
                known.pop(key, None)
        if changes.frontends or changes.gone_frontends:
            frontends = self.current.frontends.values()
            self._hosts = {host: frontend for frontend in frontends for host in frontend.hosts}
        for key in sorted(changes.frontends):
            self._rules[key] = Rules(self.current.frontends[key].rules)
        for key in sorted(changes.pools):
            self._put(self.current.pools[key], now)
        for key in sorted(changes.pools):
            self._hand_over(key)
        self._probing.set(first_of(self._probes.values()))

    def _hand_over(self, key: str) -> None:
        """Requests that wait in a pool that gets no more go to whoever gets them now."""
        queue = self._queues.get(key)
        if queue is not None and queue.pool.heir in self._queues:
            self._feed(queue.leave(), key)

    def _put(self, pool: Pool, now: Instant) -> None:
        if pool.key in self._probes:
            self._probes[pool.key].update(pool, now)
        else:
            self._probes[pool.key] = Probes(pool, self._draw, now)
        if pool.kind == "balanced":
            if pool.key not in self._balances:
                self._balances[pool.key] = Balance(pool, self._draw, now, self._health_in(pool.key))
            idle = self._balances[pool.key].update(pool, now)
        else:
            queue = self._queues.get(pool.key)
            if queue is None:
                queue = self._queues[pool.key] = RequestQueue(pool, now, self._health_in(pool.key))
            left = {one.key for one in queue.pool.endpoints if one.draining and queue.pool is not pool}
            self._feed(queue.update(pool, now), pool.key)
            leaving = [one.key for one in pool.endpoints if one.draining and one.key not in left]
            idle = [key for key in leaving if queue.is_idle(key)]
        for key in idle:
            self._tell(Idle(pool.key, key))

    def _health_in(self, pool: str) -> Callable[[Endpoint], Health]:
        return lambda endpoint: self._standing.of(pool, endpoint)

    def _look(self, pool: str, endpoint: str) -> None:
        """That one was found healthy, or not."""
        now = self._clock.now()
        if pool in self._balances:
            self._balances[pool].look(endpoint, now)
        elif pool in self._queues:
            self._feed(self._queues[pool].update(self._queues[pool].pool, now), pool)

    # probes

    def _probe(self) -> None:
        now = self._clock.now()
        for pool, probes in self._probes.items():
            for key in probes.due(now):
                endpoint = probes.endpoints[key]
                told = probes.take(key, self.sites.probe(endpoint), now, self._wall.now())
                if told is not None:
                    self._standing.take(pool, endpoint, told.state)
                    self._tell(told)
        self._probing.set(first_of(self._probes.values()))

    # requests

    async def request(self, host: str, path: str, work: Duration, said: str = "") -> Answer:
        """A GET for that host, from its arrival to its answer; its target works for so long.

        `said`: what its Host header says, where that is another one.
        """
        frontend = self._hosts.get(host)
        if frontend is None:
            return Answer(421)
        rule = self._rules[frontend.key].choose(Question("GET", said or host, path))
        match rule.action:
            case Fixed(status) | Redirect(status):
                answer = Answer(status)
            case Forward() as forward:
                place = (frontend.key, rule.key)
                if place not in self._shares:
                    self._shares[place] = Shares(forward)
                pool = self._shares[place].choose() or ""
                began = self._clock.now()
                answer = await self._forward(pool, work, _patience(frontend))
                self._count(frontend.key, pool, answer, in_seconds(self._clock.now() - began))
        return answer

    async def _forward(self, pool: str, work: Duration, within: Duration) -> Answer:
        if pool in self._balances:
            return await self._balanced(self._balances[pool], work, within)
        if pool in self._queues:
            return await self._queued(self._queues[pool], work, within)
        return Answer(NOBODY)

    async def _balanced(self, balance: Balance, work: Duration, within: Duration) -> Answer:
        endpoint = balance.choose(self._clock.now())
        if endpoint is None:
            return Answer(NOBODY)
        balance.begin(endpoint.key)
        served = await self.sites.serve(endpoint, work, within)
        if balance.end(endpoint.key):
            self._tell(Idle(balance.pool.key, endpoint.key))
        return _answer(served, endpoint.key)

    async def _queued(self, queue: RequestQueue, work: Duration, within: Duration) -> Answer:
        began = self._clock.now()
        ticket = await self._ticket(queue)
        waited = self._clock.now() - began
        if ticket is None:
            return Answer(queue.refusal, "", waited)
        pool = queue.pool
        if not ticket.endpoint:
            heir = self._queues.get(pool.heir)
            if heir is not None:
                answer = await self._queued(heir, work, max(1, within - waited))
                return replace(answer, waited=answer.waited + waited)
            return Answer(queue.refusal, "", waited)
        endpoint = next((one for one in pool.endpoints if one.key == ticket.endpoint), None)
        served = Served(False)
        if endpoint is not None:
            served = await self.sites.serve(endpoint, work, max(1, within - waited))
        self._feed(queue.finish(ticket), pool.key)
        if queue.is_idle(ticket.endpoint):
            self._tell(Idle(pool.key, ticket.endpoint))
        return _answer(served, ticket.endpoint, waited)

    async def _ticket(self, queue: RequestQueue) -> Ticket | None:
        """A place, once there is one or it is too late for one; None: every queue is full."""
        ticket = queue.arrive(self._clock.now())
        self._changed(queue.pool.key)
        if ticket is not None and not ticket.endpoint:
            self._expiring.set(self._next_expiry())
            fed = self._waiting[ticket] = asyncio.get_running_loop().create_future()
            await fed
        return ticket

    def _feed(self, tickets: list[Ticket], pool: str) -> None:
        for ticket in tickets:
            self._waiting.pop(ticket).set_result(None)
        self._changed(pool)

    def _expire(self) -> None:
        now = self._clock.now()
        for pool, queue in self._queues.items():
            late = queue.expire(now)
            if late:
                self._feed(late, pool)
        self._expiring.set(self._next_expiry())

    def _next_expiry(self) -> Instant | None:
        ends = (queue.next_expiry for queue in self._queues.values())
        return min((at for at in ends if at is not None), default=None)

    # what is told

    def _changed(self, pool: str) -> None:
        self._loaded[pool] = None
        self._loading.set(max(self._clock.now(), self._load_told_at + LOAD_EVERY))

    def _tell_load(self) -> None:
        self._load_told_at = self._clock.now()
        for pool in self._loaded:
            with suppress(KeyError):  # it is gone meanwhile
                self._tell(self._queues[pool].load())
        self._loaded.clear()

    def _count(self, frontend: str, pool: str, answer: Answer, seconds: float) -> None:
        tally = self._counts.of(frontend, pool, answer.endpoint)
        tally.requests += 1
        if answer.endpoint:
            tally.classes[answer.status // 100] += 1
            tally.times[bucket(seconds)] = tally.times.get(bucket(seconds), 0) + 1
        else:
            tally.elb[answer.status] = tally.elb.get(answer.status, 0) + 1
        self._counting.set(max(self._wall.now(), self._counted_at + COUNTS_EVERY))

    def _tell_counts(self) -> None:
        since, self._counted_at = self._counted_at, self._wall.now()
        self._tell(Counted(since, self._counted_at, self._counts.take()))

"""The load of the traffic demo: the same requests, at the same instants, to each deployment.

An open load: a request is made when its time has come, whether or not others are answered. Connections are
kept and used again. Who has no answer after GIVE_UP_S gives up, which counts as status 0.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from windlass.sim.arrivals import Phase, arrivals, percentile

GIVE_UP_S = 15.0
CONNECTIONS_MAX = 1_000
"""At a time, to one deployment; requests beyond wait, and their wait counts."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, in seconds since the load began. `status` 0: no answer. `fresh`: its instance's first."""

    at: float
    took: float
    status: int
    instance: str = ""
    fresh: bool = False


@dataclass(slots=True)
class Target:
    """One deployment, under its Host at the plane's endpoint."""

    name: str
    host: str
    answers: list[Answered] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in self.answers)

    def latency(self, percent: float, since: float = 0.0, until: float = float("inf")) -> float:
        """Of good answers to requests of that time, in seconds; nan without any."""
        return percentile(
            [one.took for one in self.answers if one.status == 200 and since <= one.at < until], percent
        )

    def open_at(self, seconds: Sequence[float]) -> list[int]:
        """Requests that were made and not answered, at each of those instants (sorted)."""
        begun = sorted(one.at for one in self.answers)
        ended = sorted(one.at + one.took for one in self.answers)
        counts, first, last = [], 0, 0
        for at in seconds:
            while first < len(begun) and begun[first] <= at:
                first += 1
            while last < len(ended) and ended[last] <= at:
                last += 1
            counts.append(first - last)
        return counts


class Load:
    """Requests to all targets, from one thread's loop."""

    def __init__(self, address: tuple[str, int], targets: Sequence[Target]) -> None:
        self._address = address
        self._targets = targets
        self._idle: dict[str, deque[Connection]] = {one.name: deque() for one in targets}
        self._room = {one.name: asyncio.Semaphore(CONNECTIONS_MAX) for one in targets}
        self.began = 0.0

    async def offer(self, phases: Sequence[Phase]) -> None:
        """The whole load; returns when the last answer came, or was given up."""
        self.began = time.monotonic()
        under_way: set[asyncio.Task[None]] = set()
        for at in arrivals(phases):
            await asyncio.sleep(max(0.0, self.began + at / 1e9 - time.monotonic()))
            for target in self._targets:
                task = asyncio.create_task(self._ask(target))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        end = self.began + sum(phase.seconds for phase in phases)
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        await asyncio.gather(*under_way)
        for idle in self._idle.values():
            for connection in idle:
                connection.close()

    async def _ask(self, target: Target) -> None:
        began = time.monotonic()
        status, said = 0, dict[str, object]()
        try:
            async with asyncio.timeout(GIVE_UP_S), self._room[target.name]:
                status, body = await self._exchange(target)
            said = json.loads(body) if status == 200 else {}
        except (OSError, TimeoutError, EOFError, ValueError):
            status = 0
        took = time.monotonic() - began
        fresh = said.get("number") == 1
        target.answers.append(
            Answered(began - self.began, took, status, str(said.get("instance", "")), fresh)
        )

    async def _exchange(self, target: Target) -> tuple[int, bytes]:
        idle = self._idle[target.name]
        while idle:
            connection = idle.pop()
            if not connection.reader.at_eof():
                break
            connection.close()
        else:
            connection = Connection(*await asyncio.open_connection(*self._address))
        kept = False
        try:
            status, body, kept = await connection.get(target.host)
        finally:
            if kept:
                idle.append(connection)
            else:
                connection.close()
        return status, body


@dataclass(frozen=True, slots=True)
class Connection:
    """To the endpoint; all of its requests are for one host."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def get(self, host: str) -> tuple[int, bytes, bool]:
        """Status, body, and whether another request may follow."""
        self.writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        length = headers.get("content-length")
        if length is None:
            return int(head[0].split()[1]), await self.reader.read(), False
        body = await self.reader.readexactly(int(length))
        return int(head[0].split()[1]), body, headers.get("connection", "").lower() != "close"

    def close(self) -> None:
        self.writer.close()

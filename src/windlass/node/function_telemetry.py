"""Telemetry of one environment on its way to the extensions that subscribed: buffers, and delivery to them.

Each subscriber has a buffer with limits of its own and is sent it as a whole, by HTTP or over TCP on loopback
inside the environment's own network. What cannot be delivered is tried again; meanwhile the buffer fills,
and what has no room is counted and told by platform.logsDropped. Which records go out is for
function_subscriptions.py to say.
"""

from __future__ import annotations

import asyncio
import socket

import msgspec

from windlass.kernel.clock import Instant
from windlass.node.function_log import FunctionLog
from windlass.node.function_records import at, logs_dropped
from windlass.node.function_subscriptions import Subscription, shown
from windlass.node.network.namespaces import inside_path
from windlass.node.runner import Seat

ROOM = 2
"""A buffer holds so many times its limit while a delivery is under way or fails (developer guide)."""
ANSWER_WITHIN_S = 5.0
RETRY_S, RETRY_MOST_S = 0.1, 5.0
"""The first wait after a delivery that failed, doubled each time, and the longest."""
_ANSWER_BYTES = 64


class Telemetry:
    """All subscribers of one environment, and what was said before there was one."""

    def __init__(self, seat: Seat, log: FunctionLog) -> None:
        self._seat = seat
        self._log = log
        self._subscribers: dict[str, Subscriber] = {}
        self._early: list[tuple[Instant, str, object]] | None = None
        self.netns = ""
        """The network namespace that the environment is in; empty: this process's."""

    def open(self) -> None:
        """An initialisation begins: who subscribes during it is sent what was said from its start."""
        self._early = []
        self._log.subscribers[:] = [self._hear]

    def close(self) -> None:
        """The initialisation is over: nobody subscribes any more."""
        self._early = None
        if not self._subscribers:
            self._log.subscribers.clear()

    @property
    def is_open(self) -> bool:
        return self._early is not None

    def subscription(self, name: str) -> Subscription | None:
        subscriber = self._subscribers.get(name)
        return None if subscriber is None else subscriber.subscription

    def subscribe(self, name: str, subscription: Subscription) -> None:
        """A second subscription of an extension changes its first; nothing is sent twice."""
        if name in self._subscribers:
            self._subscribers[name].subscription = subscription
            return
        subscriber = Subscriber(self._seat, f"telemetry for {name}", subscription, self.netns)
        self._subscribers[name] = subscriber
        for said in self._early or ():
            subscriber.hear(*said)

    def flush(self) -> None:
        """Send what there is now, before its time."""
        for subscriber in self._subscribers.values():
            subscriber.flush()

    def is_quiet(self) -> bool:
        """Send what there is; whether that is done, or cannot be: the environment may be frozen then."""
        self.flush()
        return not any(subscriber.is_busy for subscriber in self._subscribers.values())

    def drop(self) -> None:
        """The processes have ended: nobody is there to be told."""
        for subscriber in self._subscribers.values():
            subscriber.drop()
        self._subscribers.clear()
        self._log.subscribers.clear()

    def _hear(self, when: Instant, kind: str, record: object) -> None:
        if self._early is not None:
            self._early.append((when, kind, record))
        for subscriber in self._subscribers.values():
            subscriber.hear(when, kind, record)


class Subscriber:
    """One of them: what it is to be sent, and the sending."""

    def __init__(self, seat: Seat, name: str, subscription: Subscription, netns: str) -> None:
        self.subscription = subscription
        self._seat = seat
        self._name = name
        self._netns = netns
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._size = 0
        self._lost_records = 0
        self._lost_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._failing = False

    @property
    def is_busy(self) -> bool:
        """Something is on its way, and nothing was refused yet."""
        return self._sending is not None and not self._failing

    def hear(self, when: Instant, kind: str, record: object) -> None:
        for shown_kind, shown_record in shown(self.subscription, kind, record):
            self._add(msgspec.json.encode({"time": at(when), "type": shown_kind, "record": shown_record}))

    def flush(self) -> None:
        """Send what there is, unless something is on its way already: then right after that."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is None and (self._waiting or self._lost_records):
            self._sending = self._seat.spawn.start(self._name, self._send())

    def drop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()
        self._waiting.clear()

    def _add(self, event: bytes) -> None:
        limits = self.subscription
        if len(self._waiting) >= ROOM * limits.max_items or self._size >= ROOM * limits.max_bytes:
            self._lost_records += 1
            self._lost_bytes += len(event)
            return
        self._waiting.append(event)
        self._size += len(event)
        if len(self._waiting) >= limits.max_items or self._size >= limits.max_bytes:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(limits.timeout_ms / 1000, self._due)

    def _due(self) -> None:
        self._timer = None
        self.flush()

    async def _send(self) -> None:
        try:
            while self._waiting or self._lost_records:
                batch, self._waiting, self._size = self._waiting, [], 0
                if self._lost_records:
                    batch.append(self._dropped())
                await self._deliver(batch)
        finally:
            self._sending = None

    def _dropped(self) -> bytes:
        event = logs_dropped(self._lost_records, self._lost_bytes)
        self._lost_records = self._lost_bytes = 0
        now = at(self._seat.clock.now())
        return msgspec.json.encode({"time": now, "type": event.type, "record": event.record})

    async def _deliver(self, batch: list[bytes]) -> None:
        """Send until it is taken."""
        wait = RETRY_S
        while True:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await (self._post(batch) if self.subscription.path else self._write(batch))
                self._failing = False
                return
            except (OSError, ValueError, TimeoutError):
                self._failing = True
                await asyncio.sleep(wait)
                wait = min(2 * wait, RETRY_MOST_S)

    async def _post(self, batch: list[bytes]) -> None:
        """Raises OSError or ValueError unless the answer is 2xx."""
        to, body = self.subscription, b"[" + b",".join(batch) + b"]"
        head = (
            f"{to.method} {to.path} HTTP/1.1\r\nHost: sandbox.localdomain:{to.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await self._dial()
        try:
            writer.write(head.encode() + body)
            await writer.drain()
            status = (await reader.readline())[:_ANSWER_BYTES].split()
            if len(status) < 2 or not status[1].startswith(b"2"):
                raise ValueError("not taken")
            await reader.read(_ANSWER_BYTES)  # the far end has said the rest, or gone
        finally:
            writer.close()

    async def _write(self, batch: list[bytes]) -> None:
        """A line for each event. Raises OSError."""
        _, writer = await self._dial()
        try:
            writer.write(b"\n".join(batch) + b"\n")
            await writer.drain()
        finally:
            writer.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with inside_path(self._netns):
            line = socket.socket()
        try:
            line.setblocking(False)
            await self._loop.sock_connect(line, ("127.0.0.1", self.subscription.port))
            return await asyncio.open_connection(sock=line)
        except BaseException:
            line.close()
            raise

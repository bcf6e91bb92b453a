"""One session with one node: what was told, what was said, what is awaited.

Out: the whole desired set first, then one difference at a time, the next when the last was accepted, so
that a burst of changes becomes few messages. In: reports and log lines, in order, made durable in groups and
then acknowledged; when the log refuses, they stay unacknowledged here and are taken in again. Nothing is
sent before what it rests on is durable. Knows transports as `Transport` only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

from windlass.fleet import intake
from windlass.fleet.chunks import Chunks
from windlass.fleet.desired import Difference, difference, whole
from windlass.fleet.exec_messages import ExecEnded, ExecOutput, ExecTaken, ExecToPlane
from windlass.fleet.frames import Transport
from windlass.fleet.function_messages import InvokeChunk, InvokeRoom, Prepare, Prepared
from windlass.fleet.lease import Lease
from windlass.fleet.messages import (
    Accepted,
    Ack,
    Beat,
    Credentials,
    CredentialsWanted,
    Desired,
    FromNode,
    FromPlane,
    Hello,
    Invoke,
    InvokeResult,
    LogLines,
    LogTarget,
    Observed,
    SecretGiven,
    SecretKept,
    SecurityGroups,
    Welcome,
)
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.fleet.networks import PoolCounts
from windlass.fleet.task_messages import Protection, ProtectionWanted, Usage, Used
from windlass.kernel.clock import HOUR, MILLISECOND, SECOND, Clock, Duration
from windlass.kernel.faults import Bug, Fault, Retry
from windlass.kernel.journal import Journal
from windlass.kernel.store import Store

A = TypeVar("A", InvokeResult, Prepared)
INVOKES_PENDING_MAX = 10_000
"""Invokes in flight on one session; one more is refused with Retry."""
INBOX_MESSAGES_MAX = 10_000
"""Unacknowledged messages held; beyond, the node is not listened to until some are durable."""
BACK_OFF: Duration = SECOND
"""How long to wait before the log is asked again."""
GROUPS_PAUSE: Duration = 250 * MILLISECOND
"""Between two messages with security groups: a thousand tasks that start are not a thousand messages."""
RENEW_AFTER: Duration = HOUR
"""A node's secret is renewed when its session opens, and so often while it is open."""

LogSink: TypeAlias = Callable[[LogTarget, tuple[tuple[int, str], ...]], Awaitable[None]]
"""Takes output lines. What it wrote to the store is durable before the node hears so: it need not wait."""

Report: TypeAlias = Observed | LogLines | Accepted | CredentialsWanted | ProtectionWanted | SecretKept
"""What is made durable before anything comes of it."""

ExecTold: TypeAlias = Callable[[ExecToPlane], None]
"""Hears of commands that run in containers (ECS Exec): nothing of it is a row."""

CredentialSource: TypeAlias = Callable[[str, str], Credentials]
"""(node id, unit id) → credentials of that task's role, sent once what was written for them is durable."""

ProtectionSource: TypeAlias = Callable[[str, ProtectionWanted], Protection]
"""(node id, question) → answer, sent once what was written for it is durable."""

GroupSource: TypeAlias = Callable[[str], SecurityGroups]
"""node id → the security groups that matter to what runs there."""


@dataclass(frozen=True, slots=True)
class Serves:
    """Whom a session asks for what it has not itself; they may be registered while it is open."""

    log_sink: Callable[[], LogSink]
    credentials: Callable[[], CredentialSource]
    protection: Callable[[], ProtectionSource]
    exec_told: Callable[[], ExecTold]
    make_secret: Callable[[], str]
    groups: Callable[[], GroupSource]


class Session:
    """An open session: the node has said Hello and its row knows it."""

    def __init__(
        self,
        node_id: str,
        run: str,
        transport: Transport[FromNode],
        store: Store,
        clock: Clock,
        journal: Journal,
        serves: Serves,
    ) -> None:
        self.node_id = node_id
        self.run = run
        """Which process of the node's it is with."""
        self.held: dict[str, bool] = {}
        """What the node was told: unit id → whether to run it."""
        self.pool = PoolCounts(0)
        """What the node said last of its sandboxes."""
        self.usage: dict[str, Used] = {}
        """What the node said last of its tasks, by unit id."""
        self._transport = transport
        self._store = store
        self._clock = clock
        self._journal = journal
        self._serves = serves
        self._generation = -1
        self._awaited: int | None = None
        """The generation that was sent and is not accepted yet."""
        self._dirty: dict[str, None] = {}
        self._offered = asyncio.Event()
        self._groups = SecurityGroups(())
        """Those that were sent last."""
        self._groups_offered = asyncio.Event()
        self._groups_offered.set()
        self._groups_urgent = asyncio.Event()
        self._inbox: deque[Report] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._closed = False
        self._greeted = asyncio.Event()
        self._invokes: dict[str, asyncio.Future[InvokeResult]] = {}
        self._preparing: dict[str, asyncio.Future[Prepared]] = {}
        self._chunks: dict[str, Chunks] = {}
        """Of those invokes whose response may come in pieces."""

    # out

    async def greet(self, welcome: Welcome) -> None:
        """Say that first. It waits for the log; whoever asks the node something meanwhile waits for it."""
        await self.send(welcome)
        self._greeted.set()

    def offer(self, unit_ids: Iterable[str]) -> None:
        """What the node should hold of these units may have changed."""
        self._dirty |= dict.fromkeys(unit_ids)
        self._offered.set()

    async def offer_always(self) -> None:
        """For ever: tell the node what it should hold, as that changes."""
        await self._patiently(self._offer_whole)
        while True:
            await self._offered.wait()
            self._offered.clear()
            if self._awaited is None and self._dirty:
                await self._patiently(self._offer_difference)

    async def _offer_whole(self) -> None:
        units = self._store[UNITS].by("node", self.node_id)
        self._dirty.clear()
        wants = whole(units)
        generation = self._store[NODES].require(self.node_id).generation
        message = Desired(generation, since=-1, changed=wants)
        await self._store.durable()
        self._note_sent(generation, Difference(wants, ()))
        await self._transport.send(message)

    async def _offer_difference(self) -> None:
        dirty, self._dirty = self._dirty, {}
        try:
            news = difference(self.held, {unit_id: self._own(unit_id) for unit_id in dirty})
            if not news:
                return
            generation = self._generation_above_sent()
            message = Desired(generation, self._generation, news.changed, news.gone)
            await self._store.durable()
        except Retry:
            self.offer(dirty)
            raise
        self._note_sent(generation, news)
        await self._transport.send(message)

    def _generation_above_sent(self) -> int:
        """An assignment brought its own generation; for every other change one is begun here."""
        generation = self._store[NODES].require(self.node_id).generation
        if generation > self._generation:
            return generation
        return intake.begin_generation(self._store, self.node_id)

    def _own(self, unit_id: str) -> Unit | None:
        unit = self._store[UNITS].get(unit_id)
        return unit if unit is not None and unit.node_id == self.node_id else None

    def _note_sent(self, generation: int, news: Difference) -> None:
        self._generation = self._awaited = generation
        self.held |= {want.spec.unit_id: want.run for want in news.changed}
        for unit_id in news.gone:
            del self.held[unit_id]

    def offer_groups(self, *, at_once: bool) -> None:
        """Security groups of the node, or their members, may have changed."""
        self._groups_offered.set()
        if at_once:
            self._groups_urgent.set()

    async def groups_always(self) -> None:
        """For ever: tell the node its security groups when they are others than it was told last."""
        while True:
            await self._groups_offered.wait()
            self._groups_offered.clear()
            self._groups_urgent.clear()
            await self._patiently(self._tell_groups)
            with suppress(TimeoutError):
                async with asyncio.timeout(GROUPS_PAUSE / SECOND):
                    await self._groups_urgent.wait()

    async def _tell_groups(self) -> None:
        groups = self._serves.groups()(self.node_id)
        if groups != self._groups:
            await self.send(groups)
            self._groups = groups

    async def renew_always(self) -> None:
        """For ever: give the node a new secret, now and then again. One at a time: see tokens.py."""
        await self._patiently(self._give_secret)
        while True:
            await self._clock.sleep(RENEW_AFTER)
            if not self._store[NODES].require(self.node_id).next_token:
                await self._patiently(self._give_secret)

    async def _give_secret(self) -> None:
        secret = self._serves.make_secret()
        intake.give_secret(self._store, self.node_id, secret)
        await self.send(SecretGiven(secret))

    async def invoke(self, invoke: Invoke, chunks: Chunks | None = None) -> InvokeResult:
        """Send one event and wait for its result; pieces of a streamed response go into `chunks` meanwhile.

        Raises Retry when the session ends before.
        """
        if len(self._invokes) >= INVOKES_PENDING_MAX:
            raise Retry(f"node {self.node_id} has {INVOKES_PENDING_MAX} invokes in flight")
        if invoke.request_id in self._invokes:
            raise Bug("two invokes in flight have one request id", invoke.request_id)
        if chunks is None:
            return await self._ask(self._invokes, invoke)
        self._chunks[invoke.request_id] = chunks
        try:
            return await self._ask(self._invokes, invoke, partial(self._carry, invoke.request_id, chunks))
        finally:
            del self._chunks[invoke.request_id]

    async def _carry(self, request_id: str, chunks: Chunks, result: asyncio.Future[InvokeResult]) -> None:
        """Tell the node of the room that its pieces leave when they are taken, until there is a result."""
        result.add_done_callback(lambda _: chunks.room.set())
        while True:
            await chunks.room.wait()
            chunks.room.clear()
            if result.done():
                return
            if (size := chunks.collect()) is not None:
                await self.send_now(InvokeRoom(request_id, size))

    async def prepare(self, question: Prepare) -> Prepared:
        """Have the node get ready, however long it takes. Raises Retry when the session ends before."""
        return await self._ask(self._preparing, question)

    async def _ask(
        self,
        waiting: dict[str, asyncio.Future[A]],
        question: Invoke | Prepare,
        meanwhile: Callable[[asyncio.Future[A]], Awaitable[None]] | None = None,
    ) -> A:
        """Questions rest on no row: nothing is lost if what they are about was never kept."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        waiting[question.request_id] = answer
        try:
            await self.send_now(question)
            if meanwhile is not None:
                await meanwhile(answer)
            return await answer
        except ConnectionError as error:
            raise Retry(f"the session with node {self.node_id} broke") from error
        finally:
            del waiting[question.request_id]
            if answer.done() and not answer.cancelled():
                answer.exception()  # the session may have ended while it was being sent: then nobody asks why

    async def send(self, message: FromPlane) -> None:
        """Send once all that was written so far is durable."""
        await self._store.durable()
        await self._transport.send(message)

    async def send_now(self, message: FromPlane) -> None:
        """Send what rests on no row, once the node is greeted."""
        await self._greeted.wait()
        await self._transport.send(message)

    def close(self, why: str) -> None:
        """End the session: whoever waits for an invoke gets Retry."""
        self._closed = True
        self._taken.set()
        self._greeted.set()
        self._transport.close()
        waiting: list[asyncio.Future[Any]] = [*self._invokes.values(), *self._preparing.values()]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(Retry(f"node {self.node_id}: {why}"))

    # in

    async def listen(self, lease: Duration) -> str:
        """Until the node ends or is silent for longer than its lease; returns why it was."""
        try:
            async with Lease(lease) as silence:
                while (message := await self._transport.receive()) is not None:
                    if (wrong := self._hear(message)) is not None:
                        return wrong
                    while len(self._inbox) >= INBOX_MESSAGES_MAX and not self._closed:
                        silence.deaf = True
                        self._taken.clear()
                        await self._taken.wait()
                    silence.deaf = False
                    silence.heard()
        except TimeoutError:
            return f"nothing heard for {lease / SECOND:g} s"
        return "the agent ended the session"

    def _hear(self, message: FromNode) -> str | None:
        """Take one message; returns why the session ends with it, if it does."""
        match message:
            case Beat():
                pass
            case PoolCounts() as pool:
                self.pool = pool
            case Usage(units):
                self.usage = {used.unit_id: used for used in units}
            case InvokeResult() as result:
                _resolve(self._invokes, result)
            case InvokeChunk() as chunk if chunk.request_id in self._chunks:
                self._chunks[chunk.request_id].put(chunk)
            case InvokeChunk():
                pass  # of an invoke that nobody waits for any more
            case Prepared() as prepared:
                _resolve(self._preparing, prepared)
            case Accepted() as accepted:
                self._note_accepted(accepted.generation)
                self._put_in(accepted)
            case Observed() | LogLines() | CredentialsWanted() | ProtectionWanted() | SecretKept() as message:
                self._put_in(message)
            case ExecOutput() | ExecTaken() | ExecEnded() as told:
                self._serves.exec_told()(told)
            case Hello():
                return "the agent said Hello twice"
        return None

    def _note_accepted(self, generation: int) -> None:
        if self._awaited is not None and generation >= self._awaited:
            self._awaited = None
            self._offered.set()

    def _put_in(self, message: Report) -> None:
        self._inbox.append(message)
        self._arrived.set()

    async def take_in_always(self) -> None:
        """For ever: make what arrived durable, then acknowledge it."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._inbox:
                await self._patiently(self._take_in)

    async def _take_in(self) -> None:
        """All that is in the inbox. It leaves it only when durable, so a Retry repeats it."""
        batch = tuple(self._inbox)
        last = 0
        answers: list[Credentials | Protection] = []
        for message in batch:
            match message:
                case Observed(number=last):
                    intake.take_observed(self._store, self.node_id, message)
                case LogLines(number=last):
                    await self._take_lines(message)
                case Accepted(generation):
                    intake.take_accepted(self._store, self.node_id, generation)
                case SecretKept(digest):
                    intake.take_secret_kept(self._store, self.node_id, digest)
                case CredentialsWanted(unit_id):
                    answers.append(self._serves.credentials()(self.node_id, unit_id))
                case ProtectionWanted():
                    answers.append(self._serves.protection()(self.node_id, message))
        await self._store.durable()
        for _ in batch:
            self._inbox.popleft()
        self._taken.set()
        if last:
            await self._transport.send(Ack(last))
        for answer in answers:
            await self._transport.send(answer)

    async def _take_lines(self, message: LogLines) -> None:
        node = self._store[NODES].require(self.node_id)
        if message.number <= node.observed_number:
            return
        try:
            await self._serves.log_sink()(message.target, message.lines)
        except Fault as fault:  # the log group is gone, say: the lines have nowhere to go
            subject = f"{message.target.group}:{message.target.stream}"
            self._journal.note("fleet", subject, "lines dropped", f"{len(message.lines)}: {fault.message}")
        intake.take_number(self._store, self.node_id, message.number)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it, again and again while the log takes no writes."""
        while True:
            try:
                await work()
                return
            except Retry as error:
                self._journal.note("fleet", self.node_id, "retry", error.why)
                await self._clock.sleep_until(error.at or self._clock.now() + BACK_OFF)


def _resolve(waiting: Mapping[str, asyncio.Future[A]], answer: A) -> None:
    """Whoever asked has the answer now, if anybody still waits."""
    waiter = waiting.get(answer.request_id)
    if waiter is not None and not waiter.done():
        waiter.set_result(answer)

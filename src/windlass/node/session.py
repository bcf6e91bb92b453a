"""The node's side of its session with the plane: opens it, keeps it, opens it again.

Everything that runs here goes on without it. Knows transports and the order of messages; what they mean is
the agent's business. A plane with a lower epoch than one seen before is an old one that came back, and is
not listened to.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from windlass.fleet.exec_messages import ExecEnd, ExecInput, ExecOutput, ExecRoom, ExecSize, ExecStart
from windlass.fleet.frames import BadFrame, Transport
from windlass.fleet.function_messages import InvokeChunk, InvokeRoom, Prepare, Prepared
from windlass.fleet.messages import (
    Accepted,
    Ack,
    Beat,
    Credentials,
    Desired,
    FromNode,
    FromPlane,
    Invoke,
    Refused,
    SecretGiven,
    SecretKept,
    SecurityGroups,
    Shutdown,
    Welcome,
)
from windlass.fleet.task_messages import Protection
from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration, seconds
from windlass.kernel.spawn import Spawn
from windlass.node.agent import Agent
from windlass.node.usage import UsageMeter

BACK_OFF_FIRST: Duration = 20 * MILLISECOND
BACK_OFF_MAX: Duration = SECOND
"""Between attempts to reach the plane: on one machine an attempt costs nothing."""
REFUSED_WAIT: Duration = 5 * SECOND
"""A plane that refused this node will most likely do so again."""
BEATS_PER_LEASE = 3

Connect: TypeAlias = Callable[[], Awaitable[Transport[FromPlane]]]
"""Opens a way to the plane; raises OSError when there is none now."""

log = logging.getLogger("windlass.agent")


class SessionRefused(Exception):
    """The plane does not want this node, or this node does not want that plane."""


class Sessions:
    """One session after the other. `on_shutdown` is called when the plane asks the node to end.

    `endpoint`: what tasks here are to reach the plane by; "": by the URL that it says itself.
    """

    def __init__(
        self,
        agent: Agent,
        connect: Connect,
        clock: Clock,
        spawn: Spawn,
        on_shutdown: Callable[[], None],
        endpoint: str = "",
    ) -> None:
        self._agent = agent
        self._connect = connect
        self._clock = clock
        self._spawn = spawn
        self._on_shutdown = on_shutdown
        self._endpoint = endpoint
        self._epoch = 0
        self._open: deque[FromNode] | None = None
        """What is to go out on the open session before all else."""
        self.connected = False
        agent.questions.ask_with(self._ask)
        agent.execs.send_with(self._ask)
        agent.streams.send_with(self._ask)

    async def run(self) -> None:
        """For ever."""
        delay, said = BACK_OFF_FIRST, ""
        while True:
            try:
                await self._session(await self._connect())
                why = "the plane ended the session"
            except SessionRefused as refused:
                why, delay = str(refused), REFUSED_WAIT
            except (OSError, BadFrame) as error:
                why = str(error)
            if self.connected:
                self.connected, delay, said = False, BACK_OFF_FIRST, ""
                log.info("session ended: %s", why)
            elif why != said:  # once: the attempts go on for as long as the plane is away
                log.warning("no session: %s", why)
                said = why
            await self._clock.sleep(delay)
            delay = min(BACK_OFF_MAX, delay + delay // 4)  # a plane that is starting up waits for us

    async def _session(self, transport: Transport[FromPlane]) -> None:
        """One session, from Hello to its end."""
        try:
            await transport.send(self._agent.hello())
            welcome = self._greeted(await transport.receive())
            self._agent.reach_plane(self._endpoint or welcome.endpoint)
            self._agent.outbox.begin(welcome.observed)
            self.connected = True
            self._agent.keep_spares(welcome.pool_size, self._ask)
            log.info("session with plane epoch %d at %s", welcome.epoch, self._agent.endpoint)
            prompt = self._open = deque[FromNode]()
            parts = [
                self._spawn.start("session sender", self._send_always(transport, prompt, welcome.lease_s)),
                self._spawn.start("session usage", self._tell_usage_always(welcome.usage_s)),
            ]
            try:
                while (message := await transport.receive()) is not None:
                    if not self._take(message, prompt):
                        return
            finally:
                for part in parts:
                    part.cancel()
        finally:
            self._open = None
            self._agent.execs.hang_up()
            self._agent.streams.hang_up()
            transport.close()

    def _ask(self, message: FromNode) -> bool:
        """Send this to the plane now; False when there is no session to send it on."""
        if self._open is None:
            return False
        self._prompt(self._open, message)
        return True

    async def _tell_usage_always(self, period_s: float) -> None:
        """What tasks use, measured from one time to the next."""
        meter = UsageMeter(self._clock, self._agent.processes)
        while True:
            usage = meter.read()
            if usage is not None:
                self._ask(usage)
            await self._clock.sleep_until(self._clock.now() + seconds(period_s))

    def _greeted(self, answer: FromPlane | None) -> Welcome:
        """The plane's answer to Hello."""
        match answer:
            case None:
                raise ConnectionResetError("the plane ended the session before it began")
            case Welcome() as welcome if welcome.epoch >= self._epoch:
                self._epoch = welcome.epoch
                return welcome
            case Welcome(epoch):
                raise SessionRefused(f"a plane of epoch {epoch} is older than one of epoch {self._epoch}")
            case Refused(why):
                raise SessionRefused(f"the plane refused this node: {why}")
            case other:
                raise BadFrame(f"{type(other).__name__} instead of Welcome")

    def _take(self, message: FromPlane, prompt: deque[FromNode]) -> bool:
        """One message. False: the session has to begin anew."""
        match message:
            case Desired() as desired:
                if not self._agent.accept(desired):
                    log.info("a difference to generation %d, which is not held here", desired.since)
                    return False
                self._prompt(prompt, Accepted(self._agent.generation))
            case Ack(number):
                self._agent.outbox.acknowledge(number)
            case Invoke() as invoke:
                self._spawn.start(f"invoke {invoke.request_id}", self._invoke(invoke, prompt))
            case Prepare() as question:
                self._spawn.start(f"prepare {question.request_id}", self._prepare(question, prompt))
            case InvokeRoom() as room:
                self._agent.streams.take(room)
            case Credentials() as credentials:
                self._agent.questions.credentials.take(credentials)
            case Protection() as protection:
                self._agent.questions.protection.take(protection)
            case SecretGiven(secret):
                if self._agent.take_secret(secret):
                    self._prompt(prompt, SecretKept(hashlib.sha256(secret.encode()).hexdigest()))
            case SecurityGroups(groups, interfaces):
                self._agent.take_groups(groups)
                if self._agent.functions is not None:
                    self._agent.functions.keep_networks(interfaces)
            case ExecStart() | ExecInput() | ExecSize() | ExecRoom() | ExecEnd() as told:
                self._agent.execs.take(told)
            case Shutdown():
                self._on_shutdown()
            case Refused(why):
                raise SessionRefused(f"the plane refused this node: {why}")
            case Welcome():
                raise BadFrame("Welcome twice")
        return True

    async def _invoke(self, invoke: Invoke, prompt: deque[FromNode]) -> None:
        """The result goes out on the session that the event came in on, or nowhere: who asked is gone."""
        self._prompt(prompt, await self._agent.invoke(invoke))

    async def _prepare(self, question: Prepare, prompt: deque[FromNode]) -> None:
        host, request_id = self._agent.functions, question.request_id
        nowhere = Prepared(request_id, error="this node runs no functions")
        self._prompt(prompt, await host.prepare(question) if host is not None else nowhere)

    def _prompt(self, prompt: deque[FromNode], message: FromNode) -> None:
        """Send this before what waits in the outbox."""
        prompt.append(message)
        self._agent.outbox.woken.set()

    async def _send_always(
        self, transport: Transport[FromPlane], prompt: deque[FromNode], lease_s: float
    ) -> None:
        """Until the connection breaks. Says at least something often enough to keep the lease."""
        outbox = self._agent.outbox
        message: FromNode | None = None
        try:
            while True:
                flooded = isinstance(message, ExecOutput | InvokeChunk)  # which must not hold back reports
                message = (flooded and outbox.take()) or (prompt.popleft() if prompt else outbox.take())
                if message is None:
                    outbox.woken.clear()
                    message = await self._woken_or_beat(lease_s / BEATS_PER_LEASE)
                if message is not None:
                    await transport.send(message)
        except ConnectionError:
            transport.close()

    async def _woken_or_beat(self, within_s: float) -> Beat | None:
        try:
            async with asyncio.timeout(within_s):
                await self._agent.outbox.woken.wait()
        except TimeoutError:
            return Beat()
        return None

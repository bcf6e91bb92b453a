"""The proxy's side of its session with the plane: opens it, keeps it, opens it again.

Clients are served without it, from the last table. What was to be told meanwhile waits, up to a bound; only
functions cannot be called, since it is the plane that invokes them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec.structs import replace

from windlass.fleet.frames import BadFrame, StreamTransport
from windlass.fleet.proxy_messages import (
    End,
    FromProxy,
    FunctionAnswer,
    FunctionCall,
    ProxyHello,
    Table,
    Took,
    ToProxy,
)
from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration
from windlass.kernel.spawn import Spawn
from windlass.proxy.table import Current

BACK_OFF_FIRST: Duration = 20 * MILLISECOND
BACK_OFF_MAX: Duration = SECOND
"""Between attempts to reach the plane: on one machine an attempt costs nothing."""
WAITING_MAX = 10_000
"""Messages kept while there is no session; the oldest are dropped: an hour of counts of three frontends."""
NO_PLANE = "the plane cannot be reached"

Connection: TypeAlias = StreamTransport[ToProxy]
Refused: TypeAlias = tuple[tuple[str, str, str], ...]

log = logging.getLogger("windlass.proxy")


class Sessions:
    """One session after the other. `on_end` is called when the plane asks the proxy to end."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        hello: Callable[[], ProxyHello],
        current: Current,
        clock: Clock,
        spawn: Spawn,
        on_end: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._hello = hello
        self._current = current
        self._clock = clock
        self._spawn = spawn
        self._on_end = on_end
        self._waiting: deque[FromProxy] = deque(maxlen=WAITING_MAX)
        self._woken = asyncio.Event()
        self._asked: dict[int, asyncio.Future[FunctionAnswer]] = {}
        self._calls = 0
        self._refused: Refused = ()
        self._on_open: list[Callable[[], None]] = []
        self._open = False
        """Whether this session has had its first table."""
        self.connected = False

    def on_open(self, tell: Callable[[], None]) -> None:
        """`tell` is called with the first table of each session: this plane may be another one."""
        self._on_open.append(tell)

    def tell(self, message: FromProxy) -> None:
        """Send it, now or with the next session."""
        self._waiting.append(message)
        self._woken.set()

    def refuse(self, refused: Refused) -> None:
        """These binds, (frontend's key, "host:port", why), cannot be had now: all that there are."""
        if refused != self._refused:
            self._refused = refused
            self.tell(Took(self._current.generation, refused))

    async def ask(self, call: FunctionCall) -> FunctionAnswer:
        """What the function makes of that request (its `id` is given here); never raises for a failure."""
        if not self.connected:
            return FunctionAnswer(0, error=NO_PLANE)
        self._calls += 1
        number = self._calls
        answer: asyncio.Future[FunctionAnswer] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self.tell(replace(call, id=number))
            return await answer
        finally:
            del self._asked[number]

    async def run(self) -> None:
        """For ever."""
        delay, said = BACK_OFF_FIRST, ""
        while True:
            try:
                await self._session(await self._connect())
                why = "the plane ended the session"
            except (OSError, BadFrame) as error:
                why = str(error)
            if self.connected:
                self.connected, delay, said = False, BACK_OFF_FIRST, ""
                log.info("session ended: %s", why)
                self._give_up()
            elif why != said:  # once: the attempts go on for as long as the plane is away
                log.warning("no session: %s", why)
                said = why
            await self._clock.sleep(delay)
            delay = min(BACK_OFF_MAX, delay + delay // 4)

    def _give_up(self) -> None:
        """Nobody will answer what was asked; and what was not asked yet is not asked any more."""
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_result(FunctionAnswer(0, error=NO_PLANE))
        kept = [message for message in self._waiting if not isinstance(message, FunctionCall)]
        self._waiting.clear()
        self._waiting.extend(kept)

    async def _session(self, transport: Connection) -> None:
        self._open = False
        try:
            await transport.send(self._hello())
            self.connected = True
            sender = self._spawn.start("session sender", self._send_always(transport))
            try:
                while (message := await transport.receive()) is not None:
                    self._take(message)
            finally:
                sender.cancel()
        finally:
            transport.close()

    def _take(self, message: ToProxy) -> None:
        match message:
            case Table() as table:
                self._current.take(table)
                self.tell(Took(self._current.generation, self._refused))
                if not self._open:
                    self._open = True
                    for tell in self._on_open:
                        tell()
            case FunctionAnswer() as answer:
                waiting = self._asked.get(answer.id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
            case End():
                self._on_end()

    async def _send_always(self, transport: Connection) -> None:
        """Until the connection breaks, which the receiver notices too."""
        try:
            while True:
                while self._waiting:
                    await transport.send(self._waiting[0])
                    self._waiting.popleft()
                self._woken.clear()
                await self._woken.wait()
        except ConnectionError:
            transport.close()

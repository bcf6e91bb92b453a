"""The plane's end of a link, in a test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from windlass.fleet.frames import Transport
from windlass.fleet.messages import (
    Ack,
    ContainerSpec,
    Desired,
    FromNode,
    FromPlane,
    Hello,
    LogLines,
    Observed,
    UnitSpec,
    UnitState,
    Want,
    Welcome,
)

WAIT_S_MAX = 20.0


def a_want(unit_id: str, *containers: ContainerSpec, run: bool = True) -> Want:
    return Want(UnitSpec(unit_id, "task", containers or (ContainerSpec("main", command=("true",)),)), run)


class FakePlane:
    """One session. Keeps the last state of each unit and all output; acknowledges unless `acks` is off."""

    def __init__(self, transport: Transport[FromNode]) -> None:
        self._transport = transport
        self._first: FromNode | None = None
        self.acks = True
        self.numbers: list[int] = []
        self.units: dict[str, UnitState] = {}
        self.lines: list[str] = []
        self.hello: Hello

    async def is_asked(self) -> bool:
        """Whether whoever connects says something. A doctor only looks whether a plane is there, and goes."""
        self._first = await self._transport.receive()
        return self._first is not None

    async def welcome(self, observed: int = 0, epoch: int = 1, usage_s: float = 60.0) -> None:
        hello = await self.receive()
        assert isinstance(hello, Hello)
        self.hello = hello
        self.units.update((unit.unit_id, unit) for unit in hello.units)
        await self.send(Welcome(epoch, observed, "http://127.0.0.1:4566", 15.0, usage_s=usage_s))

    async def send(self, message: FromPlane) -> None:
        await self._transport.send(message)

    async def desire(
        self, generation: int, *wants: Want, since: int = -1, gone: tuple[str, ...] = ()
    ) -> None:
        await self.send(Desired(generation, since, wants, gone))

    async def receive(self) -> FromNode:
        """The next message, noted and acknowledged. Raises EOFError when the agent ended the session."""
        message, self._first = self._first or await self._transport.receive(), None
        if message is None:
            raise EOFError
        if isinstance(message, Observed):
            self.units.update((unit.unit_id, unit) for unit in message.units)
        if isinstance(message, LogLines):
            self.lines += [line for _, line in message.lines]
        if isinstance(message, Observed | LogLines):
            self.numbers.append(message.number)
            if self.acks:
                await self.send(Ack(message.number))
        return message

    async def until(self, condition: Callable[[], bool]) -> None:
        """Receive until the condition holds."""
        async with asyncio.timeout(WAIT_S_MAX):
            while not condition():
                await self.receive()

    async def until_status(self, unit_id: str, status: str) -> UnitState:
        await self.until(lambda: unit_id in self.units and self.units[unit_id].status == status)
        return self.units[unit_id]

    async def until_message(self, kind: type[FromNode]) -> FromNode:
        async with asyncio.timeout(WAIT_S_MAX):
            while not isinstance(message := await self.receive(), kind):
                pass
        return message

    async def until_end(self) -> None:
        """Receive until the agent ends the session."""
        with suppress(EOFError, ConnectionError):
            await self.until(lambda: False)

    def close(self) -> None:
        self._transport.close()

"""Responses that are read while they are made: their size, their speed, their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.build import NOW
from tests.lambda_build import Lambda, PlayedNode, a_lambda, echo, failed
from windlass.fleet.function_messages import InvokeChunk, LastPiece
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND, Clock, LoopClock
from windlass.kernel.faults import Fault, Retry
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.streaming import Ending, Streamed, Streams
from windlass.sim.loop import VirtualLoop

Runs = Callable[[Invoke], Awaitable[InvokeResult]]


def says(node: PlayedNode, *pieces: bytes, rest: bytes = b"", error: str = "") -> Runs:
    """A function that streams these."""

    async def runs(invoke: Invoke) -> InvokeResult:
        for piece in pieces:
            node.chunks[invoke.request_id].put(InvokeChunk(invoke.request_id, piece, "text/plain"))
            await asyncio.sleep(0)
        result = failed(invoke) if error else InvokeResult(invoke.request_id, invoke.unit_id, b"")
        return msgspec.structs.replace(result, streamed=LastPiece(rest))

    return runs


async def opened(world: Lambda) -> Streamed:
    await world.function()
    target = world.plane.calls.part(Invoker).target(world.row())
    streamed = world.plane.calls.part(Streams).open(target, Event("r", b"{}"))
    await streamed.begin()
    return streamed


async def read(streamed: Streamed) -> bytes:
    return b"".join([piece async for piece in streamed.pieces()])


def played(runs: Callable[[PlayedNode], Runs], **quotas: float) -> tuple[bytes, Ending, str]:
    """All that is read, how it ends, and what it is said to be."""

    async def story() -> tuple[bytes, Ending, str]:
        node = PlayedNode()
        node.runs = runs(node)
        async with a_lambda(node, **quotas) as world:
            streamed = await opened(world)
            return await read(streamed), streamed.ending(), streamed.content_type

    return asyncio.run(story())


def test_pieces_and_what_comes_with_the_result() -> None:
    """In order, the last piece included; of one that does not stream, the result is the only piece."""
    assert played(lambda node: says(node, b"a", b"b", rest=b"c")) == (b"abc", Ending(), "text/plain")
    assert played(lambda node: echo) == (b"{}", Ending(), "application/json")


def test_errors() -> None:
    """Told at the end, with what was said before them."""
    assert played(lambda node: says(node, b"a", error="E")) == (
        b"a",
        Ending("Unhandled", "{}"),
        "text/plain",
    )

    async def fails(invoke: Invoke) -> InvokeResult:
        return failed(invoke)

    assert played(lambda node: fails)[:2] == (b"", Ending("Unhandled", "{}"))


def test_a_response_that_is_too_large() -> None:
    """Cut where it may not be longer; one of exactly that size is fine."""
    read_, ending, _ = played(lambda node: says(node, b"abc", b"def", b"ghi"), stream_bytes_max=5)
    assert (read_, ending.code) == (b"abcde", "Function.ResponseSizeTooLarge")
    assert played(lambda node: says(node, b"abc", b"de"), stream_bytes_max=5)[:2] == (b"abcde", Ending())


def test_a_node_that_is_lost() -> None:
    """Before the first piece nothing begins; after it, the end says so."""

    async def story(pieces: tuple[bytes, ...]) -> None:
        node = PlayedNode()

        async def lost(invoke: Invoke) -> InvokeResult:
            await says(node, *pieces)(invoke)
            raise Retry("lost")

        node.runs = lost
        async with a_lambda(node) as world:
            streamed = await opened(world)
            assert await read(streamed) == b"".join(pieces)
            with pytest.raises(Retry):
                streamed.ending()

    with pytest.raises(Retry):
        asyncio.run(story(()))
    asyncio.run(story((b"a",)))


def test_a_throttled_one_never_begins() -> None:
    """Its caller gets the fault instead of a stream."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
            target = world.plane.calls.part(Invoker).target(world.row())
            with pytest.raises(Fault):
                await world.plane.calls.part(Streams).open(target, Event("r", b"{}")).begin()

    asyncio.run(story())


def test_the_speed_of_a_response() -> None:
    """The first burst at once, then as the profile's bucket fills."""
    loop = VirtualLoop.make()
    clock: Clock = LoopClock(loop, NOW)

    async def story() -> None:
        node = PlayedNode()
        node.runs = says(node, *(b"x" * 10,) * 10)
        rate = Rate(burst=60, per_second=10)
        async with a_lambda(node, clock=clock, buckets={"stream_bytes": rate}) as world:
            streamed = await opened(world)
            began = clock.now()
            assert len(await read(streamed)) == 100
            assert round((clock.now() - began) / SECOND) == 4

    loop.run(story())

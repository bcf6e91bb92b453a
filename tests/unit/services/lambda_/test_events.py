"""Asynchronous events: queued durably, retried, given up; and what a restart leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tests.lambda_build import Lambda, PlayedNode, a_lambda, echo, failed
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.fleet.model import UNITS
from windlass.kernel.durable import Change
from windlass.services.lambda_.event_model import ASYNC_EVENTS
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS


class KeptLog:
    """A log that a second plane can read: what a disk does."""

    threaded = False

    def __init__(self, rows: Mapping[tuple[str, Any], Any] | None = None) -> None:
        self.rows = dict(rows or {})

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {name: [] for name in rows}
        for (table, _), row in self.rows.items():
            if table in found:
                found[table].append(row)
        return found

    def prepare(self, writes: Sequence[Change]) -> Sequence[Change]:
        return writes

    def write(self, writes: Sequence[Change]) -> None:
        for write in writes:
            self.rows.pop((write.table, write.key), None)
            if write.new is not None:
                self.rows[write.table, write.key] = write.new

    def close(self) -> None:
        pass


async def queue(world: Lambda, payload: bytes = b'"e"') -> None:
    answer = await world.do("Invoke", FunctionName="f", InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202 and not answer["Payload"]


def none_left(world: Lambda) -> bool:
    return not len(world.plane.store[ASYNC_EVENTS])


def test_an_event_is_delivered_once() -> None:
    """202 at once; then the function runs with it, and its row is gone."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await queue(world)
            await world.until(lambda store: none_left(world))
            assert [invoke.payload for invoke in world.node.invoked] == [b'"e"']

    asyncio.run(story())


def test_a_failing_function_is_tried_three_times() -> None:
    """Same request id each time; then the event is dropped, and the journal says so."""

    async def story() -> None:
        async def runs(invoke: Invoke) -> InvokeResult:
            return failed(invoke)

        node = PlayedNode(runs=runs)
        async with a_lambda(node, async_retry_1_s=0.01, async_retry_2_s=0.01) as world:
            await world.function()
            await queue(world)
            await world.until(lambda store: none_left(world))
            assert len(node.invoked) == 3 and len({invoke.request_id for invoke in node.invoked}) == 1
            [note] = [entry for entry in world.plane.journal.since(0) if entry.what == "event dropped"]
            assert note.why == "f: RetriesExhausted: {}; told to nobody"

    asyncio.run(story())


def test_many_events_do_not_start_a_process_each() -> None:
    """200 at once: all are handled, by no more environments than may fly."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            for number in range(200):
                await queue(world, str(number).encode())
            await world.until(lambda store: none_left(world))
            assert sorted(int(invoke.payload) for invoke in world.node.invoked) == list(range(200))
            assert len(world.node.units()) <= 50

    asyncio.run(story())


def test_events_of_a_deleted_function_end() -> None:
    """Nothing is left to run them."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=1)
            held = asyncio.Event()

            async def runs(invoke: Invoke) -> InvokeResult:
                await held.wait()
                return await echo(invoke)

            world.node.runs = runs
            await queue(world)
            await queue(world)
            await world.until(lambda store: any(e.throttles for e in store[ASYNC_EVENTS].all()))
            await world.do("DeleteFunction", FunctionName="f")
            held.set()
            await world.until(lambda store: none_left(world))

    asyncio.run(story())


def test_a_restart_loses_no_event_and_keeps_warm_environments() -> None:
    """The plane dies while an event runs: it runs again afterwards, in the environment that is there."""

    async def story() -> None:
        log = KeptLog()

        async def never(invoke: Invoke) -> InvokeResult:
            await asyncio.Event().wait()
            raise AssertionError

        async with a_lambda(PlayedNode(runs=never), log=log) as world:
            await world.function()
            await queue(world, b"1")
            await world.until(lambda store: store[UNITS].count("state", "running") == 1)
            before = world.node.units()[0].id
            crashed = KeptLog(log.rows)
        async with a_lambda(log=crashed, seed=2) as world:
            await world.until(lambda store: none_left(world))
            assert [(i.payload, i.unit_id) for i in world.node.invoked] == [(b"1", before)]
            assert await world.invoke(2) == 2

    asyncio.run(story())


def test_a_restart_keeps_environments_of_versions() -> None:
    """Each in the pool of its version; no event of one goes to another."""

    async def story() -> None:
        log = KeptLog()
        async with a_lambda(log=log) as world:
            await world.function()
            await world.do("PublishVersion", FunctionName="f")
            await world.until(lambda store: not store[VERSIONS].count("changing", True))
            await world.invoke(1, Qualifier="1")
            await world.invoke(2)
            version, latest = (invoke.unit_id for invoke in world.node.invoked)
            crashed = KeptLog(log.rows)
        async with a_lambda(log=crashed, seed=2) as world:
            await world.invoke(3)
            await world.invoke(4, FunctionName="f:1")
            assert [invoke.unit_id for invoke in world.node.invoked] == [latest, version]

    asyncio.run(story())


def test_a_restart_on_another_port_replaces_environments() -> None:
    """What points at an endpoint that is gone is stopped; a function that was Pending becomes Active."""

    async def story() -> None:
        log = KeptLog()
        async with a_lambda(log=log) as world:
            await world.function()
            await world.invoke(1)
            old = world.node.units()[0].id
        function = log.rows["lambda.function", next(k for t, k in log.rows if t == "lambda.function")]
        assert function.state == "Active"
        async with a_lambda(log=log, seed=2, endpoint="http://127.0.0.1:4567") as world:
            await world.until(lambda store: store[UNITS].get(old) is None)
            assert await world.invoke(2) == 2
            assert world.plane.store[FUNCTIONS].require(function.key).state == "Active"

    asyncio.run(story())

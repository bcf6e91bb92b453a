"""Invocations over a played node: environments, limits, failures on the way."""

from __future__ import annotations

import asyncio

import pytest

from tests.build import REGION
from tests.lambda_build import Lambda, PlayedNode, a_lambda, echo, failed
from windlass.aws.credentials import CREDENTIALS
from windlass.fleet.messages import ENVIRONMENT_GONE, Invoke, InvokeResult
from windlass.fleet.model import UNITS
from windlass.kernel.faults import Fault, Retry


class Gate:
    """Holds every event until `open`."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0
        self.came = asyncio.Event()

    async def __call__(self, invoke: Invoke) -> InvokeResult:
        self.waiting += 1
        self.came.set()
        await self.opened.wait()
        return await echo(invoke)


async def busy(world: Lambda, gate: Gate, count: int) -> list[asyncio.Task[object]]:
    """So many events that run, held by the gate."""
    events = [asyncio.ensure_future(world.invoke(number)) for number in range(count)]
    async with asyncio.timeout(10):
        while gate.waiting < count:
            gate.came.clear()
            await gate.came.wait()
    return events


def test_one_event_per_environment_and_reuse() -> None:
    """Two at once need two environments; one after the other the same one."""

    async def story() -> None:
        gate = Gate()
        async with a_lambda(PlayedNode(runs=gate)) as world:
            await world.function()
            events = await busy(world, gate, 2)
            gate.opened.set()
            assert await asyncio.gather(*events) == [0, 1]
            assert len({invoke.unit_id for invoke in world.node.invoked}) == 2
            assert await world.invoke("x") == "x" and await world.invoke("y") == "y"
            last = [invoke.unit_id for invoke in world.node.invoked[1:]]
            assert last == [last[0]] * 3 and len(world.node.units()) == 2

    asyncio.run(story())


def test_reserved_concurrency_throttles() -> None:
    """Reserved 1: the second event is refused; 0: every event is; without: it runs again."""

    async def story() -> None:
        gate = Gate()
        async with a_lambda(PlayedNode(runs=gate)) as world:
            await world.function()
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=1)
            events = await busy(world, gate, 1)
            assert (await refused(world)).members[
                "Reason"
            ] == "ReservedFunctionConcurrentInvocationLimitExceeded"
            gate.opened.set()
            await asyncio.gather(*events)
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
            assert (await refused(world)).code == "TooManyRequestsException"
            await world.do("DeleteFunctionConcurrency", FunctionName="f")
            assert await world.invoke(3) == 3

    asyncio.run(story())


async def refused(world: Lambda) -> Fault:
    with pytest.raises(Fault) as caught:
        await world.invoke()
    return caught.value


def test_account_limit() -> None:
    """Two functions share the account's limit of 2; a throttled event leaves no trace."""

    async def story() -> None:
        gate = Gate()
        async with a_lambda(PlayedNode(runs=gate), concurrent_executions=2) as world:
            await world.function()
            await world.function("g")
            events = await busy(world, gate, 2)
            with pytest.raises(Fault) as caught:
                await world.invoke(FunctionName="g")
            assert caught.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
            gate.opened.set()
            await asyncio.gather(*events)
            assert await world.invoke(1, FunctionName="g") == 1

    asyncio.run(story())


def test_an_environment_that_is_gone_is_no_error() -> None:
    """It ended between two events: the event, which it never saw, goes to a new one."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await world.invoke(1)
            gone = world.node.invoked[0].unit_id

            async def runs(invoke: Invoke) -> InvokeResult:
                if invoke.unit_id == gone:
                    return InvokeResult("", gone, b"", error=ENVIRONMENT_GONE, usable=False)
                return await echo(invoke)

            world.node.runs = runs
            assert await world.invoke(2) == 2
            assert world.node.invoked[-1].unit_id != gone

    asyncio.run(story())


def test_a_lost_node_is_our_error() -> None:
    """The session broke in mid-event: ServiceException, and that environment gets no other event."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()

            async def runs(invoke: Invoke) -> InvokeResult:
                raise Retry("the session is lost")

            world.node.runs = runs
            assert (await refused(world)).code == "ServiceException"
            lost = world.node.invoked[0].unit_id
            await world.until(lambda store: store[UNITS].get(lost) is None)
            world.node.runs = echo
            assert await world.invoke(1) == 1

    asyncio.run(story())


def test_a_failed_environment_is_not_used_again() -> None:
    """After a timeout or an exit the next event gets a new one."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()

            async def runs(invoke: Invoke) -> InvokeResult:
                return failed(invoke, usable=False)

            world.node.runs = runs
            answer = await world.do("Invoke", FunctionName="f", Payload=b"{}")
            assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
            await world.do("Invoke", FunctionName="f", Payload=b"{}")
            assert len({invoke.unit_id for invoke in world.node.invoked}) == 2

    asyncio.run(story())


def test_an_environment_that_does_not_start() -> None:
    """Its unit stops before it runs: ServiceException with the node's reason; its rows are taken away."""

    async def story() -> None:
        async with a_lambda(PlayedNode(starts=False)) as world:
            await world.function()
            event = asyncio.ensure_future(refused(world))
            await world.until(lambda store: len(world.node.units()) == 1)
            world.node.move(world.node.units()[0].id, "stopped")
            assert (await event).code == "ServiceException"
            await world.until(lambda store: not world.node.units())

    asyncio.run(story())


def test_an_update_replaces_environments() -> None:
    """New settings: the idle environment is stopped, the next event runs in one with the new variables."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await world.invoke(1)
            old = world.node.invoked[0].unit_id
            variables = {"Variables": {"MODE": "new"}}
            await world.do("UpdateFunctionConfiguration", FunctionName="f", Environment=variables)
            await world.until(lambda store: store[UNITS].get(old) is None)
            await world.invoke(2)
            [unit] = world.node.units()
            assert unit.spec.function is not None
            given = dict(unit.spec.function.environment)
            assert given["MODE"] == "new" and given["AWS_REGION"] == REGION
            assert given["AWS_LAMBDA_LOG_STREAM_NAME"].endswith(f"/[$LATEST]{unit.id}")

    asyncio.run(story())


def test_deleting_a_function_stops_its_environments() -> None:
    """And a new one of the same name starts afresh."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await world.invoke(1)
            await world.do("DeleteFunction", FunctionName="f")
            await world.until(lambda store: not world.node.units())
            await world.function()
            await world.invoke(2)
            assert len({invoke.unit_id for invoke in world.node.invoked}) == 2

    asyncio.run(story())


def test_an_event_outlives_its_function() -> None:
    """Deleted in mid-event: the event ends as always, then its environment and its key go."""

    async def story() -> None:
        gate = Gate()
        async with a_lambda(PlayedNode(runs=gate)) as world:
            await world.function()
            [event] = await busy(world, gate, 1)
            keys = len(world.plane.store[CREDENTIALS])
            await world.do("DeleteFunction", FunctionName="f")
            await world.function("other")
            [unit] = world.node.units()
            assert unit.desired == "run"
            gate.opened.set()
            await event
            await world.until(lambda store: not world.node.units())
            assert len(world.plane.store[CREDENTIALS]) == keys - 1

    asyncio.run(story())


def test_many_environments_that_are_gone_are_no_error() -> None:
    """All that a restart found idle are gone: the event goes on until it has a new one."""

    async def story() -> None:
        gate = Gate()
        async with a_lambda(PlayedNode(runs=gate)) as world:
            await world.function()
            events = await busy(world, gate, 8)
            gate.opened.set()
            await asyncio.gather(*events)
            gone = {unit.id for unit in world.node.units()}
            assert len(gone) == 8

            async def runs(invoke: Invoke) -> InvokeResult:
                if invoke.unit_id in gone:
                    return InvokeResult("", invoke.unit_id, b"", error=ENVIRONMENT_GONE, usable=False)
                return await echo(invoke)

            world.node.runs = runs
            assert await world.invoke(2) == 2

    asyncio.run(story())


def test_idle_environments_are_let_go() -> None:
    """With a reclaim time of nothing, an environment ends soon after its event."""

    async def story() -> None:
        async with a_lambda(idle_reclaim_s=0.1) as world:
            await world.function()
            await world.invoke(1)
            await world.until(lambda store: not world.node.units())

    asyncio.run(story())

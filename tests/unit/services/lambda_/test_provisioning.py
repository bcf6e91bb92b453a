"""Provisioned concurrency over a played node, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION
from tests.lambda_build import Lambda, PlayedNode, a_lambda, echo
from tests.metric_values import summaries
from tests.unit.services.lambda_.test_events import KeptLog
from windlass.aws.metrics import Metrics
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import HOUR, MINUTE, SECOND, LoopClock
from windlass.kernel.faults import Fault
from windlass.services.lambda_.metering import NAMESPACE
from windlass.sim.loop import VirtualLoop

Story = Callable[[Lambda], Awaitable[None]]


def play(story: Story, node: PlayedNode | None = None, **options: Any) -> None:
    """In a plane whose clock is the loop's: minutes and hours pass at once."""

    async def run() -> None:
        async with a_lambda(node, clock=LoopClock(loop, NOW), **options) as world:
            await world.function()
            await world.do("PublishVersion", FunctionName="f")
            await world.plane.clock.sleep(SECOND)
            await story(world)

    loop = VirtualLoop.make()
    loop.run(run())


async def provision(world: Lambda, count: int, qualifier: str = "1") -> None:
    await world.do(
        "PutProvisionedConcurrencyConfig",
        FunctionName="f",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


async def standing(world: Lambda, qualifier: str = "1") -> tuple[str, int, int]:
    answer = await world.do("GetProvisionedConcurrencyConfig", FunctionName="f", Qualifier=qualifier)
    kinds = ("Allocated", "Available")
    allocated, available = (answer[f"{kind}ProvisionedConcurrentExecutions"] for kind in kinds)
    return answer["Status"], allocated, available


def ahead(world: Lambda) -> list[str]:
    """The provisioned environments that are there."""
    units = world.node.units()
    return [unit.id for unit in units if unit.spec.function and unit.spec.function.ahead]


def test_allocation_follows_the_profiles_rate() -> None:
    """Ninety seconds until it begins, then two at once and two a minute; none serves before all are there."""

    async def story(world: Lambda) -> None:
        sleep = world.plane.clock.sleep
        await provision(world, 6)
        await sleep(89 * SECOND)
        assert await standing(world) == ("IN_PROGRESS", 0, 0)
        await sleep(2 * SECOND)
        assert await standing(world) == ("IN_PROGRESS", 2, 0)
        await world.invoke(Qualifier="1")
        assert world.node.invoked[-1].unit_id not in ahead(world)
        await sleep(MINUTE)
        assert await standing(world) == ("IN_PROGRESS", 4, 0)
        await sleep(MINUTE)
        assert await standing(world) == ("READY", 6, 6)
        await world.invoke(Qualifier="1")
        assert world.node.invoked[-1].unit_id in ahead(world)

    play(
        story,
        delays={"provisioned_start": 90},
        buckets={"provisioned_starts": Rate(burst=2, per_minute=2)},
    )


def test_they_outlive_idleness_and_are_replaced_when_old() -> None:
    """Hours without an event: two are there all the time, and after some hours two others."""

    async def story(world: Lambda) -> None:
        sleep = world.plane.clock.sleep
        await provision(world, 2)
        await sleep(SECOND)
        first = ahead(world)
        await sleep(3 * HOUR)
        assert ahead(world) == first and await standing(world) == ("READY", 2, 2)
        await sleep(90 * MINUTE)
        second = ahead(world)
        assert len(second) == 2 and not set(second) & set(first)
        assert await standing(world) == ("READY", 2, 2)
        await world.do("DeleteProvisionedConcurrencyConfig", FunctionName="f", Qualifier="1")
        await sleep(SECOND)
        assert not ahead(world)

    play(story)


def test_what_is_set_aside_is_not_there_on_demand() -> None:
    """An account of 103, of which 2 are provisioned: 2 and 101 events at once, and no more."""
    opened = asyncio.Event()

    async def runs(invoke: Invoke) -> InvokeResult:
        await opened.wait()
        return await echo(invoke)

    async def story(world: Lambda) -> None:
        await provision(world, 2)
        await world.plane.clock.sleep(SECOND)
        events = [asyncio.ensure_future(world.invoke(n, Qualifier="1")) for n in range(2)]
        events += [asyncio.ensure_future(world.invoke(n)) for n in range(101)]
        await world.plane.clock.sleep(SECOND)
        assert {invoke.unit_id for invoke in world.node.invoked[:2]} == set(ahead(world))
        for qualifier in ("1", "$LATEST"):
            with pytest.raises(Fault) as caught:
                await world.invoke(Qualifier=qualifier)
            assert caught.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
        opened.set()
        await asyncio.gather(*events)
        await world.plane.clock.sleep(MINUTE)
        assert metric(world, "ProvisionedConcurrencyInvocations") == 2
        assert metric(world, "ProvisionedConcurrentExecutions") == 2
        assert metric(world, "ProvisionedConcurrencyUtilization") == 1
        assert metric(world, "ConcurrentExecutions") == 103

    play(story, PlayedNode(runs=runs), concurrent_executions=103)


def metric(world: Lambda, name: str) -> float:
    metrics = world.plane.calls.part(Metrics)
    [summary] = summaries(metrics, ACCOUNT, REGION, NAMESPACE, name, {"FunctionName": "f"})
    return summary.total if name == "ProvisionedConcurrencyInvocations" else summary.most


def test_a_plane_that_starts_again_takes_them_over() -> None:
    """Its successor finds them ready and gives them events; nothing is started."""
    log, node = KeptLog(), PlayedNode()

    async def before(world: Lambda) -> None:
        await provision(world, 3)
        await world.plane.clock.sleep(SECOND)

    play(before, node, log=log)
    loop = VirtualLoop.make()

    async def after() -> None:
        async with a_lambda(node, clock=LoopClock(loop, NOW + MINUTE), log=log, seed=2) as world:
            await world.plane.clock.sleep(SECOND)
            there = ahead(world)
            assert len(there) == 3 and await standing(world) == ("READY", 3, 3)
            await world.invoke(Qualifier="1")
            assert node.invoked[-1].unit_id in there and len(node.units()) == 3

    loop.run(after())


def test_one_that_dies_again_and_again_is_replaced_once_a_second() -> None:
    """What ends as soon as it is ready does not spin."""

    async def story(world: Lambda) -> None:
        await provision(world, 1)
        seen: set[str] = set()
        for _ in range(100):
            await world.plane.clock.sleep(SECOND // 10)
            for unit_id in ahead(world):
                seen.add(unit_id)
                world.node.move(unit_id, "stopped")
        assert 5 <= len(seen) <= 11

    play(story)


def test_a_deleted_function_takes_them_along() -> None:
    """With its configurations."""

    async def story(world: Lambda) -> None:
        await provision(world, 2)
        await world.plane.clock.sleep(SECOND)
        await world.do("DeleteFunction", FunctionName="f")
        await world.plane.clock.sleep(SECOND)
        assert not world.node.units()

    play(story)

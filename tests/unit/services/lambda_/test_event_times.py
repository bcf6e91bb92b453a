"""When asynchronous events are tried and given up, and what is counted of it: hours in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.build import NOW
from tests.lambda_build import Lambda, PlayedNode, a_lambda, failed
from tests.unit.services.lambda_.test_events import none_left, queue
from tests.unit.services.lambda_.test_letters import QUEUE, PlayedQueue, configure, nothing_on_its_way, to
from tests.unit.services.lambda_.test_metering import values
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration, LoopClock
from windlass.kernel.faults import Fault
from windlass.services.plane import Service
from windlass.sim.loop import VirtualLoop


def played(story: Callable[[Lambda, list[Duration]], Awaitable[None]], *others: Service) -> None:
    """Tell the story of a function that fails; it gets the times, from now, at which it was invoked."""
    loop = VirtualLoop.make()
    clock = LoopClock(loop, NOW)
    times: list[Duration] = []

    async def runs(invoke: Invoke) -> InvokeResult:
        times.append(clock.now() - NOW)
        return failed(invoke)

    async def told() -> None:
        async with a_lambda(PlayedNode(runs=runs), clock=clock, others=others) as world:
            await world.function()
            await story(world, times)

    loop.run(told())


def test_retries_after_one_minute_and_two() -> None:
    """Three attempts in three minutes; received, aged and dropped are counted."""

    async def story(world: Lambda, times: list[Duration]) -> None:
        await queue(world)
        await world.plane.clock.sleep(5 * MINUTE)
        assert [round(at / MINUTE) for at in times] == [0, 1, 3]
        assert none_left(world)
        assert values(world, "AsyncEventsReceived") == values(world, "AsyncEventsDropped") == [1]
        assert [round(age_ms / 1_000) for age_ms in values(world, "AsyncEventAge")] == [0, 60, 180]

    played(story)


def test_an_event_that_is_throttled_until_it_is_too_old() -> None:
    """Not one attempt in ten minutes; then its record says so."""
    sqs = PlayedQueue()

    async def story(world: Lambda, times: list[Duration]) -> None:
        await configure(world, MaximumEventAgeInSeconds=600, **to(OnFailure=QUEUE))
        world.node.starts = False
        await queue(world)
        await world.plane.clock.sleep(8 * MINUTE)
        assert not none_left(world) and not sqs.sent
        await world.plane.clock.sleep(5 * MINUTE)
        assert not times and nothing_on_its_way(world)
        [(_, params)] = sqs.sent
        assert '"condition":"EventAgeExceeded","approximateInvokeCount":0' in params["MessageBody"]
        assert values(world, "AsyncEventsDropped") == [1]

    played(story, sqs.service)


def test_a_destination_that_stays_away_is_given_up_after_an_hour() -> None:
    """Each attempt counts as a failure; the pauses grow to five minutes."""
    sqs = PlayedQueue([Fault("ThrottlingException", "slow")] * 100)

    async def story(world: Lambda, times: list[Duration]) -> None:
        await configure(world, **to(OnFailure=QUEUE))
        await queue(world)
        await world.plane.clock.sleep(HOUR - SECOND)
        assert not nothing_on_its_way(world)
        await world.plane.clock.sleep(6 * MINUTE)
        assert nothing_on_its_way(world) and not sqs.sent
        tried = 100 - len(sqs.answers)
        assert 15 < tried < 25
        assert sum(values(world, "DestinationDeliveryFailures")) == tried
        assert not values(world, "DeadLetterErrors")

    played(story, sqs.service)

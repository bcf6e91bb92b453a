"""The running parts of logs in virtual time: live tails and retention."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION, a_plane, call, start_services
from windlass.fleet.messages import LogTarget
from windlass.kernel.clock import DAY, HOUR, MILLISECOND, SECOND, LoopClock
from windlass.kernel.faults import Fault
from windlass.services.logs import SERVICE
from windlass.services.logs.ingest import LogIngest
from windlass.services.logs.limits import CHUNK_MEMORY_BYTES, EVENT_MEMORY_BYTES
from windlass.services.logs.model import CHUNKS, GROUPS
from windlass.services.logs.retention import Retention
from windlass.services.plane import Plane
from windlass.sim.loop import VirtualLoop

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"
TARGET = LogTarget(ACCOUNT, REGION, "g", "s")


def in_plane(story: Callable[[Plane], Coroutine[Any, Any, None]]) -> None:
    loop = VirtualLoop.make()

    async def play() -> None:
        plane = a_plane(SERVICE, clock=LoopClock(loop, NOW))
        start_services(plane, [SERVICE])
        try:
            await call(plane, "logs", "CreateLogGroup", logGroupName="g")
            await story(plane)
        finally:
            await plane.spawn.close()

    loop.run(play())


async def write(plane: Plane, *lines: str, stream: str = "s") -> None:
    target = LogTarget(ACCOUNT, REGION, "g", stream)
    await plane.calls.part(LogIngest).take(target, [(plane.clock.now(), line) for line in lines])


def test_a_tail_shows_what_comes_within_a_second() -> None:
    """First the session, then each second what came; only what the filter wants; more than 500 is sampled."""

    async def story(plane: Plane) -> None:
        await write(plane, "ERROR before")
        answer = await call(
            plane, "logs", "StartLiveTail", logGroupIdentifiers=[ARN], logEventFilterPattern="ERROR"
        )
        stream = answer["responseStream"]
        start = await anext(stream)
        assert start["sessionStart"]["logGroupIdentifiers"] == [ARN]
        await write(plane, "ERROR one", "fine", "ERROR two")
        update = (await anext(stream))["sessionUpdate"]
        assert [one["message"] for one in update["sessionResults"]] == ["ERROR one", "ERROR two"]
        assert update["sessionResults"][0]["logGroupIdentifier"] == ARN
        assert plane.clock.now() == NOW + SECOND
        assert (await anext(stream))["sessionUpdate"]["sessionResults"] == []
        await write(plane, *[f"ERROR {n}" for n in range(501)])
        update = (await anext(stream))["sessionUpdate"]
        assert len(update["sessionResults"]) == 500 and update["sessionMetadata"]["sampled"]
        await stream.aclose()

    in_plane(story)


def test_a_tail_ends_after_three_hours() -> None:
    """The session ends with SessionTimeoutException, three hours after it began."""

    async def story(plane: Plane) -> None:
        answer = await call(plane, "logs", "StartLiveTail", logGroupIdentifiers=[ARN])
        with pytest.raises(Fault, match="SessionTimeoutException"):
            async for _ in answer["responseStream"]:
                pass
        assert plane.clock.now() == NOW + 3 * HOUR

    in_plane(story)


def test_tails_are_counted_while_someone_holds_them() -> None:
    """An account has at most 15 at a time; one that nobody began to read counts until it is let go."""

    async def story(plane: Plane) -> None:
        async def open_tail() -> Any:
            return (await call(plane, "logs", "StartLiveTail", logGroupIdentifiers=[ARN]))["responseStream"]

        held = [await open_tail() for _ in range(15)]
        with pytest.raises(Fault, match="LimitExceededException"):
            await open_tail()
        held.pop()
        held.append(await open_tail())
        await anext(held[0])
        await held[0].aclose()
        await open_tail()

    in_plane(story)


def test_expired_events_go_within_the_hour() -> None:
    """A day's retention deletes chunks a day and at most an hour later, with their bytes."""

    async def story(plane: Plane) -> None:
        await write(plane, "old")
        await plane.clock.sleep_until(NOW + DAY // 2)
        await write(plane, "newer")
        await call(plane, "logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=1)
        await plane.clock.sleep_until(NOW + DAY - SECOND)
        assert len(plane.store[CHUNKS]) == 2
        await plane.clock.sleep_until(NOW + DAY + HOUR + SECOND)
        (kept,) = plane.store[CHUNKS].all()
        assert kept.events[0][1] == "newer"
        assert plane.store[GROUPS].require((ACCOUNT, REGION, "g")).stored_bytes == kept.stored_bytes

    in_plane(story)


def test_the_oldest_events_go_when_memory_is_full() -> None:
    """Above the limit of all groups the chunks that came first go first, at once."""

    async def story(plane: Plane) -> None:
        room = 3 * (CHUNK_MEMORY_BYTES + EVENT_MEMORY_BYTES + 100)
        retention = Retention(plane.store, plane.clock, plane.journal, kept_max=room)
        plane.spawn.start("small retention", retention.loop.run())
        for n in range(10):
            await write(plane, f"{n}" * 74)
            await plane.clock.sleep_until(NOW + n * 100 * MILLISECOND)
        await plane.clock.sleep_until(NOW + 2 * SECOND)
        kept = sorted(chunk.events[0][1][0] for chunk in plane.store[CHUNKS].all())
        assert kept == ["7", "8", "9"] and retention.kept == room
        assert any(entry.what == "dropped the oldest events" for entry in plane.journal.since(0))

    in_plane(story)

"""Parked receivers: woken in order, by sends, by time and by nothing else; never a lost message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tests.build import REGION, a_caller
from tests.sqs_build import Desk, with_queues
from windlass.aws.calls import Result
from windlass.kernel.clock import SECOND


class Poll:
    """A long poll under way."""

    def __init__(self, sqs: Desk, polling: Any) -> None:
        self.task = sqs.plane.spawn.start("poll", polling)

    async def bodies(self) -> list[str]:
        return [message["Body"] for message in await self.task]


async def a_poll(sqs: Desk, url: str, polling: Any = None) -> Poll:
    """Start a long poll (for one message, 20 s) and return when it is parked."""
    name = url.rsplit("/", 1)[1]
    before = sqs.parked(name)
    poll = Poll(sqs, polling or sqs.receive(url, 1, WaitTimeSeconds=20))
    for _ in range(10):
        await asyncio.sleep(0)
        if sqs.parked(name) > before:
            return poll
    raise AssertionError("the receiver did not park")


def test_a_send_wakes_the_longest_parked() -> None:
    """Two wait; the first message is the first's, the second the second's, and no time passes."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        start = sqs.plane.clock.now()
        first, second = await a_poll(sqs, url), await a_poll(sqs, url)
        await sqs.send(url, "1")
        assert await first.bodies() == ["1"]
        assert not second.task.done()
        await sqs.send(url, "2")
        assert await second.bodies() == ["2"]
        assert sqs.plane.clock.now() == start
        assert sqs.parked() == 0

    with_queues(scene)


def test_a_send_before_the_receiver_sits_down() -> None:
    """It looked, there was nothing; before it is parked, a message comes: it does not wait for another."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        start = sqs.plane.clock.now()

        async def late(waiting: Awaitable[Result]) -> Result:
            await sqs.send(url, "x")
            return await waiting

        params = {"QueueUrl": url, "WaitTimeSeconds": 20}
        run = sqs.plane.calls.run
        found = await run("sqs", "ReceiveMessage", params, caller=a_caller(), region=REGION, parked=late)
        assert [message["Body"] for message in found["Messages"]] == ["x"]
        assert sqs.plane.clock.now() == start

    with_queues(scene)


def test_a_batch_wakes_as_many_as_it_feeds() -> None:
    """Three wait for one message each, two arrive at once: two get one, the third goes on waiting."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        polls = [await a_poll(sqs, url) for _ in range(3)]
        entries = [{"Id": str(i), "MessageBody": str(i)} for i in range(2)]
        await sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
        assert [await poll.bodies() for poll in polls[:2]] == [["0"], ["1"]]
        assert not polls[2].task.done()
        assert sqs.parked() == 1

    with_queues(scene)


def test_the_wait_ends_without_a_message() -> None:
    """After WaitTimeSeconds, to the second, and the answer is empty; the queue's wait counts without one."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue(ReceiveMessageWaitTimeSeconds="3")
        for wait, seconds in (({"WaitTimeSeconds": 7}, 7), ({}, 3), ({"WaitTimeSeconds": 0}, 0)):
            start = sqs.plane.clock.now()
            assert await sqs("ReceiveMessage", QueueUrl=url, **wait) == {}
            assert sqs.plane.clock.now() - start == seconds * SECOND

    with_queues(scene)


def test_time_wakes_for_delayed_and_returning_messages() -> None:
    """A message delayed 5 s and one whose visibility ends after 8 s reach the waiting at 5 and 8 s."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        start = sqs.plane.clock.now()
        await sqs.send(url, "back")
        await sqs.receive(url, VisibilityTimeout=8)
        await sqs.send(url, "delayed", DelaySeconds=5)
        first, second = await a_poll(sqs, url), await a_poll(sqs, url)
        assert await first.bodies() == ["delayed"]
        assert sqs.plane.clock.now() - start == 5 * SECOND
        assert await second.bodies() == ["back"]
        assert sqs.plane.clock.now() - start == 8 * SECOND

    with_queues(scene)


def test_a_changed_visibility_wakes() -> None:
    """Hidden for 30 s, shown after 1 s by ChangeMessageVisibility 0, or later moved from 30 to 2 s."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        await sqs.send(url, "x")
        for timeout_s in (0, 2):
            (message,) = await sqs.receive(url)
            start = sqs.plane.clock.now()
            poll = await a_poll(sqs, url)
            handle = message["ReceiptHandle"]
            await sqs(
                "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=timeout_s
            )
            assert len(await poll.task) == 1
            assert sqs.plane.clock.now() - start == timeout_s * SECOND
            await sqs.pass_s(30)

    with_queues(scene)


def test_a_delete_frees_the_group_for_the_waiting() -> None:
    """FIFO: one message in flight blocks its group; its deletion wakes the receiver of the next."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo", ContentBasedDeduplication="true")
        for body in ("1", "2"):
            await sqs.send(url, body, MessageGroupId="g")
        (message,) = await sqs.receive(url, 1)
        poll = await a_poll(sqs, url)
        start = sqs.plane.clock.now()
        await sqs.delete(url, message)
        assert await poll.bodies() == ["2"]
        assert sqs.plane.clock.now() == start

    with_queues(scene)


def test_a_receiver_that_went_away_takes_nothing() -> None:
    """Cancelled while parked, and cancelled after it was woken: the next in line gets the message."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        gone, woken, last = [await a_poll(sqs, url) for _ in range(3)]
        gone.task.cancel()
        await asyncio.wait([gone.task])
        sending = sqs.send(url, "x")
        await sending  # wakes `woken`, which has not run yet
        woken.task.cancel()
        assert await last.bodies() == ["x"]
        assert sqs.parked() == 0
        assert await sqs.counts(url) == (0, 1, 0)

    with_queues(scene)


def test_purge_and_delete_reach_the_waiting() -> None:
    """After a purge a new message still wakes; after a deletion the poll ends with QueueDoesNotExist."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        poll = await a_poll(sqs, url)
        await sqs("PurgeQueue", QueueUrl=url)
        await sqs.send(url, "after")
        assert await poll.bodies() == ["after"]
        doomed = await a_poll(
            sqs, url, polling=sqs.refused("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=9)
        )
        await sqs("DeleteQueue", QueueUrl=url)
        assert (await doomed.task)[0] == "AWS.SimpleQueueService.NonExistentQueue"

    with_queues(scene)


def test_many_receivers_and_messages() -> None:
    """50 receivers, 500 messages in bursts: each message reaches exactly one, and nobody is left parked."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        seen: list[str] = []

        async def consume() -> None:
            while len(seen) < 500:
                for message in await sqs.receive(url, 3, WaitTimeSeconds=1):
                    seen.append(message["Body"])
                    await sqs.delete(url, message)

        consumers = [sqs.plane.spawn.start("consumer", consume()) for _ in range(50)]
        for burst in range(50):
            entries = [{"Id": str(i), "MessageBody": f"{burst}.{i}"} for i in range(10)]
            await sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
            if burst % 7 == 0:
                await sqs.pass_s(0.1)
        await asyncio.wait(consumers)
        assert sorted(seen) == sorted(f"{burst}.{i}" for burst in range(50) for i in range(10))
        assert sqs.parked() == 0

    with_queues(scene)

"""A plane on a real log, stopped and opened again: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from tests.build import NoLinks, start_services
from tests.sqs_build import Desk
from windlass.aws.quotas import Profile
from windlass.kernel.chance import Chance
from windlass.kernel.clock import WallClock
from windlass.kernel.durable import DurableLog
from windlass.kernel.log_sqlite import SqliteLog
from windlass.services.assemble import assemble
from windlass.services.sqs import SERVICE

T = TypeVar("T")
ARN = "arn:aws:sqs:eu-west-1:123456789012"


def on_disk(directory: Path, scene: Callable[[Desk], Awaitable[T]], seed: int) -> T:
    """Play a scene on a plane whose log is in that directory, then stop it."""

    def on_crash(name: str, error: BaseException) -> None:
        raise AssertionError(f"{name} crashed") from error

    async def play() -> T:
        log = DurableLog(SqliteLog(directory))
        plane = assemble(
            [SERVICE],
            clock=WallClock(),
            chance=Chance(seed),
            log=log,
            links=lambda store, journal, spawn: NoLinks(),
            profile=Profile("test"),
            endpoint="http://127.0.0.1:4566",
            blobs=None,
            on_crash=on_crash,
        )
        start_services(plane, [SERVICE])
        try:
            return await scene(Desk(plane))
        finally:
            await plane.spawn.close()
            await log.close()

    return asyncio.run(play())


def test_messages_survive_a_restart(tmp_path: Path) -> None:
    """Visible, delayed and in-flight messages with attributes; receipts from before still delete."""

    async def before(sqs: Desk) -> tuple[str, dict[str, object]]:
        url = await sqs.queue()
        given = {"B": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
        await sqs.send(url, "in flight", MessageAttributes=given)
        (message,) = await sqs.receive(url, 1)
        await sqs.send(url, "visible ✓", MessageAttributes=given)
        await sqs.send(url, "delayed", DelaySeconds=900)
        return url, message

    url, message = on_disk(tmp_path, before, seed=1)

    async def after(sqs: Desk) -> None:
        assert await sqs.counts(url) == (1, 1, 1)
        await sqs.delete(url, message)
        assert await sqs.counts(url) == (1, 0, 1)
        (other,) = await sqs.receive(url, MessageAttributeNames=["All"])
        assert other["Body"] == "visible ✓"
        assert other["MessageAttributes"]["B"]["BinaryValue"] == b"\x00\xff"

    on_disk(tmp_path, after, seed=2)


def test_fifo_queues_remember(tmp_path: Path) -> None:
    """Groups in flight stay blocked, deduplication and attempt ids still count, numbers go on rising."""

    async def before(sqs: Desk) -> tuple[str, str, list[dict[str, object]]]:
        url = await sqs.queue("jobs.fifo", ContentBasedDeduplication="true")
        sent = await sqs.send(url, "1", MessageGroupId="g")
        await sqs.send(url, "2", MessageGroupId="g")
        await sqs.send(url, "3", MessageGroupId="h")
        return url, sent["SequenceNumber"], await sqs.receive(url, 1, ReceiveRequestAttemptId="a")

    url, number, received = on_disk(tmp_path, before, seed=1)

    async def after(sqs: Desk) -> None:
        assert (await sqs.send(url, "1", MessageGroupId="g"))["SequenceNumber"] == number
        assert await sqs.receive(url, 1, ReceiveRequestAttemptId="a") == received
        assert await sqs.bodies(url) == ["3"]
        later = await sqs.send(url, "4", MessageGroupId="g")
        assert later["SequenceNumber"] > number
        await sqs.delete(url, received[0])
        assert await sqs.bodies(url) == ["2", "4"]

    on_disk(tmp_path, after, seed=2)


def test_a_move_task_goes_on(tmp_path: Path) -> None:
    """Stopped in the middle of a slow task: afterwards it is still running, and can be cancelled."""

    async def before(sqs: Desk) -> str:
        await sqs.queue("target")
        dead = await sqs.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": 1})
        await sqs.queue("jobs", RedrivePolicy=policy)
        for number in range(5):
            await sqs.send(dead, str(number))
        task = {"SourceArn": f"{ARN}:dead", "DestinationArn": f"{ARN}:target"}
        started = await sqs("StartMessageMoveTask", MaxNumberOfMessagesPerSecond=1, **task)
        return str(started["TaskHandle"])

    handle = on_disk(tmp_path, before, seed=1)

    async def after(sqs: Desk) -> None:
        (task,) = (await sqs("ListMessageMoveTasks", SourceArn=f"{ARN}:dead"))["Results"]
        assert (task["Status"], task["TaskHandle"]) == ("RUNNING", handle)
        left = await sqs.counts("http://x/123456789012/dead")
        arrived = await sqs.counts("http://x/123456789012/target")
        assert left[0] + arrived[0] == 5
        await sqs("CancelMessageMoveTask", TaskHandle=handle)

    on_disk(tmp_path, after, seed=2)


def test_swept_messages_do_not_come_back(tmp_path: Path) -> None:
    """A purge and a deletion just before the stop: the content is gone for good."""

    async def before(sqs: Desk) -> str:
        url, other = await sqs.queue(), await sqs.queue("other")
        for one in (url, other):
            await sqs.send(one)
        await sqs("PurgeQueue", QueueUrl=url)
        await sqs("DeleteQueue", QueueUrl=other)
        return url

    url = on_disk(tmp_path, before, seed=1)

    async def after(sqs: Desk) -> None:
        assert await sqs.counts(url) == (0, 0, 0)
        assert await sqs.bodies(await sqs.queue("other")) == []

    on_disk(tmp_path, after, seed=2)

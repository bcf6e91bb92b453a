"""Metrics of queues in virtual time: what they hold at the end of a minute, and what was done in it."""

from __future__ import annotations

from tests.metric_values import means, summaries
from tests.sqs_build import Desk, with_queues
from windlass.aws.metrics import Metrics
from windlass.services.sqs.measuring import COUNTED, NAMESPACE

OF = ("123456789012", "eu-west-1", NAMESPACE)
HELD = (
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateAgeOfOldestMessage",
)


def points(desk: Desk, name: str, queue: str = "jobs") -> list[float]:
    return means(desk.plane.calls.part(Metrics), *OF, name, {"QueueName": queue})


def test_what_queues_hold_and_what_is_done_with_them() -> None:
    async def scene(desk: Desk) -> None:
        url = await desk.queue()
        for body in ("a", "bbb", "c"):
            await desk.send(url, body)
        await desk.send(url, "later", DelaySeconds=600)
        taken = await desk.receive(url, 1)
        assert len(await desk.receive(url)) == 2
        assert await desk.receive(url) == []
        await desk.delete(url, taken[0])
        await desk.delete(url, taken[0])
        await desk.pass_s(121)
        assert [points(desk, name)[-1] for name in HELD] == [2, 0, 1, 120]
        sums = {
            name: summaries(desk.plane.calls.part(Metrics), *OF, name, {"QueueName": "jobs"})[0].total
            for name in COUNTED
        }
        assert sums == {
            "NumberOfMessagesSent": 4,
            "NumberOfMessagesReceived": 3,
            "NumberOfMessagesDeleted": 1,
            "NumberOfEmptyReceives": 1,
        }
        assert points(desk, "NumberOfMessagesSent")[1:] == [0]
        sizes = summaries(desk.plane.calls.part(Metrics), *OF, "SentMessageSize", {"QueueName": "jobs"})
        assert [(one.samples, one.total, one.least, one.most) for one in sizes] == [(4, 10, 1, 5)]

    with_queues(scene)


def test_queues_that_nobody_uses_fall_silent() -> None:
    """Six hours after the last call, unless something is in them; a call brings them back."""

    async def scene(desk: Desk) -> None:
        idle, full = await desk.queue("idle"), await desk.queue("full")
        await desk.send(full)
        await desk.pass_s(6 * 3_600 + 120)
        before = len(points(desk, HELD[0], "idle"))
        await desk.pass_s(600)
        assert len(points(desk, HELD[0], "idle")) == before
        assert points(desk, HELD[3], "full")[-1] > 6 * 3_600
        await desk.receive(idle)
        await desk.pass_s(120)
        assert len(points(desk, HELD[0], "idle")) == before + 2

    with_queues(scene)


def test_a_deleted_queue_is_forgotten() -> None:
    async def scene(desk: Desk) -> None:
        url = await desk.queue()
        await desk.send(url)
        await desk.pass_s(61)
        await desk("DeleteQueue", QueueUrl=url)
        await desk.pass_s(300)
        assert len(points(desk, HELD[0])) == 1

    with_queues(scene)

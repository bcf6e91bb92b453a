"""Message move tasks: where messages go, how fast, how a task ends, and that it survives a restart."""

from __future__ import annotations

import base64
import json

from tests.sqs_build import Desk, with_queues
from windlass.kernel.clock import SECOND

ARN = "arn:aws:sqs:eu-west-1:123456789012"


def redrive(name: str, count: int = 1) -> str:
    return json.dumps({"deadLetterTargetArn": f"{ARN}:{name}", "maxReceiveCount": count})


async def dead_letters(sqs: Desk, count: int, name: str = "jobs") -> tuple[str, str]:
    """(source, dead-letter queue) with so many messages that died in the source."""
    dead = await sqs.queue("dead")
    url = await sqs.queue(name, RedrivePolicy=redrive("dead"), VisibilityTimeout="0")
    for number in range(count):
        await sqs.send(url, f"{name} {number}")
    for _ in range(2):
        for _ in range(-(-count // 10)):
            await sqs.receive(url)
    return url, dead


async def until_ended(sqs: Desk) -> dict[str, object]:
    while True:
        (task,) = (await sqs("ListMessageMoveTasks", SourceArn=f"{ARN}:dead"))["Results"]
        if task["Status"] not in ("RUNNING", "CANCELLING"):
            return dict(task)
        await sqs.pass_s(0.1)


def test_messages_go_back_to_where_they_came_from() -> None:
    """Two sources: each gets its own back, as new messages with their count at zero."""

    async def scene(sqs: Desk) -> None:
        first, dead = await dead_letters(sqs, 3)
        second, _ = await dead_letters(sqs, 2, "other")
        assert await sqs.counts(dead) == (5, 0, 0)
        handle = (await sqs("StartMessageMoveTask", SourceArn=f"{ARN}:dead"))["TaskHandle"]
        assert json.loads(base64.b64decode(handle))["sourceArn"] == f"{ARN}:dead"
        task = await until_ended(sqs)
        assert (await sqs.counts(first), await sqs.counts(second)) == ((3, 0, 0), (2, 0, 0))
        assert await sqs.counts(dead) == (0, 0, 0)
        assert task == {
            "Status": "COMPLETED",
            "SourceArn": f"{ARN}:dead",
            "ApproximateNumberOfMessagesMoved": 5,
            "ApproximateNumberOfMessagesToMove": 5,
            "StartedTimestamp": 1_800_000_000_000,
        }
        (message,) = await sqs.receive(first, 1, AttributeNames=["All"])
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"

    with_queues(scene)


def test_the_rate_is_kept_and_a_task_can_be_cancelled() -> None:
    """50 messages at 10 per second take 5 s; cancelled, the rest stays; a second task waits its turn."""

    async def scene(sqs: Desk) -> None:
        _, dead = await dead_letters(sqs, 50)
        await sqs.queue("target")
        start = {
            "SourceArn": f"{ARN}:dead",
            "DestinationArn": f"{ARN}:target",
            "MaxNumberOfMessagesPerSecond": 10,
        }
        handle = (await sqs("StartMessageMoveTask", **start))["TaskHandle"]
        await sqs.pass_s(2.05)
        assert 20 <= 50 - (await sqs.counts(dead))[0] <= 22
        refused = await sqs.refused("StartMessageMoveTask", **start)
        assert refused[1].startswith("There is already a task running.")
        moved = (await sqs("CancelMessageMoveTask", TaskHandle=handle))["ApproximateNumberOfMessagesMoved"]
        task = await until_ended(sqs)
        assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("CANCELLED", moved)
        assert "TaskHandle" not in task
        assert (await sqs.counts(dead))[0] == 50 - moved
        begun = sqs.plane.clock.now()
        await sqs("StartMessageMoveTask", **start)
        await until_ended(sqs)
        assert (sqs.plane.clock.now() - begun) / SECOND > 2
        assert (
            len((await sqs("ListMessageMoveTasks", SourceArn=f"{ARN}:dead", MaxResults=10))["Results"]) == 2
        )

    with_queues(scene)


def test_tasks_fail_with_a_reason() -> None:
    """The destination is deleted; a message was never in a source."""

    async def scene(sqs: Desk) -> None:
        await dead_letters(sqs, 20)
        target = await sqs.queue("target")
        await sqs(
            "StartMessageMoveTask",
            SourceArn=f"{ARN}:dead",
            DestinationArn=f"{ARN}:target",
            MaxNumberOfMessagesPerSecond=1,
        )
        await sqs("DeleteQueue", QueueUrl=target)
        task = await until_ended(sqs)
        assert (task["Status"], task["FailureReason"]) == (
            "FAILED",
            "AWS.SimpleQueueService.NonExistentQueue",
        )

    async def direct(sqs: Desk) -> None:
        _, dead = await dead_letters(sqs, 0)
        await sqs.send(dead)
        await sqs("StartMessageMoveTask", SourceArn=f"{ARN}:dead")
        task = await until_ended(sqs)
        assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
        assert await sqs.counts(dead) == (1, 0, 0)

    with_queues(scene)
    with_queues(direct)


def test_what_is_refused() -> None:
    """No such queue, no dead-letter queue, a bad rate, an unknown task, a bad handle."""

    async def scene(sqs: Desk) -> None:
        await dead_letters(sqs, 0)
        start = "StartMessageMoveTask"
        assert await sqs.refused(start, SourceArn=f"{ARN}:gone") == (
            "ResourceNotFoundException",
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        )
        assert await sqs.refused(start, SourceArn=f"{ARN}:jobs") == (
            "InvalidParameterValue",
            "Source queue must be configured as a Dead Letter Queue.",
        )
        refused = await sqs.refused(start, SourceArn=f"{ARN}:dead", DestinationArn=f"{ARN}:gone")
        assert refused[1] == "The resource that you specified for the DestinationArn parameter doesn't exist."
        refused = await sqs.refused(start, SourceArn=f"{ARN}:dead", MaxNumberOfMessagesPerSecond=501)
        assert refused[0] == "InvalidParameterValue"
        handle = base64.b64encode(json.dumps({"taskId": "x", "sourceArn": "y"}).encode()).decode()
        assert await sqs.refused("CancelMessageMoveTask", TaskHandle=handle) == (
            "ResourceNotFoundException",
            "Task does not exist.",
        )
        for bad in ("x", "é", base64.b64encode(b"[]").decode()):
            refused = await sqs.refused("CancelMessageMoveTask", TaskHandle=bad)
            assert refused == ("InvalidParameterValue", "Value for parameter TaskHandle is invalid.")

    with_queues(scene)

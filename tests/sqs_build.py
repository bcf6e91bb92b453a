"""SQS builders: a plane with queues in virtual time, and rows with defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from tests.build import NOW, a_plane, call, start_services
from windlass.aws.calls import Result
from windlass.aws.quotas import Profile
from windlass.kernel.clock import SECOND, Instant, LoopClock
from windlass.kernel.faults import Fault
from windlass.services.plane import Plane
from windlass.services.sqs import SERVICE
from windlass.services.sqs.model import Content, Message, Queue
from windlass.services.sqs.waiting import Waiting
from windlass.sim.loop import VirtualLoop

T = TypeVar("T")


def a_queue(**fields: Any) -> Queue:
    known: dict[str, Any] = {
        "account": "123456789012",
        "region": "eu-west-1",
        "name": "jobs.fifo" if fields.get("fifo") else "jobs",
        "id": "q1",
        "created_at": NOW,
        "modified_at": NOW,
    }
    return Queue(**known | fields)


def a_message(
    number: int = 1, *, visible_at: Instant = NOW, sent_at: Instant = NOW, **fields: Any
) -> Message:
    content = Content(id=f"m{number}", body=f"body {number}", sent_at=sent_at, sender="sender")
    return Message(**{"queue": "q1", "number": number, "content": content, "visible_at": visible_at} | fields)


@dataclass
class Desk:
    """Calls SQS in process; `await desk("SendMessage", QueueUrl=url, MessageBody="x")`."""

    plane: Plane

    async def __call__(self, operation: str, **params: Any) -> Result:
        return await call(self.plane, "sqs", operation, **params)

    async def queue(self, name: str = "jobs", **attributes: str) -> str:
        """A queue's URL; FIFO if its name says so."""
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        return str((await self("CreateQueue", QueueName=name, Attributes=attributes))["QueueUrl"])

    async def send(self, url: str, body: str = "hello", **params: Any) -> Result:
        return await self("SendMessage", QueueUrl=url, MessageBody=body, **params)

    async def receive(self, url: str, count: int = 10, **params: Any) -> list[dict[str, Any]]:
        result = await self("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=count, **params)
        return list(result.get("Messages", []))

    async def bodies(self, url: str, **params: Any) -> list[str]:
        return [message["Body"] for message in await self.receive(url, **params)]

    async def delete(self, url: str, message: dict[str, Any]) -> None:
        await self("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    async def attribute(self, url: str, name: str) -> str | None:
        result = await self("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        value = result["Attributes"].get(name)
        return None if value is None else str(value)

    async def counts(self, url: str) -> tuple[int, int, int]:
        """(visible, in flight, delayed)."""
        shown = (await self("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]))["Attributes"]
        tails = ("", "NotVisible", "Delayed")
        visible, in_flight, delayed = (int(shown[f"ApproximateNumberOfMessages{tail}"]) for tail in tails)
        return visible, in_flight, delayed

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """The fault's query code and message."""
        with pytest.raises(Fault) as raised:
            await self(operation, **params)
        return raised.value.query_code or raised.value.code, raised.value.message

    async def pass_s(self, seconds: float) -> None:
        await self.plane.clock.sleep_until(self.plane.clock.now() + round(seconds * SECOND))

    def parked(self, name: str = "jobs") -> int:
        return self.plane.calls.part(Waiting).parked(("123456789012", "eu-west-1", name))


def with_queues(scene: Callable[[Desk], Awaitable[T]], *, profile: Profile | None = None) -> T:
    """Play a scene against SQS in virtual time; its result."""
    loop = VirtualLoop()

    async def play() -> T:
        plane = a_plane(SERVICE, clock=LoopClock(loop, NOW), profile=profile)
        start_services(plane, [SERVICE])
        try:
            return await scene(Desk(plane))
        finally:
            await plane.spawn.close()

    return loop.run(play())

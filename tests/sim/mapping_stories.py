"""Worlds with a queue, a function and an event source mapping between them; what became of the messages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.lambda_build import a_zip
from windlass.aws.quotas import Profile
from windlass.kernel.clock import HOUR, SECOND, Duration
from windlass.services import iam, lambda_, sqs
from windlass.services.sqs.model import MESSAGES
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION, World

Answer = Callable[[list[dict[str, Any]]], Any]
"""What the function makes of a batch's records: its result, or an exception."""


@dataclass
class Shop:
    """One world. `batches` are those that the function has run, each as its messages' bodies."""

    world: World
    takes: Duration = 0
    """How long each batch runs."""
    answer: Answer = lambda records: None
    batches: list[list[str]] = field(default_factory=list)

    async def open(self, name: str = "q", *, timeout_s: int = 3, **attributes: str) -> None:
        """The node, the queue and the function f."""
        self.world.add_node("n1", course=lambda spec: Course(event=self.takes, answers=self._run))
        if name.endswith(".fifo"):
            attributes |= {"FifoQueue": "true"}
        self.name = name
        await self.world.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
        await self.make_function(timeout_s)

    async def make_function(self, timeout_s: int = 3) -> None:
        await self.world.call(
            "lambda",
            "CreateFunction",
            FunctionName="f",
            Runtime="python3.12",
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Timeout=timeout_s,
            Code={"ZipFile": a_zip()},
        )
        await self.world.pass_time(SECOND)

    @property
    def url(self) -> str:
        return f"http://sqs/{ACCOUNT}/{self.name}"

    async def map(self, **params: Any) -> str:
        """The mapping; its UUID."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        answer = await self.world.call(
            "lambda", "CreateEventSourceMapping", EventSourceArn=arn, FunctionName="f", **params
        )
        return str(answer["UUID"])

    async def send(self, *bodies: str, group: str = "") -> None:
        ordered = {"MessageGroupId": group} if group else {}
        for body in bodies:
            more = {"MessageDeduplicationId": body.replace(" ", "-")} if group else {}
            await self.world.call(
                "sqs", "SendMessage", QueueUrl=self.url, MessageBody=body, **ordered, **more
            )

    async def hidden(self) -> int:
        """Messages in flight."""
        names = ["ApproximateNumberOfMessagesNotVisible"]
        answer = await self.world.call("sqs", "GetQueueAttributes", QueueUrl=self.url, AttributeNames=names)
        return int(answer["Attributes"][names[0]])

    def left(self) -> int:
        """Messages in all queues."""
        return len(self.world.plane.store[MESSAGES])

    async def until_empty(self, within: Duration = HOUR) -> None:
        """Let time pass until every message is gone."""
        end = self.world.clock.now() + within
        while self.left():
            assert self.world.clock.now() < end, f"{self.left()} messages are left"
            await self.world.pass_time(SECOND)

    @property
    def handled(self) -> list[str]:
        """The messages that the function has seen, in that order."""
        return [body for batch in self.batches for body in batch]

    def _run(self, payload: bytes) -> tuple[bytes, str]:
        records = json.loads(payload)["Records"]
        self.batches.append([record["body"] for record in records])
        try:
            return json.dumps(self.answer(records)).encode(), ""
        except Exception as error:
            return json.dumps({"errorMessage": str(error)}).encode(), "Unhandled"


def play(
    story: Callable[[Shop], Awaitable[None]],
    *,
    seed: int = 1,
    shuffle: bool = False,
    disk: SimulatedDisk | None = None,
    profile: Profile | None = None,
) -> Shop:
    """Play it in a world of its own."""
    profile = profile or Profile("test")
    services = (iam.SERVICE, lambda_.SERVICE, sqs.SERVICE)
    shop = Shop(World(services, profile, seed, shuffle=shuffle, disk=disk))

    async def played(world: World) -> None:
        await story(shop)

    shop.world.run(played)
    return shop

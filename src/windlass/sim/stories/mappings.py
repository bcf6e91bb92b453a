"""Random stories of event source mappings: a queue, a function and a mapping, all of which users change.

What a message comes to is the function's business, which fails now and then. Promise: each message that was
taken, other than those of a queue that somebody deleted, has been handled once all is well again.
"""

from __future__ import annotations

import json
from typing import Any

from windlass.aws.quotas import Profile
from windlass.kernel.clock import HOUR, MILLISECOND, MINUTE, SECOND, Duration
from windlass.kernel.faults import Retry
from windlass.services import iam, lambda_, sqs
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.lambda_.sources.model import MAPPINGS, Mapping
from windlass.services.sqs.model import MESSAGES, QUEUES
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.packages import ANY_PACKAGE
from windlass.sim.stories.telling import Deed, Script, Telling
from windlass.sim.world import ACCOUNT, REGION, World

REFUSALS = frozenset(
    {
        "QueueDeletedRecently",
        "QueueDoesNotExist",
        "InvalidParameterValueException",
        "ResourceConflictException",
        "ResourceInUseException",
        "ResourceNotFoundException",
    }
)
"""What a user who does not look may be told."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


class Shop(Telling):
    """The queue q (or q.fifo), the function f and the mapping."""

    apis = (iam.SERVICE, lambda_.SERVICE, sqs.SERVICE)
    profile = Profile("test")
    refusals = REFUSALS

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script) -> None:
        super().__init__(world, disk, seed, script)
        self.fifo = self.chance.random() < 0.4
        self.name = "q.fifo" if self.fifo else "q"
        self.takes: Duration = self.chance.choice((0, 100 * MILLISECOND, 2 * SECOND))
        """How long the function works at each batch."""
        self.bad = 0.2
        """The share of messages that fail."""
        self.sent: set[str] = set()
        self.done: set[str] = set()
        self._fate = self.stream("function")
        self._count = 0

    @property
    def url(self) -> str:
        return f"http://sqs/{ACCOUNT}/{self.name}"

    async def open(self) -> None:
        for number in range(2):
            self.world.add_node(f"n{number}", course=lambda spec: Course(event=self.takes, answers=self._run))
        await self.make_queue()
        await self.make_function()
        await self.world.pass_time(SECOND)
        await self.map()

    def _run(self, payload: bytes) -> tuple[bytes, str]:
        records = json.loads(payload)["Records"]
        if self._fate.random() < self.bad / 2:
            return b'{"errorMessage":"failed"}', "Unhandled"
        failed = [one for one in records if self._fate.random() < self.bad]
        self.done |= {one["body"] for one in records if one not in failed}
        items = [{"itemIdentifier": one["messageId"]} for one in failed]
        return json.dumps({"batchItemFailures": items}).encode(), ""

    async def sqs(self, operation: str, **params: Any) -> Any:
        return await self.world.call("sqs", operation, **params)

    async def function(self, operation: str, **params: Any) -> Any:
        return await self.world.call("lambda", operation, **params)

    def mapping(self) -> Mapping | None:
        return next(iter(self.world.plane.store[MAPPINGS].all()), None)

    # what happens

    def users(self) -> list[Deed]:
        often = [self.send] * 8 + [self.update] * 3 + [self.throttle] * 2
        return [*often, self.map_or_unmap, self.replace_function, self.replace_queue]

    async def send(self) -> None:
        for _ in range(self.chance.randint(1, 15)):
            self._count += 1
            body = str(self._count)
            ordered = {"MessageGroupId": self.chance.choice("abc"), "MessageDeduplicationId": body}
            await self.sqs(
                "SendMessage", QueueUrl=self.url, MessageBody=body, **(ordered if self.fifo else {})
            )
            self.sent.add(body)

    async def update(self) -> None:
        mapping = self.mapping()
        if mapping is None:
            return
        window = 0 if self.fifo else self.chance.choice((0, 1, 5))
        await self.function(
            "UpdateEventSourceMapping",
            UUID=mapping.uuid,
            Enabled=self.chance.random() < 0.7,
            BatchSize=self.chance.randint(1, 100 if window else 10),
            ScalingConfig={"MaximumConcurrency": 2} if self.chance.random() < 0.3 else {},
            **({} if self.fifo else {"MaximumBatchingWindowInSeconds": window}),
        )

    async def map_or_unmap(self) -> None:
        mapping = self.mapping()
        if mapping is None:
            await self.map()
        else:
            await self.function("DeleteEventSourceMapping", UUID=mapping.uuid)

    async def map(self) -> None:
        await self.function(
            "CreateEventSourceMapping",
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}",
            FunctionName="f",
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    async def throttle(self) -> None:
        if self.chance.random() < 0.5:
            await self.function("DeleteFunctionConcurrency", FunctionName="f")
            return
        reserved = self.chance.choice((0, 1, 3))
        await self.function("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=reserved)

    async def replace_function(self) -> None:
        if self._has_function():
            await self.function("DeleteFunction", FunctionName="f")
        else:
            await self.make_function()

    def _has_function(self) -> bool:
        return self.world.plane.store[FUNCTIONS].get((ACCOUNT, REGION, "f")) is not None

    async def make_function(self) -> None:
        await self.function(
            "CreateFunction", FunctionName="f", Runtime="python3.12", Handler="app.handler", Role=ROLE,
            Timeout=3, Code={"ZipFile": ANY_PACKAGE},
        )  # fmt: skip

    async def replace_queue(self) -> None:
        """With all that is in it. Whether a plane that is killed meanwhile has done it nobody knows."""
        if not len(self.world.plane.store[QUEUES]):
            await self.make_queue()
            return
        expected, self.sent = self.sent, self.sent & self.done
        try:
            await self.sqs("DeleteQueue", QueueUrl=self.url)
        except Retry:
            raise
        except BaseException:
            self.sent = expected
            raise
        finally:
            await self.world.pass_time(self.chance.randrange(5 * SECOND))
        await self.make_queue()

    async def make_queue(self) -> None:
        attributes = {"VisibilityTimeout": "5"} | ({"FifoQueue": "true"} if self.fifo else {})
        await self.sqs("CreateQueue", QueueName=self.name, Attributes=attributes)

    # what it comes to

    async def heal(self) -> None:
        """The function does its work, is there, and is mapped."""
        self.bad = 0
        await self.world.pass_time(MINUTE)  # a queue may be made again that long after it was deleted
        await self.make_queue()
        await self.until(self._is_settled, 5 * MINUTE)
        if not self._has_function():
            await self.make_function()
        await self.function("DeleteFunctionConcurrency", FunctionName="f")
        if self.mapping() is None:
            await self.map()
        await self.until(self._is_settled, 5 * MINUTE)
        mapping = self.mapping()
        assert mapping is not None and mapping.state in ("Enabled", "Disabled"), mapping
        if not mapping.enabled:
            await self.function("UpdateEventSourceMapping", UUID=mapping.uuid, Enabled=True)

    def _is_settled(self) -> bool:
        mapping = self.mapping()
        return mapping is None or mapping.state in ("Enabled", "Disabled")

    async def ends_well(self) -> None:
        """No more faults: the queue is drained, and every message was handled."""
        await self.end_faults()
        await self.heal()
        messages = self.world.plane.store[MESSAGES]
        await self.until(lambda: not len(messages), 2 * HOUR)
        assert not len(messages), f"{len(messages)} messages are left"
        await self.world.pass_time(10 * SECOND)
        assert self.sent <= self.done, sorted(self.sent - self.done)

"""Random stories of event source mappings: all goes wrong, then nothing; every message is handled."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from tests.sim import seeds
from tests.sim.mapping_stories import Shop, play
from windlass.kernel.clock import HOUR, MINUTE, SECOND
from windlass.kernel.faults import Fault, Retry
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.lambda_.sources.model import MAPPINGS, Mapping
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION

STEPS = 60


class Story:
    """One shop in which everything happens by chance."""

    def __init__(self, shop: Shop, seed: int, disk: SimulatedDisk) -> None:
        self.shop = shop
        self.disk = disk
        self.chance = random.Random(seed)
        self.fifo = self.chance.random() < 0.4
        self.bad = 0.2
        """Share of messages that fail."""
        self.sent: set[str] = set()
        self.done: set[str] = set()
        self.linked = True
        self.count = 0

    async def begin(self) -> None:
        shop = self.shop
        shop.answer = self.answer
        shop.takes = self.chance.choice([0, SECOND // 10, 2 * SECOND])
        await shop.open("q.fifo" if self.fifo else "q", VisibilityTimeout=self.chance.choice(["3", "20"]))
        await shop.map(FunctionResponseTypes=["ReportBatchItemFailures"])

    def answer(self, records: list[dict[str, Any]]) -> Any:
        if self.chance.random() < self.bad / 2:
            raise RuntimeError("failed")
        failed = [r for r in records if self.chance.random() < self.bad]
        self.done |= {r["body"] for r in records if r not in failed}
        return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in failed]}

    async def call(self, service: str, operation: str, **params: Any) -> bool:
        """Whether it was taken; by a plane that may be killed, on a disk that may be full."""
        try:
            await self.shop.world.call(service, operation, **params)
        except (Fault, Retry):
            return False
        return True

    def mapping(self) -> Mapping | None:
        return next(iter(self.shop.world.plane.store[MAPPINGS].all()), None)

    # what happens

    async def send(self) -> None:
        for _ in range(self.chance.randint(1, 15)):
            self.count += 1
            body = str(self.count)
            ordered = {"MessageGroupId": self.chance.choice("abc"), "MessageDeduplicationId": body}
            fields = {"QueueUrl": self.shop.url, "MessageBody": body, **(ordered if self.fifo else {})}
            if await self.call("sqs", "SendMessage", **fields):
                self.sent.add(body)

    async def update(self) -> None:
        mapping = self.mapping()
        window = 0 if self.fifo else self.chance.choice([0, 1, 5])
        if mapping is not None:
            await self.call(
                "lambda",
                "UpdateEventSourceMapping",
                UUID=mapping.uuid,
                Enabled=self.chance.random() < 0.7,
                BatchSize=self.chance.randint(1, 100 if window else 10),
                ScalingConfig={"MaximumConcurrency": 2} if self.chance.random() < 0.3 else {},
                **({} if self.fifo else {"MaximumBatchingWindowInSeconds": window}),
            )

    async def map_again(self) -> None:
        mapping = self.mapping()
        if mapping is not None:
            await self.call("lambda", "DeleteEventSourceMapping", UUID=mapping.uuid)
        else:
            await self.map()

    async def map(self) -> None:
        await self.call(
            "lambda",
            "CreateEventSourceMapping",
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.shop.name}",
            FunctionName="f",
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    async def throttle(self) -> None:
        if self.chance.random() < 0.5:
            await self.call("lambda", "DeleteFunctionConcurrency", FunctionName="f")
            return
        reserved = self.chance.choice([0, 1, 3])
        await self.call(
            "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=reserved
        )

    async def replace_function(self) -> None:
        if not await self.call("lambda", "DeleteFunction", FunctionName="f"):
            await self.make_function()

    async def make_function(self) -> None:
        try:
            await self.shop.make_function()
        except (Fault, Retry):
            return

    async def replace_queue(self) -> None:
        if await self.call("sqs", "DeleteQueue", QueueUrl=self.shop.url):
            self.sent -= self.sent - self.done
        await self.shop.world.pass_time(self.chance.randrange(5 * SECOND))
        await self.make_queue()

    async def make_queue(self) -> None:
        attributes = {"VisibilityTimeout": "5"} | ({"FifoQueue": "true"} if self.fifo else {})
        await self.call("sqs", "CreateQueue", QueueName=self.shop.name, Attributes=attributes)

    async def link(self) -> None:
        world = self.shop.world
        self.linked = not self.linked
        world.connect("n1") if self.linked else world.disconnect("n1")

    async def fill_the_disk(self) -> None:
        self.disk.full = True
        await self.shop.world.pass_time(self.chance.randrange(3 * SECOND))
        self.disk.full = False
        await self.disk.probe()

    async def kill(self) -> None:
        self.shop.world.kill()
        await self.shop.world.pass_time(self.chance.randrange(10 * SECOND))
        await self.shop.world.revive()

    async def go_on(self) -> None:
        """Something; more often nothing but messages."""
        deeds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (8, self.send),
            (3, self.update),
            (1, self.map_again),
            (2, self.throttle),
            (1, self.replace_function),
            (1, self.replace_queue),
            (1, self.link),
            (1, self.fill_the_disk),
            (1, self.kill),
        ]
        [deed] = self.chance.choices([deed for _, deed in deeds], [weight for weight, _ in deeds])
        self.shop.world.trace.note(deed.__name__)
        await deed()
        await self.shop.world.pass_time(self.chance.choice([0, SECOND // 5, 3 * SECOND, 20 * SECOND]))

    async def end(self) -> None:
        """Nothing goes wrong any more."""
        world, self.bad = self.shop.world, 0
        world.disconnect("n1")  # a full disk may have ended its session; real agents come back by themselves
        world.connect("n1")
        await world.pass_time(MINUTE)
        await self.make_queue()
        if world.plane.store[FUNCTIONS].get((ACCOUNT, REGION, "f")) is None:
            await self.make_function()
        await self.call("lambda", "DeleteFunctionConcurrency", FunctionName="f")
        while (mapping := self.mapping()) is None or not mapping.enabled or mapping.state != "Enabled":
            if mapping is None:
                await self.map()
            elif mapping.state == "Disabled":
                await self.call("lambda", "UpdateEventSourceMapping", UUID=mapping.uuid, Enabled=True)
            await world.pass_time(SECOND)
        await self.shop.until_empty(2 * HOUR)


@seeds.each(4)
def test_every_message_is_handled(story_seed: int) -> None:
    """Each that was sent, but those in a queue that was deleted, has been handled once all is well again."""
    disk = SimulatedDisk()

    async def played(shop: Shop) -> None:
        story = Story(shop, story_seed, disk)
        await story.begin()
        for _ in range(STEPS):
            await story.go_on()
        await story.end()
        assert story.sent <= story.done, sorted(story.sent - story.done)

    play(played, seed=story_seed, shuffle=True, disk=disk)

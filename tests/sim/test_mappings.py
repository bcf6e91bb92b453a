"""Event source mappings in virtual time: scaling, throttling, back-off, windows, order, and kills."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.sim import seeds
from tests.sim.mapping_stories import Shop, play
from windlass.aws.metrics import Metrics
from windlass.aws.quotas import Profile
from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND
from windlass.kernel.faults import Retry
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.lambda_.sources.model import MAPPINGS, Mapping
from windlass.services.sqs.waiting import Waiting
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION

LONG = {"timeout_s": 900, "VisibilityTimeout": "1000"}


def bodies(count: int) -> list[str]:
    return [str(n) for n in range(count)]


async def told(shop: Shop, uuid: str) -> dict[str, Any]:
    return await shop.world.call("lambda", "GetEventSourceMapping", UUID=uuid)


def test_batches_at_once_grow_by_300_a_minute() -> None:
    """Five at once, 55 after ten seconds, 105 after twenty: each is one message of a long batch."""

    async def story(shop: Shop) -> None:
        await shop.open(**LONG)
        shop.takes = 800 * SECOND
        await shop.send(*bodies(120))
        await shop.map(BatchSize=1)
        counts = []
        for passed_ms in (100, 9_950, 10_000):
            await shop.world.pass_time(passed_ms * MILLISECOND)
            counts.append(await shop.hidden())
        assert counts == [5, 55, 105]
        await shop.until_empty()

    assert Counter(play(story).handled) == Counter(bodies(120))


def test_the_profile_says_how_long_a_change_takes() -> None:
    """Five seconds each; what takes no messages yet, or no more, takes none meanwhile."""

    async def story(shop: Shop) -> None:
        await shop.open()
        await shop.send("1")
        uuid = await shop.map()
        await shop.world.pass_time(4 * SECOND)
        assert ((await told(shop, uuid))["State"], shop.batches) == ("Creating", [])
        await shop.world.pass_time(2 * SECOND)
        assert ((await told(shop, uuid))["State"], shop.batches) == ("Enabled", [["1"]])
        await shop.world.call("lambda", "UpdateEventSourceMapping", UUID=uuid, Enabled=False)
        await shop.world.pass_time(SECOND)
        await shop.send("2")
        await shop.world.pass_time(3 * SECOND)
        assert (await told(shop, uuid))["State"] == "Disabling"
        await shop.world.pass_time(2 * SECOND)
        assert ((await told(shop, uuid))["State"], shop.handled) == ("Disabled", ["1"])

    play(story, profile=Profile("test", delays={"lambda.mapping_change": 5.0}))


def test_maximum_concurrency() -> None:
    """Two at once, however long the queue is and for however long."""

    async def story(shop: Shop) -> None:
        await shop.open(**LONG)
        shop.takes = 10 * SECOND
        await shop.send(*bodies(60))
        await shop.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        for _ in range(20):
            await shop.world.pass_time(10 * SECOND)
            assert await shop.hidden() == 2
        await shop.until_empty()

    assert Counter(play(story).handled) == Counter(bodies(60))


def test_an_idle_mapping_is_one_parked_receive() -> None:
    """After a burst, too: those that helped with it leave."""

    async def story(shop: Shop) -> None:
        await shop.open()
        shop.takes = SECOND
        await shop.map(BatchSize=1)
        waiting = shop.world.plane.calls.part(Waiting)
        for count in (0, 20):
            await shop.send(*bodies(count))
            await shop.world.pass_time(MINUTE)
            assert waiting.parked((ACCOUNT, REGION, "q")) == 1
        assert len(shop.batches) == 20

    play(story)


def test_a_throttled_batch_is_tried_again_while_it_is_hidden() -> None:
    """Reserved concurrency 1: nothing is received twice, and nothing is dropped."""
    receives: list[str] = []

    async def story(shop: Shop) -> None:
        await shop.open(VisibilityTimeout="600")
        shop.takes = SECOND
        shop.answer = lambda records: receives.extend(
            record["attributes"]["ApproximateReceiveCount"] for record in records
        )
        await shop.world.call(
            "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=1
        )
        await shop.send(*bodies(30))
        await shop.map(BatchSize=1)
        await shop.until_empty()

    shop = play(story)
    assert Counter(shop.handled) == Counter(bodies(30)) and set(receives) == {"1"}


def test_reserved_concurrency_0_leaves_the_messages() -> None:
    """They are received, refused, and seen again after their timeout: no receive after receive."""

    async def story(shop: Shop) -> None:
        await shop.open(VisibilityTimeout="30")
        zero = {"FunctionName": "f", "ReservedConcurrentExecutions": 0}
        await shop.world.call("lambda", "PutFunctionConcurrency", **zero)
        await shop.send("1")
        uuid = await shop.map()
        await shop.world.pass_time(5 * MINUTE)
        assert shop.left() == 1 and not shop.batches
        assert (await told(shop, uuid))["LastProcessingResult"] == "PROBLEM: Rate Exceeded."
        await shop.world.call("lambda", "DeleteFunctionConcurrency", FunctionName="f")
        await shop.until_empty(3 * MINUTE)

    assert play(story).handled == ["1"]


def test_the_queue_goes_while_its_message_waits_for_the_function() -> None:
    """It is given up; the mapping stays, and goes on with a queue of that name."""

    async def story(shop: Shop) -> None:
        await shop.open()
        zero = {"FunctionName": "f", "ReservedConcurrentExecutions": 0}
        await shop.world.call("lambda", "PutFunctionConcurrency", **zero)
        await shop.send("1")
        await shop.map()
        await shop.world.pass_time(2 * SECOND)
        assert await shop.hidden() == 1
        await shop.world.call("sqs", "DeleteQueue", QueueUrl=shop.url)
        await shop.world.pass_time(MINUTE)
        await shop.world.call("lambda", "DeleteFunctionConcurrency", FunctionName="f")
        await shop.world.call("sqs", "CreateQueue", QueueName="q")
        await shop.send("2")
        await shop.until_empty(2 * MINUTE)
        assert shop.handled == ["2"]

    play(story)


def test_a_failing_mapping_pauses_and_recovers() -> None:
    """A message each second, all fail: fewer and fewer receives; once it is mended all are handled."""
    mended = False

    def answer(records: list[dict[str, Any]]) -> None:
        assert mended, "broken"

    async def story(shop: Shop) -> None:
        nonlocal mended
        await shop.open(VisibilityTimeout="10")
        shop.answer = answer
        uuid = await shop.map(BatchSize=1)
        for body in bodies(300):
            await shop.send(body)
            await shop.world.pass_time(SECOND)
        tries = len(shop.batches)
        assert 8 <= tries <= 20  # pauses of 0, 1, 2, 4 … 60 s, and then one a minute
        assert (await told(shop, uuid))["LastProcessingResult"] == "PROBLEM: Function call failed"
        mended = True
        await shop.until_empty(10 * MINUTE)
        assert Counter(shop.handled[tries:]) == Counter(bodies(300))
        assert (await told(shop, uuid))["LastProcessingResult"] == "OK"

    play(story)


def test_item_failures_do_not_slow_a_mapping_down() -> None:
    """A function that reports its failures is called as often as there are messages."""

    def answer(records: list[dict[str, Any]]) -> Any:
        bad = [r["messageId"] for r in records if int(r["body"]) % 2]
        return {"batchItemFailures": [{"itemIdentifier": one} for one in bad]}

    async def story(shop: Shop) -> None:
        dead = await shop.world.call("sqs", "CreateQueue", QueueName="dead")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        await shop.open(VisibilityTimeout="10", RedrivePolicy=policy)
        shop.answer = answer
        await shop.send(*bodies(100))
        await shop.map(FunctionResponseTypes=["ReportBatchItemFailures"])
        await shop.world.pass_time(MINUTE)
        letters = []
        while answer_ := await shop.world.call(
            "sqs", "ReceiveMessage", QueueUrl=dead["QueueUrl"], MaxNumberOfMessages=10
        ):
            letters += [message["Body"] for message in answer_["Messages"]]
        assert sorted(letters, key=int) == bodies(100)[1::2] and shop.left() == 50
        assert Counter(shop.handled) == {body: 3 if int(body) % 2 else 1 for body in bodies(100)}

    play(story)


def test_a_window_gathers() -> None:
    """25 messages within its five seconds are one batch; the next begins a new one; 20 are a full one."""

    async def story(shop: Shop) -> None:
        await shop.open()
        await shop.map(BatchSize=100, MaximumBatchingWindowInSeconds=5)
        await shop.world.pass_time(SECOND)
        for n in range(25):
            await shop.send(str(n))
            await shop.world.pass_time(SECOND // 10)
        assert not shop.batches
        await shop.world.pass_time(3 * SECOND)
        assert shop.batches == [bodies(25)]
        await shop.send("a")
        await shop.world.pass_time(6 * SECOND)
        assert shop.batches[1:] == [["a"]]
        [mapping] = (await shop.world.call("lambda", "ListEventSourceMappings"))["EventSourceMappings"]
        await shop.world.call("lambda", "UpdateEventSourceMapping", UUID=mapping["UUID"], BatchSize=20)
        await shop.world.pass_time(SECOND)
        await shop.send(*bodies(20))
        await shop.world.pass_time(MILLISECOND)
        assert shop.batches[2:] == [bodies(20)]

    play(story)


def test_a_window_that_a_queue_would_not_wait_for() -> None:
    """Visibility 10 s, window 60 s: the messages stay hidden for as long as that takes."""

    async def story(shop: Shop) -> None:
        await shop.open(VisibilityTimeout="10")
        await shop.map(BatchSize=100, MaximumBatchingWindowInSeconds=60)
        await shop.send("1")
        await shop.world.pass_time(2 * MINUTE)
        assert shop.batches == [["1"]] and not shop.left()

    play(story)


def test_a_mapping_outlives_its_function_and_its_queue() -> None:
    """Without the function nothing is received; without the queue it asks now and then."""

    async def story(shop: Shop) -> None:
        await shop.open()
        uuid = await shop.map()
        await shop.world.call("lambda", "DeleteFunction", FunctionName="f")
        await shop.send("1")
        await shop.world.pass_time(MINUTE)
        assert (await shop.hidden(), shop.left(), (await told(shop, uuid))["State"]) == (0, 1, "Enabled")
        await shop.make_function()
        await shop.until_empty(SECOND * 5)
        await shop.world.call("sqs", "DeleteQueue", QueueUrl=shop.url)
        await shop.world.pass_time(10 * MINUTE)
        assert (await told(shop, uuid))["LastProcessingResult"] == (
            "PROBLEM: The queue could not be read: The specified queue does not exist."
        )
        await shop.world.call("sqs", "CreateQueue", QueueName="q")
        await shop.send("2")
        await shop.until_empty(MINUTE)
        assert shop.handled == ["1", "2"]

    play(story)


def test_an_inactive_function_is_woken_by_a_message() -> None:
    """Not by the mapping alone. The invocation that finds it so is refused, and tried again."""

    async def story(shop: Shop) -> None:
        await shop.open()
        await shop.map()
        store = shop.world.plane.store
        with store.transact() as tx:
            function = tx[FUNCTIONS].require((ACCOUNT, REGION, "f"))
            tx[FUNCTIONS].put(replace(function, state="Inactive"))
        await shop.world.pass_time(10 * MINUTE)
        assert store[FUNCTIONS].require(function.key).state == "Inactive"
        await shop.send("1")
        await shop.until_empty(MINUTE)
        assert store[FUNCTIONS].require(function.key).state == "Active" and shop.handled == ["1"]

    play(story)


async def change(shop: Shop, mapping: Mapping) -> None:
    await shop.world.call("lambda", "UpdateEventSourceMapping", UUID=mapping.uuid, BatchSize=7)


async def switch(shop: Shop, mapping: Mapping) -> None:
    on = not mapping.enabled
    await shop.world.call("lambda", "UpdateEventSourceMapping", UUID=mapping.uuid, Enabled=on)


async def delete(shop: Shop, mapping: Mapping) -> None:
    await shop.world.call("lambda", "DeleteEventSourceMapping", UUID=mapping.uuid)


@pytest.mark.parametrize("deed", [change, switch, delete])
def test_changes_outlive_the_plane(deed: Callable[[Shop, Mapping], Awaitable[None]]) -> None:
    """Killed right after a call was answered: the next plane brings it to its end."""

    async def story(shop: Shop) -> None:
        await shop.open()
        shop.takes = 2 * SECOND
        uuid = await shop.map()
        await shop.world.pass_time(SECOND)
        await shop.send("1")
        mapping = shop.world.plane.store[MAPPINGS].require(uuid)
        await deed(shop, mapping)
        shop.world.kill()
        await shop.world.revive()
        await shop.world.pass_time(MINUTE)
        found = shop.world.plane.store[MAPPINGS].get(uuid)
        if deed is delete:
            assert found is None
        else:
            assert found is not None and found.state == ("Enabled" if found.enabled else "Disabled")
            assert (found.enabled, found.rules.batch_size) == (deed is change, 7 if deed is change else 10)
        assert shop.left() == (0 if deed is change else 1)

    play(story, disk=SimulatedDisk())


def test_metrics_of_a_mapping() -> None:
    """EventCount: ten messages, two that no filter wants, one that fails once."""
    failed = []

    def answer(records: list[dict[str, Any]]) -> Any:
        if failed:
            return None
        failed.append(records[-1]["messageId"])
        return {"batchItemFailures": [{"itemIdentifier": failed[0]}]}

    async def story(shop: Shop) -> None:
        await shop.open(VisibilityTimeout="5")
        shop.answer = answer
        await shop.send(*(json.dumps({"n": n}) for n in range(10)))
        uuid = await shop.map(
            MetricsConfig={"Metrics": ["EventCount"]},
            FunctionResponseTypes=["ReportBatchItemFailures"],
            FilterCriteria={"Filters": [{"Pattern": '{"body": {"n": [{"numeric": ["<", 8]}]}}'}]},
        )
        await shop.until_empty()
        await shop.world.pass_time(MINUTE)
        latest = shop.world.plane.calls.part(Metrics).latest()
        found = {
            series.name: bucket.summary.total
            for series, _, bucket in latest
            if series.dimensions == (("EventSourceMappingUUID", uuid),)
        }
        assert found == {
            "PolledEventCount": 11,
            "FilteredOutEventCount": 2,
            "InvokedEventCount": 9,
            "FailedInvokeEventCount": 1,
            "DeletedEventCount": 10,
        }

    play(story)


@seeds.each(5)
def test_fifo_order(story_seed: int) -> None:
    """Whatever fails: each group's messages are handled in their order, groups at the same time."""
    chance = random.Random(story_seed)
    done: defaultdict[str, list[int]] = defaultdict(list)

    def answer(records: list[dict[str, Any]]) -> Any:
        failed: list[dict[str, str]] = []
        for record in records:
            if failed or chance.random() < 0.15:
                failed.append({"itemIdentifier": record["messageId"]})
            else:
                group, number = record["body"].split()
                done[group].append(int(number))
        if chance.random() < 0.1:
            for record in records[: len(records) - len(failed)]:
                done[record["body"].split()[0]].pop()
            raise RuntimeError("after it was handled")
        return {"batchItemFailures": failed}

    async def story(shop: Shop) -> None:
        await shop.open("q.fifo", VisibilityTimeout=str(chance.choice([5, 30])))
        shop.answer, shop.takes = answer, chance.randrange(3 * SECOND)
        await shop.map(BatchSize=chance.randint(1, 10), FunctionResponseTypes=["ReportBatchItemFailures"])
        for n in range(12):
            for group in "abc":
                await shop.send(f"{group} {n}", group=group)
                await shop.world.pass_time(chance.randrange(SECOND))
        await shop.until_empty(10 * 60 * MINUTE)

    play(story, seed=story_seed, shuffle=True)
    assert done == {group: list(range(12)) for group in "abc"}


def test_fifo_messages_come_after_a_start_on_a_full_disk() -> None:
    """What a plane makes of its rows as it starts is not undone with what the disk refuses just then."""
    disk = SimulatedDisk()

    async def story(shop: Shop) -> None:
        await shop.open("q.fifo")
        await shop.send("1", group="a")
        await shop.map()
        shop.world.kill()
        await shop.world.revive()
        disk.full = True
        await shop.world.pass_time(SECOND)
        disk.full = False
        assert await disk.probe()
        shop.world.disconnect("n1")
        shop.world.connect("n1")
        await shop.until_empty(5 * MINUTE)
        assert "1" in shop.handled

    play(story, disk=disk)


@seeds.each(4)
def test_killed_planes_lose_nothing(story_seed: int) -> None:
    """The plane is killed in mid-traffic, twice: every message is handled, and none deleted before it was."""
    chance = random.Random(story_seed)

    async def story(shop: Shop) -> None:
        world = shop.world
        await shop.open(VisibilityTimeout="20")
        shop.takes = chance.randrange(SECOND)
        await shop.map(BatchSize=chance.randint(1, 10), MaximumBatchingWindowInSeconds=chance.choice([0, 1]))
        await shop.send(*bodies(60))
        sent = bodies(60)
        for life in range(2):
            world.kill_at(disk.commits + chance.randrange(1, 60))
            await world.pass_time(MINUTE)
            world.kill_at(0)
            world.kill()
            await world.revive()
            for body in [f"{life} {n}" for n in range(10)]:
                await send_surely(shop, body)
                sent.append(body)
        await shop.until_empty()
        assert set(shop.handled) == set(sent)

    disk = SimulatedDisk()
    play(story, seed=story_seed, shuffle=True, disk=disk)


async def send_surely(shop: Shop, body: str) -> None:
    try:
        await shop.send(body)
    except Retry:
        await shop.world.revive()
        await shop.send(body)

"""Records and dead letters on their way: handed over, tried again, given up, and kept over a restart."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.build import ACCOUNT, REGION
from tests.lambda_build import Lambda, PlayedNode, a_lambda, failed
from tests.unit.services.lambda_.test_events import KeptLog, none_left, queue
from windlass.aws.calls import Call, Params, Result
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.clock import HOUR
from windlass.kernel.faults import Fault, Retry
from windlass.services.lambda_.event_model import EVENT_INVOKE_CONFIGS, LETTERS, Letter
from windlass.services.lambda_.letters import may_pass
from windlass.services.plane import Service

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


@dataclass
class PlayedQueue:
    """SQS as the test plays it: answers each SendMessage with the next of `answers`, then with success."""

    answers: list[Exception] = field(default_factory=list)
    sent: list[tuple[str, Params]] = field(default_factory=list)

    @property
    def service(self) -> Service:
        return Service("sqs", {"SendMessage": self._send_message, "GetQueueUrl": self._get_queue_url})

    def _get_queue_url(self, call: Call, params: Params) -> Result:
        return {"QueueUrl": f"http://sqs/{call.account}/{params['QueueName']}"}

    def _send_message(self, call: Call, params: Params) -> Result:
        if self.answers:
            raise self.answers.pop(0)
        self.sent.append((call.caller.arn, params))
        return {"MessageId": "m"}


async def fails(invoke: Invoke) -> InvokeResult:
    return failed(invoke)


def nothing_on_its_way(world: Lambda) -> bool:
    return none_left(world) and not len(world.plane.store[LETTERS])


def whys(world: Lambda) -> list[str]:
    return [entry.what for entry in world.plane.journal.since(0) if "delivery failed" in entry.what]


async def configure(world: Lambda, **params: Any) -> None:
    given = {"FunctionName": "f", "MaximumRetryAttempts": 0, **params}
    await world.do("PutFunctionEventInvokeConfig", **given)


def to(**halves: str) -> dict[str, Any]:
    return {"DestinationConfig": {half: {"Destination": arn} for half, arn in halves.items()}}


def test_a_failure_is_told_to_destination_and_dead_letter_queue() -> None:
    """One record and the event itself, in the name of the execution role."""

    async def story() -> None:
        sqs = PlayedQueue()
        async with a_lambda(PlayedNode(runs=fails), others=(sqs.service,)) as world:
            await world.function(DeadLetterConfig={"TargetArn": QUEUE})
            await configure(world, **to(OnFailure=QUEUE))
            await queue(world)
            await world.until(lambda store: nothing_on_its_way(world))
        by_kind = {"MessageAttributes" in params: params for _, params in sqs.sent}
        record = json.loads(by_kind[False]["MessageBody"])
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == 1
        assert record["requestPayload"] == "e"
        assert by_kind[True]["MessageBody"] == '"e"'
        assert {caller for caller, _ in sqs.sent} == {f"arn:aws:sts::{ACCOUNT}:assumed-role/r/f"}

    asyncio.run(story())


def test_a_success_may_go_on_to_a_function() -> None:
    """The record is the next function's event."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await world.function("next")
            arn = world.row("next").arn
            await configure(world, **to(OnSuccess=arn))
            await queue(world)
            await world.until(lambda store: nothing_on_its_way(world))
            first, second = world.node.invoked
            assert (first.payload, second.function_arn) == (b'"e"', arn)
            assert json.loads(second.payload)["requestContext"]["condition"] == "Success"
            assert json.loads(second.payload)["responsePayload"] == "e"

    asyncio.run(story())


def test_a_destination_that_is_away_is_tried_again() -> None:
    """Throttled, then our own trouble: the letter waits; then it is there once."""

    async def story() -> None:
        sqs = PlayedQueue([Fault("ThrottlingException", "slow"), Retry("the disk is full")])
        async with a_lambda(others=(sqs.service,)) as world:
            await world.function()
            await configure(world, **to(OnSuccess=QUEUE))
            await queue(world)
            await world.until(lambda store: nothing_on_its_way(world))
            assert len(sqs.sent) == 1
            assert whys(world) == ["destination delivery failed, will try again"] * 2

    asyncio.run(story())


def test_a_destination_that_is_gone_is_given_up() -> None:
    """Nothing waits for ever; the journal says what was lost."""

    async def story() -> None:
        sqs = PlayedQueue([Fault("QueueDoesNotExist", "no such queue")])
        async with a_lambda(others=(sqs.service,)) as world:
            await world.function()
            await configure(world, **to(OnSuccess=QUEUE))
            await queue(world)
            await world.until(lambda store: nothing_on_its_way(world))
            assert not sqs.sent
            assert whys(world) == ["destination delivery failed, given up"]

    asyncio.run(story())


def test_a_letter_outlives_the_plane() -> None:
    """Killed while its target is away: the next plane hands it over, without running the event again."""

    async def story() -> None:
        log = KeptLog()
        away = PlayedQueue([Retry("away")] * 100)
        async with a_lambda(log=log, others=(away.service,)) as world:
            await world.function()
            await configure(world, **to(OnSuccess=QUEUE))
            await queue(world)
            await world.until(lambda store: none_left(world) and bool(len(store[LETTERS])))
            await world.plane.store.durable()
            crashed = KeptLog(log.rows)
        back = PlayedQueue()
        async with a_lambda(log=crashed, seed=2, others=(back.service,)) as world:
            await world.until(lambda store: nothing_on_its_way(world))
            assert len(back.sent) == 1 and not world.node.invoked

    asyncio.run(story())


def test_nothing_runs_with_reserved_concurrency_0() -> None:
    """Straight to the destination, without an attempt."""

    async def story() -> None:
        sqs = PlayedQueue()
        async with a_lambda(others=(sqs.service,)) as world:
            await world.function()
            await configure(world, MaximumRetryAttempts=2, **to(OnFailure=QUEUE))
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
            await queue(world)
            await world.until(lambda store: nothing_on_its_way(world))
            [(_, params)] = sqs.sent
            record = json.loads(params["MessageBody"])
            assert record["requestContext"]["approximateInvokeCount"] == 0
            assert record["responseContext"] == {"statusCode": 429, "executedVersion": "$LATEST"}
            assert not world.node.invoked

    asyncio.run(story())


def test_a_function_that_is_deleted_in_mid_invoke_still_tells() -> None:
    """What was configured when the event began holds for it; the configuration goes with the function."""

    async def story() -> None:
        sqs, begun, deleted = PlayedQueue(), asyncio.Event(), asyncio.Event()

        async def runs(invoke: Invoke) -> InvokeResult:
            begun.set()
            await deleted.wait()
            return failed(invoke)

        async with a_lambda(PlayedNode(runs=runs), others=(sqs.service,)) as world:
            await world.function()
            await configure(world, **to(OnFailure=QUEUE))
            await queue(world)
            await asyncio.wait_for(begun.wait(), 10)
            await world.do("DeleteFunction", FunctionName="f")
            assert not len(world.plane.store[EVENT_INVOKE_CONFIGS])
            deleted.set()
            await world.until(lambda store: nothing_on_its_way(world))
            assert len(sqs.sent) == 1

    asyncio.run(story())


LETTER = Letter(
    "e/destination", "destination", "1", "r", "f", QUEUE, "{}", 0, 0, "arn:aws:iam::1:role/r", "f"
)


@pytest.mark.parametrize(
    ("refused", "passes"),
    [
        (Retry("disk full"), True),
        (Fault("ThrottlingException", "slow"), True),
        (Fault("ServiceException", "broken", status=500), True),
        (Fault("NotImplemented", "not here", status=501), False),
        (Fault("QueueDoesNotExist", "gone"), False),
    ],
)
def test_what_may_pass(refused: Fault | Retry, passes: bool) -> None:
    """What the world did passes, what the caller did does not; nothing is tried for more than an hour."""
    assert may_pass(refused, LETTER, HOUR - 1) is passes
    assert not may_pass(refused, LETTER, HOUR)

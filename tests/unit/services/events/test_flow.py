"""Events on their way, in virtual time: schedules, rules, inputs, retries, dead letters, restarts."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION, a_plane, call, start_services
from windlass.aws.bus import Bus, Notice
from windlass.aws.calls import Call, Params, Result
from windlass.aws.metrics import Metrics
from windlass.kernel.clock import DAY, MINUTE, SECOND, LoopClock
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.store import Store
from windlass.services import events, logs, sqs
from windlass.services.events.backlog import Backlog
from windlass.services.events.measuring import Measuring
from windlass.services.events.model import DELIVERIES, RULES
from windlass.services.events.router import Router
from windlass.services.events.schedules import Schedules
from windlass.services.plane import Plane, Service
from windlass.sim.loop import VirtualLoop

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:scaler"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/default"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/events"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def bus_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"


class World:
    """A plane with events, logs and sqs, and with a function and a cluster that only write down calls."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.calls: list[tuple[float, Params]] = []
        self.faults: list[Fault] = []
        stubs = [
            Service(name="lambda", handlers={"Invoke": self._take}),
            Service(name="ecs", handlers={"RunTask": self._take}),
        ]
        self._services = [events.SERVICE, logs.SERVICE, sqs.SERVICE, *stubs]
        self.plane: Plane = a_plane(*self._services, clock=clock)
        start_services(self.plane, self._services)

    def _take(self, call: Call, params: Params) -> Result:
        self.calls.append(((call.now - NOW) / SECOND, params))
        if self.faults:
            raise self.faults.pop(0)
        return {}

    async def do(self, operation: str, service: str = "events", **params: Any) -> Result:
        return await call(self.plane, service, operation, **params)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + round(seconds * SECOND))

    async def put(self, detail: dict[str, Any] | None = None, source: str = "app", **more: Any) -> Result:
        entry = {"Source": source, "DetailType": "t", "Detail": json.dumps(detail or {}), **more}
        return await self.do("PutEvents", Entries=[entry])

    async def rule(self, *targets: dict[str, Any], **rule: Any) -> None:
        rule = {"Name": "r", "EventPattern": '{"source": ["app"]}'} | rule
        await self.do("PutRule", **{name: value for name, value in rule.items() if value is not None})
        specs = [{"Id": str(n), "Arn": FUNCTION, **target} for n, target in enumerate(targets)]
        on = {"EventBusName": rule["EventBusName"]} if "EventBusName" in rule else {}
        await self.do("PutTargets", Rule=rule["Name"], Targets=specs, **on)

    async def messages(self, name: str) -> list[dict[str, Any]]:
        answer = await self.do(
            "ReceiveMessage",
            "sqs",
            QueueUrl=f"http://sqs/{ACCOUNT}/{name}",
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def payloads(self) -> list[Any]:
        return [json.loads(params["Payload"]) for _, params in self.calls]


def in_world(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Play a story on virtual time and end the world cleanly."""
    loop = VirtualLoop.make()

    async def play() -> None:
        world = World(LoopClock(loop, NOW))
        try:
            await story(world)
        finally:
            await world.plane.spawn.close()

    loop.run(play())


def counted(world: World, namespace: str) -> dict[str, float]:
    """The sum of the newest point of each metric of the namespace."""
    latest = world.plane.calls.part(Metrics).latest()
    found = [one for one in latest if one.series.namespace == namespace]
    return {one.series.name: one.bucket.summary.total for one in found}


def test_a_rate_fires_on_its_beat() -> None:
    """A rule of one minute invokes its function each minute from its creation, with a Scheduled Event."""

    async def story(world: World) -> None:
        await world.pass_time(7)
        await world.rule({}, EventPattern=None, ScheduleExpression="rate(1 minute)")
        await world.pass_time(150)
        await world.do("DisableRule", Name="r")
        await world.pass_time(150)
        await world.do("EnableRule", Name="r")
        await world.pass_time(65)
        assert [round(at) for at, _ in world.calls] == [67, 127, 367]
        assert world.calls[0][1]["InvocationType"] == "Event"
        event = world.payloads()[0]
        assert event["detail-type"] == "Scheduled Event" and event["source"] == "aws.events"
        assert event["resources"] == [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"] and event["detail"] == {}

    in_world(story)


def test_a_cron_fires_on_the_minute() -> None:
    """NOW is 08:00 UTC on a Friday in 2027: every half hour from 9 on fires at 9:00 and 9:30."""

    async def story(world: World) -> None:
        await world.rule({}, EventPattern=None, ScheduleExpression="cron(0/30 9-17 ? * MON-FRI *)")
        await world.pass_time(100 * 60)
        assert [round(at / 60) for at, _ in world.calls] == [60, 90]

    in_world(story)


def test_missed_fires_are_skipped_and_the_beat_is_kept() -> None:
    """After ten minutes without a plane one late fire is left out; the next comes in its minute."""

    async def story(world: World) -> None:
        await world.rule({}, EventPattern=None, ScheduleExpression="rate(3 minutes)")
        part = world.plane.calls.part(Schedules)
        again = await part.run_pass(NOW + 10 * MINUTE, frozenset())
        assert again == NOW + 12 * MINUTE and len(world.plane.store[DELIVERIES]) == 0
        again = await part.run_pass(NOW + 12 * MINUTE + 59 * SECOND, frozenset())
        assert again == NOW + 15 * MINUTE and len(world.plane.store[DELIVERIES]) == 1
        await world.pass_time(1)
        assert len(world.calls) == 1

    in_world(story)


def test_fire_now_invokes_the_targets_at_once() -> None:
    """A rule can be fired out of turn; its schedule stays as it was."""

    async def story(world: World) -> None:
        await world.rule({}, EventPattern=None, ScheduleExpression="rate(1 hour)")
        schedules = world.plane.calls.part(Schedules)
        assert schedules.fire_now(ACCOUNT, REGION, "default", "r") == 1
        await world.pass_time(1)
        assert len(world.calls) == 1
        with pytest.raises(Fault, match="Rule x does not exist on EventBus default"):
            schedules.fire_now(ACCOUNT, REGION, "default", "x")

    in_world(story)


def test_events_reach_the_targets_of_rules_that_match() -> None:
    """Only matching and enabled rules deliver; each target gets what its input makes of the event."""

    async def story(world: World) -> None:
        await world.do("CreateQueue", "sqs", QueueName="q")
        await world.rule(
            {},
            {"Arn": queue_arn("q"), "InputPath": "$.detail.n"},
            {"Input": '{"constant": true}'},
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n"},
                    "InputTemplate": '{"n": <n>, "text": "n is <n> by <aws.events.rule-name>"}',
                }
            },
        )
        await world.rule({}, Name="other", EventPattern='{"source": ["other"]}')
        await world.rule({}, Name="off", State="DISABLED")
        answer = await world.put({"n": 5})
        await world.pass_time(1)
        assert answer["FailedEntryCount"] == 0
        found = world.payloads()
        event = next(one for one in found if "source" in one)
        assert event["detail"] == {"n": 5} and event["id"] == answer["Entries"][0]["EventId"]
        assert {"constant": True} in found and {"n": 5, "text": "n is 5 by r"} in found and len(found) == 3
        assert [message["Body"] for message in await world.messages("q")] == ["5"]
        assert len(world.plane.store[DELIVERIES]) == 0

    in_world(story)


def test_an_ecs_target_runs_a_task() -> None:
    """EcsParameters become a RunTask; the input's containerOverrides are handed on; else nothing is."""

    async def story(world: World) -> None:
        network = {"awsvpcConfiguration": {"Subnets": ["s-1"], "AssignPublicIp": "ENABLED"}}
        ecs = {
            "TaskDefinitionArn": "web:1",
            "TaskCount": 3,
            "LaunchType": "FARGATE",
            "Group": "g",
            "NetworkConfiguration": network,
            "Tags": [{"Key": "k", "Value": "v"}],
        }
        target = {"Arn": CLUSTER, "RoleArn": ROLE, "EcsParameters": ecs}
        overrides = {"containerOverrides": [{"name": "web", "command": ["true"]}]}
        await world.rule(target, {**target, "Input": json.dumps(overrides | {"unknown": 1})})
        await world.put({"containerOverrides": []})
        await world.pass_time(1)
        (_, plain), (_, with_input) = world.calls
        token = plain["clientToken"]
        assert plain == {
            "cluster": CLUSTER,
            "taskDefinition": "web:1",
            "count": 3,
            "startedBy": "events-rule/r",
            "clientToken": token,
            "launchType": "FARGATE",
            "group": "g",
            "networkConfiguration": {
                "awsvpcConfiguration": {"subnets": ["s-1"], "assignPublicIp": "ENABLED"}
            },
            "tags": [{"key": "k", "value": "v"}],
        }
        assert with_input["overrides"] == overrides and with_input["clientToken"] != token

    in_world(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"containerOverrides": "all"},
        {"containerOverrides": [{"name": 1}]},
        {"containerOverrides": [{"name": "web", "environment": [{"name": "N", "value": 3}]}]},
        {"cpu": 256},
    ],
)
def test_input_that_is_no_task_override(wrong: dict[str, Any]) -> None:
    """What a user wrote as text is read as a client's request would be: a dead letter, and no crash."""

    async def story(world: World) -> None:
        await world.do("CreateQueue", "sqs", QueueName="dead")
        letters = {"DeadLetterConfig": {"Arn": queue_arn("dead")}}
        ecs = {"EcsParameters": {"TaskDefinitionArn": "web:1"}, "RoleArn": ROLE}
        await world.rule({"Arn": CLUSTER, **ecs, **letters, "Input": json.dumps(wrong)})
        await world.put()
        await world.pass_time(1)
        [letter] = await world.messages("dead")
        assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "SDK_CLIENT_ERROR"
        assert "SerializationException" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
        assert world.calls == []

    in_world(story)


def test_throttled_targets_are_tried_again() -> None:
    """Pauses grow from a second, half of each is chance; success ends it."""

    async def story(world: World) -> None:
        await world.rule({})
        world.faults = [Fault("TooManyRequestsException", "Rate exceeded.")] * 3
        await world.put()
        await world.pass_time(60)
        times = [at for at, _ in world.calls]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert len(pauses) == 3
        assert all(2**n / 2 <= pause <= 2**n for n, pause in enumerate(pauses))
        assert len(world.plane.store[DELIVERIES]) == 0

    in_world(story)


def test_a_target_that_never_works_is_given_up_within_a_day() -> None:
    """Without a policy of its own: 185 retries or 24 hours, then the event is dropped and journaled."""

    async def story(world: World) -> None:
        await world.rule({})
        world.faults = [Fault("TooManyRequestsException", "Rate exceeded.")] * 1_000
        await world.put()
        await world.pass_time(DAY // SECOND + 1)
        assert 150 < len(world.calls) <= 186 and world.calls[-1][0] <= DAY // SECOND
        assert len(world.plane.store[DELIVERIES]) == 0
        assert world.plane.journal.since(0)[-1].what == "gave up a delivery"

    in_world(story)


def test_dead_letters_say_why() -> None:
    """A missing target goes to the dead-letter queue at once, an exhausted policy after its retries."""

    async def story(world: World) -> None:
        await world.do("CreateQueue", "sqs", QueueName="dead")
        letters = {"DeadLetterConfig": {"Arn": queue_arn("dead")}}
        await world.rule({"Arn": queue_arn("gone"), **letters})
        await world.put({"n": 1})
        await world.pass_time(1)
        (message,) = await world.messages("dead")
        values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
        assert json.loads(message["Body"])["detail"] == {"n": 1}
        assert values["ERROR_CODE"] == "NO_RESOURCE" and values["RETRY_ATTEMPTS"] == "0"
        assert values["TARGET_ARN"] == queue_arn("gone") and "EXHAUSTED_RETRY_CONDITION" not in values

        await world.do("RemoveTargets", Rule="r", Ids=["0"])
        await world.rule({"RetryPolicy": {"MaximumRetryAttempts": 1}, **letters})
        world.faults = [Fault("TooManyRequestsException", "Rate exceeded.")] * 2
        await world.put({"n": 2})
        await world.pass_time(10)
        (message,) = [m for m in await world.messages("dead") if '"n":2' in m["Body"]]
        values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
        assert values["ERROR_CODE"] == "THROTTLING" and values["RETRY_ATTEMPTS"] == "1"
        assert values["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
        assert counted(world, "AWS/Events") == {
            "TriggeredRules": 2,
            "Invocations": 3,
            "FailedInvocations": 2,
            "InvocationsSentToDlq": 2,
        }

    in_world(story)


def test_buses_feed_each_other_but_not_for_ever() -> None:
    """An event keeps its id over a second bus; two buses that feed each other stop after some hops."""

    async def story(world: World) -> None:
        await world.do("CreateEventBus", Name="b")
        await world.rule({"Arn": bus_arn("b")})
        await world.rule({}, {"Arn": bus_arn("default")}, EventBusName="b")
        answer = await world.put()
        await world.pass_time(5)
        assert len(world.calls) == 3
        assert {event["id"] for event in world.payloads()} == {answer["Entries"][0]["EventId"]}
        assert len(world.plane.store[DELIVERIES]) == 0

    in_world(story)


def test_notices_of_services_match_rules() -> None:
    """What another service publishes on the plane's bus arrives on the default bus of its account."""

    async def story(world: World) -> None:
        await world.rule({}, EventPattern='{"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}}')
        bus = world.plane.calls.part(Bus)

        def told(status: str) -> Notice:
            detail = {"lastStatus": status}
            return Notice(ACCOUNT, REGION, "aws.ecs", "ECS Task State Change", ("arn",), detail, NOW)

        with world.plane.store.transact() as tx:
            bus.publish(tx, ACCOUNT, REGION, "aws.ecs", lambda: told("RUNNING"))
            bus.publish(tx, ACCOUNT, REGION, "aws.ecs", lambda: told("STOPPED"))
            bus.publish(tx, ACCOUNT, REGION, "aws.batch", lambda: pytest.fail("no rule wants it"))
            assert len(tx[DELIVERIES]) == 1
        await world.pass_time(1)
        (event,) = world.payloads()
        assert event["detail"] == {"lastStatus": "STOPPED"} and event["resources"] == ["arn"]

    in_world(story)


def test_a_full_backlog_takes_no_more() -> None:
    """Deliveries that wait are bounded: PutEvents is throttled, notices are dropped and journaled."""

    async def story(world: World) -> None:
        await world.rule({}, EventPattern='{"source": ["app", "aws.ecs"]}')
        world.faults = [Fault("TooManyRequestsException", "Rate exceeded.")]
        await world.put({"fill": "x" * 200_000})
        backlog = Backlog(world.plane.store, most=200_000)
        measuring = Measuring(world.plane.calls.part(Metrics), world.clock)
        ids = Ids(world.plane.chance.stream("test"))
        router = Router(world.plane.store, world.plane.journal, ids, backlog, measuring)
        world.plane.calls.add_part(router)
        assert router.full
        with pytest.raises(Fault, match="Rate exceeded") as refused:
            await world.put()
        assert refused.value.code == "ThrottlingException"
        with world.plane.store.transact() as tx:
            router.take(tx, Notice(ACCOUNT, REGION, "aws.ecs", "t", (), {}, NOW))
        assert len(world.plane.store[DELIVERIES]) == 1
        assert world.plane.journal.since(0)[-1].what == "dropped an event"
        await world.pass_time(3)
        assert not router.full and len(world.calls) == 2
        assert (await world.put())["FailedEntryCount"] == 0

    in_world(story)


def test_log_groups_take_events() -> None:
    """A log group gets the event in a stream named after the rule."""

    async def story(world: World) -> None:
        await world.do("CreateLogGroup", "logs", logGroupName="/aws/events/x")
        await world.rule({"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/x"})
        await world.put({"n": 1})
        await world.put({"n": 2})
        await world.pass_time(1)
        found = await world.do("FilterLogEvents", "logs", logGroupName="/aws/events/x")
        assert [json.loads(one["message"])["detail"]["n"] for one in found["events"]] == [1, 2]
        assert counted(world, "AWS/Logs")["IncomingLogEvents"] == 2

    in_world(story)


def test_a_changed_rule_matches_as_it_is_now() -> None:
    """A new pattern and a deleted rule take effect with the next event."""

    async def story(world: World) -> None:
        await world.rule({})
        await world.put()
        await world.do("PutRule", Name="r", EventPattern='{"source": ["new"]}')
        await world.put()
        await world.put(source="new")
        await world.do("RemoveTargets", Rule="r", Ids=["0"])
        await world.do("DeleteRule", Name="r")
        await world.put(source="new")
        await world.pass_time(1)
        assert [event["source"] for event in world.payloads()] == ["app", "new"]
        assert store_is_empty(world.plane.store)

    in_world(story)


def store_is_empty(store: Store) -> bool:
    return len(store[RULES]) == 0 and len(store[DELIVERIES]) == 0

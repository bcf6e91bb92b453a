"""Buses, rules, targets and tags through the call table: what is stored, what is refused and how."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION, SetClock, a_plane, call
from windlass.kernel.clock import MINUTE
from windlass.kernel.faults import Fault
from windlass.services.events import SERVICE
from windlass.services.events.model import RULES
from windlass.services.plane import Plane

RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/held"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
PATTERN = '{"source": ["app"]}'


def do(plane: Plane, operation: str, **params: Any) -> dict[str, Any]:
    return asyncio.run(call(plane, "events", operation, **params))


def an_event_plane(*rules: str) -> Plane:
    plane = a_plane(SERVICE, clock=SetClock())
    for name in rules:
        do(plane, "PutRule", Name=name, EventPattern=PATTERN)
    return plane


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("PutRule", {"Name": "r"}, "ValidationException",
     "Parameter(s) EventPattern or ScheduleExpression must be specified."),
    ("PutRule", {"Name": "r", "ScheduleExpression": "rate(1 minutes)"}, "ValidationException",
     "Parameter ScheduleExpression is not valid."),
    ("PutRule", {"Name": "r", "ScheduleExpression": "at(2027-01-01T00:00:00)"}, "ValidationException",
     "Parameter ScheduleExpression is not valid."),
    ("PutRule", {"Name": "r", "EventPattern": '{"a": "b"}'}, "InvalidEventPatternException",
     'Event pattern is not valid. Reason: "a" must be an object or an array'),
    ("PutRule", {"Name": "r", "EventPattern": PATTERN, "EventBusName": "x"}, "ResourceNotFoundException",
     "Event bus x does not exist."),
    ("PutRule", {"Name": "r", "ScheduleExpression": "rate(1 day)", "EventBusName": "b"},
     "ValidationException", "ScheduleExpression is supported only on the default event bus."),
    ("DescribeRule", {"Name": "x"}, "ResourceNotFoundException",
     "Rule x does not exist on EventBus default."),
    ("DescribeEventBus", {"Name": "x"}, "ResourceNotFoundException", "Event bus x does not exist."),
    ("CreateEventBus", {"Name": "default"}, "ResourceAlreadyExistsException",
     "Event bus default already exists."),
    ("CreateEventBus", {"Name": "b"}, "ResourceAlreadyExistsException", "Event bus b already exists."),
    ("DeleteEventBus", {"Name": "default"}, "ValidationException", "Cannot delete event bus default."),
    ("DeleteEventBus", {"Name": "b"}, "ValidationException",
     "Event bus b can't be deleted since it has rules."),
    ("DeleteRule", {"Name": "held"}, "ValidationException", "Rule can't be deleted since it has targets."),
    ("PutTargets", {"Rule": "x", "Targets": [{"Id": "1", "Arn": QUEUE}]}, "ResourceNotFoundException",
     "Rule x does not exist on EventBus default."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": "1", "Arn": "queue"}]}, "ValidationException",
     "Parameter queue is not valid. Reason: Provided Arn is not in correct format."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": "1", "Arn": "arn:aws:sns:r:1:topic"}]},
     "ValidationException", "Windlass cannot deliver to arn:aws:sns:r:1:topic: targets are Lambda functions, "
     "SQS queues, ECS clusters, Batch job queues, event buses, CloudWatch log groups."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": "1", "Arn": "arn:aws:ecs:r:1:cluster/c"}]},
     "ValidationException", "Parameter(s) EcsParameters must be specified for target: 1."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": "1", "Arn": f"{QUEUE}.fifo"}]},
     "ValidationException", "Parameter(s) SqsParameters must be specified for target: 1."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": str(n), "Arn": QUEUE} for n in range(5)]},
     "LimitExceededException", "The requested resource exceeds the maximum number allowed."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": "1", "Arn": QUEUE, "DeadLetterConfig": {"Arn": "q"}}]},
     "ValidationException", "Parameter q is not valid. Reason: Provided Arn is not in correct format."),
    ("PutTargets",
     {"Rule": "held", "Targets": [{"Id": "1", "Arn": QUEUE, "DeadLetterConfig": {"Arn": f"{QUEUE}.fifo"}}]},
     "ValidationException",
     f"Parameter {QUEUE}.fifo is not valid. Reason: a dead-letter queue is a standard Amazon SQS queue."),
    ("PutTargets", {"Rule": "held", "Targets": [{"Id": "1", "Arn": QUEUE}] * 2}, "ValidationException",
     "Parameter Targets is not valid. Reason: target ids must be unique in a request."),
    ("TagResource", {"ResourceARN": RULE, "Tags": [{"Key": "AWS:k", "Value": "v"}]}, "ValidationException",
     "Tag keys that begin with aws: are reserved: AWS:k"),
    ("TagResource", {"ResourceARN": RULE, "Tags": [{"Key": "k", "Value": "v"}] * 2}, "ValidationException",
     "Tag key k is given twice."),
    ("TagResource", {"ResourceARN": RULE, "Tags": [{"Key": f"k{n}", "Value": "v"} for n in range(51)]},
     "ValidationException", "A resource can have at most 50 tags."),
    ("PutRule", {"Name": "r", "EventPattern": PATTERN, "Tags": [{"Key": "aws:k", "Value": "v"}]},
     "ValidationException", "Tag keys that begin with aws: are reserved: aws:k"),
    ("CreateEventBus", {"Name": "c", "Tags": [{"Key": "aws:k", "Value": "v"}]}, "ValidationException",
     "Tag keys that begin with aws: are reserved: aws:k"),
    ("TagResource", {"ResourceARN": "x", "Tags": []}, "ValidationException",
     "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
    ("RemovePermission", {"StatementId": "x"}, "ResourceNotFoundException",
     "Statement with the provided id does not exist."),
    ("TestEventPattern", {"EventPattern": PATTERN, "Event": "x"}, "ValidationException",
     "Parameter Event is not valid."),
    ("ListRules", {"NextToken": "x"}, "ValidationException", "Invalid NextToken"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "params", "code", "message"), REFUSED)
def test_refuses(operation: str, params: dict[str, Any], code: str, message: str) -> None:
    """Each mistake gets AWS's code and words, and changes nothing."""
    plane = an_event_plane("held")
    do(plane, "CreateEventBus", Name="b")
    do(plane, "PutRule", Name="on-b", EventPattern=PATTERN, EventBusName="b")
    do(plane, "PutTargets", Rule="held", Targets=[{"Id": "t", "Arn": QUEUE}])
    before = plane.store.revision
    with pytest.raises(Fault) as error:
        do(plane, operation, **params)
    assert (error.value.code, error.value.message) == (code, message)
    assert plane.store.revision == before


def test_a_rule_is_replaced_whole_but_keeps_its_beat() -> None:
    """PutRule takes away what it does not name; the schedule's next fire only moves with the schedule."""
    plane = an_event_plane()
    rule = {"Name": "r", "ScheduleExpression": "rate(5 minutes)"}
    do(plane, "PutRule", **rule, Description="d", Tags=[{"Key": "k", "Value": "v"}])
    clock = plane.clock
    assert isinstance(clock, SetClock)
    clock.time += MINUTE
    arn = do(plane, "PutRule", **rule)["RuleArn"]
    found = do(plane, "DescribeRule", Name="r")
    assert "Description" not in found and found["State"] == "ENABLED" and found["Arn"] == arn
    assert do(plane, "ListTagsForResource", ResourceARN=arn) == {"Tags": [{"Key": "k", "Value": "v"}]}

    def next_fire() -> int | None:
        return plane.store[RULES].require((ACCOUNT, REGION, "default", "r")).next_fire

    assert next_fire() == NOW + 5 * MINUTE
    do(plane, "DisableRule", Name="r")
    assert next_fire() is None
    do(plane, "EnableRule", Name="r")
    assert next_fire() == NOW + 6 * MINUTE
    do(plane, "PutRule", Name="r", ScheduleExpression="rate(2 minutes)")
    assert next_fire() == NOW + 3 * MINUTE


def test_lists_in_pages() -> None:
    """Rules, targets and the rules of a target come in order, by prefix, page by page."""
    plane = an_event_plane(*[f"r{n}" for n in range(5)], "x")
    page = do(plane, "ListRules", NamePrefix="r", Limit=3)
    rest = do(plane, "ListRules", NamePrefix="r", Limit=3, NextToken=page["NextToken"])
    names = [rule["Name"] for rule in page["Rules"] + rest["Rules"]]
    assert names == [f"r{n}" for n in range(5)] and "NextToken" not in rest
    for name in ("r1", "r3", "x"):
        targets = [{"Id": id, "Arn": QUEUE, "Input": "1"} for id in ("b", "a")]
        assert do(plane, "PutTargets", Rule=name, Targets=targets)["FailedEntryCount"] == 0
    page = do(plane, "ListRuleNamesByTarget", TargetArn=QUEUE, Limit=2)
    rest = do(plane, "ListRuleNamesByTarget", TargetArn=QUEUE, Limit=2, NextToken=page["NextToken"])
    assert page["RuleNames"] == ["r1", "r3"] and rest == {"RuleNames": ["x"]}
    found = do(plane, "ListTargetsByRule", Rule="x")
    assert found == {"Targets": [{"Id": id, "Arn": QUEUE, "Input": "1"} for id in ("a", "b")]}
    removed = do(plane, "RemoveTargets", Rule="x", Ids=["a", "zz"])
    assert removed["FailedEntryCount"] == 1 and removed["FailedEntries"][0]["TargetId"] == "zz"


def test_buses_and_their_permissions() -> None:
    """The default bus is there from the start; statements are put, replaced and removed."""
    plane = an_event_plane()
    assert do(plane, "DescribeEventBus")["Arn"].endswith(":event-bus/default")
    do(plane, "CreateEventBus", Name="b", Description="d", Tags=[{"Key": "k", "Value": "v"}])
    assert [one["Name"] for one in do(plane, "ListEventBuses")["EventBuses"]] == ["b", "default"]
    do(plane, "UpdateEventBus", Name="b", Description="e")
    found = do(plane, "DescribeEventBus", Name="b")
    assert found["Description"] == "e" and "Policy" not in found
    grant = {"EventBusName": "b", "Action": "events:PutEvents", "StatementId": "s"}
    do(plane, "PutPermission", **grant, Principal="111122223333")
    do(plane, "PutPermission", **grant, Principal="*")
    policy = json.loads(do(plane, "DescribeEventBus", Name="b")["Policy"])
    assert [one["Principal"] for one in policy["Statement"]] == ["*"]
    do(plane, "RemovePermission", EventBusName="b", StatementId="s")
    do(plane, "PutPermission", EventBusName="b", Policy=json.dumps(policy))
    do(plane, "RemovePermission", EventBusName="b", RemoveAllPermissions=True)
    assert "Policy" not in do(plane, "DescribeEventBus", Name="b")
    do(plane, "UntagResource", ResourceARN=found["Arn"], TagKeys=["k"])
    assert do(plane, "ListTagsForResource", ResourceARN=found["Arn"]) == {"Tags": []}
    do(plane, "DeleteEventBus", Name="b")
    do(plane, "DeleteEventBus", Name="b")


def test_tries_a_pattern() -> None:
    """TestEventPattern answers for one event, which must have the members of an event."""
    plane = an_event_plane()
    event = dict.fromkeys(("id", "account", "time", "region", "detail-type"), "x")
    event |= {"source": "app"}
    text = json.dumps({**event, "resources": [], "detail": {}})
    assert do(plane, "TestEventPattern", EventPattern=PATTERN, Event=text) == {"Result": True}
    assert do(plane, "TestEventPattern", EventPattern='{"source": ["b"]}', Event=text) == {"Result": False}

"""EventBridge over the wire with boto3: rules, targets, events to a queue, patterns, faults, restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.process import PlaneProcess

Client = Callable[..., Any]


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """Code and message of the error that the call must end with."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def a_queue(sqs: Any, name: str = "q", **attributes: str) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def receive(sqs: Any, url: str, count: int = 1) -> list[dict[str, Any]]:
    """That many messages; long polling waits for them."""
    found: list[dict[str, Any]] = []
    ends = time.monotonic() + 20
    while len(found) < count and time.monotonic() < ends:
        answer = sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        found += answer.get("Messages", [])
    assert len(found) == count
    return found


def test_an_event_reaches_a_queue(client: Client, account: str) -> None:
    """PutEvents → rule → SQS: the envelope arrives whole, with the entry's time and id."""
    events, sqs = client("events"), client("sqs")
    url, arn = a_queue(sqs)
    events.put_rule(
        Name="r", EventPattern=json.dumps({"source": ["my.app"], "detail": {"n": [{"numeric": [">", 1]}]}})
    )
    put = events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    assert put["FailedEntryCount"] == 0 and put["FailedEntries"] == []
    at = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)
    entry = {"Source": "my.app", "DetailType": "t", "Time": at, "Resources": ["arn:x"]}
    answer = events.put_events(
        Entries=[entry | {"Detail": '{"n": 1}'}, entry | {"Detail": '{"n": 2}'}, entry | {"Detail": "no"}]
    )
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][2] == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    (message,) = receive(sqs, url)
    assert json.loads(message["Body"]) == {
        "version": "0",
        "id": answer["Entries"][1]["EventId"],
        "detail-type": "t",
        "source": "my.app",
        "account": account,
        "time": "2026-11-21T10:00:30Z",
        "region": "eu-west-1",
        "resources": ["arn:x"],
        "detail": {"n": 2},
    }


def test_a_fifo_queue_and_a_dead_letter(client: Client) -> None:
    """A FIFO target gets its group; what has no target any more goes to the dead-letter queue."""
    events, sqs = client("events"), client("sqs")
    url, arn = a_queue(sqs, "q.fifo", FifoQueue="true")
    dead_url, dead = a_queue(sqs, "dead")
    events.put_rule(Name="r", EventPattern='{"source": ["a"]}')
    events.put_targets(
        Rule="r",
        Targets=[
            {"Id": "1", "Arn": arn, "SqsParameters": {"MessageGroupId": "g"}, "InputPath": "$.detail"},
            {"Id": "2", "Arn": arn.replace("q.fifo", "gone"), "DeadLetterConfig": {"Arn": dead}},
        ],
    )
    events.put_events(Entries=[{"Source": "a", "DetailType": "t", "Detail": '{"k": "v"}'}])
    (message,) = receive(sqs, url)
    assert json.loads(message["Body"]) == {"k": "v"}
    (letter,) = receive(sqs, dead_url)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"
    assert letter["MessageAttributes"]["RULE_ARN"]["StringValue"].endswith(":rule/r")


def test_rules_are_described_and_listed(client: Client) -> None:
    """What was put is read back; botocore's paginator sees every rule once."""
    events = client("events")
    arn = events.put_rule(
        Name="every-5", ScheduleExpression="rate(5 minutes)", State="DISABLED", Description="d"
    )["RuleArn"]
    found = events.describe_rule(Name="every-5")
    found.pop("ResponseMetadata")
    account = arn.split(":")[4]
    assert found == {
        "Name": "every-5",
        "Arn": f"arn:aws:events:eu-west-1:{account}:rule/every-5",
        "ScheduleExpression": "rate(5 minutes)",
        "State": "DISABLED",
        "Description": "d",
        "EventBusName": "default",
        "CreatedBy": account,
    }
    for n in range(7):
        events.put_rule(Name=f"r{n}", EventPattern='{"source": ["a"]}')
    pages = events.get_paginator("list_rules").paginate(PaginationConfig={"PageSize": 3})
    names = [rule["Name"] for page in pages for rule in page["Rules"]]
    assert names == ["every-5", *[f"r{n}" for n in range(7)]]


def test_a_bus_of_ones_own(client: Client) -> None:
    """Create, describe, use and delete a bus; its rules keep it."""
    events, sqs = client("events"), client("sqs")
    url, arn = a_queue(sqs)
    bus = events.create_event_bus(Name="orders", Tags=[{"Key": "k", "Value": "v"}])["EventBusArn"]
    assert events.list_tags_for_resource(ResourceARN=bus)["Tags"] == [{"Key": "k", "Value": "v"}]
    rule = events.put_rule(Name="r", EventBusName=bus, EventPattern='{"source": [{"prefix": "a"}]}')
    assert rule["RuleArn"].endswith(":rule/orders/r")
    events.put_targets(Rule="r", EventBusName="orders", Targets=[{"Id": "1", "Arn": arn}])
    events.put_events(Entries=[{"Source": "ab", "DetailType": "t", "Detail": "{}", "EventBusName": "orders"}])
    assert json.loads(receive(sqs, url)[0]["Body"])["source"] == "ab"
    assert refusal(events.delete_event_bus, Name="orders") == (
        "ValidationException",
        "Event bus orders can't be deleted since it has rules.",
    )
    events.remove_targets(Rule="r", EventBusName="orders", Ids=["1"])
    events.delete_rule(Name="r", EventBusName="orders")
    events.delete_event_bus(Name="orders")
    assert refusal(events.describe_event_bus, Name="orders")[0] == "ResourceNotFoundException"


def test_what_is_refused(client: Client) -> None:
    """Faults carry AWS's codes over the wire."""
    events = client("events")
    assert refusal(events.put_rule, Name="r", ScheduleExpression="rate(5 minute)") == (
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
    )
    assert refusal(events.put_rule, Name="r", EventPattern="{}")[0] == "InvalidEventPatternException"
    assert refusal(events.describe_rule, Name="x") == (
        "ResourceNotFoundException",
        "Rule x does not exist on EventBus default.",
    )
    assert refusal(events.put_events, Entries=[{"Source": "x" * 262_145}])[0] == "ValidationException"
    assert refusal(events.put_rule, Name="a b", EventPattern="{}")[0] == "ValidationException"
    event = {"id": "1", "account": "1", "source": "a", "time": "t", "region": "r", "resources": []}
    text = json.dumps(event | {"detail-type": "t"})
    assert events.test_event_pattern(EventPattern='{"source": ["a"]}', Event=text)["Result"] is True


def test_a_killed_plane_still_delivers(own_plane: Callable[..., PlaneProcess]) -> None:
    """Rules, schedules and events that were acknowledged are there after SIGKILL; each event arrives."""
    plane = own_plane()
    events, sqs = plane.client("events", "123456789012"), plane.client("sqs", "123456789012")
    url, arn = a_queue(sqs)
    events.put_rule(Name="r", EventPattern='{"source": ["a"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn, "InputPath": "$.detail.n"}])
    for n in range(20):
        events.put_events(Entries=[{"Source": "a", "DetailType": "t", "Detail": json.dumps({"n": n})}])
    plane.kill()
    plane.start()
    sqs = plane.client("sqs", "123456789012")
    seen: set[int] = set()
    while len(seen) < 20:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)
        assert answer.get("Messages"), f"only {sorted(seen)} arrived"
        seen |= {int(message["Body"]) for message in answer["Messages"]}
    assert plane.client("events", "123456789012").describe_rule(Name="r")["State"] == "ENABLED"

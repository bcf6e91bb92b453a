"""Asynchronous invocation through boto3: what becomes of events, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.test_lambda_invoke import deploy, invoke
from tests.fault.waiting import until
from tests.sqs_queue import Queue

Client = Callable[..., Any]
ECHO = "def handler(event, context):\n    return {'echo': event}"
RAISES = "def handler(event, context):\n    raise KeyError('poison')"


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def send(aws: Any, event: Any, **params: Any) -> str:
    """Invoke f with the event; returns the request id."""
    answer = aws.invoke(
        **{"FunctionName": "f", "InvocationType": "Event", "Payload": json.dumps(event), **params}
    )
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""
    return str(answer["ResponseMetadata"]["RequestId"])


def to(**halves: str) -> dict[str, Any]:
    return {half: {"Destination": arn} for half, arn in halves.items()}


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as error:
        call(**params)
    response = error.value.response
    status: int = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], response["Error"]["Message"], status


def test_success_goes_to_a_queue(aws: Any, client: Client, account: str) -> None:
    """The record of the success, with what went in and what came out."""
    deploy(aws, account, ECHO)
    queue = Queue(client("sqs"), "good")
    aws.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig=to(OnSuccess=queue.arn, OnFailure=queue.arn)
    )
    request_id = send(aws, {"a": 1})
    record = queue.record()
    assert record.pop("timestamp").endswith("Z")
    region = aws.meta.region_name
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"arn:aws:lambda:{region}:{account}:function:f:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"echo": {"a": 1}},
    }


def test_poison_events_are_told_to_everyone(aws: Any, client: Client, account: str) -> None:
    """A failing function: a record to the destination, and the event to its dead-letter queue."""
    sqs = client("sqs")
    dead, bad = Queue(sqs, "dead"), Queue(sqs, "bad")
    deploy(aws, account, RAISES, DeadLetterConfig={"TargetArn": dead.arn})
    config = aws.get_function_configuration(FunctionName="f")
    assert config["DeadLetterConfig"] == {"TargetArn": dead.arn}
    aws.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=0, DestinationConfig=to(OnFailure=bad.arn)
    )
    request_id = send(aws, "poison")
    letter = dead.message()
    assert letter["Body"] == '"poison"'
    shown = {
        name: (value["DataType"], value["StringValue"]) for name, value in letter["MessageAttributes"].items()
    }
    assert shown == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "'poison'"),
    }
    record = bad.record()
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "KeyError"


def test_from_version_to_function_to_bus(aws: Any, client: Client, account: str) -> None:
    """f:1 → g → the default bus → a rule → a queue: each hop has its own configuration."""
    deploy(aws, account, ECHO)
    deploy(aws, account, RAISES, "g")
    queue, events = Queue(client("sqs"), "end"), client("events")
    bus = events.describe_event_bus()["Arn"]
    events.put_rule(Name="failures", EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="failures", Targets=[{"Id": "q", "Arn": queue.arn}])
    g = aws.get_function_configuration(FunctionName="g")["FunctionArn"]
    aws.publish_version(FunctionName="f")
    aws.put_function_event_invoke_config(FunctionName="f", Qualifier="1", DestinationConfig=to(OnSuccess=g))
    aws.put_function_event_invoke_config(
        FunctionName="g", MaximumRetryAttempts=0, DestinationConfig=to(OnFailure=bus)
    )
    aws.get_waiter("published_version_active").wait(FunctionName="f", Qualifier="1")
    send(aws, {"n": 7}, Qualifier="1")
    event = queue.record()
    assert (event["source"], event["detail-type"]) == (
        "lambda",
        "Lambda Function Invocation Result - Failure",
    )
    assert event["resources"] == [bus, f"{g}:$LATEST"]
    inner = event["detail"]["requestPayload"]
    assert inner["requestContext"]["functionArn"].endswith(":function:f:1")
    assert inner["responseContext"]["executedVersion"] == "1"
    assert inner["requestPayload"] == {"n": 7}


def test_throttled_events_wait(aws: Any, client: Client, account: str) -> None:
    """Reserved concurrency 1 for five events: none is lost, none counts as a failure; 0 fails at once."""
    deploy(aws, account, "import time\ndef handler(e, c):\n    time.sleep(0.2)\n    return e")
    queue = Queue(client("sqs"), "all")
    aws.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig=to(OnSuccess=queue.arn, OnFailure=queue.arn)
    )
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    for number in range(4):
        send(aws, number)
    records = [queue.record() for _ in range(4)]
    assert sorted(record["responsePayload"] for record in records) == [0, 1, 2, 3]
    assert {record["requestContext"]["approximateInvokeCount"] for record in records} == {1}
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    send(aws, 4)
    record = queue.record()
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 0


def test_what_becomes_of_a_function_amid_an_event(
    aws: Any, client: Client, account: str, tmp_path: Path
) -> None:
    """Updated: the event ends in its old environment. Deleted: it ends all the same, and is told."""
    source = """
import os, time
def handler(event, context):
    if event: open(event, "w").close()
    while event and not os.path.exists(event + ".gate"): time.sleep(0.01)
    return os.environ["MODE"]
"""
    deploy(aws, account, source, Environment={"Variables": {"MODE": "old"}}, Timeout=60)
    queue = Queue(client("sqs"), "q")
    aws.put_function_event_invoke_config(FunctionName="f", DestinationConfig=to(OnSuccess=queue.arn))
    updated, deleted = tmp_path / "updated", tmp_path / "deleted"
    send(aws, str(updated))
    until(updated.exists, "the event runs")
    aws.update_function_configuration(FunctionName="f", Environment={"Variables": {"MODE": "new"}})
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert invoke(aws, None)[0] == "new"
    Path(f"{updated}.gate").touch()
    assert queue.record()["responsePayload"] == "old"
    send(aws, str(deleted))
    until(deleted.exists, "the event runs")
    aws.delete_function(FunctionName="f")
    Path(f"{deleted}.gate").touch()
    assert queue.record()["responsePayload"] == "new"


def test_the_configuration_of_events(aws: Any, client: Client, account: str) -> None:
    """Put replaces all, Update merges, List shows every qualifier, Delete leaves nothing."""
    deploy(aws, account, ECHO)
    arn = aws.get_function_configuration(FunctionName="f")["FunctionArn"]
    queue = Queue(client("sqs"), "q").arn
    put = aws.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60
    )
    assert put["FunctionArn"] == f"{arn}:$LATEST"
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    aws.update_function_event_invoke_config(FunctionName=arn, DestinationConfig=to(OnFailure=queue))
    got = aws.get_function_event_invoke_config(FunctionName="f", Qualifier="$LATEST")
    assert (got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"]) == (1, 60)
    assert got["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": queue}}
    aws.publish_version(FunctionName="f")
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for qualifier in ("1", "live"):
        aws.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=0)
    pages = aws.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName="f", PaginationConfig={"PageSize": 2}
    )
    listed = [one["FunctionArn"] for shown in pages for one in shown["FunctionEventInvokeConfigs"]]
    assert listed == [f"{arn}:$LATEST", f"{arn}:1", f"{arn}:live"]
    aws.delete_alias(FunctionName="f", Name="live")
    listed = aws.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
    assert len(listed) == 2
    put = aws.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=2)
    assert "MaximumEventAgeInSeconds" not in put and put["DestinationConfig"]["OnFailure"] == {}
    aws.delete_function_event_invoke_config(FunctionName="f")
    assert refused(aws.get_function_event_invoke_config, FunctionName="f") == (
        "ResourceNotFoundException",
        f"The function {arn}:$LATEST doesn't have an EventInvokeConfig",
        404,
    )


def test_what_is_refused(aws: Any, account: str) -> None:
    """AWS's words for its own refusals, ours for what is not here."""
    deploy(aws, account, ECHO)
    arn = aws.get_function_configuration(FunctionName="f")["FunctionArn"]
    put, bad = aws.put_function_event_invoke_config, "InvalidParameterValueException"
    assert refused(put, FunctionName="f") == (
        bad,
        "You must specify at least one of error handling or destination setting.",
        400,
    )
    assert refused(put, FunctionName="f", DestinationConfig=to(OnSuccess=arn)) == (
        bad,
        "You can't specify the function as a destination for itself.",
        400,
    )
    missing_queue = f"arn:aws:sqs:{aws.meta.region_name}:{account}:missing"
    for change in (put, aws.update_function_event_invoke_config):
        put(FunctionName="f", MaximumRetryAttempts=0)
        assert refused(change, FunctionName="f", DestinationConfig=to(OnFailure=missing_queue)) == (
            bad,
            f"The destination ARN {missing_queue} is invalid.",
            400,
        )
    topic = f"arn:aws:sns:{aws.meta.region_name}:{account}:t"
    code, message, _ = refused(put, FunctionName="f", DestinationConfig=to(OnSuccess=topic))
    assert code == bad and "SNS topics" in message
    code, message, _ = refused(
        aws.update_function_configuration, FunctionName="f", DeadLetterConfig={"TargetArn": topic}
    )
    assert code == bad and "SNS topics" in message
    missing = ("ResourceNotFoundException", "The function doesn't exist.", 404)
    assert refused(put, FunctionName="nowhere", MaximumRetryAttempts=0) == missing
    assert refused(put, FunctionName="f", Qualifier="gone", MaximumRetryAttempts=0) == missing
    assert refused(put, FunctionName="f", MaximumEventAgeInSeconds=21_601)[0] == "ValidationException"


def test_invoke_async(aws: Any, client: Client, account: str) -> None:
    """The old operation: an event like any other."""
    deploy(aws, account, ECHO)
    queue = Queue(client("sqs"), "q")
    aws.put_function_event_invoke_config(FunctionName="f", DestinationConfig=to(OnSuccess=queue.arn))
    assert aws.invoke_async(FunctionName="f", InvokeArgs=b'{"old": true}')["Status"] == 202
    assert queue.record()["responsePayload"] == {"echo": {"old": True}}
    too_much = json.dumps("x" * 262_144).encode()
    assert refused(aws.invoke_async, FunctionName="f", InvokeArgs=too_much)[2] == 413

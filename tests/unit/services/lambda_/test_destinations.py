"""Which destinations are taken, and what is called for a letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from windlass.services.lambda_.destinations import (
    dead_letter_problem,
    destination_problem,
    operation,
    refusal,
)
from windlass.services.lambda_.event_model import Letter

SELF = "arn:aws:lambda:eu-west-1:1:function:f"
LETTER = Letter(
    id="e/destination",
    kind="destination",
    account="1",
    region="eu-west-1",
    function="f",
    target="arn:aws:sqs:eu-west-2:2:q",
    body='{"version":"1.0"}',
    written_at=0,
    due_at=0,
    role="arn:aws:iam::1:role/r",
    function_arn=f"{SELF}:$LATEST",
    request_id="e",
    error_status=200,
    error_message="é" * 1_000,
)


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        ("arn:aws:sqs:eu-west-1:1:q", None),
        ("arn:aws:sqs:eu-west-1:1:q.fifo", None),
        ("arn:aws:lambda:eu-west-1:1:function:g:live", None),
        ("arn:aws:lambda:eu-west-1:1:function:ff", None),
        ("arn:aws:events:eu-west-1:1:event-bus/default", None),
        (SELF, "You can't specify the function as a destination for itself."),
        (f"{SELF}:3", "You can't specify the function as a destination for itself."),
        ("arn:aws:sns:eu-west-1:1:t", "Windlass has no SNS topics"),
        ("arn:aws:s3:::bucket", "Windlass has no S3 buckets"),
        ("arn:aws:events:eu-west-1:1:rule/r", "The destination ARN arn:aws:events:eu-west-1:1:rule/r is inv"),
        ("arn:aws:dynamodb:eu-west-1:1:table/t", "The destination ARN"),
        ("queue", "The destination ARN queue is invalid."),
    ],
)
def test_destinations(arn: str, problem: str | None) -> None:
    """Queues, functions and buses; nothing that this plane does not have; never the function itself."""
    found = destination_problem(arn, SELF)
    assert found is None if problem is None else found is not None and found.startswith(problem)


def test_dead_letter_targets() -> None:
    """SQS queues; SNS is refused by name, everything else as no target."""
    assert dead_letter_problem("arn:aws:sqs:eu-west-1:1:q") is None
    assert "SNS topics" in str(dead_letter_problem("arn:aws:sns:eu-west-1:1:t"))
    assert "neither" in str(dead_letter_problem(SELF))
    assert "neither" in str(dead_letter_problem("q"))


def test_a_record_goes_to_a_queue() -> None:
    """A plain message, in the queue's Region and account."""
    call = operation(LETTER)
    assert (call.service, call.name, call.region) == ("sqs", "SendMessage", "eu-west-2")
    assert call.params == {"QueueUrl": "http://sqs/2/q", "MessageBody": LETTER.body}


def test_a_dead_letter_says_why() -> None:
    """The three attributes of AWS; of the message the first KB, never half a character."""
    params = operation(replace(LETTER, kind="dead_letter")).params
    assert params["MessageAttributes"] == {
        "RequestID": {"DataType": "String", "StringValue": "e"},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "é" * 512},
    }


def test_a_record_goes_to_a_function() -> None:
    """As an asynchronous event."""
    call = operation(replace(LETTER, target=f"{SELF[:-1]}g:live"))
    assert (call.service, call.name) == ("lambda", "Invoke")
    assert call.params == {
        "FunctionName": f"{SELF[:-1]}g:live",
        "InvocationType": "Event",
        "Payload": LETTER.body.encode(),
    }


@pytest.mark.parametrize(("succeeded", "word"), [(True, "Success"), (False, "Failure")])
def test_a_record_goes_to_a_bus(succeeded: bool, word: str) -> None:
    """As an event of the source "lambda"."""
    bus = "arn:aws:events:eu-west-1:1:event-bus/b"
    call = operation(replace(LETTER, target=bus, succeeded=succeeded))
    [entry] = call.params["Entries"]
    assert (call.service, call.name) == ("events", "PutEvents")
    assert entry == {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {word}",
        "Resources": [bus, f"{SELF}:$LATEST"],
        "EventBusName": bus,
        "Detail": LETTER.body,
    }


def test_an_answer_may_be_a_refusal() -> None:
    """PutEvents answers 200 and refuses the entry."""
    assert refusal({"MessageId": "m"}) is None and refusal({"Entries": [{"EventId": "1"}]}) is None
    assert refusal({"Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "no"}]}) == (
        "MalformedDetail",
        "no",
    )

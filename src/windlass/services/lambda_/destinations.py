"""Where records and dead letters go: which ARNs are taken, and the call that a letter becomes. Pure.

Source: Lambda developer guide, "Capturing records of Lambda asynchronous invocations". A FIFO queue is taken
and refuses every record, as on AWS. SNS topics and S3 buckets are refused: this plane has neither.
Known gap: whether the execution role may do it is not checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.aws.arn import Arn, parse
from windlass.services.lambda_.event_model import Letter

_ABSENT = {"sns": "SNS topics", "s3": "S3 buckets"}
_RESOURCES = {"sqs": "", "lambda": "function:", "events": "event-bus/"}
"""Service of a destination → how its ARN's resource begins."""
ERROR_MESSAGE_BYTES_MAX = 1_024
"""Lambda developer guide, dead-letter queues, ErrorMessage."""
SOURCE = "lambda"
_DETAIL_TYPES = {True: "Success", False: "Failure"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: operation of a service with its parameters, in the Region where the target is."""

    service: str
    name: str
    region: str
    params: dict[str, Any]


def destination_problem(text: str, function_arn: str) -> str | None:
    """What is wrong with the ARN of a destination, in AWS's words where it has some; None when nothing is.

    `function_arn` is the unqualified ARN of the function that it is a destination of.
    """
    found = parse(text)
    if found is not None and found.service in _ABSENT:
        return f"Windlass has no {_ABSENT[found.service]} to send records to: the destination {text}"
    start = None if found is None else _RESOURCES.get(found.service)
    if found is None or start is None or not found.resource.startswith(start):
        return f"The destination ARN {text} is invalid."
    if text == function_arn or text.startswith(f"{function_arn}:"):
        return "You can't specify the function as a destination for itself."
    return None


def dead_letter_problem(text: str) -> str | None:
    """What is wrong with the TargetArn of a DeadLetterConfig; None when nothing is."""
    found = parse(text)
    if found is not None and found.service == "sns":
        return f"Windlass has no SNS topics to send dead letters to: the target {text}"
    if found is None or found.service != "sqs":
        return f"The dead-letter target {text} is neither an Amazon SQS queue nor an Amazon SNS topic."
    return None


def operation(letter: Letter) -> Operation:
    """The call that hands the letter over."""
    target = parse(letter.target)
    assert target is not None, "the handlers take ARNs only"
    match target.service:
        case "sqs":
            return Operation("sqs", "SendMessage", target.region, _message(letter, target))
        case "lambda":
            params = {"FunctionName": letter.target, "InvocationType": "Event"}
            return Operation("lambda", "Invoke", target.region, params | {"Payload": letter.body.encode()})
        case _:
            return Operation("events", "PutEvents", target.region, {"Entries": [_entry(letter)]})


def refusal(answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """(code, message) when the target answered and yet did not take the letter: PutEvents does that."""
    for entry in answer.get("Entries", ()):
        if "ErrorCode" in entry:
            return entry["ErrorCode"], entry.get("ErrorMessage", "")
    return None


def _message(letter: Letter, queue: Arn) -> dict[str, Any]:
    params: dict[str, Any] = {
        "QueueUrl": f"http://sqs/{queue.account}/{queue.resource}",
        "MessageBody": letter.body,
    }
    if letter.kind == "dead_letter":
        params["MessageAttributes"] = dead_letter_attributes(letter)
    return params


def dead_letter_attributes(letter: Letter) -> Mapping[str, Any]:
    """RequestID, ErrorCode (an HTTP status) and ErrorMessage, of which the first KB."""
    message = letter.error_message.encode()[:ERROR_MESSAGE_BYTES_MAX].decode(errors="ignore")
    values = {
        "RequestID": ("String", letter.request_id),
        "ErrorCode": ("Number", str(letter.error_status)),
        "ErrorMessage": ("String", message),
    }
    return {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in values.items() if value}


def _entry(letter: Letter) -> dict[str, Any]:
    return {
        "Source": SOURCE,
        "DetailType": f"Lambda Function Invocation Result - {_DETAIL_TYPES[letter.succeeded]}",
        "Resources": [letter.target, letter.function_arn],
        "EventBusName": letter.target,
        "Detail": letter.body,
    }

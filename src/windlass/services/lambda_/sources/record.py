"""A received message as the function sees it, and whether a mapping's filters want it. Pure.

Formats and rules: Lambda Developer Guide, "Using Lambda with Amazon SQS" and "Using event filtering with an
Amazon SQS event source".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from windlass.aws.pattern import InvalidPattern, Pattern, compile_pattern
from windlass.services.lambda_.sources.batch import Record

Message = Mapping[str, Any]
"""One of ReceiveMessage's Messages, with all attributes."""


class Filters:
    """The filters of one mapping: a message is wanted if one of them matches, or there is none.

    Raises InvalidPattern. A pattern for `body` that is an object looks into bodies that are JSON, one that is
    an array compares bodies that are not; the other way round nothing matches.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns: tuple[Pattern, ...] = tuple(compile_pattern(pattern) for pattern in patterns)

    def want(self, fields: Mapping[str, Any]) -> bool:
        """Whether the record with these fields goes to the function."""
        if not self._patterns:
            return True
        seen = {**fields, "body": _body(fields["body"])}
        return any(pattern.matches(seen) for pattern in self._patterns)


def are_valid(patterns: tuple[str, ...]) -> bool:
    try:
        Filters(patterns)
    except InvalidPattern:
        return False
    return True


def fields_of(message: Message, queue_arn: str, region: str) -> dict[str, Any]:
    """The record that the function gets in `Records`."""
    fields: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }
    if "MD5OfMessageAttributes" in message:
        fields["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return fields


def record_of(fields: Mapping[str, Any]) -> Record:
    return Record(
        message_id=fields["messageId"],
        receipt=fields["receiptHandle"],
        group=fields["attributes"].get("MessageGroupId", "") if _is_fifo(fields) else "",
        json=msgspec.json.encode(fields),
        trace=fields["attributes"].get("AWSTraceHeader", ""),
    )


def _is_fifo(fields: Mapping[str, Any]) -> bool:
    """Messages of standard queues may have groups too; those order nothing."""
    return str(fields["eventSourceARN"]).endswith(".fifo")


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "StringValue" in value:
        shown["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return {**shown, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def _body(text: str) -> Any:
    """What a pattern compares: the value of a JSON object or array, any other body as it is."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

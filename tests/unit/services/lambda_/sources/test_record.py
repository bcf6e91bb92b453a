"""Records and filters: what AWS's table of bodies and patterns says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from windlass.services.lambda_.sources.record import Filters, are_valid, fields_of, record_of

ARN = "arn:aws:sqs:eu-west-1:123456789012:q"
JSON_BODY = {"body": {"a": [1]}}
PLAIN_BODY = {"body": [{"prefix": "he"}]}
ATTRIBUTE = {"messageAttributes": {"kind": {"stringValue": ["x"]}}}


def fields(body: str, arn: str = ARN, **more: Any) -> dict[str, Any]:
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": body, "MD5OfBody": "5", **more}
    return fields_of(message, arn, "eu-west-1")


@pytest.mark.parametrize(
    ("body", "pattern", "wanted"),
    [
        ('{"a": 1}', JSON_BODY, True),
        ('{"a": 2}', JSON_BODY, False),
        ("hello", JSON_BODY, False),
        ("hello", PLAIN_BODY, True),
        ("other", PLAIN_BODY, False),
        ('{"he": 1}', PLAIN_BODY, False),
        ("{he", PLAIN_BODY, False),
        ("{he", {"body": [{"prefix": "{"}]}, True),
        ('{"a": 1}', ATTRIBUTE, True),
        ("hello", ATTRIBUTE, True),
        ("hello", {"messageAttributes": {"kind": {"stringValue": ["y"]}}}, False),
        ("12", {"body": [{"numeric": [">", 10]}]}, False),
    ],
)
def test_filters(body: str, pattern: dict[str, Any], wanted: bool) -> None:
    attributes = {"kind": {"DataType": "String", "StringValue": "x"}}
    assert Filters((json.dumps(pattern),)).want(fields(body, MessageAttributes=attributes)) is wanted


def test_one_filter_is_enough() -> None:
    """They are joined by OR; without any, everything is wanted."""
    filters = Filters((json.dumps(JSON_BODY), json.dumps(PLAIN_BODY)))
    assert filters.want(fields("hello")) and filters.want(fields('{"a": 1}'))
    assert not filters.want(fields("other")) and Filters(()).want(fields("other"))
    assert are_valid((json.dumps(JSON_BODY),)) and not are_valid(('{"body": 1}',))


def test_groups_order_only_fifo_queues() -> None:
    """Standard queues have message groups too, for fairness; the body of a record is text as it came."""
    grouped = {"Attributes": {"MessageGroupId": "g"}}
    assert record_of(fields("{}", **grouped)).group == ""
    record = record_of(fields('{"a":  1}', f"{ARN}.fifo", **grouped))
    assert (record.group, record.message_id, record.receipt) == ("g", "m", "r")
    assert json.loads(record.json)["body"] == '{"a":  1}'

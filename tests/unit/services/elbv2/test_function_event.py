"""What functions behind load balancers are handed, and what their answers come to."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.proxy_messages import FunctionAnswer, FunctionCall
from windlass.services.elbv2 import function_event
from windlass.services.elbv2.function_event import BadAnswer

CALL = FunctionCall(
    1,
    "arn:group",
    "arn:listener",
    "POST",
    "/a%20b",
    "x=1&x=%32&flag",
    headers=(("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2")),
    body="ü".encode(),
)


def test_an_event_has_the_last_values() -> None:
    assert function_event.event(CALL, False) == {
        "requestContext": {"elb": {"targetGroupArn": "arn:group"}},
        "httpMethod": "POST",
        "path": "/a%20b",
        "queryStringParameters": {"x": "%32", "flag": ""},
        "headers": {"content-type": "text/plain", "x-a": "2"},
        "body": "ü",
        "isBase64Encoded": False,
    }


def test_an_event_has_all_values_if_asked_for() -> None:
    event = function_event.event(CALL, True)
    assert event["multiValueHeaders"]["x-a"] == ["1", "2"]
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "%32"], "flag": [""]}
    assert "headers" not in event
    assert "queryStringParameters" not in event


@given(
    body=st.binary(max_size=50),
    kind=st.sampled_from(["", "text/html; charset=x", "application/json", "image/png"]),
    encoding=st.sampled_from(["", "gzip"]),
)
def test_every_body_comes_through(body: bytes, kind: str, encoding: str) -> None:
    """As text or base64, and as JSON can say it."""
    given_ = (("content-type", kind), ("content-encoding", encoding))
    headers = tuple(pair for pair in given_ if pair[1])
    call = FunctionCall(1, "arn:group", "", "POST", "/", headers=headers, body=body)
    event = json.loads(json.dumps(function_event.event(call, False)))
    read = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    assert read == body
    assert event["isBase64Encoded"] or not body or not (kind == "image/png" or encoding)


def answered(read: Any, multi_value: bool = False) -> FunctionAnswer:
    return function_event.answer(CALL, json.dumps(read).encode(), multi_value)


def test_answers() -> None:
    assert answered({"statusCode": 200, "headers": {"X-A": 1, "Connection": "close"}, "body": "hi"}) == (
        FunctionAnswer(1, status=200, headers=(("X-A", "1"),), body=b"hi")
    )
    encoded = {"statusCode": "204", "isBase64Encoded": True, "body": base64.b64encode(b"\0").decode()}
    assert answered(encoded).body == b"\0"
    cookies = {"statusCode": 200, "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]}, "headers": {"x": "y"}}
    assert answered(cookies, True).headers == (("set-cookie", "a=1"), ("set-cookie", "b=2"))
    assert answered(cookies).headers == (("x", "y"),)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b'"hi"',
        b"[" * 100_000,
        b"{}",
        b'{"statusCode": true}',
        b'{"statusCode": 99}',
        b'{"statusCode": "2xx"}',
        b'{"statusCode": 200, "headers": [1]}',
        b'{"statusCode": 200, "headers": {"a b": "c"}}',
        b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}',
        b'{"statusCode": 200, "headers": {"a": "\\u2603"}}',
        b'{"statusCode": 200, "body": {}}',
        b'{"statusCode": 200, "isBase64Encoded": true, "body": "%"}',
        b'{"statusCode": 200, "body": "' + b"x" * 2**20 + b'"}',
    ],
)
def test_answers_that_are_none(payload: bytes) -> None:
    with pytest.raises(BadAnswer):
        function_event.answer(CALL, payload, False)

"""A request as its function gets it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.calls import Caller
from windlass.aws.wire import Request
from windlass.services.lambda_.urls.event import Arrival, event
from windlass.services.lambda_.urls.model import FunctionUrl, address, read_host

HOST = f"{'u' * 32}.lambda-url.eu-west-1.localhost:4566"
URL = FunctionUrl("111111111111", "eu-west-1", "f", "uid", "", "u" * 32, "NONE", 0, 0)
ARRIVAL = Arrival(1_583_348_638_390_000_000, "id", "Root=1-0-0")


def made(request: Request, arrival: Arrival = ARRIVAL) -> Any:
    return json.loads(event(request, URL, arrival))


def test_all_of_an_event() -> None:
    """Payload format 2.0, member by member."""
    headers = {
        "host": HOST,
        "user-agent": "curl/8",
        "cookie": "a=1; b=2",
        "content-type": "text/plain; charset=utf-8",
        "x-forwarded-for": "6.6.6.6",
    }
    request = Request("POST", "/a%20b/c", "q=1&q=x%20y&e=", headers, b"hello", "http", "127.0.0.1")
    assert made(request) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a%20b/c",
        "rawQueryString": "q=1&q=x%20y&e=",
        "cookies": ["a=1", "b=2"],
        "headers": {
            **headers,
            "x-amzn-trace-id": "Root=1-0-0",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"q": "1,x y", "e": ""},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "u" * 32,
            "domainName": HOST.partition(":")[0],
            "domainPrefix": "u" * 32,
            "http": {
                "method": "POST",
                "path": "/a%20b/c",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390,
        },
        "body": "hello",
        "isBase64Encoded": False,
    }


def test_a_signed_request_says_who() -> None:
    """The caller's account instead of "anonymous", and the IAM authorizer."""
    caller = Caller("222222222222", "arn:aws:iam::222222222222:user/u", "AIDA", "AKIA")
    context = made(Request("GET", "/"), Arrival(0, "id", "", caller))["requestContext"]
    assert context["accountId"] == "222222222222"
    assert context["authorizer"]["iam"] == {
        "accessKey": "AKIA",
        "accountId": "222222222222",
        "callerId": "AIDA",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::222222222222:user/u",
        "userId": "AIDA",
    }


def test_what_is_not_there_is_left_out() -> None:
    """No body, no query, no cookies."""
    event = made(Request("GET", "/"))
    assert not {"body", "queryStringParameters", "cookies"} & event.keys()
    assert event["rawQueryString"] == "" and event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json", b"{}", False),
        ("application/problem+json; charset=utf-8", b"{}", False),
        ("TEXT/html", "é".encode(), False),
        ("text/plain", b"\xff", True),
        ("application/octet-stream", b"x", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("", b"x", True),
    ],
)
def test_bodies(kind: str, body: bytes, encoded: bool) -> None:
    """Text by its type and its bytes; the rest in base64."""
    event = made(Request("POST", "/", headers={"content-type": kind}, body=body))
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


@given(st.text("ab=&%+;20é\x00", max_size=30), st.binary(max_size=30), st.text(max_size=20))
def test_any_request_makes_an_event(query: str, body: bytes, cookie: str) -> None:
    """Whatever a client sends is an event, with nothing of it lost."""
    headers = {"content-type": "text/plain", "cookie": cookie}
    event = made(Request("GET", "/", query, headers, body))
    assert event["rawQueryString"] == query and event["headers"]["cookie"] == cookie
    text = event.get("body", "")
    assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body


@pytest.mark.parametrize(
    ("host", "read"),
    [
        (HOST, ("u" * 32, "eu-west-1")),
        (HOST.upper(), ("u" * 32, "eu-west-1")),
        (f"{'u' * 32}.lambda-url.eu-west-1.on.aws", ("u" * 32, "eu-west-1")),
        ("localhost:4566", None),
        ("127.0.0.1:4566", None),
        ("short.lambda-url.eu-west-1.localhost", None),
        (f"{'u' * 32}.lambda-url.eu-west-1.", None),
        (f"evil.{HOST}", None),
        ("", None),
    ],
)
def test_hosts(host: str, read: tuple[str, str] | None) -> None:
    """The id and the Region, whatever the domain behind them; every other name is the plane's."""
    assert read_host(host) == read


@pytest.mark.parametrize(
    ("endpoint", "domain"),
    [
        ("http://127.0.0.1:4566", "localhost:4566"),
        ("http://[::1]:4566", "localhost:4566"),
        ("http://10.0.0.7:80", "localhost:80"),
        ("https://plane.example.org", "plane.example.org"),
        ("http://localhost:4566", "localhost:4566"),
    ],
)
def test_addresses(endpoint: str, domain: str) -> None:
    """Below the name that was called; and each can be read back."""
    url = address("u" * 32, "eu-west-1", endpoint)
    assert url.endswith(f".{domain}/")
    assert read_host(url.partition("://")[2].rstrip("/")) == ("u" * 32, "eu-west-1")

"""Subscriptions: what may be asked for by either API, and what each is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import MILLISECOND
from windlass.node import function_records as records
from windlass.node.function_records import PlatformEvent, Used, Verdict
from windlass.node.function_subscriptions import BadSubscription, Subscription, parse, shown

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs?x=1"}


def body(**changes: Any) -> bytes:
    return json.dumps({"types": ["platform", "function"], "destination": HTTP, **changes}).encode()


def test_defaults() -> None:
    """The first schema of each API, and the buffer of the documentation."""
    expected = Subscription("telemetry", "2022-07-01", ("platform", "function"), 8080, "/logs?x=1")
    assert parse("telemetry", body()) == expected
    assert (expected.max_items, expected.max_bytes, expected.timeout_ms) == (10_000, 262_144, 1000)
    assert parse("logs", body(destination=HTTP | {"method": "PUT"})).method == "PUT"
    assert parse("telemetry", body(destination=HTTP | {"method": "PUT"})).method == "POST"


def test_settings() -> None:
    """All of them; over TCP there is no path."""
    wanted = body(
        schemaVersion="2022-12-13",
        types=["extension", "extension"],
        buffering={"maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25},
        destination={"protocol": "TCP", "port": 8081},
    )
    assert parse("telemetry", wanted) == Subscription(
        "telemetry", "2022-12-13", ("extension",), 8081, "", "POST", 1000, 1_048_576, 25
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain/x"}},
         "types should not be empty; URI port is not provided"),
        ({"types": ["metrics"]}, "types should be of platform, function, extension"),
        ({"schemaVersion": "2021-03-18"},
         "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"),
        ({"buffering": {"timeoutMs": 24}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"maxItems": 999, "maxBytes": 1}},
         "maxItems should be between 1000 and 10000; maxBytes should be between 262144 and 1048576"),
        ({"destination": {"protocol": "TCP"}}, "port is not provided"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, "port 9001 cannot be used"),
        ({"destination": {"protocol": "TCP", "port": 70000}}, "port 70000 cannot be used"),
        ({"destination": HTTP | {"URI": "http://example.com:80/"}},
         "URI should be http://sandbox.localdomain:PORT/PATH"),
        ({"destination": HTTP | {"URI": "https://sandbox.localdomain:1/"}},
         "URI should be http://sandbox.localdomain:PORT/PATH"),
        ({"destination": HTTP | {"URI": "http://sandbox:99999999/"}},
         "URI should be http://sandbox.localdomain:PORT/PATH"),
        ({"destination": HTTP | {"URI": "http://sandbox:80/a b"}}, "URI path is not one"),
    ],
)  # fmt: skip
def test_what_cannot_be(changes: dict[str, Any], message: str) -> None:
    """All that is wrong is said at once."""
    with pytest.raises(BadSubscription) as raised:
        parse("telemetry", body(**changes))
    assert str(raised.value) == message


@given(st.binary(max_size=200) | st.text(max_size=40).map(lambda uri: body(destination=HTTP | {"URI": uri})))
def test_garbage_is_refused_or_stays_inside(given: bytes) -> None:
    """Never another exception; never a path that could break a request."""
    try:
        found = parse("logs", given)
    except BadSubscription:
        return
    assert found.path.isascii() and " " not in found.path and 0 < found.port < 65536


USED = Used(MILLISECOND, 0, 128, 30)
REPORT = records.report("r", Verdict("error", "X"), USED, "Root=1")
DONE = records.runtime_done("r", Verdict("error", "X"), 1, 2, "Root=1")


def sent(api: str, schema: str, event: PlatformEvent) -> list[tuple[str, Any]]:
    subscription = Subscription(api, schema, ("platform",), 1, "/")  # type: ignore[arg-type]
    return list(shown(subscription, event.type, event.record))


def test_the_telemetry_api_has_everything_as_it_is() -> None:
    """Type and record of what was said."""
    assert sent("telemetry", "2022-12-13", REPORT) == [("platform.report", REPORT.record)]
    assert sent("telemetry", "2022-12-13", DONE) == [("platform.runtimeDone", DONE.record)]


def test_the_logs_api_is_older() -> None:
    """An end beside each report, no initialisation, runtimeDone only in its second schema."""
    metrics = REPORT.record["metrics"]
    assert sent("logs", "2020-08-15", REPORT) == [
        ("platform.end", {"requestId": "r"}),
        ("platform.report", {"requestId": "r", "metrics": metrics}),
    ]
    start = records.start("r", "3", "Root=1")
    assert sent("logs", "2020-08-15", start) == [("platform.start", {"requestId": "r", "version": "3"})]
    assert sent("logs", "2020-08-15", DONE) == []
    assert sent("logs", "2021-03-18", DONE) == [
        ("platform.runtimeDone", {"requestId": "r", "status": "failure"})
    ]
    assert sent("logs", "2021-03-18", records.init_start("x", "", "init", "on-demand")) == []


def test_types_are_kept_apart() -> None:
    """A subscriber of function logs hears nothing else."""
    subscription = Subscription("telemetry", "2022-07-01", ("function",), 1, "/")
    assert list(shown(subscription, "function", "line")) == [("function", "line")]
    assert not list(shown(subscription, "extension", "line"))
    assert not list(shown(subscription, REPORT.type, REPORT.record))

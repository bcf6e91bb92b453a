"""What is told of an event that is over, to whom."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND
from windlass.services.lambda_.event_model import AsyncEvent, EventInvokeConfig
from windlass.services.lambda_.records import Condition, Origin, Outcome, error_message, letters, record

ARN = "arn:aws:lambda:r:1:function:f:$LATEST"
EVENT = AsyncEvent("e", "1", "r", "f", b'{"a": 1.50}', "", received_at=0, due_at=0, invokes=3)
ORIGIN = Origin(ARN, "$LATEST", "arn:aws:iam::1:role/r", dead_letter="arn:aws:sqs:r:1:dead")
CONFIG = EventInvokeConfig("1", "r", "f", "u", "$LATEST", 0, on_success="arn:good", on_failure="arn:bad")
FAILED = Outcome(200, b'{"errorMessage":"no","errorType":"E"}', "Unhandled")


def test_the_record_of_a_failure() -> None:
    """As AWS writes it, payloads letter for letter."""
    text = record(EVENT, ORIGIN, "RetriesExhausted", FAILED, 1_573_755_365_568_000_000)
    assert '"requestPayload":{"a": 1.50}' in text
    assert json.loads(text) == {
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "e",
            "functionArn": ARN,
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"a": 1.5},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no", "errorType": "E"},
    }


@pytest.mark.parametrize(
    ("payload", "shown"),
    [(b"null", None), (b"NaN", "NaN"), (b"", ""), (b"\xff{", "�{"), (b"[1,", "[1,"), (None, None)],
)
def test_results_that_are_no_json(payload: bytes | None, shown: object) -> None:
    """They stand in the record as text; an event that never ran has none."""
    read = json.loads(record(EVENT, ORIGIN, "Success", Outcome(200, payload), SECOND))
    assert read["responsePayload"] == shown
    assert "functionError" not in read["responseContext"]


@given(st.binary(max_size=50))
def test_any_result_makes_a_record(payload: bytes) -> None:
    """Whatever a function answers, the record is JSON."""
    assert "responsePayload" in json.loads(record(EVENT, ORIGIN, "Success", Outcome(200, payload), SECOND))


@pytest.mark.parametrize(
    ("condition", "config", "dead_letter", "expected"),
    [
        ("Success", CONFIG, "dead", [("destination", "arn:good", True)]),
        ("Success", None, "dead", []),
        ("Success", replace(CONFIG, on_success=""), "", []),
        ("RetriesExhausted", CONFIG, "", [("destination", "arn:bad", False)]),
        ("EventAgeExceeded", None, "dead", [("dead_letter", "dead", False)]),
        (
            "EventAgeExceeded",
            CONFIG,
            "dead",
            [("destination", "arn:bad", False), ("dead_letter", "dead", False)],
        ),
        ("RetriesExhausted", None, "", []),
    ],
)
def test_who_is_told(
    condition: Condition,
    config: EventInvokeConfig | None,
    dead_letter: str,
    expected: list[tuple[str, str, bool]],
) -> None:
    """Success and failure have a destination each; a failure may also have a dead-letter queue."""
    outcome = Outcome(200, b"1") if condition == "Success" else FAILED
    made = letters(EVENT, replace(ORIGIN, dead_letter=dead_letter), config, condition, outcome, SECOND)
    assert [(letter.kind, letter.target, letter.succeeded) for letter in made] == expected


def test_a_dead_letter_is_the_event() -> None:
    """Its body and nothing else; the error beside it. Made twice, it is the same row."""
    [letter] = letters(EVENT, ORIGIN, None, "RetriesExhausted", FAILED, SECOND)
    assert (letter.body, letter.request_id, letter.error_status) == ('{"a": 1.50}', "e", 200)
    assert letter.error_message == "no"
    [again] = letters(EVENT, ORIGIN, None, "RetriesExhausted", FAILED, 2 * SECOND)
    assert letter.id == again.id


def test_what_the_error_was() -> None:
    """The function's errorMessage, or all that it said, or why it did not run."""
    assert error_message(FAILED) == "no"
    assert error_message(Outcome(200, b'"text"', "Unhandled")) == '"text"'
    assert error_message(Outcome(200, b"[\xff", "Unhandled")) == "[�"
    assert error_message(Outcome(429, message="Rate Exceeded.")) == "Rate Exceeded."

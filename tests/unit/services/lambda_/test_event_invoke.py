"""A request to a row, and a row to what callers see."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.services.lambda_.event_invoke import configured, shown
from windlass.services.lambda_.event_model import EventInvokeConfig

QUEUE = "arn:aws:sqs:eu-west-1:1:q"
FRESH = EventInvokeConfig("1", "eu-west-1", "f", "u", "live", last_modified=0)


def test_members_are_merged_into_what_is_there() -> None:
    """Each given member replaces its like; an empty ARN takes a destination away."""
    first = configured(FRESH, {"MaximumRetryAttempts": 0, "DestinationConfig": _to(OnFailure=QUEUE)}, SECOND)
    assert (first.retries, first.age_s, first.on_failure, first.on_success) == (0, None, QUEUE, "")
    second = configured(
        first, {"MaximumEventAgeInSeconds": 60, "DestinationConfig": _to(OnSuccess=QUEUE)}, SECOND
    )
    assert (second.retries, second.age_s) == (0, 60)
    assert second.on_failure == second.on_success == QUEUE
    assert configured(second, {"DestinationConfig": _to(OnFailure="")}, SECOND).on_failure == ""


def test_what_callers_see() -> None:
    """The qualified ARN, both halves of the destinations, and only the limits that were set."""
    assert shown(configured(FRESH, {"MaximumRetryAttempts": 1}, 3 * SECOND // 2)) == {
        "LastModified": 1.5,
        "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:f:live",
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        "MaximumRetryAttempts": 1,
    }
    given = {"MaximumEventAgeInSeconds": 60, "DestinationConfig": _to(OnSuccess=QUEUE)}
    listed = shown(configured(FRESH, given, SECOND))
    assert listed["DestinationConfig"] == {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {}}
    assert listed["MaximumEventAgeInSeconds"] == 60 and "MaximumRetryAttempts" not in listed


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "You must specify at least one of error handling or destination setting."),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:eu-west-1:1:function:f"}}},
            "You can't specify the function as a destination for itself.",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sns:eu-west-1:1:t"}}},
            "Windlass has no SNS topics to send records to: the destination arn:aws:sns:eu-west-1:1:t",
        ),
    ],
)
def test_refusals(params: dict[str, Any], message: str) -> None:
    """Nothing asked for, the function itself, and what is not here."""
    with pytest.raises(Fault) as refused:
        configured(FRESH, params, SECOND)
    assert (refused.value.code, refused.value.message) == ("InvalidParameterValueException", message)


def _to(**halves: str) -> dict[str, dict[str, str]]:
    return {half: {"Destination": arn} for half, arn in halves.items()}

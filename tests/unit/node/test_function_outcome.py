"""What is said of an event, by what came of it."""

from __future__ import annotations

import json

import pytest

from windlass.node.function_outcome import (
    Exited,
    Failed,
    InitFailed,
    Outcome,
    Ready,
    Responded,
    TimedOut,
    init_status,
    told,
)


@pytest.mark.parametrize(
    ("outcome", "error", "status", "payload"),
    [
        (Responded(b"1"), "", "", 1),
        (Failed(b"2"), "Unhandled", "", 2),
        (InitFailed(b"3", "Runtime.X"), "Unhandled", "error\tError Type: Runtime.X", 3),
        (Exited(1), "Unhandled", "error\tError Type: Runtime.ExitError", "Runtime.ExitError"),
        (TimedOut(), "Unhandled", "timeout", "Sandbox.Timedout"),
    ],
)
def test_what_is_told(outcome: Outcome, error: str, status: str, payload: object) -> None:
    """The runtime's own bytes go through; failures of the sandbox are worded here."""
    said = told("r1", outcome, 3)
    body = json.loads(said.payload)
    assert (said.error, said.status) == (error, status)
    assert payload == (body["errorType"] if isinstance(body, dict) else body)


def test_only_failed_initialisations_have_a_status() -> None:
    """INIT_REPORT is written for these alone."""
    assert (init_status(Ready()), init_status(TimedOut())) == ("success", "timeout")
    assert init_status(InitFailed(b"", "Runtime.Y")) == "error\tError Type: Runtime.Y"
    assert init_status(Exited(0)) == "error\tError Type: Runtime.ExitError"

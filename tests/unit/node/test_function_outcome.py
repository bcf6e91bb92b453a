"""What is said of an event, by what came of it."""

from __future__ import annotations

import json

import pytest

from windlass.node.function_outcome import (
    Exited,
    Failed,
    InitFailed,
    Outcome,
    Responded,
    SandboxFailed,
    TimedOut,
    told,
    verdict,
)


@pytest.mark.parametrize(
    ("outcome", "error", "words", "payload"),
    [
        (Responded(b"1"), "", "success", 1),
        (Failed(b"2"), "Unhandled", "success", 2),
        (InitFailed(b"3", "Runtime.X"), "Unhandled", "error\tError Type: Runtime.X", 3),
        (Exited(1), "Unhandled", "error\tError Type: Runtime.ExitError", "Runtime.ExitError"),
        (SandboxFailed("Extension.Crash", "exit code 0"), "Unhandled",
         "error\tError Type: Extension.Crash", "Extension.Crash"),
        (TimedOut(), "Unhandled", "timeout", "Sandbox.Timedout"),
    ],
)  # fmt: skip
def test_what_is_told(outcome: Outcome, error: str, words: str, payload: object) -> None:
    """The runtime's own bytes go through; failures of the sandbox are worded here."""
    said = told("r1", outcome, 3)
    body = json.loads(said.payload)
    assert (said.error, verdict(outcome).words) == (error, words)
    assert payload == (body["errorType"] if isinstance(body, dict) else body)


def test_success() -> None:
    """So is an initialisation that did not fail."""
    assert (verdict(None).words, verdict(None).fields) == ("success", {"status": "success"})

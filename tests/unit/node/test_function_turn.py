"""One event in the forms that it takes."""

from __future__ import annotations

import json

from windlass.fleet.messages import Invoke
from windlass.kernel.clock import MILLISECOND
from windlass.node.function_outcome import TimedOut, Told
from windlass.node.function_turn import Turn

INVOKE = Invoke("r", "u", b'{"a":1}', 0, "arn:f", tail=True, client_context="{}", trace_id="Root=1")
TURN = Turn(INVOKE, 1000 * MILLISECOND, 4000 * MILLISECOND, 7 * MILLISECOND)


def test_time_ends_at_the_deadline() -> None:
    """However late it is noticed."""
    assert TURN.took(1500 * MILLISECOND) == 500 * MILLISECOND
    late = 4100 * MILLISECOND
    assert TURN.took(late) == 3000 * MILLISECOND
    report = TURN.report(TimedOut(), 128, 128, late)
    assert report.record["metrics"]["durationMs"] == 3000.0 and report.record["status"] == "timeout"
    assert TURN.runtime_done(None, 5, late).record["metrics"] == {"durationMs": 3000.0, "producedBytes": 5}


def test_who_is_given_what() -> None:
    """The runtime the payload, extensions the rest, the caller the tail if it asked for it."""
    event = TURN.event()
    assert (event.payload, event.deadline_ms, event.trace_id) == (b'{"a":1}', 4000, "Root=1")
    assert json.loads(TURN.for_extensions()) == {
        "eventType": "INVOKE", "deadlineMs": 4000, "requestId": "r", "invokedFunctionArn": "arn:f",
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1"},
    }  # fmt: skip
    result = TURN.result(Told(b"1"), b"log", 30, 2000 * MILLISECOND)
    assert (result.log_tail, result.init_ns, result.duration_ns, result.usable) == (
        b"log", 7 * MILLISECOND, 1000 * MILLISECOND, True,
    )  # fmt: skip

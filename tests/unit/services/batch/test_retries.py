"""Retry strategies: what follows an attempt, and which strategies are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from windlass.kernel.faults import Fault
from windlass.services.batch.model import Retry, Stop
from windlass.services.batch.retries import check, decide

EXITED = "Essential container in task exited"
HOST = "Host EC2 (instance i-0123) terminated."
SPOT_OR_EXIT = ({"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"})
"""The example of the user guide."""


@dataclass(frozen=True)
class Ended:
    exit_code: int | None = 1
    reason: str = ""
    status_reason: str = EXITED
    succeeded: bool = False


@pytest.mark.parametrize(
    ("retry", "attempt", "outcome", "stop", "decision"),
    [
        (Retry(), 1, Ended(), None, "EXIT"),
        (Retry(3), 1, Ended(), None, "RETRY"),
        (Retry(3), 2, Ended(), None, "RETRY"),
        (Retry(3), 3, Ended(), None, "EXIT"),
        (Retry(3), 1, Ended(0, succeeded=True), None, "EXIT"),
        (Retry(3), 1, Ended(), Stop("terminate", "enough"), "EXIT"),
        (Retry(3), 1, Ended(137), Stop("timeout", ""), "EXIT"),
        (Retry(3, ({"onExitCode": "0", "action": "RETRY"},)), 1, Ended(0, succeeded=True), None, "EXIT"),
        # Exit codes are matched as text:
        (Retry(3, ({"onExitCode": "1", "action": "EXIT"},)), 1, Ended(1), None, "EXIT"),
        (Retry(3, ({"onExitCode": "1", "action": "EXIT"},)), 1, Ended(137), None, "RETRY"),
        (Retry(3, ({"onExitCode": "1*", "action": "EXIT"},)), 1, Ended(137), None, "EXIT"),
        (Retry(3, ({"onExitCode": "1", "action": "EXIT"},)), 1, Ended(None), None, "RETRY"),
        (Retry(3, ({"onExitCode": "*", "action": "EXIT"},)), 1, Ended(None), None, "EXIT"),
        # The first rule that matches decides, and all its conditions must hold:
        (Retry(3, SPOT_OR_EXIT), 1, Ended(None, "", HOST), None, "RETRY"),
        (Retry(3, SPOT_OR_EXIT), 1, Ended(), None, "EXIT"),
        (Retry(3, SPOT_OR_EXIT), 3, Ended(None, "", HOST), None, "EXIT"),
        (
            Retry(3, ({"onReason": "OutOf*", "onExitCode": "137", "action": "EXIT"},)),
            1,
            Ended(1, "OutOfMemoryError: killed"),
            None,
            "RETRY",
        ),
        (
            Retry(3, ({"onReason": "OutOf*", "onExitCode": "137", "action": "exit"},)),
            1,
            Ended(137, "OutOfMemoryError: killed"),
            None,
            "EXIT",
        ),
        # Case counts in patterns, and a dot is a dot:
        (Retry(2, ({"onStatusReason": "host*", "action": "EXIT"},)), 1, Ended(1, "", HOST), None, "RETRY"),
        (Retry(2, ({"onReason": "a.c", "action": "EXIT"},)), 1, Ended(1, "abc"), None, "RETRY"),
    ],
)
def test_what_follows(retry: Retry, attempt: int, outcome: Ended, stop: Stop | None, decision: str) -> None:
    assert decide(retry, attempt, outcome, stop) == decision


def test_a_sound_strategy_is_kept_as_given() -> None:
    rules = [{"onExitCode": "13*", "onReason": "Cannot Pull: a.b\t*", "action": "retry"}]
    assert check({"attempts": 10, "evaluateOnExit": rules}) == Retry(10, tuple(rules))
    assert check({"attempts": 1}) == Retry()


RULE = {"onExitCode": "1", "action": "EXIT"}


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({}, "RetryAttempts must be provided with retry strategy"),
        ({"evaluateOnExit": [RULE]}, "RetryAttempts must be provided"),
        ({"attempts": 0}, "between 1 and 10"),
        ({"attempts": 11}, "between 1 and 10"),
        ({"attempts": 2, "evaluateOnExit": [RULE] * 6}, "up to 5 entries"),
        ({"attempts": 2, "evaluateOnExit": [{"action": "STOP"}]}, "action must be RETRY or EXIT"),
        ({"attempts": 2, "evaluateOnExit": [RULE | {"onExitCode": "a"}]}, "onExitCode contains restricted"),
        ({"attempts": 2, "evaluateOnExit": [RULE | {"onExitCode": "1*3"}]}, "onExitCode contains restricted"),
        ({"attempts": 2, "evaluateOnExit": [RULE | {"onReason": "*pull"}]}, "onReason contains restricted"),
        ({"attempts": 2, "evaluateOnExit": [RULE | {"onReason": "a-b"}]}, "onReason contains restricted"),
        (
            {"attempts": 2, "evaluateOnExit": [RULE | {"onStatusReason": "é"}]},
            "onStatusReason contains restricted",
        ),
        ({"attempts": 2, "evaluateOnExit": [RULE | {"onReason": "a" * 513}]}, "up to 512 characters"),
    ],
)
def test_what_is_refused(strategy: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        check(strategy)
    assert caught.value.code == "ClientException"

"""Retry strategies: whether an attempt that has ended is followed by another. Pure.

Facts: facts/batch.md, 4.2 (RetryStrategy and EvaluateOnExit of the Batch API). Known gap: AWS does not say
what a pattern makes of a value that is not there, such as the reason of a container that simply exited; here
it is the empty text, which `*` matches, so that {"onReason": "*", "action": "EXIT"} is the "otherwise" that
its user guide shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from windlass.services.batch.faults import invalid
from windlass.services.batch.model import Retry, Stop

ATTEMPTS_MAX = 10
"""Moves to RUNNABLE, the first included; Batch API, RetryStrategy."""
RULES_MAX = 5
"""Entries of evaluateOnExit; Batch API, RetryStrategy."""
PATTERN_LENGTH_MAX = 512
"""Characters; Batch API, EvaluateOnExit."""
_TEXT = re.compile(r"[A-Za-z0-9.:\s]*\*?", re.ASCII)
_DIGITS = re.compile(r"[0-9]*\*?", re.ASCII)
PATTERNS = {"onStatusReason": _TEXT, "onReason": _TEXT, "onExitCode": _DIGITS}
"""What each pattern may consist of: a `*` stands at the end alone (Batch API, EvaluateOnExit)."""


class Outcome(Protocol):
    """What is known of an attempt that has ended."""

    @property
    def exit_code(self) -> int | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def status_reason(self) -> str: ...
    @property
    def succeeded(self) -> bool: ...


def decide(retry: Retry, attempt: int, outcome: Outcome, stop: Stop | None) -> Literal["RETRY", "EXIT"]:
    """What follows the end of that attempt (the first is 1).

    Success is final, and so is the end of what was cancelled, terminated or timed out. Else the first rule
    of which all conditions hold decides; when none does, there is a retry, as long as attempts are left.
    """
    if outcome.succeeded or stop is not None or attempt >= retry.attempts:
        return "EXIT"
    values = {
        "onStatusReason": outcome.status_reason,
        "onReason": outcome.reason,
        "onExitCode": "" if outcome.exit_code is None else str(outcome.exit_code),
    }
    for rule in retry.rules:
        if all(_matches(rule[name], value) for name, value in values.items() if name in rule):
            return "EXIT" if rule["action"].upper() == "EXIT" else "RETRY"
    return "RETRY"


def check(strategy: Mapping[str, Any]) -> Retry:
    """The retry strategy of a job definition or a call; raises ClientException.

    AWS's wording is known for missing attempts alone.
    """
    attempts = strategy.get("attempts")
    rules = strategy.get("evaluateOnExit") or ()
    if attempts is None:
        raise invalid("RetryAttempts must be provided with retry strategy")
    if not 1 <= attempts <= ATTEMPTS_MAX:
        raise invalid(f"RetryAttempts must be between 1 and {ATTEMPTS_MAX}")
    if len(rules) > RULES_MAX:
        raise invalid(f"EvaluateOnExit can have up to {RULES_MAX} entries")
    for rule in rules:
        _check_rule(rule)
    return Retry(attempts, tuple(dict(rule) for rule in rules))


def _check_rule(rule: Mapping[str, str]) -> None:
    if rule["action"].upper() not in ("RETRY", "EXIT"):
        raise invalid("EvaluateOnExit action must be RETRY or EXIT")
    for name, allowed in PATTERNS.items():
        pattern = rule.get(name, "")
        if len(pattern) > PATTERN_LENGTH_MAX:
            raise invalid(f"{name} can be up to {PATTERN_LENGTH_MAX} characters long")
        if not allowed.fullmatch(pattern):
            what = "numbers" if allowed is _DIGITS else "letters, numbers, periods, colons and white space"
            raise invalid(f"{name} contains restricted characters: it can contain {what}, and end with *")


def _matches(pattern: str, value: str) -> bool:
    """A trailing `*` stands for any text; all else is literal, and case counts."""
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern

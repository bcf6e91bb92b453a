"""When to try a delivery again, and when to give up. Pure.

Source: EventBridge User Guide, "Retry policy and dead-letter queues": 24 hours and 185 times by default,
exponential back-off with jitter; at once to the dead-letter queue when the target or the permission is
missing. The length of the pauses is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.kernel.clock import SECOND, Instant
from windlass.services.events.limits import (
    RETRY_AGE_S_MAX,
    RETRY_ATTEMPTS_MAX,
    RETRY_FIRST,
    RETRY_LONGEST,
)

NO_RESOURCE_CODES = frozenset(
    {"ResourceNotFoundException", "QueueDoesNotExist", "ClusterNotFoundException", "NoSuchEntity"}
)
NO_PERMISSION_CODES = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedException"})
THROTTLED_CODES = frozenset(
    {"ThrottlingException", "TooManyRequestsException", "Throttling", "RequestThrottled", "OverLimit"}
)
NOT_IMPLEMENTED = 501
"""HTTP status of an operation that this plane does not have: trying again does not help."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as the attributes of a dead-letter message say it."""

    code: str
    message: str
    retried: bool


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at that instant."""

    at: Instant


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Never again. `exhausted` is the EXHAUSTED_RETRY_CONDITION; empty when retries would not help."""

    exhausted: str


def failure(code: str, message: str, status: int | None = None) -> Failure:
    """What a fault of the target means. `status` is the HTTP status when it is not the caller's fault."""
    if code in NO_RESOURCE_CODES:
        return Failure("NO_RESOURCE", message, retried=False)
    if code in NO_PERMISSION_CODES:
        return Failure("NO_PERMISSIONS", message, retried=False)
    if code in THROTTLED_CODES:
        return Failure("THROTTLING", message, retried=True)
    ours = status is not None and status >= 500 and status != NOT_IMPLEMENTED
    return Failure("SDK_CLIENT_ERROR", f"{code}: {message}", retried=ours)


def after_failure(
    failed: Failure,
    policy: Mapping[str, Any],
    *,
    created_at: Instant,
    attempts: int,
    now: Instant,
    draw: float,
) -> Again | GiveUp:
    """What follows on the failed attempt number `attempts`. `policy` is a RetryPolicy, `draw` in [0, 1).

    A pause lies between half of the back-off and all of it.
    """
    if not failed.retried:
        return GiveUp("")
    if attempts > policy.get("MaximumRetryAttempts", RETRY_ATTEMPTS_MAX):
        return GiveUp("MaximumRetryAttempts")
    back_off = min(RETRY_LONGEST, RETRY_FIRST * 2 ** min(attempts - 1, 40))
    at = now + back_off // 2 + round(back_off // 2 * draw)
    if at > created_at + policy.get("MaximumEventAgeInSeconds", RETRY_AGE_S_MAX) * SECOND:
        return GiveUp("MaximumEventAgeInSeconds")
    return Again(at)

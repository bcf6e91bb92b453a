"""Whether one more event of a function may run now: reserved concurrency and the account's limit.

Pure: counts in, verdict out. A function with reserved concurrency has that much and no more; the others
share what reservations leave of the account's limit. Known gap: the limit of requests per second (ten per
unit of concurrency).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.aws.quotas import Quotas, Scope
from windlass.services.lambda_.limits import CONCURRENT_EXECUTIONS, UNRESERVED_CONCURRENCY_MIN

Reason = Literal[
    "ConcurrentInvocationLimitExceeded",
    "FunctionInvocationRateLimitExceeded",
    "ReservedFunctionConcurrentInvocationLimitExceeded",
]
"""TooManyRequestsException, Reason."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What runs in one account and Region: `running` events of the function at hand, `unreserved` of all

    functions without a reservation, and `reserved_total`, the sum of all reservations.
    """

    running: int
    unreserved: int
    reserved_total: int


def admit(reserved: int | None, usage: Usage, account_limit: int) -> Reason | None:
    """None: it may run; else why not. reserved 0 → never; reserved 2 with 1 running → yes."""
    if reserved is not None:
        if usage.running < reserved:
            return None
        return "ReservedFunctionConcurrentInvocationLimitExceeded"
    if usage.unreserved < account_limit - usage.reserved_total:
        return None
    return "ConcurrentInvocationLimitExceeded"


def may_reserve(wanted: int, others: int, account_limit: int) -> bool:
    """Whether a reservation of `wanted` beside `others` leaves enough for functions without one.

    An account whose whole limit is no larger than the minimum can still reserve nothing (0).
    """
    return wanted == 0 or account_limit - others - wanted >= UNRESERVED_CONCURRENCY_MIN


def account_limit(quotas: Quotas, scope: Scope) -> int:
    """Concurrent executions that the account may have in that Region."""
    value = quotas.value("lambda.concurrent_executions", scope)
    return CONCURRENT_EXECUTIONS if value is None else int(value)

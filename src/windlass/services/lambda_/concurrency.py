"""Whether one more event of a function may run now: concurrency, and requests per second.

Pure: counts in, verdict out. A function with reserved concurrency has that much and no more; the others
share what reservations leave of the account's limit. Provisioned environments are set aside from whichever
of the two their function draws on; events in them are not counted here. Synchronous requests per second are
limited to ten for each unit of concurrency: those of a function with a reservation by that, those of all
others together by the account's limit. admission.py keeps the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import CONCURRENT_EXECUTIONS, UNRESERVED_CONCURRENCY_MIN

Reason = Literal[
    "CallerRateLimitExceeded",
    "ConcurrentInvocationLimitExceeded",
    "FunctionInvocationRateLimitExceeded",
    "ReservedFunctionConcurrentInvocationLimitExceeded",
    "ReservedFunctionInvocationRateLimitExceeded",
]
"""TooManyRequestsException, Reason. The first is of the API itself, the others are of invocations."""

TOO_MANY = "TooManyRequestsException"
CONCURRENCY_QUOTA = "lambda.concurrent_executions"
UNRESERVED_SETTING = "lambda.unreserved_concurrency_min"
REQUESTS_QUOTA = "lambda.requests_per_concurrency_s"


@dataclass(frozen=True, slots=True)
class Usage:
    """What runs on demand in one account and Region, and what is set aside.

    `running` events of the function at hand, `unreserved` of all functions without a reservation;
    `reserved_total`, the sum of all reservations. `set_aside` is what is provisioned of the function's own
    reservation; `unreserved_set_aside` of functions that have none.
    """

    running: int
    unreserved: int
    reserved_total: int
    set_aside: int = 0
    unreserved_set_aside: int = 0


def admit(reserved: int | None, usage: Usage, account_limit: int) -> Reason | None:
    """None: it may run on demand; else why not. reserved 0 → never; reserved 2 with 1 running → yes.

    Reserved 2, and both provisioned → no: what is provisioned of a reservation is not there on demand.
    """
    if reserved is not None:
        if usage.running < reserved - usage.set_aside:
            return None
        return "ReservedFunctionConcurrentInvocationLimitExceeded"
    if usage.unreserved < account_limit - usage.reserved_total - usage.unreserved_set_aside:
        return None
    return "ConcurrentInvocationLimitExceeded"


def may_set_aside(wanted: int, others: int, account_limit: int, least: int) -> bool:
    """Whether `wanted` beside what `others` have set aside leaves `least` for everybody else.

    An account whose whole limit is no larger than that can still reserve nothing (0).
    """
    return wanted == 0 or account_limit - others - wanted >= least


def request_rate(reserved: int | None, account_limit: int, per_concurrency: float) -> Rate:
    """Requests that may come: ten for each unit in a second, and as many at once.

    Reserved 5, ten each → 50 a second. A second's worth as the burst is ours: AWS names none.
    """
    a_second = int(per_concurrency * (account_limit if reserved is None else reserved))
    return Rate(burst=a_second, per_second=a_second)


def rate_reason(reserved: int | None) -> Reason:
    """Why a request is refused that came too fast."""
    if reserved is None:
        return "FunctionInvocationRateLimitExceeded"
    return "ReservedFunctionInvocationRateLimitExceeded"


def throttled(reason: Reason, wait: Duration | None = None) -> Fault:
    """What the caller gets; Retry-After, in whole seconds, only when it is known how long that is."""
    members = {"Reason": reason, "Type": "User"}
    if wait:
        members["retryAfterSeconds"] = str(-(-wait // SECOND))
    return Fault(TOO_MANY, "Rate Exceeded.", status=429, members=members)


def account_limit(quotas: Quotas, scope: Scope) -> int:
    """Concurrent executions that the account may have in that Region."""
    value = quotas.value(CONCURRENCY_QUOTA, scope)
    return CONCURRENT_EXECUTIONS if value is None else int(value)


def unreserved_min(quotas: Quotas) -> int:
    """What reservations must leave for functions without one."""
    value = quotas.value(UNRESERVED_SETTING)
    return UNRESERVED_CONCURRENCY_MIN if value is None else int(value)

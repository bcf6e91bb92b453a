"""Who is let in: request rates and rates of new environments, on a clock that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from tests.build import ACCOUNT, REGION
from tests.lambda_build import Lambda, a_lambda
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import MILLISECOND, SECOND, Instant, WallClock
from windlass.kernel.faults import Fault
from windlass.services.lambda_.admission import Admission
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.model import Function, Settings

BEGIN = 1_800_000_000 * SECOND


@dataclass
class SetClock(WallClock):
    """Stands still until it is set."""

    at: Instant = BEGIN

    def now(self) -> Instant:
        return self.at


def a_function(name: str = "f", *, account: str = ACCOUNT, reserved: int | None = None) -> Function:
    settings = Settings("arn:aws:iam::1:role/r", "app.handler", "python3.11", "00", 1)
    return Function(
        account,
        REGION,
        name,
        f"uid-{name}",
        settings,
        1,
        BEGIN,
        BEGIN,
        "r",
        served=settings,
        reserved=reserved,
    )


@contextmanager
def refused(reason: str, retry_after: str | None = None) -> Iterator[None]:
    with pytest.raises(Fault) as caught:
        yield
    assert caught.value.code == "TooManyRequestsException"
    told = caught.value.members
    assert (told["Reason"], told.get("retryAfterSeconds")) == (reason, retry_after)


def admission_of(world: Lambda) -> Admission:
    return Admission(world.plane, Measuring(world.plane))


def requests(admission: Admission, function: Function, count: int) -> None:
    """So many short ones, one after the other."""
    for _ in range(count):
        admission.leave(admission.enter(function, counts_as_request=True))


def test_requests_of_functions_without_a_reservation_share_the_accounts_rate() -> None:
    """Limit 2, ten each: 20 at once, then one more each 50 ms; another account has its own 20."""

    async def story() -> None:
        clock = SetClock()
        async with a_lambda(clock=clock, concurrent_executions=2, requests_per_concurrency_s=10) as world:
            admission = admission_of(world)
            f, g, foreign = a_function(), a_function("g"), a_function(account="999999999999")
            requests(admission, f, 15)
            requests(admission, g, 5)
            with refused("FunctionInvocationRateLimitExceeded", "1"):
                requests(admission, f, 1)
            requests(admission, foreign, 20)
            clock.at += 50 * MILLISECOND
            requests(admission, g, 1)
            with refused("FunctionInvocationRateLimitExceeded", "1"):
                requests(admission, g, 1)

    asyncio.run(story())


def test_requests_of_a_reservation_have_a_rate_of_their_own() -> None:
    """Reserved 1: ten a second, whatever the account does; without it the function shares again."""

    async def story() -> None:
        async with a_lambda(clock=SetClock(), requests_per_concurrency_s=10) as world:
            admission, mine = admission_of(world), a_function(reserved=1)
            requests(admission, mine, 10)
            with refused("ReservedFunctionInvocationRateLimitExceeded", "1"):
                requests(admission, mine, 1)
            requests(admission, replace(mine, reserved=None), 100)

    asyncio.run(story())


def test_queued_events_are_no_requests() -> None:
    """Only concurrency holds asynchronous events back."""

    async def story() -> None:
        async with a_lambda(
            clock=SetClock(), concurrent_executions=1, requests_per_concurrency_s=10
        ) as world:
            admission, f = admission_of(world), a_function()
            for _ in range(30):
                admission.leave(admission.enter(f, counts_as_request=False))
            slot = admission.enter(f, counts_as_request=False)
            with refused("ConcurrentInvocationLimitExceeded"):
                admission.enter(f, counts_as_request=False)
            admission.leave(slot)
            requests(admission, f, 10)

    asyncio.run(story())


def starts(world: Lambda, function: Function, count: int) -> None:
    admission = admission_of(world)
    for _ in range(count):
        admission.start_environment(function)


def test_each_function_starts_environments_at_its_own_rate() -> None:
    """Burst 3, one a second, per function."""

    async def story() -> None:
        clock = SetClock()
        rate = Rate(burst=3, per_second=1)
        async with a_lambda(clock=clock, buckets={"environment_starts": rate}) as world:
            starts(world, a_function(), 3)
            with refused("FunctionInvocationRateLimitExceeded", "1"):
                starts(world, a_function(), 1)
            starts(world, a_function("g"), 3)
            clock.at += SECOND
            starts(world, a_function(), 1)

    asyncio.run(story())


def test_before_2023_an_account_started_environments_at_one_rate() -> None:
    """Burst 3, six a minute, of all functions; what the account's rate refuses the function's gets back."""

    async def story() -> None:
        clock = SetClock()
        rates = {
            "environment_starts": Rate(burst=4, per_second=0),
            "account_environment_starts": Rate(burst=3, per_minute=6),
        }
        async with a_lambda(clock=clock, buckets=rates) as world:
            starts(world, a_function(), 2)
            starts(world, a_function("g"), 1)
            for _ in range(5):
                with refused("ConcurrentInvocationLimitExceeded", "10"):
                    starts(world, a_function(), 1)
            starts(world, a_function(account="999999999999"), 3)
            clock.at += 10 * SECOND
            starts(world, a_function(), 1)

    asyncio.run(story())

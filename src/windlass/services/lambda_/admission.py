"""Counts the events that run, and lets in what the limits leave room for. concurrency.py has the rules.

What runs is known in memory only: after a restart nothing is counted, though an event that the old plane
began may still be running on its node. One account's counts never touch another's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from windlass.aws.quotas import Scope
from windlass.kernel import bucket
from windlass.kernel.bucket import Bucket
from windlass.kernel.clock import Instant
from windlass.kernel.store import Change
from windlass.services.lambda_.concurrency import (
    REQUESTS_QUOTA,
    Usage,
    account_limit,
    admit,
    rate_reason,
    request_rate,
    throttled,
)
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.metering import Subject
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.provisioned_model import PROVISIONED, Provisioned
from windlass.services.plane import Plane

FUNCTION_STARTS = "lambda.environment_starts"
"""New environments of one function: 1,000 per 10 s; Lambda developer guide, "Lambda function scaling"."""
ACCOUNT_STARTS = "lambda.account_environment_starts"
"""Of all functions of an account and Region together: the burst concurrency of before November 2023."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One event that was let in, and what it draws on, whatever is reserved later."""

    uid: str
    scope: Scope
    provisioned: bool
    unreserved: bool


@dataclass(slots=True)
class _Running:
    """Events of one function: all of them, and those that are not in provisioned environments."""

    subject: Subject
    count: int = 0
    on_demand: int = 0


@dataclass(frozen=True, slots=True)
class _Aside:
    """Provisioned environments of one account and Region: by the function's uid, and of all without a

    reservation.
    """

    of: Mapping[str, int]
    unreserved: int


class Admission:
    """Of one plane."""

    def __init__(self, plane: Plane, measuring: Measuring) -> None:
        self._store = plane.store
        self._quotas = plane.quotas
        self._clock = plane.clock
        self._measuring = measuring
        self._running: dict[str, _Running] = {}
        """By the function's uid; none that has no event."""
        self._all: Counter[Scope] = Counter()
        self._unreserved: Counter[Scope] = Counter()
        self._reserved: Counter[Scope] = Counter()
        self._aside: dict[Scope, _Aside] = {}
        """As far as it was asked for since rows changed that it follows from."""
        self._rates: dict[str | Scope, Bucket] = {}
        """Of requests: by the uid of a function with a reservation, by account and Region for all others."""
        for function in plane.store[FUNCTIONS].all():
            self._reserved[_scope(function)] += function.reserved or 0
        plane.store.watch((FUNCTIONS,), self._on_function)
        plane.store.watch((PROVISIONED,), self._on_provisioned)
        measuring.on_levels(self._levels)

    def enter(self, function: Function, *, counts_as_request: bool, provisioned: bool = False) -> Slot:
        """Let one event in; `leave` follows. Raises Fault TooManyRequestsException.

        Events of the asynchronous queue are no requests: only concurrency holds them back. For one that a
        provisioned environment is there for, concurrency was set aside.
        """
        scope = _scope(function)
        limit = account_limit(self._quotas, scope)
        running = self._running.get(function.uid)
        if not provisioned:
            reason = admit(function.reserved, self._usage(function.uid, scope, running), limit)
            if reason is not None:
                raise throttled(reason)
        if counts_as_request:
            self._take_request(function, scope, limit)
        if running is None:
            running = self._running[function.uid] = _Running(Subject(*scope, function.name))
        unreserved = function.reserved is None and not provisioned
        slot = Slot(function.uid, scope, provisioned, unreserved)
        running.count += 1
        running.on_demand += not provisioned
        self._all[scope] += 1
        self._unreserved[scope] += slot.unreserved
        self._measure(running, slot)
        return slot

    def leave(self, slot: Slot) -> None:
        """The event is over, whatever came of it."""
        self._unreserved[slot.scope] -= slot.unreserved
        self._all[slot.scope] -= 1
        running = self._running[slot.uid]
        running.count -= 1
        running.on_demand -= not slot.provisioned
        if not running.count:
            del self._running[slot.uid]

    def _usage(self, uid: str, scope: Scope, running: _Running | None) -> Usage:
        aside = self._set_aside(scope)
        return Usage(
            running=0 if running is None else running.on_demand,
            unreserved=self._unreserved[scope],
            reserved_total=self._reserved[scope],
            set_aside=aside.of.get(uid, 0),
            unreserved_set_aside=aside.unreserved,
        )

    def _set_aside(self, scope: Scope) -> _Aside:
        found = self._aside.get(scope)
        if found is None:
            rows: list[Provisioned] = self._store[PROVISIONED].by("scope", scope)
            of: Counter[str] = Counter()
            for row in rows:
                of[row.uid] += row.standing.allocated
            functions = [(self._store[FUNCTIONS].first("uid", uid), count) for uid, count in of.items()]
            shared = sum(count for f, count in functions if f is not None and f.reserved is None)
            found = self._aside[scope] = _Aside(of, shared)
        return found

    def _measure(self, running: _Running, slot: Slot) -> None:
        add, account = self._measuring.add, Subject(*slot.scope)
        add(running.subject, "ConcurrentExecutions", running.count)
        add(account, "ConcurrentExecutions", self._all[slot.scope])
        if slot.unreserved:
            add(account, "UnreservedConcurrentExecutions", self._unreserved[slot.scope])

    def _levels(self) -> Iterator[tuple[Subject, str, float]]:
        """What runs now, for a period in which nothing may begin."""
        for running in self._running.values():
            yield running.subject, "ConcurrentExecutions", running.count
        for name, counts in (
            ("ConcurrentExecutions", self._all),
            ("UnreservedConcurrentExecutions", self._unreserved),
        ):
            for scope, count in counts.items():
                if count:
                    yield Subject(*scope), name, count

    def start_environment(self, function: Function) -> None:
        """One more environment is to be started on demand. Raises Fault TooManyRequestsException."""
        scope, now, subject = _scope(function), self._clock.now(), function.name
        if not self._quotas.take(FUNCTION_STARTS, scope, 1, now, subject=subject):
            wait = self._quotas.wait_for(FUNCTION_STARTS, scope, 1, now, subject=subject)
            raise throttled("FunctionInvocationRateLimitExceeded", wait)
        if not self._quotas.take(ACCOUNT_STARTS, scope, 1, now):
            self._quotas.give_back(FUNCTION_STARTS, scope, 1, now, subject=subject)
            wait = self._quotas.wait_for(ACCOUNT_STARTS, scope, 1, now)
            raise throttled("ConcurrentInvocationLimitExceeded", wait)

    def _take_request(self, function: Function, scope: Scope, limit: int) -> None:
        per_concurrency = self._quotas.value(REQUESTS_QUOTA, scope)
        if per_concurrency is None:
            return
        rate = request_rate(function.reserved, limit, per_concurrency)
        now: Instant = self._clock.now()
        key = scope if function.reserved is None else function.uid
        level, taken = bucket.take(self._rates.get(key) or bucket.full(rate, now), rate, 1, now)
        self._rates[key] = level
        if not taken:
            raise throttled(rate_reason(function.reserved), bucket.wait_for(level, rate, 1, now))

    def _on_function(self, change: Change) -> None:
        for function, sign in ((change.old, -1), (change.new, 1)):
            if function is not None and function.reserved:
                self._reserved[_scope(function)] += sign * function.reserved
        new: Function | None = change.new
        self._aside.pop(_scope(change.old or change.new), None)
        if change.old is not None and (new is None or new.reserved is None):
            self._rates.pop(change.old.uid, None)

    def _on_provisioned(self, change: Change) -> None:
        self._aside.pop(_scope(change.old or change.new), None)


def _scope(function: Function | Provisioned) -> Scope:
    return (function.account, function.region)

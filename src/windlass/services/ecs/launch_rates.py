"""Launch rates in force: takes tokens for services by pace.py's plan, and for RunTask; keeps the lines.

All of it lives in memory: after a restart buckets are full, nobody is in line, and every service may act at
once. Nothing here decides how many start, nor starts anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.bucket import PARTS
from windlass.kernel.clock import Instant, seconds
from windlass.services.ecs.backoff import Policy
from windlass.services.ecs.pace import FARGATE, Capacity, Line, Pace, Plan, Room, Tasks, plan

DEPLOYMENT_FARGATE = "ecs.deployment.fargate"
DEPLOYMENT_EC2 = "ecs.deployment.ec2"
ROUND_DEFAULT_S = 1.0
"""Length of a round under profiles that have launch buckets and name none."""
DUE_KEPT_MIN = 1_024
"""Services whose next work cycle may be remembered before those of the past are forgotten."""

_Service: TypeAlias = "tuple[Scope, str]"


class LaunchRates:
    """One per plane: `call.part(LaunchRates)`. A service is named by whatever is its own, its ARN say."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        round_s = quotas.delay_s("ecs.throttled_again") or ROUND_DEFAULT_S
        self._pace = Pace(cycle=seconds(quotas.delay_s("ecs.work_cycle")), round=seconds(round_s))
        self._lines: dict[tuple[Scope, str], Line] = {}
        self._due: dict[_Service, Instant] = {}
        self._forget_at = DUE_KEPT_MIN

    @property
    def paced(self) -> bool:
        """Whether services act in work cycles: then what they do not ask for in one comes much later."""
        return self._pace.cycle > 0

    def rests_until(self, scope: Scope, service: str, now: Instant) -> Instant | None:
        """When the service's next work cycle begins, if nothing it asks for could be started before.

        One that stands in line for a bucket is served in between.
        """
        due = self._due.get((scope, service), 0)
        return due if now < due and not self._in_line(scope, service) else None

    def ask(self, scope: Scope, service: str, wish: Tasks, now: Instant) -> Plan:
        """How many of these tasks the service may start now; their tokens are taken.

        Ask for all that is missing, not for a part of it. Ask again at `look_again`, or when the wish
        changed: a wish of nothing gives up the service's place in line.
        """
        plan_ = plan(wish, self._room(scope, service, wish, now), self._pace, now)
        self._take(scope, service, plan_.starts, now)
        for capacity in FARGATE:
            self._queue(scope, capacity, service, plan_, now)
        if plan_.begins_cycle and self._pace.cycle and (plan_.starts.total or plan_.throttled):
            self._begin_cycle((scope, service), now)
        return self._not_in_vain(scope, service, wish, plan_, now)

    def take(self, scope: Scope, counts: Mapping[str, int], now: Instant) -> bool:
        """RunTask's tokens, all or none.

        While services wait in line, half of what comes in is left to them.
        """
        wanted = {f"fargate.{capacity}": count for capacity, count in counts.items()}
        leave = {f"fargate.{capacity}": self._reserve(scope, capacity) for capacity in counts}
        return self._quotas.take_all(wanted, scope, now, leave=leave)

    def give_back(self, scope: Scope, service: str, unused: Tasks, now: Instant) -> None:
        """Tokens of tasks that could not be started after all, for want of room say."""
        for capacity in FARGATE:
            self._quotas.give_back(f"fargate.{capacity}", scope, getattr(unused, capacity), now)
        self._quotas.give_back(DEPLOYMENT_FARGATE, scope, unused.fargate, now, service)
        self._quotas.give_back(DEPLOYMENT_EC2, scope, unused.other, now, service)

    def forget(self, scope: Scope, service: str) -> None:
        """The service is no more."""
        self._due.pop((scope, service), None)
        for capacity in FARGATE:
            if (line := self._lines.get((scope, capacity))) is not None:
                line.leave(service)

    def waiting(self, scope: Scope) -> dict[Capacity, int]:
        """How many services wait for each launch bucket."""
        lines = {capacity: self._lines.get((scope, capacity)) for capacity in FARGATE}
        return {capacity: len(line.seen) for capacity, line in lines.items() if line is not None}

    def held_up(self, scope: Scope, service: str) -> tuple[Instant, dict[str, int]]:
        """When the service's next work cycle begins, and the buckets it stands in line for.

        By name, with the length of the line.
        """
        lines = {f"fargate.{capacity}": self._lines.get((scope, capacity)) for capacity in FARGATE}
        stands = {name: len(line.seen) for name, line in lines.items() if line and service in line.seen}
        return self._due.get((scope, service), 0), stands

    def _in_line(self, scope: Scope, service: str) -> bool:
        lines = (self._lines.get((scope, capacity)) for capacity in FARGATE)
        return any(line is not None and service in line.seen for line in lines)

    def _room(self, scope: Scope, service: str, wish: Tasks, now: Instant) -> Room:
        quotas, round_ = self._quotas, self._pace.round_of(now)
        shares: dict[Capacity, int | None] = {}
        waiting = self._in_line(scope, service)  # before the line is dealt to, which forgets who is late
        for capacity in FARGATE:
            tokens = quotas.level(f"fargate.{capacity}", scope, now) if getattr(wish, capacity) else None
            line = self._lines.get((scope, capacity))
            if line is not None:
                tokens = None if tokens is None else line.share(service, tokens, round_)
            shares[capacity] = tokens
        fargate = quotas.level(DEPLOYMENT_FARGATE, scope, now, service)
        other = quotas.level(DEPLOYMENT_EC2, scope, now, service)
        deployment = Tasks(
            on_demand=wish.fargate if fargate is None else fargate,
            other=wish.other if other is None else other,
        )
        return Room(self._due.get((scope, service), 0), deployment, shares, waiting)

    def _take(self, scope: Scope, service: str, starts: Tasks, now: Instant) -> None:
        counts = {f"fargate.{capacity}": getattr(starts, capacity) for capacity in FARGATE}
        self._quotas.take_all({name: count for name, count in counts.items() if count}, scope, now)
        if starts.fargate:
            self._quotas.take(DEPLOYMENT_FARGATE, scope, starts.fargate, now, service)
        if starts.other:
            self._quotas.take(DEPLOYMENT_EC2, scope, starts.other, now, service)

    def _queue(self, scope: Scope, capacity: Capacity, service: str, plan_: Plan, now: Instant) -> None:
        """Put the service in line for that bucket, or take it out."""
        if capacity in plan_.throttled:
            line = self._lines.setdefault((scope, capacity), Line())
            line.wait(service, self._pace.round_of(now), got=getattr(plan_.starts, capacity) > 0)
        elif (line_ := self._lines.get((scope, capacity))) is not None:
            line_.leave(service)
            if not line_.seen:
                del self._lines[scope, capacity]

    def _reserve(self, scope: Scope, capacity: str) -> int:
        line, rate = self._lines.get((scope, capacity)), self._quotas.rate(f"fargate.{capacity}", scope)
        if line is None or rate is None:
            return 0
        return min(rate.burst, rate.parts * self._pace.round // PARTS) // 2

    def _begin_cycle(self, service: _Service, now: Instant) -> None:
        self._due[service] = now + self._pace.cycle
        if len(self._due) > self._forget_at:
            self._due = {name: due for name, due in self._due.items() if due > now}
            self._forget_at = max(DUE_KEPT_MIN, 2 * len(self._due))

    def _not_in_vain(self, scope: Scope, service: str, wish: Tasks, plan_: Plan, now: Instant) -> Plan:
        """Without work cycles nothing but the deployment bucket says when there is more."""
        if plan_.look_again is None or plan_.look_again > now:
            return plan_
        name = DEPLOYMENT_FARGATE if wish.fargate > plan_.starts.fargate else DEPLOYMENT_EC2
        wait = self._quotas.wait_for(name, scope, 1, now, service)
        return replace(plan_, look_again=None if wait is None else now + wait)


def backoff_policy(quotas: Quotas) -> Policy:
    """How services that keep failing are slowed down under this profile."""
    return Policy(
        first=seconds(quotas.delay_s("ecs.backoff_first")),
        cap=seconds(quotas.delay_s("ecs.backoff_cap")),
        steady=seconds(quotas.delay_s("ecs.backoff_steady")),
        counts_crashes=quotas.switch("ecs.backoff_counts_crashes"),
    )

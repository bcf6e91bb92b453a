"""Whether a target is healthy, from what its probes found, and when to probe it next. Pure.

A newly registered target is healthy with its first success; after that `healthy` successes in a row make an
unhealthy one healthy, and `unhealthy` failures in a row the reverse (facts/autoscaling-elb-events.md section
4.1). An Application Load Balancer probes a target from each of its own hosts, so one that just came up is
found soon; here a new target is knocked at each second until it answers, and of these knocks only those count
as failures that the interval would have had (docs/decisions/0043).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal, TypeAlias

from windlass.fleet.proxy_messages import Check, Endpoint, Pool, Probed
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.proxy.pick import Draw

KNOCK_INTERVAL: Duration = SECOND
"""Between probes of a target that has not answered yet."""

REGISTERING = ("Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = ("Elb.InitialHealthChecking", "Initial health checks in progress")
TIMED_OUT = ("Target.Timeout", "Request timed out")
FAILED = ("Target.FailedHealthChecks", "Health checks failed")
MISMATCH = "Target.ResponseCodeMismatch"
"""Reasons and descriptions of elbv2's TargetHealth (elbv2 API, TargetHealth; the texts are as observed)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """With a status: of HTTP, or of gRPC."""

    code: int


Found: TypeAlias = Answered | Literal["connected", "timeout", "failed"]
"""What a probe saw. "connected" is a success for a TCP check only; "failed": refused, reset, no HTTP."""


class Probe:
    """The health of one target. `reason` and `description` say why it is not healthy."""

    def __init__(self, endpoint: Endpoint, check: Check, now: Instant) -> None:
        self.state: Literal["initial", "healthy", "unhealthy"] = (
            "initial" if endpoint.health == "unused" else endpoint.health
        )
        self.reason, self.description = REGISTERING if self.state == "initial" else ("", "")
        self.check = check
        self.since = endpoint.since
        self._passed = 0
        self._failed = 0
        self._codes: set[int] = set()
        self._counts_at = now
        """From when on the next failure counts: the interval's own rhythm."""

    def take(self, found: Found, now: Instant) -> bool:
        """The result of a probe that began at about `now`. Whether anything changed that others see."""
        before = (self.state, self.reason, self.description)
        if self._is_success(found):
            self._pass()
        elif self.state != "initial" or now >= self._counts_at:
            self._counts_at = now + self.check.interval
            self._fail(found)
        return before != (self.state, self.reason, self.description)

    def next_after(self, now: Instant) -> Instant:
        """When to begin the next probe, after one that began at `now`."""
        knocks = self.state == "initial" and not self.check.spread
        return now + (min(KNOCK_INTERVAL, self.check.interval) if knocks else self.check.interval)

    def _is_success(self, found: Found) -> bool:
        if isinstance(found, Answered):
            return any(first <= found.code <= last for first, last in self.check.codes)
        return found == "connected" and self.check.protocol == "TCP"

    def _pass(self) -> None:
        self._failed = 0
        self._codes.clear()
        self._passed += 1
        if self.state == "initial" or self._passed >= self.check.healthy:
            self.state, self.reason, self.description = "healthy", "", ""

    def _fail(self, found: Found) -> None:
        self._passed = 0
        self._failed += 1
        if isinstance(found, Answered):
            self._codes.add(found.code)
        if self.state == "initial":
            self.reason, self.description = CHECKING
        if self.state == "unhealthy" or self._failed >= self.check.unhealthy:
            self.state = "unhealthy"
            self.reason, self.description = self._why(found)
            self._codes = {found.code} if isinstance(found, Answered) else set()

    def _why(self, found: Found) -> tuple[str, str]:
        """Of the failure that was seen last; codes of all failures since the last success or verdict."""
        if isinstance(found, Answered):
            codes = ", ".join(map(str, sorted(self._codes)))
            return MISMATCH, f"Health checks failed with these codes: [{codes}]"
        return TIMED_OUT if found == "timeout" else FAILED


class Probes:
    """All targets of one pool: which to probe when. `draw` spreads their later probes over the interval."""

    def __init__(self, pool: Pool, draw: Draw, now: Instant) -> None:
        self._draw = draw
        self.endpoints: dict[str, Endpoint] = {}
        """Those that are probed."""
        self._check: Check | None = None
        self._probes: dict[str, Probe] = {}
        self._due: list[tuple[Instant, str]] = []
        self._at: dict[str, Instant] = {}
        """When each is due; nobody who is being probed. What else stands in the heap is of old."""
        self.update(pool, now)

    def update(self, pool: Pool, now: Instant) -> None:
        """Targets that are new, or registered again, are probed at once (or as their check is spread), those

        that went no more.

        A target that drains is not probed. With another check than before nothing is known of anybody.
        """
        self.pool = pool
        check = pool.check
        wanted = {one.key: one for one in pool.endpoints if not one.draining} if check else {}
        before, self.endpoints = self.endpoints, wanted
        if check != self._check:
            before, self._check = {}, check
            self._probes.clear()
            self._at.clear()
        for key in before.keys() - wanted.keys():
            del self._probes[key]
            self._at.pop(key, None)
        if check is None:
            return
        for key, endpoint in wanted.items():
            known = before.get(key)
            if known is None or known.since != endpoint.since:
                self._probes[key] = Probe(endpoint, check, now)
                self._plan(key, now + (int(self._draw() * check.interval) if check.spread else 0))

    def due(self, now: Instant) -> list[str]:
        """Targets to probe now; each is asked for again when its result was taken."""
        found = []
        while self._due and self._due[0][0] <= now:
            at, key = heappop(self._due)
            if self._at.get(key) == at:
                del self._at[key]
                found.append(key)
        return found

    @property
    def next_at(self) -> Instant | None:
        """When to ask `due` again; None: not before a result, or an update."""
        while self._due and self._at.get(self._due[0][1]) != self._due[0][0]:
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def take(self, key: str, found: Found, began: Instant, at: Instant = 0) -> Probed | None:
        """The result of a probe that began then; what to tell, if anything changed.

        `at`: when it was on the clock that others have. Instants here are of one that nobody sets.
        """
        probe = self._probes.get(key)
        if probe is None:
            return None
        was = probe.state
        changed = probe.take(found, began)
        next_at = probe.next_after(began)
        spread = probe.check.spread
        if (
            was == "initial" and probe.state != "initial" and not spread
        ):  # many begin together: they need not go on so
            next_at -= int(self._draw() * probe.check.interval) // 2
        self._plan(key, next_at)
        if not changed:
            return None
        said = (probe.state, probe.reason, probe.description)
        return Probed(self.pool.key, key, *said, at=at or began, since=probe.since)

    def _plan(self, key: str, at: Instant) -> None:
        self._at[key] = at
        heappush(self._due, (at, key))

    def states(self) -> Sequence[tuple[str, Probe]]:
        """Of all that are probed, by key."""
        return [*self._probes.items()]


def first_of(pools: Iterable[Probes]) -> Instant | None:
    """When the first of them has something due."""
    return min((at for one in pools if (at := one.next_at) is not None), default=None)

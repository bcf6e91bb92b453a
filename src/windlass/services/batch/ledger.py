"""What the jobs of each queue use, share by share: kept in memory as they start and end.

Told by usage.py of what changes, with the time; decides nothing, and knows no rows. It gives the scheduler
how a fair-share queue stands (shares.py), and GetJobQueueSnapshot what a queue uses. After a restart it is
told again from the rows: what ran, from when to when, for as long as the rows are kept. What is lost is the
time that attempts spent STARTING, and that of jobs that retention.py has deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from windlass.kernel.clock import Duration, Instant
from windlass.services.batch.resource_model import Key, SchedulingPolicy
from windlass.services.batch.shares import Share, Shares, Used, Weights, window


@dataclass(slots=True)
class _Account:
    """One share of one queue; "" is the only one of a queue without shares."""

    used: Used = field(default_factory=Used)
    live: int = 0
    """Jobs that have not ended; an array is one."""
    lined: int = 0
    """Jobs of which something waits for a place."""
    idle_since: Instant = 0


class Ledger:
    """One per plane."""

    def __init__(self) -> None:
        self._queues: dict[Key, dict[str, _Account]] = {}
        self._weights: dict[Key, tuple[SchedulingPolicy, Weights]] = {}

    def runs(self, queue: Key, share: str, cpu_units: int, lasts: Duration, now: Instant) -> None:
        """So many CPU units more (or fewer) are in use from now on; `lasts` is how long usage counts."""
        account = self._account(queue, share)
        account.used = account.used.until(now, lasts).more(cpu_units)

    def ran(
        self,
        queue: Key,
        share: str,
        cpu_units: int,
        spans: Iterable[tuple[Instant, Instant]],
        lasts: Duration,
        now: Instant,
    ) -> None:
        """So many were in use between these instants, all of them past."""
        account = self._account(queue, share)
        account.used = account.used.until(now, lasts)
        for since, until in spans:
            account.used = account.used.ran(cpu_units, since, until, lasts)

    def holds(self, queue: Key, share: str, live: int, lined: int, now: Instant) -> None:
        """So many jobs more (or fewer) have not ended, and stand in line."""
        account = self._account(queue, share)
        account.live += live
        account.lined += lined
        if not account.live:
            account.idle_since = now

    def shares(self, queue: Key, policy: SchedulingPolicy, now: Instant) -> Shares:
        """How a fair-share queue stands. Shares that nobody used for the decay time are forgotten."""
        lasts = window(policy.decay_s)
        accounts = self._queues.get(queue, {})
        for name in [
            name for name, one in accounts.items() if not one.live and one.idle_since + lasts <= now
        ]:
            del accounts[name]
        weights = self._weights_of(policy)
        waiting = tuple(
            Share(name, weights.of(name), one.used) for name, one in accounts.items() if one.lined
        )
        return Shares(waiting, len(accounts), lasts, policy.reservation)

    def has_place(self, queue: Key, policy: SchedulingPolicy, share: str, most: int, now: Instant) -> bool:
        """Whether a job of that share makes no more than so many active shares."""
        accounts = self._active(queue, window(policy.decay_s), now)
        return share in accounts or len(accounts) < most

    def in_use(self, queue: Key) -> dict[str, int]:
        """CPU units in use now, by share."""
        return {name: one.used.now for name, one in self._queues.get(queue, {}).items() if one.used.now}

    def forget(self, queue: Key) -> None:
        """The queue is gone."""
        self._queues.pop(queue, None)

    def _active(self, queue: Key, lasts: Duration, now: Instant) -> dict[str, _Account]:
        """By share. Those that had no job for the decay time are forgotten."""
        accounts = self._queues.get(queue, {})
        for name in [
            name for name, one in accounts.items() if not one.live and one.idle_since + lasts <= now
        ]:
            del accounts[name]
        return accounts

    def _account(self, queue: Key, share: str) -> _Account:
        accounts = self._queues.setdefault(queue, {})
        found = accounts.get(share)
        if found is None:
            found = accounts[share] = _Account()
        return found

    def _weights_of(self, policy: SchedulingPolicy) -> Weights:
        known = self._weights.get(policy.key)
        if known is None or known[0] is not policy:
            known = self._weights[policy.key] = (policy, Weights(policy.weights))
        return known[1]

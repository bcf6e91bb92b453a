"""Fair share: which share identifier of a queue goes next, and how much room is kept for others. Pure.

The share with the lowest weight × usage goes first (UG, job_scheduling). Usage is what the share uses now
plus what it used lately: vCPUs in use, and their mean over the policy's decay time, in which a moment counts
less the longer it is ago. So a start counts at once, two shares of equal weight alternate, and one that had
everything an hour ago steps back for one that had nothing. AWS does not say how it decays: here to 1/e in
each shareDecaySeconds.

Known gap: AWS adds "the time in the order in minutes" to the decay time and does not say what that is.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from math import ceil, exp, floor

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.rows import Row

WINDOW_S = 600
"""Decay time of a policy that says 0; Batch API, FairsharePolicy."""
WEIGHT = 1.0
"""Of identifiers that no weight is given for; Batch API, FairsharePolicy."""


class Used(Row, frozen=True):
    """What a share used up to an instant, in CPU units: `mean` over its window, and `now` since then."""

    mean: float = 0.0
    now: int = 0
    at: Instant = 0

    def until(self, instant: Instant, window: Duration) -> Used:
        """The same at a later instant, `now` having been in use all the time."""
        if instant <= self.at:
            return self
        fade = exp((self.at - instant) / window) if window else 0.0
        return Used(self.now + (self.mean - self.now) * fade, self.now, instant)

    def more(self, cpu_units: int) -> Used:
        """The same with so much more, or less, in use from its instant on."""
        return Used(self.mean, self.now + cpu_units, self.at)

    def ran(self, cpu_units: int, since: Instant, until: Instant, window: Duration) -> Used:
        """The same with something in it that ran between two instants that are past."""
        if not window:
            return self
        share = exp(min(0, until - self.at) / window) - exp(min(0, since - self.at) / window)
        return Used(self.mean + cpu_units * share, self.now, self.at)


class Weights:
    """The weight factors of a policy. A name may end in `*`; names do not overlap (Batch API)."""

    def __init__(self, weights: tuple[tuple[str, float], ...]) -> None:
        self._exact = {name: weight for name, weight in weights if not name.endswith("*")}
        self._prefixes = sorted((name[:-1], weight) for name, weight in weights if name.endswith("*"))
        self._starts = [prefix for prefix, _ in self._prefixes]

    def of(self, share: str) -> float:
        """O(log n): as prefixes do not overlap, the one that fits is the last that is not behind the name."""
        exact = self._exact.get(share)
        if exact is not None:
            return exact
        place = bisect_right(self._starts, share)
        if place and share.startswith(self._starts[place - 1]):
            return self._prefixes[place - 1][1]
        return WEIGHT


def window(decay_s: int) -> Duration:
    """How long usage counts, of a policy's shareDecaySeconds."""
    return (decay_s or WINDOW_S) * SECOND


@dataclass(frozen=True, slots=True)
class Share:
    """A share with jobs in line."""

    name: str
    weight: float
    used: Used


@dataclass(frozen=True, slots=True)
class Shares:
    """How a fair-share queue stands."""

    waiting: tuple[Share, ...]
    """Those with something in line."""
    active: int
    """Share identifiers that count as active: with jobs that have not ended, or that had some lately."""
    window: Duration = WINDOW_S * SECOND
    reservation: int = 0
    """computeReservation, percent."""

    def kept(self, cap_cpu_units: int, wanted: int) -> int:
        """CPU units of an environment that are kept for shares that are not active (UG, FairsharePolicy).

        (reservation / 100) ^ active of its cap; less where a job could not even run in the empty environment
        else, and would wait for ever.
        """
        fraction = float((self.reservation / 100) ** self.active)
        return max(0, min(floor(cap_cpu_units * fraction), cap_cpu_units - wanted))


class Order:
    """Shares by weighted usage: the first in O(1), a start in O(log n). Ties go by name."""

    def __init__(self, shares: Shares, now: Instant) -> None:
        self._heap: list[tuple[float, str, float, float]] = []
        for share in shares.waiting:
            used = share.used.until(now, shares.window)
            usage = used.mean + used.now
            self._heap.append((share.weight * usage, share.name, share.weight, usage))
        heapify(self._heap)

    def first(self) -> str | None:
        return self._heap[0][1] if self._heap else None

    def starts(self, cpu_units: int) -> int:
        """How many attempts of that size the first share may start before it is no longer the first."""
        if len(self._heap) == 1:
            return 1 << 30
        _, name, weight, usage = self._heap[0]
        other = min(self._heap[1:3])
        room = (other[0] / weight - usage) / cpu_units
        return max(1, floor(room) + 1 if name < other[1] else ceil(room))

    def took(self, cpu_units: int) -> None:
        """The first share uses so much more from now on."""
        _, name, weight, usage = self._heap[0]
        usage += cpu_units
        heapreplace(self._heap, (weight * usage, name, weight, usage))

    def drop(self) -> None:
        """The first share has nothing more that could start."""
        heappop(self._heap)

"""What became of a workload, in numbers. Pure; knows nothing of worlds, nor of how requests are made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.sim.arrivals import nearest_rank
from windlass.sim.outcomes import Report

PERIOD_MIN: Duration = SECOND


@dataclass(frozen=True, slots=True)
class Load:
    """Of one workload, in one run. Seconds are those of good answers, None without one."""

    name: str
    to: str
    """For people: what takes the requests."""
    offered: int
    """Requests that arrived; those that no status counts had no answer when the run was over."""
    statuses: Mapping[str, int]
    """What they were answered with, "200" or "429", → how many."""
    p50_s: float | None = None
    p90_s: float | None = None
    p99_s: float | None = None
    max_s: float | None = None
    cold_starts: int | None = None
    """Requests that waited for a new environment of a function; None: there are no such things here."""
    waited_p99_s: float | None = None
    """How long they waited before anybody worked on them; None: nobody knows."""
    mean_s: float | None = None
    waited_mean_s: float | None = None
    """What queueing theory speaks of: its waiting time, before the work."""

    def as_json(self) -> dict[str, Any]:
        """As --json writes it."""
        return {
            "name": self.name,
            "to": self.to,
            "offered": self.offered,
            "statuses": dict(self.statuses),
            "p50_s": self.p50_s,
            "p90_s": self.p90_s,
            "p99_s": self.p99_s,
            "max_s": self.max_s,
            "cold_starts": self.cold_starts,
            "waited_p99_s": self.waited_p99_s,
            "mean_s": self.mean_s,
            "waited_mean_s": self.waited_mean_s,
        }


def load_of(name: str, to: str, report: Report, cold_starts: int | None = None) -> Load:
    """What the report comes to."""
    took, waited = (sorted(report.good(values)) for values in (report.took, report.waited))
    queued = waited if waited and waited[-1] else []
    statuses = sorted((str(status), count) for status, count in report.statuses.items())
    return Load(
        name,
        to,
        report.offered,
        dict(statuses),
        _mark(took, 50),
        _mark(took, 90),
        _mark(took, 99),
        _mark(took, 100),
        cold_starts,
        _mark(queued, 99),
        _mean(took),
        _mean(queued),
    )


def _mark(ordered: Sequence[Duration], percent: float) -> float | None:
    """Seconds."""
    return nearest_rank(ordered, percent) / SECOND if ordered else None


def _mean(values: Sequence[Duration]) -> float | None:
    """Seconds."""
    return fmean(values) / SECOND if values else None


def gauges_of(name: str, report: Report, times: Sequence[Instant]) -> Iterator[dict[tuple[str, str], float]]:
    """For each time what went on since the one before it: arrivals, answers and errors a second, percentiles.

    Of a second at least: the last sample may follow at once, and a rate needs time. Percentiles are those
    of good answers, and missing where there were none.
    """
    yield {}
    for previous, end in pairwise(times):
        begin = min(previous, end - PERIOD_MIN)
        first, last = bisect_right(report.ended, begin), bisect_right(report.ended, end)
        took = sorted(report.good(report.took, first, last))
        span = (end - begin) / SECOND
        arrived = bisect_right(report.arrived, end) - bisect_right(report.arrived, begin)
        found = {
            ("offered_per_s", name): arrived / span,
            ("requests_per_s", name): (last - first) / span,
            ("errors_per_s", name): (last - first - len(took)) / span,
        }
        if took:
            found["p50_s", name] = nearest_rank(took, 50) / SECOND
            found["p99_s", name] = nearest_rank(took, 99) / SECOND
        yield found

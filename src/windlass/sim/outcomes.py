"""What became of requests. Pure.

A load has many: four numbers and a byte are kept of each, no object.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from windlass.kernel.clock import Duration, Instant, in_seconds
from windlass.sim.arrivals import percentile

Status: TypeAlias = int | str
"""An HTTP status, or the code of an error of AWS's API."""
BAD = 400
"""Statuses from there on are no answer of the application; error codes never are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it arrived, how long it took, what it came to, and how long it waited before."""

    arrived: Instant
    took: Duration
    status: Status
    waited: Duration = 0

    @property
    def good(self) -> bool:
        return good(self.status)


def good(status: Status) -> bool:
    return isinstance(status, int) and status < BAD


class Report:
    """What became of a load, in the order of the answers."""

    def __init__(self) -> None:
        self.arrived = array("q")
        """When each came, answered or not: in order."""
        self.ended = array("q")
        """When each was answered: in order."""
        self.took = array("q")
        self.waited = array("q")
        self._places = array("H")
        self._statuses: dict[Status, int] = {}

    @property
    def offered(self) -> int:
        """Requests that have arrived, answered or not."""
        return len(self.arrived)

    def arrive(self, now: Instant, count: int = 1) -> None:
        """So many came now."""
        self.arrived.extend([now] * count)

    def add(self, now: Instant, took: Duration, status: Status, waited: Duration = 0) -> None:
        """One was answered now."""
        self.ended.append(now)
        self.took.append(took)
        self.waited.append(waited)
        self._places.append(self._statuses.setdefault(status, len(self._statuses)))

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """Each, made when it is asked for: of small loads."""
        return [
            Outcome(ended - took, took, status, waited)
            for ended, took, status, waited in zip(
                self.ended, self.took, self._each(), self.waited, strict=True
            )
        ]

    @property
    def open(self) -> int:
        """Requests that have no answer yet."""
        return self.offered - len(self.ended)

    @property
    def statuses(self) -> Counter[Status]:
        counts = Counter(self._places)
        return Counter({status: counts[place] for status, place in self._statuses.items()})

    @property
    def lost(self) -> int:
        """Requests that got no answer of the application."""
        return sum(count for status, count in self.statuses.items() if not good(status))

    def latency(self, percent: float) -> float:
        """Seconds within which so many per cent of the good answers came; nan without any."""
        found = percentile(self.good(self.took), percent)
        return found if math.isnan(found) else in_seconds(int(found))

    def good(self, values: Sequence[int], begin: int = 0, end: int | None = None) -> list[int]:
        """Of these values, which are as many as there are answers, those of good ones from begin to end."""
        bad = {place for status, place in self._statuses.items() if not good(status)}
        part = values[begin:end]
        if not bad:
            return list(part)
        return [value for value, place in zip(part, self._places[begin:end], strict=True) if place not in bad]

    def _each(self) -> Iterator[Status]:
        names = list(self._statuses)
        return (names[place] for place in self._places)

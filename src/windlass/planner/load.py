"""What became of a workload, in numbers. Pure; knows nothing of worlds, nor of how requests are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
        }

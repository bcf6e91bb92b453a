"""What a scenario came to: the result over all its seeds, and how it is written down. Pure.

The result of several runs is their median; the others are the band. `as_json` is a contract: other tools
read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from windlass.planner.bottleneck import Bottleneck
from windlass.planner.play import Played
from windlass.planner.scenario import Scenario
from windlass.planner.watching import Sample


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one scenario."""

    scenario: Scenario
    runs: tuple[Played, ...]
    bottleneck: Bottleneck | None = None

    @property
    def shown(self) -> Played:
        """The run whose series are shown: the one in the middle."""
        return sorted(self.runs, key=lambda run: (run.took_s is None, run.took_s or 0, run.seed))[
            (len(self.runs) - 1) // 2
        ]

    @property
    def predicted_s(self) -> float | None:
        """Seconds until what is waited for is there; None: in most runs it never was, or nothing was."""
        took = [run.took_s for run in self.runs if run.took_s is not None]
        return median(took) if len(took) * 2 > len(self.runs) else None

    @property
    def band_s(self) -> tuple[float, float] | None:
        """The quickest and the slowest run."""
        took = [run.took_s for run in self.runs if run.took_s is not None]
        return (min(took), max(took)) if took else None

    @property
    def published_s(self) -> float | None:
        return None if self.scenario.published is None else self.scenario.published.seconds

    @property
    def error_pct(self) -> float | None:
        """How far off the prediction is, in percent of what was published."""
        if self.predicted_s is None or not self.published_s:
            return None
        return (self.predicted_s / self.published_s - 1) * 100

    def as_json(self) -> dict[str, Any]:
        """As --json writes it."""
        shown = self.shown
        found: dict[str, Any] = {
            "scenario": self.scenario.name,
            "about": self.scenario.about,
            "profile": self.scenario.profile,
            "predicted_s": self.predicted_s,
            "band_s": self.band_s,
            "runs": [{"seed": run.seed, "took_s": run.took_s, "ended": run.ended} for run in self.runs],
            "throttled": dict(shown.throttled),
            "notes": list(shown.notes),
            "cost": shown.cost.as_json(),
            "loads": [load.as_json() for load in shown.loads],
            "bottleneck": None,
            "series": series(shown),
        }
        if self.published_s is not None:
            found |= {"published_s": self.published_s, "error_pct": self.error_pct}
        if self.bottleneck is not None and shown.took_s is not None:
            found["bottleneck"] = {
                "name": self.bottleneck.name,
                "would_be_s": self.bottleneck.would_be_s,
                "sentence": self.bottleneck.sentence(shown.took_s),
            }
        return found


def series(played: Played) -> dict[str, Any]:
    """One list for each quantity, all as long as `at_s`."""
    samples = played.samples
    buckets = sorted({name for sample in samples for name in sample.tokens})
    return {
        "at_s": [sample.at_s for sample in samples],
        "launched": [sample.launched for sample in samples],
        "running": [sample.running for sample in samples],
        "stopped": [sample.stopped for sample in samples],
        "tokens": {name: [sample.tokens.get(name) for sample in samples] for name in buckets},
        "gauges": _gauges(samples),
    }


def _gauges(samples: Sequence[Sample]) -> dict[str, dict[str, list[float | None]]]:
    """Kind → subject → its values; None where there was none."""
    found: dict[str, dict[str, list[float | None]]] = {}
    for kind, subject in sorted({key for sample in samples for key in sample.gauges}):
        values = [sample.gauges.get((kind, subject)) for sample in samples]
        found.setdefault(kind, {})[subject] = values
    return found


def times_to(played: Played, shares: Sequence[float] = (0.5, 0.9, 0.99, 1.0)) -> list[tuple[int, float]]:
    """(tasks, seconds until so many run) for shares of the most that ever ran."""
    most = max((sample.running for sample in played.samples), default=0)
    found = []
    for count in dict.fromkeys(max(1, round(share * most)) for share in shares if most):
        at = next(sample.at_s for sample in played.samples if sample.running >= count)
        found.append((count, at))
    return found


def launch_rate(played: Played) -> tuple[float, float]:
    """Tasks a second while there were launches, and the most in any ten seconds, a second."""
    points = [(sample.at_s, sample.launched) for sample in played.samples]
    if not points or not points[-1][1]:
        return 0.0, 0.0
    end = next(at for at, count in points if count == points[-1][1])
    peak, left = 0.0, 0
    for at, count in points:
        while at - points[left][0] > 10:
            left += 1
        span = at - points[left][0]
        peak = max(peak, (count - points[left][1]) / span if span >= 5 else 0.0)
    return points[-1][1] / max(end, 1.0), peak

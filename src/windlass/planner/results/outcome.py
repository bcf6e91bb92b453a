"""What a scenario came to: the result over all its seeds. Pure.

The result of several runs is their median; the others are the band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from windlass.planner.playing.play import Played
from windlass.planner.results.bottleneck import Bottleneck
from windlass.planner.results.candidates import SCARCE
from windlass.planner.scenario.model import Scenario
from windlass.planner.scenario.reporting import Section
from windlass.planner.spread import Spread, spread

HEALTHY = "healthy"
"""Kind of gauge: healthy targets of a group."""
RATE_OVER_S = 10
"""Seconds that a rate is taken over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one scenario."""

    scenario: Scenario
    runs: tuple[Played, ...]
    bottleneck: Bottleneck | None = None
    bursts: Mapping[str, int] = field(default_factory=dict)
    """Bucket of the profile → what is in it when it is full."""
    asked_why: bool = False
    """Whether a bottleneck was looked for."""

    @property
    def shown(self) -> Played:
        """The run that is shown where one has to be: the one in the middle."""
        return sorted(self.runs, key=lambda run: (run.took_s is None, run.took_s or 0, run.seed))[
            (len(self.runs) - 1) // 2
        ]

    def shows(self, section: Section) -> bool:
        """Whether the scenario wants that reported."""
        return section in self.scenario.report.show

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

    @property
    def spread_s(self) -> Spread | None:
        """The band of the runs that got there; None without a prediction."""
        return spread(run.took_s for run in self.runs)

    @property
    def scarce(self) -> list[str]:
        """Buckets that were half empty at some time of some run, the emptiest first."""
        shares = {
            name: min(run.lowest.get(name, burst) for run in self.runs) / burst
            for name, burst in self.bursts.items()
            if burst
        }
        found = [name for name, share in shares.items() if share <= SCARCE]
        return sorted(found, key=lambda name: (shares[name], name))

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of all runs, each once."""
        return tuple(dict.fromkeys(note for run in self.runs for note in run.notes))


def times_to(played: Played, shares: Sequence[float] = (0.5, 0.9, 0.99, 1.0)) -> list[tuple[int, float]]:
    """(tasks, seconds until so many run) for shares of the most that ever ran."""
    return _times([(sample.at_s, sample.running) for sample in played.samples], shares)


def times_to_healthy(
    played: Played, shares: Sequence[float] = (0.5, 0.9, 0.99, 1.0)
) -> dict[str, list[tuple[int, float]]]:
    """Target group → (targets, seconds until so many are healthy), for shares of the most that ever were."""
    groups = sorted({name for sample in played.samples for kind, name in sample.gauges if kind == HEALTHY})
    return {
        name: _times([(one.at_s, one.gauges.get((HEALTHY, name), 0)) for one in played.samples], shares)
        for name in groups
    }


def _times(counts: Sequence[tuple[float, float]], shares: Sequence[float]) -> list[tuple[int, float]]:
    most = max((count for _, count in counts), default=0)
    found = []
    for wanted in dict.fromkeys(max(1, round(share * most)) for share in shares if most):
        found.append((wanted, next(at for at, count in counts if count >= wanted)))
    return found


def rates(at: Sequence[float], counts: Sequence[int]) -> list[float]:
    """How quickly a count rises, a second, at each time: over the RATE_OVER_S seconds before it.

    Where samples are further apart, since the one before. Before the first sample the count was 0.
    """
    found, base = [], 0
    for place, when in enumerate(at):
        while base < place and at[min(base + 1, place)] <= when - RATE_OVER_S:
            base += 1
        if when - at[base] >= RATE_OVER_S:
            before, span = counts[base], when - at[base]
        else:
            before, span = 0, float(RATE_OVER_S)
        found.append(max(0.0, (counts[place] - before) / span))
    return found


@dataclass(frozen=True, slots=True)
class Launches:
    """Of one run: how many tasks, when the last one was, and the most a second (`rates`)."""

    count: int
    last_s: float
    highest_per_s: float

    @property
    def per_s(self) -> float:
        """Until the last one; those of less than RATE_OVER_S count as in so many."""
        return self.count / max(self.last_s, float(RATE_OVER_S))


def launches(played: Played) -> Launches | None:
    """None when nothing was launched."""
    at = [sample.at_s for sample in played.samples]
    counts = [sample.launched for sample in played.samples]
    if not counts or not counts[-1]:
        return None
    last_s = next(when for when, count in zip(at, counts, strict=True) if count == counts[-1])
    return Launches(counts[-1], last_s, max(rates(at, counts)))

"""The numbers that a scenario comes to, each over all its runs: what summaries, reports and comparisons show.

Pure. One list for all of them, so that a number has one name, one unit and one way of being counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from windlass.planner.playing.load import Load
from windlass.planner.playing.play import Played
from windlass.planner.results.outcome import Outcome, launches, times_to, times_to_healthy
from windlass.planner.scenario.reporting import Section
from windlass.planner.spread import Spread, middle_of, spread

TASKS, MOST, LEAST, THROTTLED, METRICS = "tasks", "at most", "least tokens", "throttled", "metrics, at most"
"""Groups of numbers; each workload is one of its own."""
SECTIONS: Mapping[str, Section] = {
    TASKS: "tasks",
    MOST: "levels",
    LEAST: "buckets",
    THROTTLED: "throttled",
    METRICS: "metrics",
}
"""Group → what a scenario calls it in `report`."""
GAUGE_NAMES: Mapping[str, tuple[str, str]] = {
    "messages": ("messages in {}", ""),
    "in_flight": ("messages of {} in flight", ""),
    "concurrency": ("concurrent executions of {}", ""),
    "environments": ("environments of {}", ""),
    "healthy": ("healthy targets of {}", ""),
    "instances": ("instances of {}", ""),
    "offered_per_s": ("requests of {} offered", "/s"),
    "requests_per_s": ("requests of {} answered", "/s"),
    "errors_per_s": ("errors of {}", "/s"),
    "jobs": ("jobs in {}", ""),
}
"""Kind of gauge → (what it is, its unit)."""
LATENCIES = ("p50_s", "p99_s")
"""Kinds of gauges that are no numbers here: those of a workload are over all of its requests."""


@dataclass(frozen=True, slots=True)
class What:
    """A number's name, within its group, and its unit: s, USD, /s or nothing."""

    group: str
    name: str
    unit: str = ""

    @property
    def full(self) -> str:
        return f"{self.group}: {self.name}" if self.group else self.name


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: a value for each run, None for a run that has none."""

    what: What
    values: tuple[float | None, ...]

    @property
    def spread(self) -> Spread | None:
        return spread(self.values)


def figures(outcome: Outcome) -> list[Figure]:
    """Of a scenario, in the order in which they are told."""
    found: dict[What, list[float | None]] = {}
    for place, run in enumerate(outcome.runs):
        for what, value in _of_run(outcome, run):
            row = found.setdefault(what, [_absent(what)] * len(outcome.runs))
            row[place] = value
    return [Figure(what, tuple(values)) for what, values in found.items()]


def grouped(outcome: Outcome) -> dict[str, list[Figure]]:
    """The same by group, of what is to be reported; what never was anything is left out."""
    found: dict[str, list[Figure]] = {}
    for one in figures(outcome):
        if one.what.group and not outcome.shows(SECTIONS.get(one.what.group, "workloads")):
            continue
        if one.what.group == LEAST or not one.what.group or any(one.values):
            found.setdefault(one.what.group, []).append(one)
    return found


def shown(value: float, unit: str) -> str:
    """For people.

    >>> shown(0.0123, "s"), shown(118, "s"), shown(7200, "s"), shown(12345, ""), shown(0.25, "USD")
    ('12.3 ms', '118 s', '7,200 s', '12,345', '0.2500 USD')
    """
    if unit == "s" and 0 < abs(value) < 1:
        return f"{value * 1_000:.3g} ms"
    if unit == "USD":
        return f"{value:,.4f} USD"
    return number(value) + (unit if unit.startswith("/") else f" {unit}" if unit else "")


def number(value: float) -> str:
    """With as many digits as anybody trusts: four."""
    return f"{value:,.0f}" if abs(value) >= 1_000 or value == int(value) else f"{value:.4g}"


def _absent(what: What) -> float | None:
    """The value of a run that says nothing of it: what is counted, and was not seen, was not."""
    return 0 if what.group == THROTTLED or what.name.startswith(("answered ", "not answered")) else None


def _of_run(outcome: Outcome, run: Played) -> Iterator[tuple[What, float | None]]:
    if outcome.scenario.waits_for:
        yield What("", "time until it is there", "s"), run.took_s
    else:
        yield What("", "time played", "s"), run.virtual_s
    if run.cost.lines:
        yield What("", "cost of the time played", "USD"), run.cost.usd
    yield from _of_tasks(run)
    for load in run.loads:
        yield from _of_load(load)
    for (kind, subject), value in sorted(_highest(run).items()):
        if kind not in LATENCIES:
            name, unit = GAUGE_NAMES.get(kind, (f"{kind.replace('_', ' ')} of {{}}", ""))
            yield What(MOST, name.replace("{}", subject), unit), value
    for name in outcome.scarce:
        yield What(LEAST, name), run.lowest.get(name, outcome.bursts[name])
    for name, count in sorted(run.throttled.items()):
        yield What(THROTTLED, name), count
    for one in run.metrics:
        if one.points:
            yield What(METRICS, f"{one.id}: {one.title}"), max(value for _, value in one.points)


def _of_tasks(run: Played) -> Iterator[tuple[What, float | None]]:
    most = max((sample.running for sample in run.samples), default=0)
    if not most:
        return
    yield What(TASKS, "most that ran at once"), most
    for share, name in ((0.5, "half"), (0.9, "90 %"), (1.0, "all")):
        [(_, at)] = times_to(run, (share,))
        yield What(TASKS, f"{name} of them running after", "s"), at
    if found := launches(run):
        yield What(TASKS, "launch rate until the last", "/s"), found.per_s
        yield What(TASKS, "highest launch rate, over ten seconds", "/s"), found.highest_per_s
    for group, healthy in times_to_healthy(run, (1.0,)).items():
        for _, at in healthy:
            yield What(TASKS, f"all targets of {group} healthy after", "s"), at


def _of_load(load: Load) -> Iterator[tuple[What, float | None]]:
    yield What(load.name, "requests"), load.offered
    for status, count in sorted(load.statuses.items()):
        yield What(load.name, f"answered {status}"), count
    unanswered = load.offered - sum(load.statuses.values())
    if unanswered > 0:
        yield What(load.name, "not answered by the end"), unanswered
    for name, unit, value in (
        ("half answered within", "s", load.p50_s),
        ("90 % answered within", "s", load.p90_s),
        ("99 % answered within", "s", load.p99_s),
        ("slowest answer", "s", load.max_s),
        ("99 % waited at most", "s", load.waited_p99_s),
        ("cold starts", "", load.cold_starts),
    ):
        if value is not None:
            yield What(load.name, name, unit), value


def _highest(run: Played) -> dict[tuple[str, str], float]:
    """Gauge → the most that was ever seen."""
    found: dict[tuple[str, str], float] = {}
    for sample in run.samples:
        for key, value in sample.gauges.items():
            found[key] = max(value, found.get(key, value))
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """A number of two scenarios, by their middles; None where one has none."""

    what: What
    before: float | None
    after: float | None

    @property
    def sentence(self) -> str:
        """What the second one has more or less: "+3 s (+2.7 %)"."""
        if self.before is None or self.after is None:
            return ""
        more = self.after - self.before
        if not more:
            return "the same"
        share = f" ({more / self.before:+.1%})".replace("%", " %") if self.before else ""
        return f"{'+' if more > 0 else '-'}{shown(abs(more), self.what.unit)}{share}"


def differences(first: Outcome, second: Outcome) -> list[Difference]:
    """What two scenarios come to, number by number, group by group."""
    before, after = ({one.what: middle_of(one.spread) for one in figures(of)} for of in (first, second))
    groups = list(dict.fromkeys(what.group for what in (*before, *after)))
    every = sorted(dict.fromkeys((*before, *after)), key=lambda what: groups.index(what.group))
    return [
        Difference(what, before.get(what), after.get(what))
        for what in every
        if before.get(what) or after.get(what) or what.group == LEAST
    ]

"""What went on in a scenario over time, as charts: tasks, rates, buckets, gauges; several runs as one. Pure.

Of one run the lines are its samples. Of several they are the middle of all runs at each time, with the band
around it. Counts stay as they were when a run is over; everything else is told while most runs still go on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from windlass.planner.pages.charts import POINTS_MAX, Chart, Line
from windlass.planner.playing.play import Played
from windlass.planner.results.outcome import RATE_OVER_S, Outcome, rates
from windlass.planner.spread import band_name, middle_of, spread

GAUGE_CHARTS: Sequence[tuple[str, str, Mapping[str, str]]] = (
    (
        "Requests",
        "requests/s",
        {"offered_per_s": "{}: offered", "requests_per_s": "{}: answered", "errors_per_s": "{}: errors"},
    ),
    ("Latency of good answers", "s", {"p50_s": "{}: half within", "p99_s": "{}: 99 % within"}),
    ("Healthy targets", "targets", {"healthy": "{}"}),
    ("Queues", "messages", {"messages": "{}: visible", "in_flight": "{}: in flight"}),
    ("Functions", "environments", {"environments": "{}: environments", "concurrency": "{}: busy"}),
    ("Instances", "instances", {"instances": "{}"}),
    ("Batch jobs", "jobs", {"jobs": "{}"}),
)
"""(title, unit, kind of gauge → name of its line); kinds that are not here have charts of their own."""
OF_WORKLOADS = ("requests_per_s", "errors_per_s", "p50_s", "p99_s")
"""Kinds of gauges that workloads have; all others are levels of what there is."""
LINES_MAX = 8
"""Of one chart; of more buckets and gauges those that were emptiest or highest are drawn. Ours."""


def curves(outcome: Outcome) -> list[Chart]:
    """The charts of a scenario."""
    each = [{chart.title: chart for chart in _of_run(run, outcome)} for run in outcome.runs]
    titles = dict.fromkeys(title for one in each for title in one)
    marks = tuple((event.at / 1e9, event.what) for event in outcome.scenario.events)
    together = (_together([one[title] for one in each if title in one], len(each)) for title in titles)
    return [replace(chart, marks=marks) for chart in together if any(_seen(chart))]


def running(outcomes: Sequence[Outcome]) -> Chart:
    """Running tasks of several scenarios, each the middle of its runs."""
    end = max((one.shown.virtual_s for one in outcomes), default=0.0)
    at = _times(end)
    lines: dict[str, Line] = {}
    for outcome in outcomes:
        each = [_tasks(run) for run in outcome.runs]
        last = max((run.virtual_s for run in outcome.runs), default=0.0)
        own = [one.held(at, "running") for one in map(_Read, each)]
        line = [
            middle_of(spread(point)) if when <= last else None
            for when, point in zip(at, zip(*own, strict=True), strict=True)
        ]
        name, number = outcome.scenario.name, 2
        while name in lines:
            name, number = f"{outcome.scenario.name} ({number})", number + 1
        lines[name] = line
    return Chart("Running tasks", "tasks", at, lines, steps=True)


def _seen(chart: Chart) -> Iterator[float]:
    return (value for line in chart.lines.values() for value in line if value)


class _Read:
    """A chart, read at other times than its own."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def held(self, at: Sequence[float], name: str) -> list[float | None]:
        """A line, with its last value from where it ends on."""
        line = self._chart.lines[name]
        return [line[max(0, bisect_right(self._chart.at, when) - 1)] if line else None for when in at]

    def while_it_lasts(self, at: Sequence[float], name: str) -> list[float | None]:
        """A line, with nothing after its end."""
        end = self._chart.at[-1] if self._chart.at else 0.0
        held = self.held(at, name)
        return [value if when <= end else None for when, value in zip(at, held, strict=True)]


def _together(charts: Sequence[Chart], runs: int) -> Chart:
    """One chart of those of several runs: the middle of each line, and the band around it."""
    if runs == 1:
        return charts[0]
    at = _times(max((chart.at[-1] for chart in charts if chart.at), default=0.0))
    lines: dict[str, Line] = {}
    bands: dict[str, tuple[Line, Line]] = {}
    for name in dict.fromkeys(name for chart in charts for name in chart.lines):
        own = [_Read(chart) for chart in charts if name in chart.lines]
        read = _Read.held if charts[0].steps else _Read.while_it_lasts
        points = zip(*(read(one, at, name) for one in own), strict=True)
        found = [spread(point) for point in points]
        lines[name] = [middle_of(one) for one in found]
        bands[name] = (
            [one.low if one else None for one in found],
            [one.high if one else None for one in found],
        )
    return replace(charts[0], at=at, lines=lines, bands=bands, band_name=band_name(runs))


def _times(end: float) -> list[float]:
    """At most POINTS_MAX times until then, whole seconds apart where that is possible."""
    count = max(1, min(POINTS_MAX - 1, int(end)))
    return [end * place / count for place in range(count + 1)]


def _of_run(played: Played, outcome: Outcome) -> Iterator[Chart]:
    if outcome.shows("tasks") and any(sample.launched for sample in played.samples):
        yield _tasks(played)
        yield _rate(played)
    yield from _gauges(played, outcome)
    if outcome.shows("buckets") and (scarce := outcome.scarce):
        yield _buckets(played, outcome.bursts, scarce)
    if outcome.shows("metrics"):
        yield from _metrics(played)


def _tasks(played: Played) -> Chart:
    samples = played.samples
    lines: dict[str, Line] = {
        "launched": [one.launched for one in samples],
        "running": [one.running for one in samples],
        "stopped": [one.stopped for one in samples],
    }
    kept = {name: line for name, line in lines.items() if name == "running" or any(line)}
    return Chart("Tasks", "tasks", [one.at_s for one in samples], kept, steps=True)


def _rate(played: Played) -> Chart:
    samples = played.samples
    at = [one.at_s for one in samples]
    lines = {
        "launched": rates(at, [one.launched for one in samples]),
        "more running": rates(at, [one.running for one in samples]),
    }
    return Chart(f"Launch rate, over {RATE_OVER_S} s", "tasks/s", at, lines)


def _metrics(played: Played) -> Iterator[Chart]:
    """Metrics of CloudWatch: a chart for each metric and statistic."""
    titles: dict[str, dict[str, dict[float, float]]] = {}
    for one in played.metrics:
        lines = titles.setdefault(one.title, {})
        lines[f"{one.label} ({one.id})" if one.label in lines else one.label] = dict(one.points)
    for title, lines in titles.items():
        at = sorted({when for points in lines.values() for when in points})
        drawn: dict[str, Line] = {name: [points.get(when) for when in at] for name, points in lines.items()}
        yield Chart(title, "", at, drawn)


def _gauges(played: Played, outcome: Outcome) -> Iterator[Chart]:
    samples = played.samples
    at = [one.at_s for one in samples]
    every = {key for sample in samples for key in sample.gauges}
    there = sorted(key for key in every if outcome.shows("workloads" if key[0] in OF_WORKLOADS else "levels"))
    known = {kind for _, _, kinds in GAUGE_CHARTS for kind in kinds}
    own = sorted({kind for kind, _ in there} - known)
    others = [(kind.replace("_", " ").capitalize(), "", {kind: "{}"}) for kind in own]
    for title, unit, kinds in [*GAUGE_CHARTS, *others]:
        lines = {
            name.replace("{}", subject): [one.gauges.get((kind, subject)) for one in samples]
            for kind, name in kinds.items()
            for subject in sorted(subject for one, subject in there if one == kind)
        }
        told = {name: line for name, line in lines.items() if any(line)} or lines
        if told:
            yield Chart(title, unit, at, _highest(told))


def _buckets(played: Played, bursts: Mapping[str, int], scarce: Sequence[str]) -> Chart:
    """What was in the buckets that were half empty at times; one that no sample tells of was full."""
    samples = played.samples
    lines: dict[str, Line] = {
        name: [100 * min(1.0, one.tokens.get(name, bursts[name]) / bursts[name]) for one in samples]
        for name in scarce[:LINES_MAX]
    }
    return Chart("Tokens left in the buckets", "% of full", [one.at_s for one in samples], lines)


def _highest(lines: Mapping[str, Line]) -> dict[str, Line]:
    """At most LINES_MAX of them, in the order in which they were."""
    most = {
        name: max((value for value in line if value is not None), default=0.0) for name, line in lines.items()
    }
    kept = sorted(lines, key=lambda name: (-most[name], name))[:LINES_MAX]
    return {name: line for name, line in lines.items() if name in kept}

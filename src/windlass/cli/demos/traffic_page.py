"""The page of the traffic demo: charts of all three deployments over the same time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from windlass.cli.demos import traffic_costs
from windlass.cli.demos.traffic_load import GIVE_UP_S, Target
from windlass.planner.pages import charts
from windlass.planner.pages import page as pages
from windlass.planner.pages.charts import Chart
from windlass.sim.arrivals import Phase

STEP_S = 5.0
"""What percentiles and rates of the charts are taken over."""


def page(
    targets: Sequence[Target],
    at: Sequence[float],
    running: Mapping[str, Sequence[int]],
    phases: Sequence[Phase],
    costs: Sequence[float],
) -> str:
    """All of it, in one file. `running`: instances by deployment, at the seconds of `at`."""
    return pages.page("One application, three ways", _sections(targets, at, running, phases, costs))


def _sections(
    targets: Sequence[Target],
    at: Sequence[float],
    running: Mapping[str, Sequence[int]],
    phases: Sequence[Phase],
    costs: Sequence[float],
) -> Iterator[str]:
    elapsed = sum(phase.seconds for phase in phases)
    steps = [number * STEP_S for number in range(int(elapsed / STEP_S) + 1)]
    marks = [(phases[0].seconds, "burst"), (phases[0].seconds + phases[1].seconds, "silence")]
    yield "<p>The same requests at the same instants to a Lambda function, to an ECS service behind a load "
    yield "balancer with target tracking, and to an App Runner service.</p>"
    yield pages.table(
        ("Deployment", "Requests", "Answered", "429", "5xx", "Gave up", "p50", "p99", "New", "USD"),
        [_row(target, usd) for target, usd in zip(targets, costs, strict=True)],
    )
    yield f'<p class="note">Prices: {traffic_costs.PRICED}. New: first answers of instances; for Lambda '
    yield f"these are cold starts. Gave up: no answer within {GIVE_UP_S:g} s.</p>"
    for percent in (50, 99):
        lines = {one.name: [_latency(one, percent, step) for step in steps] for one in targets}
        yield charts.svg(Chart(f"Latency, {percent} % of answers", "ms", steps, lines, marks))
    counted = {name: [float(count) for count in counts] for name, counts in running.items()}
    yield charts.svg(Chart("Instances that run", "", at, counted, marks, steps=True))
    waiting = {one.name: [float(count) for count in one.open_at(at)] for one in targets}
    yield charts.svg(Chart("Open requests: worked at, or waiting", "", at, waiting, marks))
    refused = {one.name: [_refused(one, step) for step in steps] for one in targets}
    yield charts.svg(Chart("Without a good answer (4xx, 5xx, gave up)", "a second", steps, refused, marks))
    fresh = {one.name: [_fresh(one, step) for step in steps] for one in targets}
    yield charts.svg(Chart("First answers of new instances", f"in {STEP_S:g} s", steps, fresh, marks))


def _row(target: Target, usd: float) -> tuple[str, ...]:
    statuses = target.statuses
    broken = sum(many for status, many in statuses.items() if status // 100 == 5)
    return (
        target.name,
        f"{len(target.answers):,}",
        f"{statuses[200]:,}",
        f"{statuses[429]:,}",
        f"{broken:,}",
        f"{statuses[0]:,}",
        f"{target.latency(50) * 1000:,.0f} ms",
        f"{target.latency(99) * 1000:,.0f} ms",
        f"{sum(one.fresh for one in target.answers)}",
        f"{usd:.6f}",
    )


def _latency(target: Target, percent: float, since: float) -> float | None:
    found = target.latency(percent, since, since + STEP_S)
    return found * 1000 if found == found else None  # nan: nobody was answered


def _refused(target: Target, since: float) -> float:
    return sum(one.status != 200 for one in target.answers if since <= one.at < since + STEP_S) / STEP_S


def _fresh(target: Target, since: float) -> float:
    return float(sum(one.fresh for one in target.answers if since <= one.at < since + STEP_S))

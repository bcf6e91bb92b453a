"""What `windlass plan` prints: a paragraph for one scenario, a table for several, two side by side. Pure.

Short, for a terminal of WIDTH columns. Names are untrusted: what a terminal would obey is never in a line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from windlass.planner.costs.cost import Cost, Line
from windlass.planner.playing.load import Load
from windlass.planner.playing.play import Played
from windlass.planner.results.figures import METRICS, MOST, differences, grouped, number, shown
from windlass.planner.results.outcome import Outcome, launches, times_to, times_to_healthy
from windlass.planner.spread import Spread, band_name

WIDTH = 100
NAME_WIDTH = 44
"""Letters of a scenario's name in a table."""
NOT_MODELLED = (
    "AWS's own spare capacity, how requests slow each other down, networks between services, "
    "what applications do at their start beyond the times given"
)
NOT_PRICED = (
    "free tiers, Savings Plans, load balancers' capacity units, NAT gateways, data transfer, logs, volumes"
)


def summary(outcome: Outcome) -> Iterator[str]:
    """Lines for one scenario: what came out, what limits it, then the numbers."""
    for line in _summary(outcome):
        yield from _wrapped(line)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line for each scenario: published, predicted, error; without columns that are empty."""
    names = [_short(one.scenario.name) for one in outcomes]
    width = max(map(len, names))
    several = any(len(one.runs) > 1 for one in outcomes)
    spreads = [band(one.spread_s, "s") for one in outcomes]
    wide = max(map(len, [*spreads, "band"])) if several else 0
    compared = any(one.published_s is not None for one in outcomes)
    widths = (("published", 10 * compared), ("predicted", 10), ("band", wide), ("error", 7 * compared))
    head = "".join(f"  {name:>{wide}}" for name, wide in widths if wide)
    why = "  bottleneck" if any(one.asked_why for one in outcomes) else ""
    yield f"{'scenario':{width}}{head}{why}"
    for one, name, spread in zip(outcomes, names, spreads, strict=True):
        published = "" if one.published_s is None else f"{one.published_s:,.0f} s"
        error = "" if one.error_pct is None else f"{one.error_pct:+.1f} %"
        cells = zip((published, predicted(one), spread, error), widths, strict=True)
        row = "".join(f"  {cell:>{wide}}" for cell, (_, wide) in cells if wide)
        yield f"{name:{width}}{row}  {limit(one)}".rstrip()
    if bands := {band_name(len(one.runs)) for one in outcomes} - {""}:
        yield f"band: {', '.join(sorted(bands))}"


def comparison(first: Outcome, second: Outcome) -> Iterator[str]:
    """Two scenarios side by side: what they come to, and what the second one has more or less."""
    names = [_short(one.scenario.name, 24) for one in (first, second)]
    rows = [
        (plain(one.what.full), *(middle(of, one.what.unit) for of in (one.before, one.after)), one.sentence)
        for one in differences(first, second)
    ]
    head = ("", *names, "difference")
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(4)]
    for what, before, after, difference in [head, *rows]:
        yield (
            f"{what:{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}  {difference:>{widths[3]}}"
        ).rstrip()
    for name, one in zip(names, (first, second), strict=True):
        yield from _wrapped(f"{name}: {result(one)}")
        if why := bottleneck(one):
            yield from _wrapped(f"{name}: bottleneck: {why}")


def result(outcome: Outcome) -> str:
    """What came out, without a full stop."""
    runs, last = len(outcome.runs), outcome.shown
    if not outcome.scenario.waits_for:
        return f"played for {shown(last.virtual_s, 's')}"
    there = sum(run.took_s is not None for run in outcome.runs)
    if outcome.predicted_s is None:
        share = f" in {runs - there} of {runs} runs" if runs > 1 else ""
        return f"not reached within {shown(last.virtual_s, 's')}{share}: {last.ended}"
    wanted = " and ".join(one.sentence for one in outcome.scenario.waits_for)
    never = "" if there == runs else f", and never in {runs - there} of {runs} runs"
    around = band(outcome.spread_s, "s")
    said = f" ({band_name(runs)}: {around})" if around else ""
    return f"{wanted} after {shown(outcome.predicted_s, 's')}{said}{never}"


def bottleneck(outcome: Outcome) -> str:
    """What limits it, in a sentence; "" when that was not asked, or nothing got there."""
    if not outcome.asked_why or (outcome.scenario.waits_for and outcome.shown.took_s is None):
        return ""
    if outcome.bottleneck is not None:
        return outcome.bottleneck.sentence
    if not outcome.scenario.waits_for and not outcome.scenario.workloads:
        return ""
    return "none of the quotas, delays, percentages and sizes that were tried makes it better."


def predicted(outcome: Outcome) -> str:
    """In a table."""
    if not outcome.scenario.waits_for:
        return "–"
    return "never" if outcome.predicted_s is None else f"{outcome.predicted_s:,.0f} s"


def limit(outcome: Outcome) -> str:
    """The bottleneck in a table."""
    return "" if outcome.bottleneck is None else f"{outcome.bottleneck.name} ({outcome.bottleneck.now})"


def middle(value: float | None, unit: str) -> str:
    """A number in a table, or that there is none."""
    return "–" if value is None else shown(value, unit)


def band(about: Spread | None, unit: str) -> str:
    """From where to where it is, "" when it is always the same."""
    if about is None or about.low == about.high:
        return ""
    low, high = shown(about.low, unit), shown(about.high, unit)
    sign = unit if unit.startswith("/") else low[low.rfind(" ") :] if unit else ""
    return f"{low.removesuffix(sign) if sign and high.endswith(sign) else low} to {high}"


def load_line(load: Load) -> str:
    """What became of a workload."""
    answered = ", ".join(f"{count:,} answered {status}" for status, count in sorted(load.statuses.items()))
    left = load.offered - sum(load.statuses.values())
    parts = [f"{load.offered:,} requests", answered or "no answers"]
    if left > 0:
        parts.append(f"{left:,} without an answer by the end")
    times = (("p50", load.p50_s), ("p90", load.p90_s), ("p99", load.p99_s), ("max", load.max_s))
    if said := ", ".join(f"{name} {shown(value, 's')}" for name, value in times if value is not None):
        parts.append(said)
    if load.waited_p99_s is not None:
        parts.append(f"waited p99 {shown(load.waited_p99_s, 's')}")
    if load.cold_starts is not None:
        parts.append(f"{load.cold_starts:,} cold starts")
    return f"{load.name} to {load.to}: {'; '.join(parts)}"


def amount(line: Line) -> str:
    """How much of something was used."""
    return f"{number(line.quantity)} {line.price.unit}s"


def plain(text: str) -> str:
    """In one line, and nothing that a terminal obeys."""
    return "".join(one if one.isprintable() else " " for one in text)


def _summary(outcome: Outcome) -> Iterator[str]:
    scenario, run = outcome.scenario, outcome.shown
    yield f"{scenario.name}  (profile {scenario.profile}, {_seeds(outcome)})"
    if scenario.about:
        yield f"  {scenario.about}"
    yield f"  {result(outcome)}"
    if why := bottleneck(outcome):
        yield f"  bottleneck: {why}"
    if outcome.published_s is not None and outcome.error_pct is not None:
        yield f"  published: {outcome.published_s:g} s; the prediction is off by {outcome.error_pct:+.1f} %"
    yield from _of_all(outcome) if len(outcome.runs) > 1 else _of_one(outcome)
    if outcome.shows("costs"):
        yield from costs(run.cost)
    for note in outcome.notes:
        yield f"  note: {note}"
    yield f"  not modelled: {NOT_MODELLED}"


def _of_one(outcome: Outcome) -> Iterator[str]:
    """The numbers of a single run, in sentences."""
    run = outcome.shown
    if outcome.shows("tasks"):
        yield from _tasks(run)
    for load in run.loads if outcome.shows("workloads") else ():
        yield f"  {load_line(load)}"
    yield from _gauges(outcome)
    if outcome.shows("buckets"):
        yield from _buckets(outcome)
    for name, count in sorted(run.throttled.items()) if outcome.shows("throttled") else ():
        yield f"  throttled: {name}, {count:,} times"
    for one in grouped(outcome).get(METRICS, ()):
        if one.spread is not None:
            yield f"  metric {one.what.name}: at most {shown(one.spread.middle, one.what.unit)}"


def _of_all(outcome: Outcome) -> Iterator[str]:
    """The numbers of several runs, as a table: what does not vary has no band."""
    rows = [("", "median", band_name(len(outcome.runs)))]
    every = [one for group in grouped(outcome).values() for one in group]
    for one in every[1:]:
        about, unit = one.spread, one.what.unit
        if about is not None:
            rows.append((plain(one.what.full), shown(about.middle, unit), band(about, unit)))
    widths = [max(len(row[place]) for row in rows) for place in range(2)]
    for what, middle, around in rows:
        yield f"  {what:{widths[0]}}  {middle:>{widths[1]}}  {around}"


def _tasks(run: Played) -> Iterator[str]:
    if times := times_to(run):
        yield f"  running: {_after(times)}"
    if found := launches(run):
        most = f"{number(found.highest_per_s)} a second at most, over ten seconds"
        yield f"  launches: {found.count:,} in all, the last after {shown(found.last_s, 's')}; {most}"

    for group, healthy in times_to_healthy(run).items():
        if healthy:
            yield f"  healthy in {group}: {_after(healthy)}"


def _after(times: Sequence[tuple[int, float]]) -> str:
    return ", ".join(f"{count:,} after {shown(at, 's')}" for count, at in times)


def _gauges(outcome: Outcome) -> Iterator[str]:
    most = [
        f"{shown(one.spread.middle, one.what.unit)} {one.what.name}"
        for one in grouped(outcome).get(MOST, ())
        if one.spread is not None
    ]
    if most:
        yield f"  at most: {'; '.join(most)}"


def _buckets(outcome: Outcome) -> Iterator[str]:
    """The least that was in a bucket that was half empty at times, of what it holds."""
    lowest = outcome.shown.lowest
    said = [
        f"{name} {lowest[name]:,} of {outcome.bursts[name]:,}" for name in outcome.scarce if name in lowest
    ]
    if said:
        yield f"  buckets at their lowest: {', '.join(said)}"


def costs(cost: Cost) -> Iterator[str]:
    """What the shown run costs, with the date of each price."""
    if cost.lines:
        yield f"  cost: {cost.usd:.4f} USD in us-east-1, for the time that was played"
    for line in cost.lines:
        price = f"{line.price.usd:.10f}".rstrip("0")
        yield f"    {line.usd:10.4f}  {line.what}: {amount(line)} at {price} ({line.price.as_of})"
    for what in cost.unpriced:
        yield f"{'    ' if cost.lines else '  '}no price: {what}"


def _seeds(outcome: Outcome) -> str:
    if len(outcome.runs) == 1:
        return f"seed {outcome.runs[0].seed}"
    return f"{len(outcome.runs)} runs from seed {outcome.runs[0].seed}"


def _short(name: str, width: int = NAME_WIDTH) -> str:
    name = plain(name)
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _wrapped(line: str) -> Iterator[str]:
    """In WIDTH columns; what goes on is further to the right than what began."""
    line = plain(line)
    indent = len(line) - len(line.lstrip())
    yield from textwrap.wrap(
        line, WIDTH, subsequent_indent=" " * (indent + 2), break_on_hyphens=False, drop_whitespace=True
    )

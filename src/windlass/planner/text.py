"""What `windlass plan` prints: a paragraph for one scenario, a table for several. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from windlass.planner.cost import Cost
from windlass.planner.outcome import Outcome, launch_rate, times_to


def summary(outcome: Outcome) -> Iterator[str]:
    """Lines for one scenario."""
    scenario, shown = outcome.scenario, outcome.shown
    yield f"{scenario.name}  (profile {scenario.profile}, {_seeds(outcome)})"
    if scenario.about:
        yield f"  {scenario.about}"
    yield f"  {result(outcome)}"
    if outcome.published_s is not None and outcome.error_pct is not None:
        yield f"  published: {outcome.published_s:g} s; the prediction is off by {outcome.error_pct:+.1f} %"
    times = times_to(shown)
    if times:
        yield "  running: " + ", ".join(f"{count} after {at:g} s" for count, at in times)
        mean, peak = launch_rate(shown)
        yield f"  launches: {mean:.1f} a second, {peak:.1f} a second at most over ten seconds"
    for name, count in sorted(shown.throttled.items()):
        yield f"  throttled: {name}, {count} times"
    empty = [name for name, least in sorted(shown.lowest.items()) if least == 0]
    if empty:
        yield f"  empty at times: {', '.join(empty)}"
    if outcome.bottleneck is not None and shown.took_s is not None:
        yield f"  bottleneck: {outcome.bottleneck.sentence(shown.took_s)}"
    yield from costs(shown.cost)
    for note in shown.notes:
        yield f"  note: {note}"


def costs(cost: Cost) -> Iterator[str]:
    """What the shown run costs, with the date of each price."""
    if cost.lines:
        yield f"  cost: {cost.usd:.4f} USD in us-east-1, for the time that was played"
    for line in cost.lines:
        amount, price = f"{line.quantity:,.4g} {line.price.unit}s", f"{line.price.usd:.10f}".rstrip("0")
        yield f"    {line.usd:10.4f}  {line.what}: {amount} at {price} ({line.price.date})"
    for what in cost.unpriced:
        yield f"    no price: {what}"


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line for each scenario: published, predicted, error."""
    width = max(len(one.scenario.name) for one in outcomes)
    yield f"{'scenario':{width}}  {'published':>10}  {'predicted':>10}  {'error':>7}  bottleneck"
    for one in outcomes:
        published = "" if one.published_s is None else f"{one.published_s:,.0f} s"
        predicted = "never" if one.predicted_s is None else f"{one.predicted_s:,.0f} s"
        error = "" if one.error_pct is None else f"{one.error_pct:+.1f} %"
        limit = "" if one.bottleneck is None else f"{one.bottleneck.name} ({one.bottleneck.now})"
        yield f"{one.scenario.name:{width}}  {published:>10}  {predicted:>10}  {error:>7}  {limit}".rstrip()


def _seeds(outcome: Outcome) -> str:
    if len(outcome.runs) == 1:
        return f"seed {outcome.runs[0].seed}"
    return f"{len(outcome.runs)} runs from seed {outcome.runs[0].seed}"


def result(outcome: Outcome) -> str:
    if not outcome.scenario.waits_for:
        return f"played for {outcome.shown.virtual_s:g} s"
    wanted = ", ".join(one.sentence for one in outcome.scenario.waits_for)
    if outcome.predicted_s is None:
        return f"not reached within {outcome.shown.virtual_s:g} s: {outcome.shown.ended}"
    band = outcome.band_s
    assert band is not None
    more = f" ({band[0]:g} to {band[1]:g} s)" if band[0] != band[1] else ""
    return f"{wanted} after {outcome.predicted_s:g} s{more}"

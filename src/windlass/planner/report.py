"""The HTML report of a plan: what came of each scenario, with its charts, in one page. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from windlass.planner import charts, text
from windlass.planner.charts import Chart
from windlass.planner.outcome import Outcome, times_to
from windlass.planner.play import Played

RATE_OVER_S = 10
"""Seconds that a rate is taken over."""


def report(outcomes: Sequence[Outcome], title: str) -> str:
    """The page."""
    return charts.page(title, _sections(outcomes))


def _sections(outcomes: Sequence[Outcome]) -> Iterator[str]:
    if len(outcomes) > 1:
        yield charts.table(
            ("Scenario", "Published", "Predicted", "Error", "Bottleneck"),
            [_row(one) for one in outcomes],
        )
        yield charts.svg(_together(outcomes))
    for one in outcomes:
        yield from _section(one)


def _row(outcome: Outcome) -> tuple[str, ...]:
    published = "" if outcome.published_s is None else f"{outcome.published_s:,.0f} s"
    predicted = "never" if outcome.predicted_s is None else f"{outcome.predicted_s:,.0f} s"
    error = "" if outcome.error_pct is None else f"{outcome.error_pct:+.1f} %"
    limit = "" if outcome.bottleneck is None else f"{outcome.bottleneck.name}, {outcome.bottleneck.now}"
    return outcome.scenario.name, published, predicted, error, limit


def _section(outcome: Outcome) -> Iterator[str]:
    scenario, shown = outcome.scenario, outcome.shown
    yield f"<h2>{escape(scenario.name)}</h2>"
    if scenario.about:
        yield f"<p>{escape(scenario.about)}</p>"
    yield f'<p class="result">{escape(text.result(outcome))}.</p>'
    if outcome.published_s is not None and outcome.error_pct is not None:
        source = scenario.published.source if scenario.published is not None else ""
        said = f"Published: {outcome.published_s:g} s; the prediction is off by {outcome.error_pct:+.1f} %."
        yield f'<p class="note">{escape(said)} {escape(source)}</p>'
    if outcome.bottleneck is not None and shown.took_s is not None:
        yield f"<p><strong>Bottleneck.</strong> {escape(outcome.bottleneck.sentence(shown.took_s))}</p>"
    for note in shown.notes:
        yield f'<p class="note">{escape(note)}</p>'
    marks = [(event.at / 1e9, event.what) for event in scenario.events]
    yield charts.svg(_tasks(shown, marks))
    yield charts.svg(_rate(shown))
    if any(sample.tokens for sample in shown.samples):
        yield charts.svg(_buckets(shown))
    yield from _cost(shown)
    times = times_to(shown)
    if times:
        yield charts.table(("Tasks running", "After"), [(f"{count:,}", f"{at:g} s") for count, at in times])


def _cost(played: Played) -> Iterator[str]:
    cost = played.cost
    if cost.lines:
        rows = [
            (line.what, f"{line.quantity:,.4g} {line.price.unit}s", f"{line.usd:.4f}", line.price.date)
            for line in cost.lines
        ]
        total = ("In all, us-east-1", "", f"{cost.usd:.4f}", "")
        yield charts.table(("Cost of the time played", "Amount", "USD", "Price of"), [*rows, total])
    for what in cost.unpriced:
        yield f'<p class="note">No price: {escape(what)}.</p>'


def _tasks(played: Played, marks: Sequence[tuple[float, str]]) -> Chart:
    samples = played.samples
    lines = {
        "launched": [float(one.launched) for one in samples],
        "running": [float(one.running) for one in samples],
        "stopped": [float(one.stopped) for one in samples],
    }
    shown = {name: line for name, line in lines.items() if any(line)}
    return Chart("Tasks", "tasks", [one.at_s for one in samples], shown, marks, steps=True)


def _rate(played: Played) -> Chart:
    samples = played.samples
    at = [one.at_s for one in samples]
    lines: dict[str, list[float]] = {}
    for name in ("launched", "running"):
        counts = [getattr(one, name) for one in samples]
        line, left = [], 0
        for place, when in enumerate(at):
            while when - at[left] > RATE_OVER_S:
                left += 1
            span = max(when - at[left], float(RATE_OVER_S))
            line.append(max(0.0, (counts[place] - counts[left]) / span))
        lines[name] = line
    return Chart(f"Rate, over {RATE_OVER_S} s", "tasks/s", at, lines)


def _buckets(played: Played) -> Chart:
    """What was in the buckets that were drawn from more than now and then."""
    samples = played.samples
    often = max(1, len(samples) // 20)
    seen = Counter(name for one in samples for name in one.tokens)
    drawn = sorted(name for name, count in seen.items() if count > often)
    lines: dict[str, list[float | None]] = {
        name: [_float(one.tokens.get(name)) for one in samples] for name in drawn
    }
    at = [one.at_s for one in samples]
    return Chart("Tokens left in the buckets that were drawn from", "tokens", at, lines)


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def _together(outcomes: Sequence[Outcome]) -> Chart:
    """Running tasks of all scenarios, on the times of the longest."""
    longest = max(outcomes, key=lambda one: one.shown.virtual_s).shown
    at = [one.at_s for one in longest.samples]
    lines: dict[str, list[float | None]] = {}
    for outcome in outcomes:
        samples = outcome.shown.samples
        line: list[float | None] = []
        place = 0
        for when in at:
            while place + 1 < len(samples) and samples[place + 1].at_s <= when:
                place += 1
            over = when > samples[-1].at_s
            line.append(None if over else float(samples[place].running))
        lines[outcome.scenario.name] = line
    return Chart("Running tasks, all scenarios", "tasks", at, lines)

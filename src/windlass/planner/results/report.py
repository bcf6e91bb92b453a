"""The HTML report of a plan: what came of each scenario, with its charts, in one page. Pure.

The answer first and what limits it, then the numbers, then the curves; two scenarios stand side by side, with
the same axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from windlass.planner.pages import bar_chart, charts
from windlass.planner.pages.bar_chart import Bar
from windlass.planner.pages.charts import Chart
from windlass.planner.pages.page import page, table
from windlass.planner.results import text
from windlass.planner.results.curves import curves, running
from windlass.planner.results.figures import LEAST, THROTTLED, differences, grouped, shown
from windlass.planner.results.outcome import Outcome
from windlass.planner.spread import band_kind, band_name, middle_of

LINES_MAX = 32
"""Scenarios whose curves are in one chart: with more, no two of them could be told apart."""
HANDLING = (
    "Charts: drag over a part of the time to zoom in to it (with the keyboard: + and -), double-click or "
    "press Escape to see all; click a name to hide its line."
)


def report(outcomes: Sequence[Outcome], title: str) -> str:
    """The page for one scenario, or for several one after the other."""
    return page(title, _sections(outcomes))


def side_by_side(first: Outcome, second: Outcome, title: str) -> str:
    """The page for two scenarios side by side."""
    return page(title, _side_by_side(first, second), wide=True)


def _sections(outcomes: Sequence[Outcome]) -> Iterator[str]:
    if len(outcomes) > 1:
        yield "<section>"
        yield from _overview(outcomes)
        yield "</section>"
    for number, one in enumerate(outcomes):
        yield f'<section class="scenario" id="s{number}">'
        yield f"<h2>{escape(one.scenario.name)}</h2>"
        yield from _answer(one)
        yield from _numbers(one)
        for chart in curves(one):
            yield charts.svg(chart)
        yield from _cost(one)
        yield "</section>"
    yield from _limits()


def _overview(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """All scenarios in a table, as bars, and in one chart."""
    yield table(
        ("Scenario", "Published", "Predicted", "Band", "Error", "Bottleneck"),
        [_row(one) for one in outcomes],
        [f"s{number}" for number in range(len(outcomes))],
    )
    bars = [
        Bar(one.scenario.name, text.predicted(one), one.predicted_s, one.spread_s, one.published_s)
        for one in outcomes
        if one.scenario.waits_for
    ]
    if bars:
        yield bar_chart.svg("Predicted times", "seconds until what is waited for is there", bars)
        yield f'<p class="note">{escape(_legend(outcomes))}</p>'
    chart = running(outcomes[:LINES_MAX])
    if any(value for line in chart.lines.values() for value in line):
        yield charts.svg(chart)


def _legend(outcomes: Sequence[Outcome]) -> str:
    """What is in the bars beside their length."""
    bands = sorted({band_name(len(one.runs)) for one in outcomes} - {""})
    said = [f"Band and whiskers: {', '.join(bands)}."] if bands else []
    if any(one.published_s is not None for one in outcomes):
        said.append("Dashed: published.")
    return " ".join(said)


def _row(outcome: Outcome) -> tuple[str, ...]:
    published = "" if outcome.published_s is None else f"{outcome.published_s:,.0f} s"
    error = "" if outcome.error_pct is None else f"{outcome.error_pct:+.1f} %"
    predicted, band = text.predicted(outcome), text.band(outcome.spread_s, "s")
    return outcome.scenario.name, published, predicted, band, error, text.limit(outcome)


def _answer(outcome: Outcome) -> Iterator[str]:
    """What came out, what limits it, and what to know of it."""
    scenario, runs = outcome.scenario, outcome.runs
    if scenario.about:
        yield f"<p>{escape(scenario.about)}</p>"
    yield f'<div class="answer"><p class="result">{escape(_sentence(text.result(outcome)))}</p>'
    if why := text.bottleneck(outcome):
        yield f"<p><strong>Bottleneck.</strong> {escape(_sentence(why))}</p>"
    yield "</div>"
    if outcome.published_s is not None and outcome.error_pct is not None:
        source = scenario.published.source if scenario.published is not None else ""
        said = f"Published: {outcome.published_s:g} s; the prediction is off by {outcome.error_pct:+.1f} %."
        yield f'<p class="note">{escape(said)} {escape(source)}</p>'
    seeds = f"seed {runs[0].seed}" if len(runs) == 1 else f"{len(runs)} runs from seed {runs[0].seed}"
    played = f"Profile {scenario.profile}, {seeds}; {shown(outcome.shown.virtual_s, 's')} were played."
    yield f'<p class="note">{escape(played)}</p>'
    for note in outcome.notes:
        yield f'<p class="note">Note: {escape(note)}</p>'


def _sentence(said: str) -> str:
    said = _capital(said)
    return said if said.endswith(".") else f"{said}."


def _numbers(outcome: Outcome) -> Iterator[str]:
    """Each number, group by group; of several runs with its band."""
    several = len(outcome.runs) > 1
    to = {load.name: load.to for run in outcome.runs for load in run.loads}
    yield '<div class="groups">'
    for group, numbers in grouped(outcome).items():
        rows = []
        for one in numbers:
            about, unit = one.spread, one.what.unit
            said = text.middle(middle_of(about), unit)
            if group == LEAST and one.what.name in outcome.bursts:
                said += f" of {outcome.bursts[one.what.name]:,}"
            rows.append((_capital(one.what.name, group), said, text.band(about, unit)))
        name = f"{group} to {to[group]}" if group in to else _capital(group or "result")
        yield table((name, "median" if several else "", band_kind(len(outcome.runs))), rows)
    yield "</div>"


def _capital(said: str, group: str = "") -> str:
    """With a capital, as lines of tables begin; names of buckets and operations are left as they are."""
    return said if group in (LEAST, THROTTLED) else said[:1].upper() + said[1:]


def _cost(outcome: Outcome) -> Iterator[str]:
    cost = outcome.shown.cost
    if not outcome.shows("costs"):
        return
    if cost.lines:
        rows = [(line.what, text.amount(line), f"{line.usd:.4f}", line.price.as_of) for line in cost.lines]
        total = ("In all, us-east-1", "", f"{cost.usd:.4f}", "")
        bars = [Bar(line.what, f"{line.usd:.4f}", line.usd) for line in cost.lines]
        yield bar_chart.svg("Cost of the time played", "USD, us-east-1", bars)
        yield table(("Cost of the time played", "Amount", "USD", "Price of"), [*rows, total])
    for what in cost.unpriced:
        yield f'<p class="note">No price: {escape(what)}.</p>'


def _side_by_side(first: Outcome, second: Outcome) -> Iterator[str]:
    yield '<section><div class="columns">'
    for one in (first, second):
        yield f"<div><h2>{escape(one.scenario.name)}</h2>{''.join(_answer(one))}</div>"
    yield "</div>"
    names = [one.scenario.name for one in (first, second)]
    yield table(
        ("Number", *names, "Difference"),
        [
            (
                one.what.full,
                text.middle(one.before, one.what.unit),
                text.middle(one.after, one.what.unit),
                one.sentence,
            )
            for one in differences(first, second)
        ],
    )
    yield '<div class="columns">'
    left, right = ({chart.title: chart for chart in curves(one)} for one in (first, second))
    for title in [*left, *(title for title in right if title not in left)]:
        yield from _pair(left.get(title), right.get(title), title)
    for one in (first, second):
        yield f"<div>{''.join(_cost(one))}</div>"
    yield "</div></section>"
    yield from _limits()


def _pair(left: Chart | None, right: Chart | None, title: str) -> Iterator[str]:
    """The same chart of both, on the same axes."""
    both = [one for one in (left, right) if one is not None]
    end, top = max(one.end for one in both), max(one.top for one in both)
    for one in (left, right):
        if one is None:
            yield f'<figure><figcaption>{escape(title)}</figcaption><p class="note">None here.</p></figure>'
        else:
            yield charts.svg(one, end=end, top=top)


def _limits() -> Iterator[str]:
    yield "<footer><p>Played by the plane's own code in virtual time; machines, pulls, starts and chance are "
    yield "models, with the numbers of the profile.</p>"
    yield f"<p>Not modelled: {escape(text.NOT_MODELLED)}.</p>"
    yield f"<p>Not in the costs: {escape(text.NOT_PRICED)}.</p>"
    yield f'<p class="screen">{HANDLING}</p></footer>'

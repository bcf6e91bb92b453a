"""Results as `windlass plan --json` writes them: a contract, other tools read it. Pure.

`series` are those of the run in the middle. Of several runs `bands` have the low end, the median and
the high end of the same curves at common times, and `figures` those of each number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.planner.playing.play import Played
from windlass.planner.playing.watching import Sample
from windlass.planner.results.curves import curves
from windlass.planner.results.figures import figures
from windlass.planner.results.outcome import Outcome
from windlass.planner.spread import band_name


def result_json(outcome: Outcome) -> dict[str, Any]:
    """Of one scenario."""
    shown = outcome.shown
    found: dict[str, Any] = {
        "scenario": outcome.scenario.name,
        "about": outcome.scenario.about,
        "profile": outcome.scenario.profile,
        "predicted_s": outcome.predicted_s,
        "band_s": outcome.band_s,
        "runs": [{"seed": run.seed, "took_s": run.took_s, "ended": run.ended} for run in outcome.runs],
        "throttled": dict(shown.throttled),
        "notes": list(outcome.notes),
        "cost": shown.cost.as_json(),
        "loads": [load.as_json() for load in shown.loads],
        "bottleneck": None,
        "figures": _figures(outcome),
        "series": series(shown),
        "metrics": [
            {
                "id": one.id,
                "title": one.title,
                "label": one.label,
                "points": [list(point) for point in one.points],
            }
            for one in shown.metrics
        ],
    }
    if len(outcome.runs) > 1:
        found["bands"] = _bands(outcome)
    if outcome.published_s is not None:
        found |= {"published_s": outcome.published_s, "error_pct": outcome.error_pct}
    if outcome.bottleneck is not None:
        found["bottleneck"] = {
            "name": outcome.bottleneck.name,
            "would_be_s": outcome.bottleneck.would_be_s,
            "sentence": outcome.bottleneck.sentence,
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


def _figures(outcome: Outcome) -> list[dict[str, Any]]:
    found = []
    for one in figures(outcome):
        about = one.spread
        numbers = (about.low, about.middle, about.high) if about is not None else (None, None, None)
        low, middle, high = numbers
        found.append(
            {
                "group": one.what.group,
                "name": one.what.name,
                "unit": one.what.unit,
                "median": middle,
                "low": low,
                "high": high,
            }
        )
    return found


def _bands(outcome: Outcome) -> dict[str, Any]:
    return {
        "are": band_name(len(outcome.runs)),
        "curves": [
            {
                "title": chart.title,
                "unit": chart.unit,
                "at_s": list(chart.at),
                "lines": {
                    name: {"median": list(line), "low": list(low), "high": list(high)}
                    for name, line in chart.lines.items()
                    for low, high in [chart.bands[name]]
                },
            }
            for chart in curves(outcome)
        ],
    }

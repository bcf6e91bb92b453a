"""In which state an alarm is: AWS's tables of missing data, and what holds whatever the points."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.cloudwatch.evaluate import (
    COMPARISONS,
    Missing,
    Rule,
    Verdict,
    evaluate,
    reason,
)

TREATMENTS: tuple[Missing, ...] = ("missing", "ignore", "breaching", "notBreaching")
SHORT = {"OK": "OK", "ALARM": "ALARM", "NONE": "INSUFFICIENT_DATA", "keep": None}


def points(text: str) -> list[tuple[int, float | None]]:
    """`0 - X`: not breaching, missing, breaching; a minute each."""
    values = {"0": 0.0, "X": 9.0, "-": None}
    return [(60 * place, values[one]) for place, one in enumerate(text.split())]


@pytest.mark.parametrize(
    ("needed", "text", "states"),
    [
        (3, "0 - X - X", "OK OK OK OK"),
        (3, "0 - - - -", "OK OK OK OK"),
        (3, "- - - - -", "NONE keep ALARM OK"),
        (3, "0 X X - X", "ALARM ALARM ALARM ALARM"),
        (3, "- - X - -", "ALARM keep ALARM OK"),
        (2, "0 - X - X", "ALARM ALARM ALARM ALARM"),
        (2, "0 0 X 0 X", "ALARM ALARM ALARM ALARM"),
        (2, "0 - X - -", "OK OK ALARM OK"),
        (2, "- - - - 0", "OK OK ALARM OK"),
        (2, "- - - X -", "ALARM keep ALARM OK"),
        (3, "X X 0 X X", "OK OK OK OK"),
        (1, "- - 0 0 X", "ALARM ALARM ALARM ALARM"),
        (3, "- - - - X", "keep keep ALARM OK"),
        (3, "- - - X X", "keep keep ALARM OK"),
    ],
)
def test_missing_data(needed: int, text: str, states: str) -> None:
    """CloudWatch User Guide, the two tables (three periods), and some more; oldest first."""
    for missing, state in zip(TREATMENTS, states.split(), strict=True):
        verdict = evaluate(Rule("GreaterThanThreshold", 5, 3, needed, missing), points(text))
        assert (verdict and verdict.state) == SHORT[state], missing


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", (6.0,)),
        ("GreaterThanOrEqualToThreshold", (5.0, 6.0)),
        ("LessThanThreshold", (4.0,)),
        ("LessThanOrEqualToThreshold", (4.0, 5.0)),
    ],
)
def test_comparisons(comparison: str, breaching: tuple[float, ...]) -> None:
    for value in (4.0, 5.0, 6.0):
        verdict = evaluate(Rule(comparison, 5, 1, 1), [(0, value)])
        assert verdict is not None and (verdict.state == "ALARM") == (value in breaching)


ranges = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 9.0])), min_size=1, max_size=12)


@given(ranges, st.integers(1, 10), st.data())
def test_what_holds_for_all_points(values: list[float | None], periods: int, data: st.DataObject) -> None:
    """Enough breaching points are ALARM however missing ones are treated; none breaching never is, unless

    missing ones are; more breaching points never end an alarm.
    """
    needed = data.draw(st.integers(1, periods))
    missing = data.draw(st.sampled_from(get_args(Missing)))
    rule = Rule("GreaterThanThreshold", 5, periods, needed, missing)
    lot = list(enumerate(values))
    verdict = evaluate(rule, lot)
    real = [value for value in values if value is not None][-periods:]
    if real.count(9.0) >= needed:
        assert verdict is not None and verdict.state == "ALARM"
    if 9.0 not in real and missing != "breaching":
        assert verdict is None or verdict.state != "ALARM"
    if len(real) == periods:
        assert verdict is not None and verdict.state != "INSUFFICIENT_DATA"
    worse = evaluate(rule, [(at, None if value is None else 9.0) for at, value in lot])
    if verdict is not None and verdict.state == "ALARM":
        assert worse is not None and worse.state == "ALARM"


def test_reasons_are_worded_as_aws_does() -> None:
    rule = Rule("GreaterThanThreshold", 5.0, 3, 2)
    verdict = evaluate(rule, points("0 X X"))
    assert verdict == Verdict("ALARM", ((120, 9.0), (60, 9.0), (0, 0.0)), 2)
    assert reason(rule, verdict, str) == (
        "Threshold Crossed: 2 out of the last 3 datapoints [9.0 (120), 9.0 (60), 0.0 (0)] were greater than "
        "the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    one = Rule("LessThanOrEqualToThreshold", 1.0, 1, 1)
    assert reason(one, Verdict("OK", ((60, 4.0),), 0), str) == (
        "Threshold Crossed: 1 out of the last 1 datapoint [4.0 (60)] was not less than or equal to the "
        "threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert "1 datapoint was unknown" in reason(one, Verdict("INSUFFICIENT_DATA", (), 0), str)
    treated = Rule("LessThanThreshold", 1.0, 2, 2, "breaching")
    assert "2 periods were treated as [breaching]" in reason(treated, Verdict("ALARM", (), 0), str)


def test_every_comparison_has_words() -> None:
    assert all(words for _, words in COMPARISONS.values())

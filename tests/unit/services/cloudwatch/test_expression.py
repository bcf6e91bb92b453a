"""Metric math: precedence, series that meet, functions, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.metric_points import Bucket, one
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch import queries
from windlass.services.cloudwatch.expression import Scope, Series, evaluate
from windlass.services.cloudwatch.queries import Query, Stat

M1 = Series(60, {0: 1.0, 60: 2.0, 180: 4.0})
M2 = Series(60, {0: 10.0, 60: 0.0, 120: 30.0})
NAMED = {"m1": M1, "m2": M2}
SCOPE = Scope(NAMED.__getitem__, NAMED, range(0, 240, 60))


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("m1", M1.points),
        ("m1 + m2 * 2", {0: 21, 60: 2}),
        ("(m1 + m2) * 2 - 1", {0: 21, 60: 3}),
        ("2 ^ m1", {0: 2, 60: 4, 180: 16}),
        ("-m1", {0: -1, 60: -2, 180: -4}),
        ("m1 / m2", {0: 0.1}),
        ("100 * (m2 > 5)", {0: 100, 60: 0, 120: 100}),
        ("m1 >= 2 AND m1 < 4", {0: 0, 60: 1, 180: 0}),
        ("m1 == 1 || m1 == 4", {0: 1, 60: 0, 180: 1}),
        ("SUM([m1, m2])", {0: 11, 60: 2, 120: 30, 180: 4}),
        ("AVG(METRICS())", {0: 5.5, 60: 1, 120: 30, 180: 4}),
        ('MAX(METRICS("m1"))', M1.points),
        ("MIN([m1, m2])", {0: 1, 60: 0, 120: 30, 180: 4}),
        ("m1 / SUM(m1)", {0: 1 / 7, 60: 2 / 7, 180: 4 / 7}),
        ("FILL(m1, 0)", {0: 1, 60: 2, 120: 0, 180: 4}),
        ("FILL(m1, REPEAT)", {0: 1, 60: 2, 120: 2, 180: 4}),
        ("FILL(m1, LINEAR)", {0: 1, 60: 2, 120: 3, 180: 4}),
        ("FILL(m2, LINEAR)", {0: 10, 60: 0, 120: 30}),
        ("IF(m1 > 1, m1, 0)", {0: 0, 60: 2, 180: 4}),
        ("IF(m1 > 1, m2)", {60: 0}),
        ("RATE(m1)", {60: 1 / 60, 180: 2 / 120}),
        ("m1 / PERIOD(m1)", {0: 1 / 60, 60: 2 / 60, 180: 4 / 60}),
        ("DIFF(m2)", {60: -10, 120: 30}),
        ("DIFF_TIME(m1)", {60: 60, 180: 120}),
        ("RUNNING_SUM(m1)", {0: 1, 60: 3, 180: 7}),
        ("LOG(m2)", {0: math.log(10), 120: math.log(30)}),  # of 0 there is none
        ("LOG10(m1 * 10)", {0: 1, 60: math.log10(20), 180: math.log10(40)}),
        ("m1 * DATAPOINT_COUNT(m1)", {0: 3, 60: 6, 180: 12}),
        ("STDDEV([m1, m2])", {0: 4.5, 60: 1, 120: 0, 180: 0}),
        ("FIRST([m1, m2]) + LAST([m2, m1])", {0: 2, 60: 4, 180: 8}),
        ("FIRST(METRICS()) * MINUTE(m1)", {0: 0, 60: 2, 180: 12}),
        ("HOUR(m1) + DAY(m1) + DATE(m1) + MONTH(m1)", dict.fromkeys((0, 60, 180), 0 + 4 + 1 + 1)),
        ("YEAR(m1) * 1000 + EPOCH(m1)", {at: 1_970_000 + at for at in (0, 60, 180)}),
        ("m2 - TIME_SERIES(1)", {0: 9, 60: -1, 120: 29}),
        ("CEIL(m1 / 3)", {0: 1, 60: 1, 180: 2}),
        ("1.5e1 + m1 - .5", {0: 15.5, 60: 16.5, 180: 18.5}),
    ],
)
def test_worked_out(text: str, points: dict[int, float]) -> None:
    assert evaluate(text, SCOPE).points == pytest.approx(points)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 + 1",
        "m1 +",
        "(m1",
        "m1 m2",
        "m1 $ 2",
        "SUM(m1)",
        "METRICS()",
        "METRICS() * 2",
        "ANOMALY_DETECTION_BAND(m1)",
        "FILL(m1)",
        "FIRST(m1)",
        "TIME_SERIES(m1)",
        "FILL(m1, NEVER)",
        "IF(m1)",
        "RATE(1)",
        "[m1, 1]",
        "SUM(1, 2)",
        "1 / 0 + m1",
        "(" * 60 + "m1" + ")" * 60,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(Fault, match="ValidationError"):
        evaluate(text, SCOPE)


@given(st.text(alphabet='m12+-*/^()[], <>=SUMIFLAVG."', max_size=40))
def test_nothing_but_faults_comes_of_nonsense(text: str) -> None:
    try:
        evaluate(text, Scope(lambda name: M1, NAMED, range(0, 240, 60)))
    except Fault as fault:
        assert fault.code == "ValidationError"


STAT = {"Metric": {"Namespace": "App", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}


def read(stat: Stat, start: int, end: int) -> list[Bucket]:
    return [Bucket(at, one(at / 60, 2)) for at in range(start, end, stat.period)]


def test_expressions_may_name_expressions_in_any_order() -> None:
    asked = queries.take(
        [
            {"Id": "twice", "Expression": "2 * sum"},
            {"Id": "sum", "Expression": "m1 + 1"},
            {"Id": "m1", "MetricStat": STAT, "ReturnData": False},
        ]
    )
    assert asked[2] == Query("m1", Stat("App", "m", (), "Sum", 60), "", "m", returned=False)
    assert queries.answer(asked, read, 65, 240, 300)["twice"].points == {60: 6, 120: 10, 180: 14}


@pytest.mark.parametrize(
    "given",
    [
        [],
        [{"Id": "M", "MetricStat": STAT}],
        [{"Id": "m"}],
        [{"Id": "m", "MetricStat": STAT, "Expression": "1"}],
        [{"Id": "m", "MetricStat": STAT}] * 2,
        [{"Id": "e", "Expression": "m9 + 1"}],
        [{"Id": "e", "Expression": "SELECT AVG(x) FROM y"}],
        [{"Id": "m", "MetricStat": STAT | {"Stat": "tm90"}}],
        [{"Id": "m", "MetricStat": STAT | {"Period": 7}}],
        [{"Id": "a", "Expression": "b + 1"}, {"Id": "b", "Expression": "a + 1"}],
    ],
)
def test_queries_that_are_refused(given: list[dict[str, object]]) -> None:
    with pytest.raises(Fault, match=r"ValidationError|InvalidParameterValue"):
        queries.answer(queries.take(given), read, 0, 240, 300)

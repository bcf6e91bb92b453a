"""Schedule expressions against AWS's examples and against a minute-by-minute matcher."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.aws.schedule import NOT_VALID, At, Cron, Rate, next_fire, parse
from windlass.kernel.clock import DAY, HOUR, MINUTE, SECOND


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def fires(expression: str, after: str, count: int) -> list[str]:
    """The next fires as text."""
    found, now = [], instant(after)
    for _ in range(count):
        fire = next_fire(parse(expression), now)
        if fire is None:
            break
        now = fire
        found.append(f"{datetime.fromtimestamp(fire // SECOND, UTC):%Y-%m-%d %H:%M}")
    return found


# 2026-11-21 is a Saturday. The expressions are those of the EventBridge User Guide, then edges.
FIRES = [
    ("cron(0 10 * * ? *)", "2026-11-21T10:00", ["2026-11-22 10:00", "2026-11-23 10:00"]),
    ("cron(15 12 * * ? *)", "2026-11-21T10:00", ["2026-11-21 12:15", "2026-11-22 12:15"]),
    ("cron(0 18 ? * MON-FRI *)", "2026-11-21T10:00", ["2026-11-23 18:00", "2026-11-24 18:00"]),
    ("cron(0 8 1 * ? *)", "2026-11-21T10:00", ["2026-12-01 08:00", "2027-01-01 08:00"]),
    ("cron(0/15 * * * ? *)", "2026-11-21T10:00", ["2026-11-21 10:15", "2026-11-21 10:30"]),
    ("cron(0/10 * ? * MON-FRI *)", "2026-11-21T10:00", ["2026-11-23 00:00", "2026-11-23 00:10"]),
    ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-20T17:50", ["2026-11-20 17:55", "2026-11-23 08:00"]),
    ("cron(0/30 20-2 ? * MON-FRI *)", "2026-11-20T22:40", ["2026-11-20 23:00", "2026-11-20 23:30"]),
    ("cron(0 12 ? * 2#1 *)", "2026-11-21T10:00", ["2026-12-07 12:00", "2027-01-04 12:00"]),
    ("cron(0 12 ? * 3#2 *)", "2026-11-21T10:00", ["2026-12-08 12:00"]),
    ("cron(0 12 ? * 6#5 *)", "2026-11-21T10:00", ["2027-01-29 12:00", "2027-04-30 12:00"]),
    ("cron(0 12 3W * ? *)", "2026-09-21T10:00", ["2026-10-02 12:00", "2026-11-03 12:00"]),
    ("cron(0 12 1W * ? *)", "2026-07-02T10:00", ["2026-08-03 12:00", "2026-09-01 12:00"]),
    ("cron(0 12 31W * ? *)", "2026-10-01T10:00", ["2026-10-30 12:00", "2026-12-31 12:00"]),
    ("cron(0 12 30W 5 ? *)", "2027-01-01T10:00", ["2027-05-31 12:00"]),
    ("cron(0 12 31W 1 ? *)", "2027-01-01T10:00", ["2027-01-29 12:00"]),
    ("cron(15 10 ? * 6L 2026-2027)", "2026-11-21T10:00", ["2026-11-27 10:15", "2026-12-25 10:15"]),
    ("cron(0 0 L * ? *)", "2028-02-01T00:00", ["2028-02-29 00:00", "2028-03-31 00:00"]),
    ("cron(0 0 ? * L *)", "2026-11-21T10:00", ["2026-11-28 00:00"]),
    ("cron(0 0 29 2 ? *)", "2026-11-21T10:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
    ("cron(0 0 30 2 ? *)", "2026-11-21T10:00", []),
    ("cron(0 0 1 1 ? 2025)", "2026-11-21T10:00", []),
    ("cron(0 0 1 1 ? 2199)", "2026-11-21T10:00", ["2199-01-01 00:00"]),
    ("cron(5,35 14 * jan,Dec ? *)", "2026-11-21T10:00", ["2026-12-01 14:05", "2026-12-01 14:35"]),
    ("cron(0 0 ? 11-2 SAT-SUN 2026/2)", "2026-12-27T00:00", ["2028-01-01 00:00"]),
    ("cron(*/20 0 * * ? *)", "2026-11-21T10:00", ["2026-11-22 00:00", "2026-11-22 00:20"]),
    ("cron(59 23 31 12 ? *)", "2026-12-31T23:58", ["2026-12-31 23:59", "2027-12-31 23:59"]),
    ("at(2026-11-21T10:00:30)", "2026-11-21T10:00", ["2026-11-21 10:00"]),
    ("at(2026-11-21T10:00:00)", "2026-11-21T10:00", []),
    ("rate(5 minutes)", "2026-11-21T10:00", ["2026-11-21 10:05", "2026-11-21 10:10"]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "after", "expected"), FIRES)
def test_fires_as_the_guide_says(expression: str, after: str, expected: list[str]) -> None:
    """Each expression fires at the instants that the guide gives for it."""
    assert fires(expression, after, len(expected) or 1) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(1 minute)", Rate(MINUTE)),
        ("rate(1 hour)", Rate(HOUR)),
        ("rate(7 days)", Rate(7 * DAY)),
        ("at(1970-01-01T00:01:00)", At(MINUTE)),
    ],
)
def test_reads_rates_and_instants(text: str, expected: object) -> None:
    """Rates and instants become numbers."""
    assert parse(text) == expected


REFUSED = [
    "", "rate(5 minute)", "rate(1 minutes)", "rate(0 minutes)", "rate(-1 minutes)", "rate(5 seconds)",
    "rate(1.5 hours)", "rate(5minutes)", "rate(5 minutes) ", "Rate(5 minutes)", "rate(99999999999 days)",
    "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(0 10 * * ?)", "cron(0 10 * * ? * *)", "cron()",
    "cron(60 10 * * ? *)", "cron(0 24 * * ? *)", "cron(0 10 0 * ? *)", "cron(0 10 32 * ? *)",
    "cron(0 10 * 13 ? *)", "cron(0 10 ? * 0 *)", "cron(0 10 ? * 8 *)", "cron(0 10 * * ? 1969)",
    "cron(0 10 * * ? 2200)", "cron(0 10 * * ? 2027-2026)", "cron(0 10 ? * 3#1,6#3 *)", "cron(0 10 ? * 3#6 *)",
    "cron(0 10 LW * ? *)", "cron(0 10 L-3 * ? *)", "cron(0/0 10 * * ? *)", "cron(0 10 MON * ? *)",
    "cron(0 10 ? * MO *)", "cron(a 10 * * ? *)", "cron(0, 10 * * ? *)", "cron(1-2-3 10 * * ? *)",
    "cron(* * * * ?)", "* * * * *", "at(2026-13-01T00:00:00)", "at(2026-11-21)", "cron(0 10 W * ? *)",
    "cron(٣ 10 * * ? *)", "rate(" + "0" * 260 + "5 minutes)",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_what_aws_refuses(text: str) -> None:
    """Everything else is not valid, in AWS's words."""
    with pytest.raises(ValueError) as error:
        parse(text)
    assert str(error.value) == NOT_VALID


def _matches(cron: Cron, moment: datetime) -> bool:
    """The other way to read a cron: does this minute match? Days are judged one by one."""
    weekday = moment.isoweekday() % 7 + 1
    tomorrow = moment + timedelta(days=1)
    match cron.days.kind, cron.days.numbers:
        case "month", numbers:
            day = moment.day in numbers
        case "week", numbers:
            day = weekday in numbers
        case "last day", _:
            day = tomorrow.month != moment.month
        case "last weekday", (wanted,):
            day = weekday == wanted and (moment + timedelta(days=7)).month != moment.month
        case "nth weekday", (wanted, nth):
            day = weekday == wanted and (moment.day + 6) // 7 == nth
        case _, (wanted,):
            day = moment.day == _nearest(moment, wanted)
        case _:
            raise AssertionError(cron)
    fields = (moment.minute in cron.minutes, moment.hour in cron.hours, moment.month in cron.months)
    return all(fields) and moment.year in cron.years and day


def _nearest(moment: datetime, wanted: int) -> int:
    """Of the weekdays of the month, the one nearest to that day (0: there is no such day)."""
    start = moment.replace(day=1)
    month = [d for n in range(31) if (d := start + timedelta(days=n)).month == moment.month]
    if wanted > len(month):
        return 0
    return min((d.day for d in month if d.isoweekday() < 6), key=lambda day: abs(day - wanted))


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    one = st.one_of(
        st.just("*"),
        number,
        st.builds("{}-{}".format, number, number),
        st.builds("{}/{}".format, number, st.integers(1, high).map(str)),
    )
    return st.lists(one, min_size=1, max_size=3).map(",".join)


_DAYS = st.one_of(
    st.tuples(_field(1, 31) | st.just("L") | st.integers(1, 31).map("{}W".format), st.just("?")),
    st.tuples(
        st.just("?"),
        st.one_of(
            _field(1, 7),
            st.just("L"),
            st.integers(1, 7).map("{}L".format),
            st.builds("{}#{}".format, st.integers(1, 7), st.integers(1, 5)),
        ),
    ),
)
_CRONS = st.builds(
    lambda minutes, hours, days, months: f"cron({minutes} {hours} {days[0]} {months} {days[1]} *)",
    _field(0, 59),
    _field(0, 23),
    _DAYS,
    _field(1, 12),
)
_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("cron(0 1 * * ? *)", "Europe/Berlin"),
        ("at(9999-12-31T23:59:59)", "America/New_York"),
        ("at(0001-01-01T00:00:00)", "Asia/Tokyo"),
    ],
)
def test_the_edges_of_the_calendar_have_no_fire(text: str, zone: str) -> None:
    """A schedule may begin at the end of the year 9999: nothing is later that could be reckoned."""
    last = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * SECOND
    assert next_fire(parse(text), last, ZoneInfo(zone)) is None


@settings(max_examples=100)
@given(_CRONS, _MOMENTS)
def test_fires_at_the_next_matching_minute(text: str, moment: datetime) -> None:
    """The next fire is later, matches, and no minute of the following day in between does."""
    cron = parse(text)
    assert isinstance(cron, Cron)
    after = round(moment.timestamp() * 1000) * 1_000_000
    fire = next_fire(cron, after)
    assert fire is None or (fire > after and fire % MINUTE == 0)
    assert fire is None or _matches(cron, datetime.fromtimestamp(fire // SECOND, UTC))
    minute = datetime.fromtimestamp((after // MINUTE + 1) * 60, UTC)
    between = [m for n in range(1440) if _matches(cron, m := minute + timedelta(minutes=n))]
    if between:
        assert fire == round(between[0].timestamp()) * SECOND
    else:
        assert fire is None or fire >= round((minute + timedelta(days=1)).timestamp()) * SECOND


@given(st.text(max_size=40) | _CRONS.map(lambda text: text.replace("*", "?", 1)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes it fail in any other way than AWS's sentence."""
    try:
        parse(text)
    except ValueError as error:
        assert str(error) == NOT_VALID

"""Schedule expressions: cron(), rate() and at(), and when they fire next.

Decides from the expression, an instant and a time zone alone; rules have UTC, scheduled actions of
Application Auto Scaling any. The grammar is EventBridge's (User Guide, "Creating a rule that runs on a
schedule"): six cron fields, `?`, `L`, `W`, `#`, years 1970-2199. Where clocks are put forward, times that
are left out do not fire; where they are put back, the first of two does. Knows nothing of rules, stores or
clocks. Known gap: Quartz's `LW` and `L-3`, which AWS does not document, are refused.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias

from windlass.kernel.clock import DAY, HOUR, MINUTE, SECOND, Duration, Instant

EXPRESSION_CHARS_MAX = 256  # characters; EventBridge API reference, PutRule, ScheduleExpression
YEAR_MIN, YEAR_MAX = 1970, 2199  # EventBridge User Guide, cron expressions, field Year
RATE_MAX: Duration = 36_500 * DAY  # ours: AWS gives no upper bound, a row holds 64-bit integers
NOT_VALID = "Parameter ScheduleExpression is not valid."

_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_MONTHS = {"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6}
_MONTHS |= {"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
_UNITS: Mapping[str, Duration] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
_RATE = re.compile(r"rate\((?P<count>[0-9]+)\s+(?P<unit>minute|hour|day)(?P<plural>s?)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((.*)\)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Instant = int(datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC).timestamp()) * SECOND  # no cron() fires later
_PUT_BACK_MAX = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many nanoseconds, counted from when the rule was made."""

    every: Duration


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    at: Instant


@dataclass(frozen=True, slots=True)
class Days:
    """Which days of a month. `numbers` are days of the month (1-31) or of the week (1 is Sunday).

    `kind` says how to read them: "month" and "week" plainly; "last day"; "nearest weekday" to numbers[0];
    "last weekday": the last numbers[0] of the month (6L); "nth weekday": numbers[0]#numbers[1].
    """

    kind: Literal["month", "week", "last day", "nearest weekday", "last weekday", "nth weekday"]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression; every tuple is sorted."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]


Expression: TypeAlias = Rate | At | Cron


def parse(text: str) -> Expression:
    """Read an expression. Raises ValueError with AWS's sentence when it is not one.

    >>> parse("rate(5 minutes)")
    Rate(every=300000000000)
    """
    if len(text) > EXPRESSION_CHARS_MAX:
        raise ValueError(NOT_VALID)
    if found := _RATE.fullmatch(text):
        return _rate(int(found["count"]), found["unit"], bool(found["plural"]))
    if found := _AT.fullmatch(text):
        return _at(found[1])
    if found := _CRON.fullmatch(text):
        return _cron(found[1].upper().split())
    raise ValueError(NOT_VALID)


def next_fire(expression: Expression, after: Instant, zone: tzinfo = UTC) -> Instant | None:
    """The first fire later than `after`; None when there is none any more.

    A rate fires one interval after `after`, so hand in the last fire, or the creation of the rule. `zone`:
    what the times of cron() and at() are in.
    """
    match expression:
        case Rate(every):
            return after + every
        case At(at):
            fire = _in_zone(_EPOCH + timedelta(seconds=at // SECOND), zone)
            return fire if fire is not None and fire > after else None
        case Cron():
            earliest = _earliest(min(after, _LAST), zone)
            fires = (_in_zone(moment, zone) for moment in _fires(expression, earliest))
            return next((fire for fire in fires if fire is not None and fire > after), None)


def _rate(count: int, unit: str, plural: bool) -> Rate:
    """The unit is singular for 1 and plural for all else (EventBridge User Guide, rate expressions)."""
    every = count * _UNITS[unit]
    if count < 1 or plural != (count > 1) or every > RATE_MAX:
        raise ValueError(NOT_VALID)
    return Rate(every)


def _at(text: str) -> At:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(NOT_VALID) from None
    return At(_instant(moment))


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ValueError(NOT_VALID)
    minutes, hours, day_of_month, months, day_of_week, years = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ValueError(NOT_VALID)
    return Cron(
        minutes=_numbers(minutes, 0, 59),
        hours=_numbers(hours, 0, 23),
        days=_days_of_week(day_of_week) if day_of_month == "?" else _days_of_month(day_of_month),
        months=_numbers(months, 1, 12, _MONTHS),
        years=_numbers(years, YEAR_MIN, YEAR_MAX, wraps=False),
    )


def _days_of_month(field: str) -> Days:
    if field == "L":
        return Days("last day")
    if field.endswith("W"):
        return Days("nearest weekday", (_number(field[:-1], 1, 31),))
    return Days("month", _numbers(field, 1, 31))


def _days_of_week(field: str) -> Days:
    if field == "L":
        return Days("week", (_WEEKDAYS["SAT"],))
    if field.endswith("L"):
        return Days("last weekday", (_number(field[:-1], 1, 7, _WEEKDAYS),))
    if "#" in field:
        day, _, which = field.partition("#")
        return Days("nth weekday", (_number(day, 1, 7, _WEEKDAYS), _number(which, 1, 5)))
    return Days("week", _numbers(field, 1, 7, _WEEKDAYS))


def _numbers(
    field: str, low: int, high: int, names: Mapping[str, int] | None = None, *, wraps: bool = True
) -> tuple[int, ...]:
    """A list of numbers, ranges, `*` and steps. `20-2` wraps round in every field but the year."""
    found: set[int] = set()
    for item in field.split(","):
        body, slash, step = item.partition("/")
        first, dash, last = body.partition("-")
        if body == "*":
            start, end = low, high
        else:
            start = _number(first, low, high, names)
            end = _number(last, low, high, names) if dash else (high if slash else start)
        span = range(start, end + 1)
        if end < start:
            if not wraps:
                raise ValueError(NOT_VALID)
            span = range(start, end + 1 + high - low + 1)
        by = _number(step, 1, high) if slash else 1
        found.update(low + (value - low) % (high - low + 1) for value in span[::by])
    return tuple(sorted(found))


def _number(text: str, low: int, high: int, names: Mapping[str, int] | None = None) -> int:
    value = (names or {}).get(text)
    if value is None:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(NOT_VALID)
        value = int(text)
    if not low <= value <= high:
        raise ValueError(NOT_VALID)
    return value


def _earliest(after: Instant, zone: tzinfo) -> datetime:
    """What a zone's clocks show in the minute after that instant, as if in UTC.

    Two hours sooner in a zone whose clocks are put back at times: which of two equal times it is shows later.
    """
    moment = _EPOCH + timedelta(minutes=after // MINUTE + 1)
    if zone is UTC:
        return moment
    return moment.astimezone(zone).replace(tzinfo=UTC, fold=0) - _PUT_BACK_MAX


def _in_zone(moment: datetime, zone: tzinfo) -> Instant | None:
    """The instant at which a zone's clocks show that time, the first of two; None when they never do."""
    if zone is UTC:
        return _instant(moment)
    there = moment.replace(tzinfo=zone)
    try:
        at = there.astimezone(UTC)
    except OverflowError:  # the edges of the years 1 and 9999
        return None
    return _instant(at) if at.astimezone(zone).replace(tzinfo=UTC) == moment else None


def _fires(cron: Cron, earliest: datetime) -> Iterator[datetime]:
    """Every time of the expression from `earliest` on, in order.

    Skips by year, month, day and hour: never by minute.
    """
    for year in cron.years[bisect_left(cron.years, earliest.year) :]:
        for month in cron.months:
            if (year, month) < (earliest.year, earliest.month):
                continue
            for day in _days(cron.days, year, month):
                date = (year, month, day)
                today = (earliest.year, earliest.month, earliest.day)
                if date >= today:
                    yield from _fires_of_day(cron, date, earliest if date == today else None)


def _fires_of_day(cron: Cron, date: tuple[int, int, int], earliest: datetime | None) -> Iterator[datetime]:
    for hour in cron.hours:
        for minute in cron.minutes:
            if earliest is None or (hour, minute) >= (earliest.hour, earliest.minute):
                yield datetime(*date, hour, minute, tzinfo=UTC)


def _days(days: Days, year: int, month: int) -> list[int]:
    """The days of that month, in order."""
    first, length = _first_weekday(year, month), calendar.monthrange(year, month)[1]
    match days.kind:
        case "month":
            return [day for day in days.numbers if day <= length]
        case "week":
            return [day for day in range(1, length + 1) if (first + day - 2) % 7 + 1 in days.numbers]
        case "last day":
            return [length]
        case "nearest weekday":
            return _nearest_weekday(days.numbers[0], first, length)
        case "last weekday":
            return _of_weekday(days.numbers[0], first, length)[-1:]
        case "nth weekday":
            nth = days.numbers[1]
            return _of_weekday(days.numbers[0], first, length)[nth - 1 : nth]


def _first_weekday(year: int, month: int) -> int:
    """Weekday of the month's first day; 1 is Sunday."""
    return (calendar.monthrange(year, month)[0] + 1) % 7 + 1


def _of_weekday(weekday: int, first: int, length: int) -> list[int]:
    return list(range(1 + (weekday - first) % 7, length + 1, 7))


def _nearest_weekday(day: int, first: int, length: int) -> list[int]:
    """Monday to Friday, nearest to that day, never in another month; none when the month is too short."""
    if day > length:
        return []
    weekday = (first + day - 2) % 7 + 1
    if weekday == _WEEKDAYS["SAT"]:
        return [day - 1 if day > 1 else day + 2]
    if weekday == _WEEKDAYS["SUN"]:
        return [day + 1 if day < length else day - 2]
    return [day]


def _instant(moment: datetime) -> Instant:
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND

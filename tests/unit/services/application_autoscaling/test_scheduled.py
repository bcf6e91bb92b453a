"""Scheduled actions: when they fire, in which zone, from when to when, and what they make of bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.schedule import next_fire, parse
from windlass.kernel.clock import DAY, HOUR, MINUTE, SECOND, Instant
from windlass.kernel.rows import replace
from windlass.services.application_autoscaling import scheduled
from windlass.services.application_autoscaling.model import ScheduledAction, Target

KEY = ("1", "eu-west-1", "ecs", "service/c/s", "ecs:service:DesiredCount")


def at(text: str) -> Instant:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


NOW = at("2026-11-22T10:00")
ACTION = ScheduledAction(*KEY, "a", "u", NOW, "rate(1 hour)", least=1)
TARGET = Target(*KEY, "t", NOW, 2, 5)


def text(fire: Instant | None) -> str:
    return "" if fire is None else f"{datetime.fromtimestamp(fire // SECOND, UTC):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("schedule", "zone", "starts", "ends", "first", "second"),
    [
        ("rate(1 hour)", "UTC", None, None, "11-22 11:00", "11-22 12:00"),
        ("rate(1 hour)", "UTC", "2026-11-23T00:30", None, "11-23 00:30", "11-23 01:30"),
        ("rate(1 hour)", "UTC", "2026-11-22T09:45", None, "11-22 10:45", "11-22 11:45"),
        ("rate(1 hour)", "UTC", None, "2026-11-22T11:30", "11-22 11:00", ""),
        ("cron(0 22 * * ? *)", "Europe/Berlin", None, None, "11-22 21:00", "11-23 21:00"),
        ("cron(0 22 * * ? *)", "America/New_York", None, None, "11-23 03:00", "11-24 03:00"),
        ("cron(0 22 * * ? *)", "UTC", "2026-11-22T22:00", None, "11-22 22:00", "11-23 22:00"),
        ("at(2026-11-22T12:00:00)", "Asia/Tokyo", None, None, "", ""),
        ("at(2026-11-22T21:00:00)", "Asia/Tokyo", None, None, "11-22 12:00", ""),
    ],
)
def test_when_it_fires(
    schedule: str, zone: str, starts: str | None, ends: str | None, first: str, second: str
) -> None:
    action = replace(
        ACTION,
        schedule=schedule,
        zone=zone,
        starts_at=None if starts is None else at(starts),
        ends_at=None if ends is None else at(ends),
    )
    assert scheduled.wrong(action, NOW) == ""
    fire = scheduled.first_fire(action, NOW)
    assert text(fire) == first
    if fire is not None:
        assert text(scheduled.following_fire(action, parse(schedule), fire, fire)) == second


def test_clocks_that_are_put_forward_and_back() -> None:
    """02:30 is not on the day that has none, and once on the day that has two."""
    berlin, nights = ZoneInfo("Europe/Berlin"), parse("cron(30 2 * * ? *)")
    spring = next_fire(nights, at("2026-03-28T12:00"), berlin)
    assert text(spring) == "03-30 00:30"
    autumn = next_fire(nights, at("2026-10-24T12:00"), berlin)
    assert text(autumn) == "10-25 00:30" and autumn is not None
    assert text(next_fire(nights, autumn, berlin)) == "10-26 01:30"


@given(st.integers(0, 400 * DAY // MINUTE), st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]))
def test_fires_are_later_and_at_the_time_of_the_zone(minutes: int, name: str) -> None:
    zone, now = ZoneInfo(name), NOW + minutes * MINUTE
    fire = next_fire(parse("cron(15 2 * * ? *)"), now, zone)
    assert fire is not None and now < fire <= now + 2 * DAY + 2 * HOUR
    shown = datetime.fromtimestamp(fire // SECOND, zone)
    assert (shown.hour, shown.minute, shown.fold) == (2, 15, 0)


@pytest.mark.parametrize(
    ("least", "most", "bounds"),
    [(3, None, (3, 5)), (None, 8, (2, 8)), (1, 1, (1, 1)), (9, None, (9, 9)), (None, 1, (1, 1))],
)
def test_bounds(least: int | None, most: int | None, bounds: tuple[int, int]) -> None:
    after = scheduled.bounds(replace(ACTION, least=least, most=most), TARGET)
    assert (after.least, after.most) == bounds


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "cron(0 25 * * ? *)"},
        {"zone": "Mars/Olympus"},
        {"zone": "../etc/passwd"},
        {"zone": ""},
        {"least": 2, "most": 1},
        {"least": None},
        {"ends_at": NOW},
        {"starts_at": NOW + DAY, "ends_at": NOW + HOUR},
    ],
)
def test_what_is_wrong(changes: dict[str, object]) -> None:
    assert scheduled.wrong(replace(ACTION, **changes), NOW)

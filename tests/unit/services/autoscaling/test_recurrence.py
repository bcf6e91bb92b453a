"""Recurrences of five fields: Unix cron's days of the week, and when they fire."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from windlass.kernel.clock import SECOND
from windlass.services.autoscaling.recurrence import expressions, next_of

NOW = round(datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp()) * SECOND
"""A Saturday."""


@pytest.mark.parametrize(
    ("recurrence", "zone", "fires"),
    [
        ("0 8 * * 1-5", "UTC", "11-23 08:00"),
        ("0 8 * * MON-FRI", "UTC", "11-23 08:00"),
        ("0 8 * * 0", "UTC", "11-22 08:00"),
        ("0 8 * * 7", "UTC", "11-22 08:00"),
        ("0 8 * * 5-7", "UTC", "11-22 08:00"),
        ("0 12 * * 6", "UTC", "11-21 12:00"),
        ("0 8 24 * 1", "UTC", "11-23 08:00"),
        ("0 8 22 * 1", "UTC", "11-22 08:00"),
        ("30 0 1 1,6,12 *", "UTC", "12-01 00:30"),
        ("*/5 * * * *", "UTC", "11-21 10:05"),
        ("0 8 * * */2", "UTC", "11-22 08:00"),
        ("0 12 * * *", "Europe/Berlin", "11-21 11:00"),
    ],
)
def test_when_they_fire(recurrence: str, zone: str, fires: str) -> None:
    fire = next_of(recurrence, NOW, ZoneInfo(zone))
    assert fire is not None
    assert f"{datetime.fromtimestamp(fire // SECOND, UTC):%m-%d %H:%M}" == fires


@pytest.mark.parametrize("text", ["", "* * * *", "0 8 * * 1-5 *", "60 * * * *", "0 8 * * X"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        expressions(text)

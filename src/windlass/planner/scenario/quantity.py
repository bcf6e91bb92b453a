"""Quantities as people write them in scenarios: "500ms", "20/s", "1GiB", "30 %". Pure.

A unit is always said, but for durations in seconds and plain numbers. What is wrong is a ValueError with one
line that says what would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from windlass.kernel.clock import DAY, HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND, Duration

_DURATIONS: Mapping[str, Duration] = {
    "us": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "min": MINUTE,
    "h": HOUR,
    "d": DAY,
}
_PER: Mapping[str, float] = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3_600, "hour": 3_600}
_BYTES: Mapping[str, int] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_NUMBER = r"\d+(?:[_,]\d{3})*(?:\.\d+)?"
_PARTS = re.compile(rf"\s*({_NUMBER})\s*([a-z]+)", re.ASCII)
_RATE = re.compile(rf"({_NUMBER})\s*(?:/|per)\s*([a-z]+)", re.ASCII)
_SIZE = re.compile(rf"({_NUMBER})\s*([A-Za-z]+)", re.ASCII)
_PERCENT = re.compile(rf"({_NUMBER})\s*%", re.ASCII)
SPAN_MAX: Duration = 366 * DAY


def duration(given: object) -> Duration:
    """Nanoseconds of "500ms", "1h30m", or of a number of seconds.

    >>> duration("1h30m") == 90 * MINUTE, duration(2.5) == 2_500 * MILLISECOND
    (True, True)
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        fits = 0 <= given <= SPAN_MAX // SECOND  # not so of what is no number, either
        return _bounded(round(given * SECOND) if fits else -1, given)
    total, at, text = 0.0, 0, given.strip() if isinstance(given, str) else ""
    while at < len(text):
        found = _PARTS.match(text, at)
        if found is None or found[2] not in _DURATIONS:
            break
        total += _number(found[1]) * _DURATIONS[found[2]]
        at = found.end()
    if not text or at < len(text):
        raise ValueError(f"{given!r} is no duration: write 500ms, 2s, 10m, 1h30m or a number of seconds")
    return _bounded(round(total), given)


def rate(given: object) -> float:
    """Events a second of "20/s", "500/min".

    >>> rate("600/min")
    10.0
    """
    found = _RATE.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None or found[2] not in _PER:
        raise ValueError(f"{given!r} is no rate: write 20/s, 500/min or 3/h")
    return _number(found[1]) / _PER[found[2]]


def size(given: object) -> int:
    """Bytes of "1GiB", "100 MB"."""
    found = _SIZE.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None or found[2] not in _BYTES:
        raise ValueError(f"{given!r} is no size: write 100MB, 1.5GB or 512MiB")
    return round(_number(found[1]) * _BYTES[found[2]])


def percent(given: object) -> float:
    """0.3 of "30%"; a number is a share already."""
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    found = _PERCENT.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None or not 0 <= _number(found[1]) <= 100:
        raise ValueError(f"{given!r} is no percentage: write 30%")
    return _number(found[1]) / 100


def _number(text: str) -> float:
    number = float(text.replace("_", "").replace(",", ""))
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]}… is no number that we can count to")
    return number


def _bounded(span: Duration, given: object) -> Duration:
    if not 0 <= span <= SPAN_MAX:
        raise ValueError(f"{given!r} is no duration of a scenario: it is at most a year")
    return span

"""Timestamps on the wire: epoch seconds, ISO 8601 and RFC 822, and datetimes inside.

Wire-protocols fact sheet, section 5. Fractions are kept to the millisecond, as AWS does; a fraction of zero
is not written unless the protocol always writes it (ec2, S3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from windlass.kernel.faults import Bug

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(value: Any) -> datetime:
    """Any of the three forms, and numbers as text, as an aware UTC datetime. Raises ValueError."""
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a timestamp")
    try:
        return EPOCH + timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{value!r} is not a timestamp") from error


def _parse_text(text: str) -> datetime:
    try:
        return parse_timestamp(float(text))
    except ValueError:
        pass
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    raise ValueError(f"{text!r} is not a timestamp")


def milliseconds(value: Any) -> int:
    """A result's timestamp, datetime or epoch seconds, as whole milliseconds (nearest)."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round((moment - EPOCH) / timedelta(milliseconds=1))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Bug(f"{value!r} is not a timestamp: give a datetime or epoch seconds")
    return round(value * 1000)


def format_epoch(value: Any) -> int | float:
    """1700000000 or 1700000000.123."""
    whole, rest = divmod(milliseconds(value), 1000)
    return whole + rest / 1000 if rest else whole


def format_iso8601(value: Any) -> str:
    """2026-01-01T00:00:00Z, with .123 when there is a fraction."""
    whole, rest = divmod(milliseconds(value), 1000)
    text = (EPOCH + timedelta(seconds=whole)).isoformat()[:19]
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"


def format_iso8601_millis(value: Any) -> str:
    """2026-01-01T00:00:00.000Z: ec2 and S3 always write milliseconds."""
    whole, rest = divmod(milliseconds(value), 1000)
    return f"{(EPOCH + timedelta(seconds=whole)).isoformat()[:19]}.{rest:03d}Z"


def format_rfc822(value: Any) -> str:
    """Thu, 01 Jan 2026 00:00:00 GMT; seconds only."""
    return format_datetime(EPOCH + timedelta(seconds=milliseconds(value) // 1000), usegmt=True)


FORMATS: dict[str, Callable[[Any], int | float | str]] = {
    "unixtimestamp": format_epoch,
    "iso8601": format_iso8601,
    "iso8601-millis": format_iso8601_millis,
    "rfc822": format_rfc822,
}
"""By the model's `timestampFormat` in lower case; "iso8601-millis" is our own name."""

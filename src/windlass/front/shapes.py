"""Rates, bucket levels, journal entries and reasons as the admin endpoints show them."""

from __future__ import annotations

from typing import Any

from windlass.fleet.reasons import Reason
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import Instant, in_seconds
from windlass.kernel.journal import Entry
from windlass.services.plane import Plane


def bucket_levels(plane: Plane) -> list[dict[str, Any]]:
    """Buckets that are not full now, of every account and Region."""
    quotas, now = plane.quotas, plane.clock.now()
    return [
        {
            "account": account,
            "region": region,
            "name": level.name,
            "subject": level.subject,
            "tokens": level.tokens,
            **rate(level.rate),
        }
        for account, region in quotas.scopes()
        for level in quotas.levels((account, region), now)
    ]


def rate(shown: Rate) -> dict[str, int]:
    """A bucket's size and what refills it."""
    refill = "per_minute" if shown.per_minute else "per_second"
    return {"burst": shown.burst, refill: getattr(shown, refill)}


def journal_entry(entry: Entry) -> dict[str, Any]:
    """One decision."""
    return {
        "number": entry.number,
        "at": in_seconds(entry.at),
        "source": entry.source,
        "subject": entry.subject,
        "what": entry.what,
        "why": entry.why,
    }


def reason(shown: Reason) -> dict[str, Any]:
    """Why something waits."""
    return {"code": shown.code, "sentence": shown.sentence, "until": at(shown.until)}


def at(instant: Instant) -> float | None:
    """A time that may not have come: 0 is never."""
    return in_seconds(instant) if instant else None

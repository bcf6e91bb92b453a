"""Rates, bucket levels and journal entries as the admin endpoints show them."""

from __future__ import annotations

from typing import Any

from windlass.kernel.bucket import Rate
from windlass.kernel.clock import in_seconds
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

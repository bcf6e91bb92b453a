"""The envelope of an event, and one entry of PutEvents. Pure.

Source: EventBridge User Guide, "Events"; Events API reference, PutEvents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from windlass.kernel.clock import SECOND, Instant
from windlass.services.events.limits import DETAIL_DEPTH_MAX, ENTRY_TIME_BYTES

SCHEDULED_SOURCE = "aws.events"
SCHEDULED_DETAIL_TYPE = "Scheduled Event"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an entry is not taken: the members of PutEventsResultEntry."""

    code: str
    message: str


def envelope(
    *,
    id: str,
    detail_type: str,
    source: str,
    account: str,
    region: str,
    at: Instant,
    resources: Sequence[str],
    detail: Mapping[str, Any],
) -> dict[str, Any]:
    """An event as targets get it, members in AWS's order."""
    return {
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": iso_seconds(at),
        "region": region,
        "resources": list(resources),
        "detail": detail,
    }


def iso_seconds(at: Instant) -> str:
    """An event's time: `2026-11-21T10:00:00Z`."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def encode(value: Any) -> str:
    """JSON as EventBridge sends it: compact, not escaped to ASCII."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_json(text: str) -> Any:
    """JSON inside a string. Raises ValueError also for what could not be written again:

    NaN, numbers beyond a float, and halves of surrogate pairs, which would get past the check of the request
    because they are escaped twice.
    """
    try:
        read = json.loads(text)
        encode(read).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return read


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """What an entry counts (EventBridge User Guide, "Calculating PutEvents event entry size")."""
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *entry.get("Resources", ())]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if text)
    return size + (ENTRY_TIME_BYTES if entry.get("Time") is not None else 0)


def read_detail(entry: Mapping[str, Any]) -> dict[str, Any] | Refused:
    """The entry's detail, or why the entry is refused."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return Refused("InvalidArgument", reason)
    if entry["Source"].startswith("aws."):
        return Refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = read_json(entry["Detail"])
    except ValueError:
        return Refused("MalformedDetail", "Detail is malformed.")
    if not isinstance(detail, dict) or _deeper(detail, DETAIL_DEPTH_MAX):
        return Refused("MalformedDetail", "Detail is malformed.")
    return detail


def _deeper(value: Any, levels: int) -> bool:
    """Whether containers are nested more than that deep. Walks level by level: no recursion."""
    level = [value]
    for _ in range(levels):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True

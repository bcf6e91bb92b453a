"""Tags of buses and rules: what may be added to which. Pure. Source: Events API reference, Tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.kernel.faults import Fault
from windlass.services.events.limits import TAGS_MAX

RESERVED_PREFIX = "aws:"


def merged(present: Mapping[str, str], added: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The tags there are with those of a request. Raises ValidationException for what none may have."""
    tags = dict(present)
    seen: set[str] = set()
    for tag in added:
        key = tag["Key"]
        if key.lower().startswith(RESERVED_PREFIX):
            raise _invalid(f"Tag keys that begin with {RESERVED_PREFIX} are reserved: {key}")
        if key in seen:
            raise _invalid(f"Tag key {key} is given twice.")
        seen.add(key)
        tags[key] = tag["Value"]
    if len(tags) > TAGS_MAX:
        raise _invalid(f"A resource can have at most {TAGS_MAX} tags.")
    return tags


def _invalid(why: str) -> Fault:
    return Fault("ValidationException", why)

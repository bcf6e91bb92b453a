"""Tags of requests, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.kernel.faults import Fault
from windlass.services.elbv2.limits import TAGS_MAX
from windlass.services.elbv2.refusals import invalid


def taken(given: Iterable[Mapping[str, Any]], held: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags of a request on top of those that are there. Raises Fault."""
    added: dict[str, str] = {}
    for tag in given:
        key = tag["Key"]
        if key in added:
            raise Fault("DuplicateTagKeysException", f"A tag key was specified more than once: '{key}'")
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys cannot start with 'aws:'")
        added[key] = tag.get("Value") or ""
    after = {**(held or {}), **added}
    if len(after) > TAGS_MAX:
        raise Fault("TooManyTagsException", f"A resource can have at most {TAGS_MAX} tags")
    return after

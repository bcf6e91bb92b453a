"""Tags of Batch resources: what may be in them. Pure. Source: Batch API reference, TagResource."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.services.batch import limits
from windlass.services.batch.faults import invalid

RESERVED_PREFIX = "aws:"


def read(given: Mapping[str, str], held: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags `held` with those given on top. Raises ClientException for what no resource may have."""
    for key in given:
        if key.lower().startswith(RESERVED_PREFIX):
            raise invalid(f"Tag keys that begin with {RESERVED_PREFIX} are reserved: {key}")
    tags = {**(held or {}), **given}
    if len(tags) > limits.TAGS_MAX:
        raise invalid(f"A resource can have at most {limits.TAGS_MAX} tags.")
    return tags

"""Tags of ECS resources: lists to maps, and what may be in them. Pure. Source: ECS API reference, Tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.kernel.faults import Fault
from windlass.services.ecs import limits

RESERVED_PREFIX = "aws:"


def read(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """A request's tag list as a map. Raises InvalidParameterException for what no resource may have."""
    found: dict[str, str] = {}
    for tag in tags:
        key = tag.get("key", "")
        if not key:
            raise _invalid("A tag needs a key.")
        if key.lower().startswith(RESERVED_PREFIX):
            raise _invalid(f"Tag keys that begin with {RESERVED_PREFIX} are reserved: {key}")
        if key in found:
            raise _invalid(f"Tag key {key} is given twice.")
        found[key] = tag.get("value", "")
    return limited(found)


def limited(tags: dict[str, str]) -> dict[str, str]:
    """The same tags, unless they are more than a resource may have; reserved ones do not count."""
    if sum(not key.startswith(RESERVED_PREFIX) for key in tags) > limits.TAGS_MAX:
        raise _invalid(f"The maximum number of tags for a resource is {limits.TAGS_MAX}.")
    return tags


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)

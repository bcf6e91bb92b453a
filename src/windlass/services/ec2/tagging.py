"""Tags of EC2 resources: what a call may put on them. Pure. Source: EC2 User Guide, "Tag restrictions"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from windlass.kernel.faults import Fault
from windlass.services.ec2 import limits

RESERVED_PREFIX = "aws:"


def read(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """A call's tags as a map. Raises what CreateTags raises for tags that nothing may have."""
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key:
            raise Fault("InvalidParameterValue", "Tag key cannot be empty.")
        if key.lower().startswith(RESERVED_PREFIX):
            raise Fault(
                "InvalidParameterValue",
                f"Value ( {key} ) for parameter key is invalid. "
                f"Tag keys starting with '{RESERVED_PREFIX}' are reserved for internal use",
            )
        if len(key) > limits.TAG_KEY_LENGTH_MAX:
            raise Fault(
                "InvalidParameterValue",
                f"Tag key exceeds the maximum length of {limits.TAG_KEY_LENGTH_MAX} characters",
            )
        if len(value) > limits.TAG_VALUE_LENGTH_MAX:
            raise Fault(
                "InvalidParameterValue",
                f"Tag value exceeds the maximum length of {limits.TAG_VALUE_LENGTH_MAX} characters",
            )
        if key in found:
            raise Fault("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        found[key] = value
    return found


def specified(specifications: Sequence[Mapping[str, Any]], *kinds: str) -> dict[str, str]:
    """The tags that TagSpecifications give to a resource of the first kind; all kinds may be named."""
    found: dict[str, str] = {}
    for specification in specifications:
        kind = specification.get("ResourceType")
        if kind not in kinds:
            raise Fault(
                "InvalidParameterValue",
                f"'{kind}' is not a valid taggable resource type for this operation.",
            )
        if kind == kinds[0]:
            found |= read(specification.get("Tags", ()))
    return limited(found)


def limited(tags: Mapping[str, str]) -> dict[str, str]:
    """The same tags, unless they are more than a resource may have."""
    if sum(not key.startswith(RESERVED_PREFIX) for key in tags) > limits.TAGS_MAX:
        raise Fault(
            "TagLimitExceeded",
            f"The maximum number of Tags for a resource has been reached ({limits.TAGS_MAX}).",
        )
    return dict(tags)

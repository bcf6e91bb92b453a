"""Tags of App Runner resources: as the API gives and takes them, and what may be in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.services.apprunner import limits
from windlass.services.apprunner.faults import invalid


def read(given: Sequence[Mapping[str, str]], held: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags `held` with those given on top.

    Raises InvalidRequestException for what no resource may have.
    """
    new: dict[str, str] = {}
    for tag in given:
        if "Key" not in tag:
            raise invalid("Each tag must have a key.")
        if tag["Key"] in new:
            raise invalid(f"The tag key {tag['Key']} is given twice.")
        new[tag["Key"]] = tag.get("Value", "")
    tags = {**(held or {}), **new}
    if len(tags) > limits.TAGS_MAX:
        raise invalid(f"A resource can have at most {limits.TAGS_MAX} tags.")
    return tags


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """As ListTagsForResource answers."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]

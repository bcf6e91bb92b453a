"""Tags of SSM resources: what may be in them. Pure. Source: SSM API reference, Tag, AddTagsToResource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.kernel.faults import Fault
from windlass.services.ssm import limits
from windlass.services.ssm.model import Tags


def read(given: Iterable[Mapping[str, str]], held: Tags = ()) -> Tags:
    """The tags held with those of a request on top. Raises what AddTagsToResource raises."""
    tags = dict(held)
    for tag in given:
        if tag["Key"].lower().startswith("aws:"):
            raise Fault("ValidationException", f"Tag keys that begin with aws: are reserved: {tag['Key']}")
        tags[tag["Key"]] = tag["Value"]
    if len(tags) > limits.TAGS_MAX:
        raise Fault("TooManyTagsError", f"A resource can have at most {limits.TAGS_MAX} tags.")
    return tuple(tags.items())


def without(held: Tags, keys: Iterable[str]) -> Tags:
    gone = set(keys)
    return tuple((key, value) for key, value in held if key not in gone)


def shown(held: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in held]

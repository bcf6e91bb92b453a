"""Tags of roles, users and policies: merging and refusing. Pure.

Source: IAM User Guide, "Rules for tagging in IAM and AWS STS": keys are unique whatever their case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from windlass.kernel.faults import Fault
from windlass.services.iam.limits import TAGS_MAX
from windlass.services.iam.model import Tags
from windlass.services.iam.refusals import invalid_input


def merged(held: Tags, given: Sequence[Mapping[str, str]] | None) -> Tags:
    """The tags with the given ones put over them: the new spelling of a key wins."""
    added: dict[str, tuple[str, str]] = {}
    for tag in given or ():
        if tag["Key"].lower() in added:
            raise invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        if tag["Key"].lower().startswith("aws:"):
            raise invalid_input("aws: prefixed tag key names are not allowed for external use.")
        added[tag["Key"].lower()] = (tag["Key"], tag["Value"])
    tags = {key.lower(): (key, value) for key, value in held} | added
    if len(tags) > TAGS_MAX:
        raise Fault("LimitExceededException", "The number of tags has reached the maximum limit.")
    return tuple(tags.values())


def without(held: Tags, keys: Iterable[str]) -> Tags:
    gone = {key.lower() for key in keys}
    return tuple(tag for tag in held if tag[0].lower() not in gone)

"""Tags of scalable targets, by ARN."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.application_autoscaling.find import invalid
from windlass.services.application_autoscaling.limits import TAGS_MAX
from windlass.services.application_autoscaling.model import TARGETS, Reads, Target


def tag_resource(call: Call, params: Params) -> None:
    """TagResource."""
    check_tags(params["Tags"])
    with call.store.transact() as tx:
        target = _target(tx, call, params)
        tags = {**target.tags, **params["Tags"]}
        if len(tags) > TAGS_MAX:
            raise Fault(
                "TooManyTagsException",
                f"A resource can have at most {TAGS_MAX} tags",
                members={"ResourceName": target.arn},
            )
        tx[TARGETS].put(replace(target, tags=tags))


def untag_resource(call: Call, params: Params) -> None:
    """UntagResource."""
    with call.store.transact() as tx:
        target = _target(tx, call, params)
        kept = {key: value for key, value in target.tags.items() if key not in params["TagKeys"]}
        tx[TARGETS].put(replace(target, tags=kept))


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """ListTagsForResource."""
    return {"Tags": dict(_target(call.store, call, params).tags)}


def check_tags(tags: Mapping[str, str]) -> None:
    """Raises ValidationException for keys that are AWS's own, and for too many."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Tag keys must not begin with aws:")
    if len(tags) > TAGS_MAX:
        raise invalid(f"A resource can have at most {TAGS_MAX} tags")


def _target(reads: Reads, call: Call, params: Params) -> Target:
    named = params["ResourceARN"]
    found: Target | None = reads[TARGETS].first("arn", named)
    if found is None or found.scope != call.scope:
        raise Fault(
            "ResourceNotFoundException",
            f"The resource {named} does not exist",
            members={"ResourceName": named},
        )
    return found

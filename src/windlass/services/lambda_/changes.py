"""Whether what a caller asks to change may be changed now, and publishing. Pure."""

from __future__ import annotations

from dataclasses import replace

from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.services.lambda_.model import Function, Version
from windlass.services.lambda_.names import not_active


def may_change(function: Function) -> None:
    """Raise the fault of a function that is Pending or Failed, or has an update in progress."""
    if function.state in ("Pending", "Failed"):
        raise not_active(function.state)
    no_update(function)


def no_update(function: Function) -> None:
    """Raise the fault of a function that has an update in progress."""
    if function.update_status == "InProgress":
        raise Fault(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: "
            + function.arn,
        )


def match_revision(expected: str | None, actual: str, reads: str = "GetFunction/GetAlias") -> None:
    """Raise the fault for a RevisionId that is not the one in force. `reads`: what tells the latest."""
    if expected is not None and expected != actual:
        raise Fault(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the "
            f"{reads} API to retrieve the latest RevisionId",
        )


def next_version(function: Function, description: str | None, now: Instant, revision_id: str) -> Version:
    """The version that publishing the function now makes; None keeps the function's description."""
    settings = function.wanted
    if description is not None:
        settings = replace(settings, description=description)
    return Version(
        account=function.account,
        region=function.region,
        function=function.name,
        uid=function.uid,
        number=function.last_version + 1,
        settings=settings,
        created_at=now,
        revision_id=revision_id,
        described=function.wanted.description,
    )


def unchanged(function: Function, last: Version) -> bool:
    """Whether code and configuration are as they were when that version was published (PublishVersion)."""
    return replace(last.settings, description=last.described) == function.wanted

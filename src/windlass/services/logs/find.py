"""Finding the rows that a call means, with AWS's faults when they are not there."""

from __future__ import annotations

from windlass.aws import arn
from windlass.aws.calls import Call, Params
from windlass.kernel.faults import Fault
from windlass.kernel.store import View
from windlass.services.logs.model import LogGroup, LogStream


def invalid(why: str) -> Fault:
    return Fault("InvalidParameterException", why)


def no_group() -> Fault:
    return Fault("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> Fault:
    return Fault("ResourceNotFoundException", "The specified log stream does not exist.")


def group_named(view: View[LogGroup], call: Call, name: str) -> LogGroup:
    return view.require((*call.scope, name), no_group)


def group_of(view: View[LogGroup], call: Call, params: Params) -> LogGroup:
    """The group by logGroupName or logGroupIdentifier (a name or an ARN), of which one must be given."""
    name: str | None = params.get("logGroupName")
    identifier: str | None = params.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid("Exactly one of the parameters logGroupName and logGroupIdentifier must be specified.")
    return group_named(view, call, name or group_name(call, identifier or ""))


def group_name(call: Call, identifier: str) -> str:
    """The name in a group's ARN, or the name itself. A group of another account or Region is not found."""
    if not identifier.startswith("arn:"):
        return identifier
    parsed = arn.parse(identifier)
    if parsed is None or parsed.service != "logs" or not parsed.resource.startswith("log-group:"):
        raise invalid(f"{identifier} is not a valid log group ARN")
    if (parsed.account, parsed.region) != call.scope:
        raise no_group()
    return parsed.resource.removeprefix("log-group:").removesuffix(":*")


def stream_of(view: View[LogStream], group: LogGroup, name: str) -> LogStream:
    return view.require((*group.key, name), no_stream)

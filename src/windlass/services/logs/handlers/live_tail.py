"""StartLiveTail: opens a session; the gateway writes its events as an event stream."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.services.logs.filter_pattern import InvalidPattern, compile_filter
from windlass.services.logs.find import group_name, group_named, invalid
from windlass.services.logs.model import GROUPS
from windlass.services.logs.tails import Tail, Tails


def start_live_tail(call: Call, params: Params) -> Result:
    """Logs StartLiveTail. Streams may be chosen by name or prefix in one group only."""
    identifiers = params["logGroupIdentifiers"]
    names, prefixes = params.get("logStreamNames", ()), params.get("logStreamNamePrefixes", ())
    if names and prefixes:
        raise invalid("Only one of logStreamNames and logStreamNamePrefixes may be specified.")
    if (names or prefixes) and len(identifiers) > 1:
        raise invalid("Log streams can be specified only when there is one log group.")
    for identifier in identifiers:
        if not identifier.startswith("arn:"):
            raise invalid("logGroupIdentifiers must be log group ARNs.")
    view = call.store[GROUPS]
    groups = {group_named(view, call, group_name(call, one)).key: one for one in identifiers}
    try:
        matches = compile_filter(params.get("logEventFilterPattern", ""))
    except InvalidPattern as error:
        raise invalid(str(error)) from None
    chosen = frozenset(names)
    tail = Tail(
        groups=groups,
        stream=lambda name: name in chosen if chosen else not prefixes or name.startswith(tuple(prefixes)),
        message=matches,
        start={"requestId": call.request_id, "sessionId": call.ids.uuid(), **params},
    )
    return {"responseStream": call.part(Tails).open(call.scope, tail)}

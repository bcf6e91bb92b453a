"""PutEvents and TestEventPattern."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.pattern import InvalidPattern, compile_pattern
from windlass.kernel.clock import Instant, seconds
from windlass.kernel.faults import Fault
from windlass.services.events.event import Refused, entry_bytes, envelope, read_detail
from windlass.services.events.find import bus, bus_key, invalid
from windlass.services.events.limits import ENTRIES_BYTES_MAX
from windlass.services.events.router import Routed, Router

_MUST_HAVE = ("id", "account", "source", "time", "region", "resources", "detail-type")


def put_events(call: Call, params: Params) -> Result:
    """Events PutEvents. Each entry is taken or refused for itself; those taken match before the answer."""
    if "EndpointId" in params:
        raise invalid("Windlass has no global endpoints: leave out EndpointId.")
    if sum(map(entry_bytes, params["Entries"])) > ENTRIES_BYTES_MAX:
        raise invalid("Total size of the entries in the request is over the limit.")
    router = call.part(Router)
    if router.full:
        raise Fault("ThrottlingException", "Rate exceeded")
    entries = [_read(call, entry) for entry in params["Entries"]]
    router.route([entry for entry in entries if isinstance(entry, Routed)], call.now)
    return {
        "FailedEntryCount": sum(isinstance(entry, Refused) for entry in entries),
        "Entries": [_answer(entry) for entry in entries],
    }


def test_event_pattern(call: Call, params: Params) -> Result:
    """Events TestEventPattern."""
    try:
        pattern = compile_pattern(params["EventPattern"])
    except InvalidPattern as error:
        raise Fault("InvalidEventPatternException", str(error)) from None
    try:
        event = json.loads(params["Event"])
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise invalid("Parameter Event is not valid.")
    for name in _MUST_HAVE:
        if name not in event:
            raise invalid(f"Parameter Event is not valid. Reason: {name} is a required member.")
    return {"Result": pattern.matches(event)}


def _read(call: Call, entry: Mapping[str, Any]) -> Routed | Refused:
    detail = read_detail(entry)
    if isinstance(detail, Refused):
        return detail
    try:
        on = bus(call.store, bus_key(call, entry.get("EventBusName")))
    except Fault as fault:
        return Refused(fault.code, fault.message)
    event = envelope(
        id=call.ids.uuid(),
        detail_type=entry["DetailType"],
        source=entry["Source"],
        account=call.account,
        region=on.region,
        at=_instant(entry.get("Time"), call.now),
        resources=entry.get("Resources", ()),
        detail=detail,
    )
    return Routed(on.key, event)


def _instant(given: object, now: Instant) -> Instant:
    if isinstance(given, datetime):
        return seconds(given.timestamp())
    return seconds(given) if isinstance(given, (int, float)) else now


def _answer(entry: Routed | Refused) -> Result:
    if isinstance(entry, Refused):
        return {"ErrorCode": entry.code, "ErrorMessage": entry.message}
    return {"EventId": entry.event["id"]}

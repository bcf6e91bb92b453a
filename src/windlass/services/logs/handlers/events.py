"""PutLogEvents, GetLogEvents, FilterLogEvents.

Tokens of GetLogEvents look like AWS's: "f/" or "b/" and 56 digits, which are the place of the last event
shown; the same token comes back at the end of the stream.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import open_token, seal
from windlass.kernel.clock import MILLISECOND
from windlass.kernel.store import Store
from windlass.services.logs import batch, reading
from windlass.services.logs.append import append
from windlass.services.logs.filter_pattern import InvalidPattern, compile_filter
from windlass.services.logs.find import group_named, group_of, invalid, stream_of
from windlass.services.logs.limits import PAGE_EVENTS_MAX, SCAN_EVENTS_MAX
from windlass.services.logs.model import CHUNKS, GROUPS, STREAMS, Chunk, LogStream
from windlass.services.logs.reading import START, Found, Page, Place

_CHUNKS_A_READ = 64
_TOKEN = re.compile(r"(?P<way>[fb])/(?P<at>\d{20})(?P<number>\d{20})(?P<index>\d{16})")
_SHIFT = 1
"""Places start at -1 (before everything); digits have no sign."""


def put_log_events(call: Call, params: Params) -> Result:
    """Logs PutLogEvents. The sequence token is accepted and ignored, as AWS does since 2023."""
    now_ms = call.now // MILLISECOND
    with call.store.transact() as tx:
        group = group_named(tx[GROUPS], call, params["logGroupName"])
        stream = stream_of(tx[STREAMS], group, params["logStreamName"])
        events = [(event["timestamp"], event["message"]) for event in params["logEvents"]]
        taken = batch.take(events, now_ms, group.retention_days)
        append(tx, stream, taken.events, now_ms)
    rejected = {
        "tooNewLogEventStartIndex": taken.too_new_start,
        "tooOldLogEventEndIndex": taken.too_old_end,
        "expiredLogEventEndIndex": taken.expired_end,
    }
    rejected = {name: place for name, place in rejected.items() if place is not None}
    result: Result = {"nextSequenceToken": f"{4 * 10**55 + group.next_chunk}"}
    return result | ({"rejectedLogEventsInfo": rejected} if rejected else {})


def get_log_events(call: Call, params: Params) -> Result:
    """Logs GetLogEvents: one stream, newest page first unless startFromHead or a token says otherwise."""
    group = group_of(call.store[GROUPS], call, params)
    stream = stream_of(call.store[STREAMS], group, params["logStreamName"])
    start, end = params.get("startTime", 0), params.get("endTime")
    token = params.get("nextToken")
    way, place = _read_token(token) if token else ("f" if params.get("startFromHead") else "b", None)
    limit = params.get("limit", PAGE_EVENTS_MAX)
    page = _forward(call.store, stream, place, start, end, limit) if way == "f" else _backward(
        call.store, stream, place, start, end, limit
    )  # fmt: skip
    shown = page.events if way == "f" else page.events[::-1]
    return {
        "events": [_event(found) for found in shown],
        "nextForwardToken": _token("f", shown[-1].place if shown else place or START),
        "nextBackwardToken": _token("b", shown[0].place if shown else place or START),
    }


def filter_log_events(call: Call, params: Params) -> Result:
    """Logs FilterLogEvents: every stream of a group, in order of time; pages end early on long searches."""
    group = group_of(call.store[GROUPS], call, params)
    for name in params.get("logStreamNames", ()):
        stream_of(call.store[STREAMS], group, name)
    wanted = _wanted(params)
    filters = [*group.key, {key: value for key, value in params.items() if key not in ("nextToken", "limit")}]
    token = params.get("nextToken")
    after = (
        open_token(token, "FilterLogEvents", filters, lambda: invalid("The specified nextToken is invalid."))
        if token
        else START
    )
    start, end = params.get("startTime", 0), params.get("endTime")
    after = max(after, (start - 1, 1 << 62, 0)) if start else after
    chunks = _chunks(call.store, "group", group.key, after[0] - group.span_ms)
    found = _until(reading.forward(chunks, after), lambda at: end is not None and at > end)
    page = reading.page(
        found, limit=params.get("limit", PAGE_EVENTS_MAX), wanted=wanted, scan_max=SCAN_EVENTS_MAX
    )
    result: Result = {
        "events": [
            {"logStreamName": event.chunk.stream, "eventId": event_id(event), **_event(event)}
            for event in page.events
        ],
        "searchedLogStreams": [],
    }
    if page.more:
        result["nextToken"] = seal("FilterLogEvents", filters, page.last or after)
    return result


def event_id(found: Found) -> str:
    """56 digits, unique in the group: time, stream, chunk, index."""
    at, number, index = found.place
    return f"3{at:015d}{zlib.crc32(found.chunk.stream.encode()):010d}{number:015d}{index:015d}"


def _wanted(params: Params) -> Callable[[Found], bool]:
    """What the filter pattern and the choice of streams let through."""
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
    if names is not None and prefix is not None:
        raise invalid("Only one of logStreamNames and logStreamNamePrefix may be specified.")
    try:
        matches = compile_filter(params.get("filterPattern", ""))
    except InvalidPattern as error:
        raise invalid(str(error)) from None
    chosen = frozenset(names) if names is not None else None

    def wanted(found: Found) -> bool:
        stream = found.chunk.stream
        if (chosen is not None and stream not in chosen) or (prefix and not stream.startswith(prefix)):
            return False
        return matches(found.message)

    return wanted


def _forward(
    store: Store, stream: LogStream, place: Place | None, start: int, end: int | None, limit: int
) -> Page:
    after = max(place or START, (start - 1, 1 << 62, 0))
    chunks = _chunks(store, "stream", stream.key, after[0] - stream.span_ms)
    found = _until(reading.forward(chunks, after), lambda at: end is not None and at >= end)
    return reading.page(found, limit=limit)


def _backward(
    store: Store, stream: LogStream, place: Place | None, start: int, end: int | None, limit: int
) -> Page:
    bounds = [bound for bound in (place, None if end is None else (end, -1, -1)) if bound is not None]
    before = min(bounds, default=None)
    chunks = _chunks(store, "stream", stream.key, None if before is None else before[0] + 1, reverse=True)
    found = _until(reading.backward(chunks, before, stream.span_ms), lambda at: at < start)
    return reading.page(found, limit=limit)


def _chunks(
    store: Store, index: str, value: tuple[str, ...], start_ms: int | None, *, reverse: bool = False
) -> Iterator[Chunk]:
    """Chunks by their first time from there on, read as they are needed; use before the next await."""
    view = store[CHUNKS]
    after: object = None if start_ms is None else (start_ms,)
    while rows := view.page(index, value, after=after, limit=_CHUNKS_A_READ, reverse=reverse):
        yield from rows
        after = view.place(index, rows[-1])


def _until(found: Iterator[Found], ends: Callable[[int], bool]) -> Iterator[Found]:
    for event in found:
        if ends(event.place[0]):
            return
        yield event


def _event(found: Found) -> Result:
    return {"timestamp": found.place[0], "message": found.message, "ingestionTime": found.chunk.ingested_ms}


def _token(way: str, place: Place) -> str:
    at, number, index = (part + _SHIFT for part in place)
    return f"{way}/{at:020d}{number:020d}{index:016d}"


def _read_token(token: str) -> tuple[str, Place]:
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise invalid("The specified nextToken is invalid.")
    at, number, index = (int(found[part]) - _SHIFT for part in ("at", "number", "index"))
    return found["way"], (at, number, index)

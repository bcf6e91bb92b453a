"""Log streams: create, delete, describe."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import MILLISECOND
from windlass.kernel.faults import Fault
from windlass.services.logs import describe
from windlass.services.logs.find import group_named, group_of, invalid, stream_of
from windlass.services.logs.listing import listing
from windlass.services.logs.model import CHUNKS, GROUPS, STREAMS, LogStream


def create_log_stream(call: Call, params: Params) -> Result:
    """Logs CreateLogStream."""
    with call.store.transact() as tx:
        group = group_named(tx[GROUPS], call, params["logGroupName"])
        row = LogStream(*group.key, params["logStreamName"], created_ms=call.now // MILLISECOND)
        if tx[STREAMS].get(row.key) is not None:
            raise Fault("ResourceAlreadyExistsException", "The specified log stream already exists")
        tx[STREAMS].put(row)
    return {}


def delete_log_stream(call: Call, params: Params) -> Result:
    """Logs DeleteLogStream: the stream and all its events."""
    with call.store.transact() as tx:
        group = group_named(tx[GROUPS], call, params["logGroupName"])
        stream = stream_of(tx[STREAMS], group, params["logStreamName"])
        gone = tx[CHUNKS].by("stream", stream.key)
        for chunk in gone:
            tx[CHUNKS].delete((*group.key, chunk.number))
        tx[STREAMS].delete(stream.key)
        tx[GROUPS].put(group.without(sum(chunk.stored_bytes for chunk in gone)))
    return {}


def describe_log_streams(call: Call, params: Params) -> Result:
    """Logs DescribeLogStreams: by name (and prefix), or by the time of the last event."""
    group = group_of(call.store[GROUPS], call, params)
    prefix = params.get("logStreamNamePrefix", "")
    by_time = params.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    rows, following = listing(
        call,
        params,
        call.store[STREAMS],
        "recent" if by_time else "group",
        group.key,
        operation="DescribeLogStreams",
        prefix=prefix,
        reverse=params.get("descending", False),
    )
    return {"logStreams": [describe.stream(row) for row in rows]} | following

"""Operations that answer with an event stream (logs StartLiveTail, lambda InvokeWithResponseStream).

The result's stream member is an async iterator of events in botocore's parsed form:
`{"PayloadChunk": {"Payload": b"…"}}`. A Fault raised by the iterator ends the stream as an exception frame.
Known gap: event members in headers are written as strings, the only kind our services have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from botocore.model import StructureShape

from windlass.aws.eventstream import CONTENT_TYPE, encode_error, encode_event, encode_exception
from windlass.aws.protocols.json_values import json_writer
from windlass.aws.protocols.shapes import blob, refuse_unknown
from windlass.aws.wire import Response
from windlass.kernel.faults import Bug, Fault


def event_stream(
    result: Mapping[str, Any],
    shape: StructureShape,
    member: str,
    request_id: str,
    *,
    initial_response: bool,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """The streaming answer. RPC protocols send their other members first, in an `initial-response` event."""
    events = result.get(member)
    if not isinstance(events, AsyncIterator):
        raise Bug(f"{shape.name}.{member} is not an async iterator of events", result)
    refuse_unknown(shape, shape.members, result)
    first = b""
    if initial_response:
        others = {name: value for name, value in result.items() if name != member}
        first = encode_event(
            "initial-response", msgspec.json.encode(json_writer(shape)(others)), "application/json"
        )
    return Response(
        status,
        (("x-amzn-RequestId", request_id), ("Content-Type", CONTENT_TYPE), *headers),
        stream=_frames(first, events, shape.members[member]),
    )


async def _frames(
    first: bytes, events: AsyncIterator[Mapping[str, Any]], stream: Any
) -> AsyncIterator[bytes]:
    if first:
        yield first
    try:
        async for event in events:
            yield encode(event, stream)
    except Fault as fault:
        yield encode_fault(fault, stream)


def encode(event: Mapping[str, Any], stream: Any) -> bytes:
    """`{"PayloadChunk": {...}}` as one frame of that eventstream shape."""
    if len(event) != 1 or next(iter(event)) not in stream.members:
        raise Bug(f"{stream.name} has no event {', '.join(event)}", event)
    (name, value), *_ = event.items()
    shape = stream.members[name]
    refuse_unknown(shape, shape.members, value)
    headers = {
        key: str(value[key])
        for key, member in shape.members.items()
        if member.serialization.get("eventheader") and value.get(key) is not None
    }
    payload = next(
        (key for key, member in shape.members.items() if member.serialization.get("eventpayload")), None
    )
    if payload is None:
        body = {key: item for key, item in value.items() if key not in headers}
        return encode_event(name, msgspec.json.encode(json_writer(shape)(body)), "application/json", headers)
    inner, given = shape.members[payload], value.get(payload)
    match inner.type_name:
        case "blob":
            return encode_event(name, blob(given or b""), "application/octet-stream", headers)
        case "string":
            return encode_event(name, (given or "").encode(), "text/plain", headers)
    return encode_event(
        name, msgspec.json.encode(json_writer(inner)(given or {})), "application/json", headers
    )


def encode_fault(fault: Fault, stream: Any) -> bytes:
    """A modelled exception of the stream, else an error frame."""
    shape = stream.members.get(fault.code)
    if shape is None:
        return encode_error(fault.code, fault.message)
    name = "Message" if "Message" in shape.members else "message"
    return encode_exception(fault.code, msgspec.json.encode({name: fault.message, **fault.members}))

"""Probes over HTTP/2: of target groups with the protocol versions HTTP2 and gRPC.

A gRPC probe calls the method that its path names with an empty message, and the answer's code is its
grpc-status (ALB guide, "Health checks for your target groups": gRPC codes, 12 by default).
"""

from __future__ import annotations

from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from windlass.fleet.proxy_messages import Check
from windlass.proxy.probe import Answered
from windlass.proxy.probing import AGENT, NoAnswer, Streams

EMPTY_MESSAGE = bytes(5)
"""A gRPC message without bytes: not compressed, of length 0."""
CHUNK_BYTES = 65536
GRPC_UNKNOWN = 2


async def probe(streams: Streams, check: Check, host: str, scheme: str) -> Answered:
    """The status of the target's answer. Raises NoAnswer, OSError."""
    reader, writer = streams
    grpc = check.protocol == "GRPC"
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    try:
        connection.initiate_connection()
        stream = connection.get_next_available_stream_id()
        headers = [
            (":method", "POST" if grpc else "GET"),
            (":scheme", scheme),
            (":authority", host),
            (":path", check.path),
            ("user-agent", AGENT),
        ]
        if grpc:
            headers += [("content-type", "application/grpc"), ("te", "trailers")]
        connection.send_headers(stream, headers, end_stream=not grpc)
        if grpc:
            connection.send_data(stream, EMPTY_MESSAGE, end_stream=True)
        heard: dict[str, str] = {}
        while True:
            writer.write(connection.data_to_send())
            await writer.drain()
            data = await reader.read(CHUNK_BYTES)
            if not data:
                raise NoAnswer
            if _take(connection.receive_data(data), heard):
                return _answer(heard, grpc)
    except ProtocolError as error:
        raise NoAnswer from error


def _take(events: Iterable[Event], heard: dict[str, str]) -> bool:
    """Whether the answer is over."""
    for event in events:
        match event:
            case ResponseReceived() | TrailersReceived():
                heard.update({str(name): str(value) for name, value in event.headers or ()})
            case StreamEnded():
                return True
            case StreamReset() | ConnectionTerminated():
                raise NoAnswer
    return False


def _answer(heard: dict[str, str], grpc: bool) -> Answered:
    status, code = heard.get(":status", ""), heard.get("grpc-status", "")
    if grpc and status == "200":
        return Answered(int(code) if code.isdigit() else GRPC_UNKNOWN)
    if grpc or not status.isdigit():
        raise NoAnswer
    return Answered(int(status))

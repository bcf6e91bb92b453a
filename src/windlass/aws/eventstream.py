"""Frames of `application/vnd.amazon.eventstream`: what answers that go on for a while are made of.

Frame: total length (4 bytes), headers' length (4), CRC-32 of those 8, headers, payload, CRC-32 of all before.
A header: name length (1), name, type 7 = string (1), value length (2), value. Integers are big-endian.
Source: wire-protocols fact sheet, section 4; checked against botocore's parser.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
HEADER_BYTES_MAX = 32_767  # bytes of a header's value; longer texts are cut, never within a character


def encode_event(
    event_type: str, payload: bytes, content_type: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """One event, `PayloadChunk` and the like; `headers` are the members that the model places there."""
    return encode_frame(
        {
            ":message-type": "event",
            ":event-type": event_type,
            ":content-type": content_type,
            **(headers or {}),
        },
        payload,
    )


def encode_exception(exception_type: str, payload: bytes, content_type: str = "application/json") -> bytes:
    """A modelled error in mid-stream; the client raises it and the stream ends."""
    return encode_frame(
        {":message-type": "exception", ":exception-type": exception_type, ":content-type": content_type},
        payload,
    )


def encode_error(code: str, message: str) -> bytes:
    """An error that the stream's model does not list."""
    return encode_frame({":message-type": "error", ":error-code": code, ":error-message": message}, b"")


def encode_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Any frame from string headers and a payload."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    start = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return start + struct.pack(">I", crc32(start))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    if len(text) > HEADER_BYTES_MAX:
        text = text[:HEADER_BYTES_MAX].decode(errors="ignore").encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", STRING, len(text)) + text

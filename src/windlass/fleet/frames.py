"""Frames on a byte stream between plane and node, and what a transport is.

A frame is a big-endian length of four bytes and one msgpack message (messages.py). Knows bytes and streams;
not what the messages mean. Both ends use it: with messages.py it is all of fleet/ that node/ may import.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from windlass.fleet.messages import FromNode, FromPlane

FROM_NODE_BYTES_MAX = 16 * 2**20
"""Longest message a node may send; a Hello with 10,000 units is about 3 MB."""
FROM_PLANE_BYTES_MAX = 256 * 2**20
"""Longest message a plane may send: a whole desired set of 10,000 units with large task definitions."""

SOCKET_PATH_BYTES_MAX = 103
"""Longest path of a Unix socket that Linux (107) and macOS (103) both take."""

_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_from_node = msgspec.msgpack.Decoder(FromNode)
_from_plane = msgspec.msgpack.Decoder(FromPlane)


class BadFrame(Exception):
    """The peer sent something that is no message of ours; the session ends."""


In_co = TypeVar("In_co", covariant=True)
In = TypeVar("In")


class Transport(Protocol[In_co]):
    """One session's way to the peer: whole messages, in order, until it breaks.

    Which one it is (queue, Unix socket, WebSocket, later Ray actor) nobody above can tell. What comes in is
    `FromNode` at the plane's end and `FromPlane` at the node's.
    """

    async def send(self, message: FromNode | FromPlane) -> None:
        """Hand over one message; waits while the peer is slow. Raises ConnectionError when it is gone."""

    async def receive(self) -> In_co | None:
        """The next message; None when the peer has ended. Raises ConnectionError or BadFrame."""

    def close(self) -> None:
        """End the session; the peer's `receive` gives None. May be called twice."""


def encode(message: msgspec.Struct) -> bytes:
    """One message of messages.py or proxy_messages.py as a frame's body."""
    return _encoder.encode(message)


def decode_from_node(body: bytes) -> FromNode:
    """Raises BadFrame."""
    try:
        message: FromNode = _from_node.decode(body)
    except msgspec.DecodeError as error:
        raise BadFrame(f"not a message from a node: {error}") from error
    return message


def decode_from_plane(body: bytes) -> FromPlane:
    """Raises BadFrame."""
    try:
        message: FromPlane = _from_plane.decode(body)
    except msgspec.DecodeError as error:
        raise BadFrame(f"not a message from a plane: {error}") from error
    return message


class StreamTransport(Generic[In]):
    """Frames on an asyncio stream: Unix and TCP sockets. The peer may send at most `longest` bytes."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        longest: int,
        decode: Callable[[bytes], In],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._longest = longest
        self._decode = decode

    async def send(self, message: msgspec.Struct) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError("the stream is closed")
        body = encode(message)
        self._writer.write(_LENGTH.pack(len(body)) + body)
        await self._writer.drain()

    async def receive(self) -> In | None:
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > self._longest:
                raise BadFrame(f"a frame of {length} bytes; at most {self._longest} are taken")
            body = await self._reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise ConnectionResetError("the stream ended inside a frame") from error
            return None
        return self._decode(body)

    def close(self) -> None:
        self._writer.close()

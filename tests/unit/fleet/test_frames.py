from __future__ import annotations

import asyncio
import struct

import pytest

from windlass.fleet.frames import BadFrame, StreamTransport, decode_from_node, decode_from_plane, encode
from windlass.fleet.messages import (
    Accepted,
    Ack,
    Beat,
    Desired,
    FromNode,
    FromPlane,
    LogLines,
    LogTarget,
    Observed,
)
from windlass.fleet.queue_transport import pair


class _NoWriter:
    def close(self) -> None:
        pass


def a_stream(*chunks: bytes, longest: int = 100) -> StreamTransport[bytes]:
    reader = asyncio.StreamReader()
    for chunk in chunks:
        reader.feed_data(chunk)
    reader.feed_eof()
    return StreamTransport(reader, _NoWriter(), longest, bytes)  # type: ignore[arg-type]


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    "message", [Beat(), Observed(3, ()), LogLines(1, LogTarget("a", "r", "g", "s"), ((1, "line"),))]
)
def test_from_node(message: FromNode) -> None:
    """A node's message comes out as it went in."""
    assert decode_from_node(encode(message)) == message


@pytest.mark.parametrize("message", [Ack(1), Desired(4, -1, (), ("u",))])
def test_from_plane(message: FromPlane) -> None:
    """A plane's message comes out as it went in."""
    assert decode_from_plane(encode(message)) == message


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", encode(Ack(1))])
def test_not_a_message(body: bytes) -> None:
    """Bytes that are no message, and messages of the other side, are refused."""
    with pytest.raises(BadFrame):
        decode_from_node(body)


def test_stream_of_frames() -> None:
    """Frames arrive whole, however the bytes were cut, and the end is told."""

    async def story() -> None:
        raw = framed(b"one") + framed(b"") + framed(b"three")
        stream = a_stream(*[raw[i : i + 2] for i in range(0, len(raw), 2)])
        assert [await stream.receive() for _ in range(4)] == [b"one", b"", b"three", None]

    asyncio.run(story())


def test_frame_too_long() -> None:
    """A length above the limit is refused before anything is read."""

    async def story() -> None:
        with pytest.raises(BadFrame, match="at most 100"):
            await a_stream(struct.pack(">I", 101)).receive()

    asyncio.run(story())


@pytest.mark.parametrize("cut", [b"\x00", framed(b"one")[:-1]])
def test_cut_inside_a_frame(cut: bytes) -> None:
    """A stream that ends inside a frame broke; it did not end."""

    async def story() -> None:
        with pytest.raises(ConnectionError):
            await a_stream(cut).receive()

    asyncio.run(story())


@pytest.mark.parametrize("as_bytes", [True, False])
def test_queues_carry_messages_to_their_end(as_bytes: bool) -> None:
    """Both ways, in order, and then the end; as bytes they are others that are equal."""

    async def story() -> None:
        plane, node = pair(as_bytes=as_bytes)
        sent = Accepted(7)
        await node.send(sent)
        await node.send(Beat())
        await plane.send(Ack(3))
        received = await plane.receive()
        assert received == sent
        assert (received is sent) is not as_bytes
        assert await plane.receive() == Beat()
        assert await node.receive() == Ack(3)
        node.close()
        assert await plane.receive() is None
        with pytest.raises(ConnectionError):
            await plane.send(Ack(4))

    asyncio.run(story())

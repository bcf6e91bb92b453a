"""Responses in pieces, out of a node: windows, pauses, and nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.function_messages import STREAM_WINDOW_BYTES, InvokeChunk, InvokeRoom
from windlass.node.response_streams import ResponseStream, ResponseStreams


class Plane:
    """Takes pieces; `listens` is what the runtime's connection was told last."""

    def __init__(self) -> None:
        self.chunks: list[InvokeChunk] = []
        self.there = True
        self.listens = True

    def send(self, chunk: InvokeChunk) -> bool:
        self.chunks.append(chunk)
        return self.there

    def listen(self, listens: bool) -> None:
        self.listens = listens

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)


def begun(plane: Plane) -> tuple[ResponseStreams, ResponseStream]:
    streams = ResponseStreams()
    streams.send_with(plane.send)
    stream = streams.open("r")
    stream.begin("text/plain", plane.listen)
    return streams, stream


def test_the_first_piece_says_what_it_is() -> None:
    """At once, before there is any data; the others do not repeat it."""
    plane = Plane()
    _, stream = begun(plane)
    stream.write(b"a")
    assert plane.chunks == [InvokeChunk("r", b"", "text/plain"), InvokeChunk("r", b"a")]


def test_a_window_that_is_full() -> None:
    """The rest waits here, and the runtime is not heard until it has gone."""
    plane = Plane()
    streams, stream = begun(plane)
    stream.write(b"x" * (STREAM_WINDOW_BYTES + 10))
    assert (len(plane.data), plane.listens) == (STREAM_WINDOW_BYTES, False)
    streams.take(InvokeRoom("r", 4))
    assert (len(plane.data), plane.listens) == (STREAM_WINDOW_BYTES + 4, False)
    streams.take(InvokeRoom("other", 100))
    streams.take(InvokeRoom("r", 100))
    assert (len(plane.data), plane.listens) == (STREAM_WINDOW_BYTES + 10, True)
    assert stream.rest() == b""


def test_nobody_reads_any_more() -> None:
    """The session ended, or the reader left: what comes is thrown away, and the runtime heard to its end."""
    for hang_up in (True, False):
        plane = Plane()
        streams, stream = begun(plane)
        stream.write(b"x" * (STREAM_WINDOW_BYTES + 10))
        if hang_up:
            streams.hang_up()
        else:
            streams.take(InvokeRoom("r"))
        assert plane.listens
        sent = len(plane.data)
        stream.write(b"y" * STREAM_WINDOW_BYTES)
        assert (len(plane.data), plane.listens, stream.rest()) == (sent, True, b"")
        assert stream.size == 2 * STREAM_WINDOW_BYTES + 10


def test_a_session_that_is_not_there() -> None:
    """The first piece that cannot be sent is the last that is tried; the runtime goes on."""
    plane = Plane()
    _, stream = begun(plane)
    plane.there = False
    for _ in range(2):
        stream.write(b"x" * 2 * STREAM_WINDOW_BYTES)
    assert len(plane.chunks) == 2
    assert plane.listens and stream.rest() == b""


def test_an_event_that_is_over() -> None:
    """Its room means nothing any more."""
    plane = Plane()
    streams, stream = begun(plane)
    stream.write(b"x" * (STREAM_WINDOW_BYTES + 1))
    streams.close("r")
    streams.take(InvokeRoom("r", 5))
    assert stream.rest() == b"x"
    assert plane.listens  # or the runtime could never ask for another event


@given(st.lists(st.integers(0, STREAM_WINDOW_BYTES) | st.just(None), max_size=30))
def test_nothing_is_lost_and_no_window_exceeded(moves: list[int | None]) -> None:
    """Writes of these sizes; None: the reader takes all that is on its way."""
    plane, written, taken = Plane(), 0, 0
    streams, stream = begun(plane)
    for move in moves:
        if move is None:
            on_the_way, taken = len(plane.data) - taken, len(plane.data)
            if on_the_way:
                streams.take(InvokeRoom("r", on_the_way))
        elif plane.listens:
            stream.write(bytes([written % 251]) * move)
            written += move
        assert len(plane.data) - taken <= STREAM_WINDOW_BYTES
        assert plane.listens == (len(plane.data) == written)
    assert len(plane.data + stream.rest()) == written == stream.size
    assert plane.listens

"""Docker's log streams: frames out of bytes, and going on where reading stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.node.docker_api import DaemonGone
from windlass.node.docker_output import Frame, Frames, Place, Skipping

AT = 1_600_000_000_000_000_000


def framed(stream: int, text: bytes, second: int = 40) -> bytes:
    body = b"2020-09-13T12:26:%02d.000000000Z " % second + text
    return bytes([stream, 0, 0, 0]) + len(body).to_bytes(4, "big") + body


@given(
    st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=40), st.integers(40, 59)), max_size=8),
    st.lists(st.integers(1, 30), min_size=1, max_size=30),
)
def test_frames_however_they_are_cut(lines: list[tuple[int, bytes, int]], cuts: list[int]) -> None:
    """The same frames come out, wherever reads begin and end."""
    raw = b"".join(framed(*line) for line in lines)
    frames, found, start = Frames(), [], 0
    for cut in cuts:
        found += frames.feed(raw[start : start + cut])
        start += cut
    found += frames.feed(raw[start:])
    wanted = [Frame(kind, AT + (second - 40) * 1_000_000_000, text) for kind, text, second in lines]
    assert found == wanted


@pytest.mark.parametrize("raw", [b"\x03\0\0\0\0\0\0\x01x", b"\x01\0\0\0\xff\xff\xff\xff", b"HTTP/1.1 200"])
def test_what_is_no_log_stream(raw: bytes) -> None:
    with pytest.raises(DaemonGone):
        list(Frames().feed(raw))


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 20))
def test_nothing_twice_and_nothing_lost(steps: list[int], stop: int) -> None:
    """A reader that stops after any frame, and asks again since its place, reads each frame once.

    Docker answers with everything from that instant on, that instant included.
    """
    instants = [AT + sum(steps[: number + 1]) for number in range(len(steps))]
    reading = Skipping(Place())
    first = [n for n, at in enumerate(instants[:stop]) if reading.takes(at)]
    left = Skipping(reading.place)
    left.begin()
    again = [n for n, at in enumerate(instants) if at >= left.place.at and left.takes(at)]
    assert first + again == list(range(len(instants)))


def test_stamps_that_overtake_each_other() -> None:
    """stdout and stderr are stamped by two hands: a late frame is taken all the same."""
    reading = Skipping(Place())
    assert [reading.takes(at) for at in (AT, AT + 2, AT + 1, AT + 2)] == [True] * 4
    assert reading.place == Place(AT + 2, 2)

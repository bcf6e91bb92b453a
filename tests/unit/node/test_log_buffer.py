"""Events of several lines, and what becomes of output that cannot be sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import LogLines, LogOptions, LogTarget
from windlass.kernel.linear_regex import BadRegex, searcher
from windlass.node import log_buffer
from windlass.node.log_buffer import EVENT_COST, Allowance, BufferedStream
from windlass.node.logs import STREAM_BYTES_MAX, Logs
from windlass.node.multiline import EVENT_BYTES_MAX, Events
from windlass.node.outbox import Outbox
from windlass.node.taps import NoTap

TARGET = LogTarget("1", "r", "g", "s")


def assembled(lines: Sequence[str], start: str = "^E") -> list[tuple[int, str]]:
    """Events of lines that come one at a time, at instants 1, 2, …"""
    events = Events(start)
    found = [event for at, line in enumerate(lines, 1) for event in events.feed([line], at)]
    return [*found, *events.rest()]


def test_events_of_several_lines() -> None:
    """A stack trace is one event, at the time of its first line, with its empty lines and newlines."""
    lines = ["before", "E1", "  at f", "", "  at g", "E2"]
    assert assembled(lines) == [(1, "before\n"), (2, "E1\n  at f\n\n  at g\n"), (6, "E2\n")]


@given(st.lists(st.text(alphabet="E \nx", max_size=4).map(lambda text: text.replace("\n", ""))))
def test_nothing_is_lost(lines: list[str]) -> None:
    """All events together are all lines; each but the first begins as it should, and at no other line."""
    found = assembled(lines)
    assert "".join(text for _, text in found) == "".join(f"{line}\n" for line in lines)
    for _, text in found[1:]:
        assert text.startswith("E")
    assert all("\nE" not in text for _, text in found)
    assert sorted(found, key=lambda event: event[0]) == found


def test_an_event_is_bounded() -> None:
    """One that would grow larger than CloudWatch Logs takes is ended before."""
    found = assembled(["é" * 8_000] * 50)
    assert len(found) > 1
    assert max(len(text.encode()) for _, text in found) <= EVENT_BYTES_MAX


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?=x)", "\ud800", "x" * 10_000_000])
def test_what_is_no_pattern(pattern: str) -> None:
    """RE2 refuses it with a word, and no more than that: no crash, no gigabytes."""
    with pytest.raises(BadRegex):
        searcher(pattern)


class Sink:
    """A stream with room for so many events."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.events: list[tuple[int, str]] = []
        self.flushes = 0
        self._waiting: list[Callable[[], None]] = []

    def write(self, lines: Sequence[str], at: int) -> bool:
        self.events += [(at, line) for line in lines]
        return len(self.events) < self.room

    def tap(self, pipe: int) -> NoTap:
        return NoTap()

    def on_room(self, call: Callable[[], None]) -> None:
        self._waiting.append(call)

    def flush(self) -> None:
        self.flushes += 1

    def make_room(self, room: int) -> None:
        self.room = room
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


def buffered(sink: Sink, allowance: Allowance | None = None, **options: object) -> BufferedStream:
    chosen = LogOptions(**options)  # type: ignore[arg-type]
    return BufferedStream(asyncio.get_running_loop(), sink, chosen, allowance or Allowance(), "g:s")


def test_non_blocking_loses_what_does_not_fit(caplog: pytest.LogCaptureFixture) -> None:
    """1. The sink is full. 2. The buffer takes two events. 3. The rest is lost and counted. 4. In order."""

    async def body() -> None:
        sink, allowance = Sink(room=1), Allowance()
        stream = buffered(sink, allowance, blocking=False, buffer_bytes=2 * (EVENT_COST + 1))
        for number in range(10):
            assert stream.write([str(number)], number)
        assert sink.events == [(0, "0")]
        assert allowance.held == 2 * (EVENT_COST + 1)
        with caplog.at_level(logging.WARNING):
            sink.make_room(2)
            assert not caplog.records, "it is full again after one"
            sink.make_room(10)
        assert sink.events == [(0, "0"), (1, "1"), (2, "2")]
        assert "7 log events were lost" in caplog.text
        assert allowance.held == 0
        assert stream.write(["after"], 11)
        assert sink.events[-1] == (11, "after")

    asyncio.run(body())


def test_the_buffers_of_a_node_are_bounded_together() -> None:
    """What one stream keeps, the others cannot."""

    async def body() -> None:
        allowance, full = Allowance(3 * (EVENT_COST + 1)), Sink(room=0)
        streams = [buffered(full, allowance, blocking=False, buffer_bytes=2**20) for _ in range(4)]
        for stream in streams:
            stream.write(["-"], 0)
            stream.write(["x"], 1)
        assert allowance.held == 3 * (EVENT_COST + 1)
        for stream in streams:
            stream.flush()
        assert allowance.held == 0
        assert [text for _, text in full.events].count("x") == 3

    asyncio.run(body())


def test_blocking_says_when_it_is_full() -> None:
    """Whoever writes is told, and called when there is room."""

    async def body() -> None:
        sink = Sink(room=2)
        stream = buffered(sink, event_start="^E")
        assert stream.write(["E1", "E2"], 1)
        assert not stream.write(["E3"], 2)
        called: list[str] = []
        stream.on_room(lambda: called.append("room"))
        sink.make_room(9)
        assert called == ["room"]
        stream.flush()
        assert [text for _, text in sink.events] == ["E1\n", "E2\n", "E3\n"]

    asyncio.run(body())


def test_an_open_event_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds without a next one it is sent as it is."""
    monkeypatch.setattr(log_buffer, "OPEN_EVENT_S_MAX", 0.01)

    async def body() -> None:
        outbox = Outbox()
        outbox.begin(0)
        logs = Logs(asyncio.get_running_loop(), outbox)
        outbox.woken.clear()
        logs.stream(TARGET, LogOptions("^E")).write(["E1", " at f"], 5)
        await asyncio.wait_for(outbox.woken.wait(), 5)
        assert outbox.take() == LogLines(1, TARGET, ((5, "E1\n at f\n"),))
        logs.close()

    asyncio.run(body())


def test_a_plane_that_is_away_costs_no_more_memory() -> None:
    """Non-blocking output of 100 MB without a plane: what the stream holds, and the buffer; no more."""

    async def body() -> None:
        logs = Logs(asyncio.get_running_loop(), Outbox())
        stream = logs.stream(TARGET, LogOptions(blocking=False, buffer_bytes=2**20))
        for _ in range(1_000):
            assert stream.write(["x" * 1_000] * 100, 1)
        assert logs.held < STREAM_BYTES_MAX + 200_000
        assert isinstance(stream, BufferedStream)
        logs.close()

    asyncio.run(body())

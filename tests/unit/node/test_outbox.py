"""What the node has to tell: numbers, repetition, merging; and output that is bounded on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import LogLines, LogTarget, Observed, UnitState
from windlass.node.logs import LINE_COST, STREAM_BYTES_MAX, Logs
from windlass.node.outbox import Outbox
from windlass.node.output import LINE_BYTES_MAX, Lines

TARGET = LogTarget("1", "r", "g", "s")


def states(*unit_ids: str) -> list[UnitState]:
    return [UnitState(unit_id, "running") for unit_id in unit_ids]


def taken(outbox: Outbox) -> list[Observed | LogLines]:
    messages = []
    while (message := outbox.take()) is not None:
        messages.append(message)
    return messages


def in_loop(body: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await body()

    asyncio.run(run())


def test_numbers_go_on_from_what_the_plane_knows() -> None:
    """A new agent numbers its messages from the plane's highest; states that wait are one message."""
    outbox = Outbox()
    outbox.put_states(states("a"))
    outbox.put_states(states("b", "a"))
    outbox.begin(7)
    assert taken(outbox) == [Observed(8, tuple(states("b", "a")))]


def test_repeats_what_was_not_acknowledged() -> None:
    """1. Three messages are sent. 2. The link breaks. 3. The plane has the first: the others come again."""
    outbox = Outbox()
    outbox.begin(0)
    sent = []
    for name in "abc":
        outbox.put_states(states(name))
        sent += taken(outbox)
    outbox.put_states(states("d"))
    outbox.begin(1)
    assert taken(outbox) == [*sent[1:], Observed(4, tuple(states("d")))]
    outbox.acknowledge(4)
    assert len(outbox) == 0


def test_lost_and_late_acknowledgements() -> None:
    """An acknowledgement may be doubled, late, or only implied by a later one."""
    outbox = Outbox()
    outbox.begin(0)
    outbox.put_states(states("a"))
    taken(outbox)
    outbox.put_states(states("b"))
    taken(outbox)
    for number in (2, 1, 2):
        outbox.acknowledge(number)
    assert len(outbox) == 0
    outbox.begin(2)
    assert taken(outbox) == []


def test_output_before_the_states_that_follow_it() -> None:
    """Order is kept between output and states, so an end is never reported before the last line."""
    outbox = Outbox()
    outbox.begin(0)
    done: list[int] = []
    outbox.put_states(states("a"))
    outbox.put_lines(TARGET, ((1, "x"),), lambda: done.append(1))
    outbox.put_states(states("b"))
    assert [type(message) for message in taken(outbox)] == [Observed, LogLines, Observed]
    outbox.acknowledge(1)
    assert done == []
    outbox.acknowledge(2)
    assert done == [1]


def test_empty() -> None:
    """`empty` returns when the last message is acknowledged."""

    async def body() -> None:
        outbox = Outbox()
        await outbox.empty()
        outbox.begin(0)
        outbox.put_states(states("a"))
        taken(outbox)
        waiter = asyncio.ensure_future(outbox.empty())
        await asyncio.sleep(0)
        assert not waiter.done()
        outbox.acknowledge(1)
        await waiter

    in_loop(body)


def test_a_stream_is_bounded() -> None:
    """A stream that holds its maximum says no, and calls when the plane has taken half of it."""

    async def body() -> None:
        outbox = Outbox()
        outbox.begin(0)
        logs = Logs(asyncio.get_running_loop(), outbox)
        stream, other = logs.stream(TARGET), logs.stream(TARGET)
        line = "x" * (1000 - LINE_COST)
        while stream.write([line] * 100, 1):
            pass
        assert logs.held == stream.held == pytest.approx(STREAM_BYTES_MAX, rel=0.05)
        assert other.write(["mine"], 1)
        called: list[str] = []
        stream.on_room(lambda: called.append("room"))
        while not called:
            message = outbox.take()
            assert message is not None
            outbox.acknowledge(message.number)
        assert stream.held <= STREAM_BYTES_MAX // 2
        logs.flush()
        for message in taken(outbox):
            outbox.acknowledge(message.number)
        assert (logs.held, called) == (0, ["room"])
        logs.close()

    in_loop(body)


def test_lines_are_sent_soon() -> None:
    """Output that is no full message goes out by itself; empty lines are not sent."""

    async def body() -> None:
        outbox = Outbox()
        outbox.begin(0)
        logs = Logs(asyncio.get_running_loop(), outbox)
        outbox.woken.clear()
        logs.stream(TARGET).write(["a", "", "b"], 5)
        await asyncio.wait_for(outbox.woken.wait(), 5)
        assert taken(outbox) == [LogLines(1, TARGET, ((5, "a"), (5, "b")))]
        logs.close()

    in_loop(body)


@pytest.mark.parametrize(
    ("chunks", "lines", "rest"),
    [
        ([b"a\nb", b"c\n"], ["a", "bc"], []),
        ([b"\n\n"], ["", ""], []),
        ([b"end"], [], ["end"]),
        ([b"caf\xc3", b"\xa9\n"], ["café"], []),
        ([b"\xff\n"], ["\ufffd"], []),
        ([b"a\r\n"], ["a\r"], []),
    ],
)
def test_lines(chunks: list[bytes], lines: list[str], rest: list[str]) -> None:
    """Bytes as they come from a pipe, and the lines in them."""
    cutter = Lines()
    assert [line for chunk in chunks for line in cutter.feed(chunk)] == lines
    assert cutter.rest() == rest


@given(st.lists(st.binary(max_size=50)), st.integers(1, 7))
def test_chunks_do_not_matter(parts: list[bytes], size: int) -> None:
    """However the bytes are cut into reads, the lines are the same."""
    data = b"\n".join(parts)
    cutter = Lines()
    found = [line for at in range(0, len(data), size) for line in cutter.feed(data[at : at + size])]
    assert "\n".join([*found, *cutter.rest()]) == data.decode(errors="replace").removesuffix("\n")


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é" * 500_000, "a" + "🚀" * 200_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_long_lines_are_cut(text: str, end: bytes) -> None:
    """A line longer than an event is cut between characters, and nothing of it is lost."""
    data = text.encode() + end
    cutter = Lines()
    lines = [line for at in range(0, len(data), 65536) for line in cutter.feed(data[at : at + 65536])]
    lines += cutter.rest()
    assert "".join(lines) == text
    assert max(len(line.encode()) for line in lines) <= LINE_BYTES_MAX


def test_garbage_is_cut_too() -> None:
    """Invalid bytes grow threefold when they are replaced; the pieces still fit."""
    cutter = Lines()
    lines = cutter.feed(b"\xff" * 600_000 + b"\n") + cutter.rest()
    assert sum(map(len, lines)) == 600_000
    assert max(len(line.encode()) for line in lines) <= LINE_BYTES_MAX

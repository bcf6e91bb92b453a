"""The spool: its format, what it keeps and forgets, and what the next agent makes of it."""

from __future__ import annotations

import asyncio
import resource
import stat
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import LogLines, LogOptions, LogTarget
from windlass.node import spool as spools
from windlass.node.logs import Logs
from windlass.node.outbox import Outbox
from windlass.node.output import PIECE_BYTES, Intake, Lines
from windlass.node.spool import FileSpool
from windlass.node.spool_format import Gone, Taken, decode, encode, live

TARGET, OTHER = LogTarget("1", "r", "g", "s"), LogTarget("1", "r", "g", "other")
MOST = 2**20

takens = st.builds(
    Taken, st.integers(1, 9), st.integers(1, 3), st.integers(0, 9), st.integers(0, 2**62), st.binary(),
    st.sampled_from([TARGET, OTHER]), st.just(LogOptions()),
)  # fmt: skip
entries = st.lists(takens | st.builds(Gone, st.lists(st.integers(1, 9)).map(tuple)))


@given(entries, st.data())
def test_a_torn_end_is_left_out(found: list[Taken | Gone], data: st.DataObject) -> None:
    """Wherever the file ends: every whole frame before it is there, and nothing else."""
    frames = [encode(entry) for entry in found]
    whole = b"".join(frames)
    assert decode(whole) == found
    end = data.draw(st.integers(0, len(whole)))
    kept = decode(whole[:end])
    assert kept == found[: len(kept)]
    assert sum(map(len, frames[: len(kept) + 1])) > end or len(kept) == len(found)


@given(st.lists(takens, min_size=1), st.data())
def test_what_is_damaged_ends_the_file(found: list[Taken], data: st.DataObject) -> None:
    """One byte that changed: what was written before it is there."""
    frames = [encode(entry) for entry in found]
    whole = bytearray(b"".join(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    before = next(n for n in range(len(frames)) if sum(map(len, frames[: n + 1])) > at)
    assert decode(bytes(whole)) == found[:before]


@given(st.binary())
def test_any_bytes_are_read(data: bytes) -> None:
    assert isinstance(live(decode(data)), dict)


def in_loop(body: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await body()

    asyncio.run(run())


class Node:
    """Output from a pipe to the outbox, under one agent."""

    def __init__(self, path: Path, most: int = MOST) -> None:
        self.spool = FileSpool(path, most)
        self.outbox = Outbox()
        self.outbox.begin(0)
        self.logs = Logs(asyncio.get_running_loop(), self.outbox)
        self.logs.spool = self.spool

    def intake(self, pipe: int, target: LogTarget = TARGET, **options: Any) -> Intake:
        return Intake(self.logs.stream(target, LogOptions(**options)), pipe)

    def sent(self) -> list[LogLines]:
        """What is sent now, in order."""
        self.logs.flush()
        messages = []
        while isinstance(message := self.outbox.take(), LogLines):
            messages.append(message)
        return messages

    def lines(self) -> list[str]:
        return [line for message in self.sent() for _, line in message.lines]

    def acknowledge(self, messages: list[LogLines]) -> None:
        for message in messages:
            self.outbox.acknowledge(message.number)

    def die(self) -> None:
        self.logs.close()
        self.spool.close()


@given(
    st.lists(
        st.tuples(st.sampled_from([7, 8]), st.binary(max_size=9).map(lambda b: b + b"\n" * (len(b) % 2)))
    ),
    st.data(),
)
def test_nothing_is_lost_wherever_an_agent_dies(reads: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """Two pipes, some acknowledgements, then another agent, and so on: all lines, whole, in order."""
    directory = tempfile.TemporaryDirectory()
    path = Path(directory.name) / "spool"
    expected = {pipe: Lines(PIECE_BYTES).feed(b"".join(r for p, r in reads if p == pipe)) for pipe in (7, 8)}
    told: dict[int, list[str]] = {7: [], 8: []}

    async def body() -> None:
        rest = list(reads)
        while True:
            node = Node(path)
            intakes = {pipe: node.intake(pipe, LogTarget("1", "r", "g", str(pipe))) for pipe in (7, 8)}
            waiting: list[LogLines] = []
            for _ in range(data.draw(st.integers(1, 4))):
                if rest:
                    pipe, read = rest.pop(0)
                    intakes[pipe].take(read, 5)
                waiting += node.sent() if data.draw(st.booleans()) else []
                count = data.draw(st.integers(0, len(waiting)))
                took, waiting = waiting[:count], waiting[count:]
                for message in took:
                    told[int(message.target.stream)] += [line for _, line in message.lines]
                node.acknowledge(took)
            if not rest:
                for message in waiting + node.sent():
                    told[int(message.target.stream)] += [line for _, line in message.lines]
                node.die()
                return
            node.die()

    in_loop(body)
    directory.cleanup()
    for pipe in (7, 8):
        wanted = [line for line in expected[pipe] if line]
        assert set(told[pipe]) == set(wanted)
        rest = iter(told[pipe])
        assert all(line in rest for line in wanted), "in order, but for repetition"


def test_what_a_dead_agent_had_goes_first(tmp_path: Path) -> None:
    """The next agent sends it before what it reads itself, unfinished lines in one piece."""

    async def body() -> None:
        node = Node(tmp_path / "spool")
        intake = node.intake(7)
        intake.take(b"one\ntw", 5)
        node.acknowledge(node.sent())
        intake.take(b"o\nthr", 6)
        assert node.lines() == ["two"]
        node.die()
        node = Node(tmp_path / "spool")
        assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o600
        intake = node.intake(7)
        intake.take(b"ee\n", 9)
        [message] = sent = node.sent()
        assert message.lines == ((5, "one"), (6, "two"), (9, "three"))
        node.acknowledge(sent)
        assert (tmp_path / "spool").stat().st_size == 0
        node.die()

    in_loop(body)


def test_pipes_that_are_gone(tmp_path: Path) -> None:
    """What nobody goes on with is sent at once, with its own options and its last unfinished line."""

    async def body() -> None:
        node = Node(tmp_path / "spool")
        node.intake(7, event_start="^E").take(b"E1\n  at f\nE2\n  at", 5)
        node.intake(8, OTHER).take(b"end", 6)
        node.die()
        node = Node(tmp_path / "spool")
        node.logs.settle()
        sent = node.sent()
        told = [(message.target, [line for _, line in message.lines]) for message in sent]
        assert told == [(TARGET, ["E1\n  at f\n", "E2\n  at\n"]), (OTHER, ["end"])]
        node.acknowledge(sent)
        assert ((tmp_path / "spool").stat().st_size, node.spool.unclaimed()) == (0, [])
        node.die()

    in_loop(body)


def test_an_open_event_is_kept(tmp_path: Path) -> None:
    """The lines of an event that nobody has ended yet, though all before it is acknowledged."""

    async def body() -> None:
        node = Node(tmp_path / "spool")
        intake = node.intake(7, event_start="^E")
        for text in (b"E1\n", b"E", b"2\n", b"  at f\n"):
            intake.take(text, 5)
        node.acknowledge(node.sent())
        node.die()
        node = Node(tmp_path / "spool")
        node.intake(7, event_start="^E").take(b"E3\n", 6)
        assert node.lines()[-1:] == ["E2\n  at f\n"]
        node.die()

    in_loop(body)


def test_blank_lines_are_forgotten_at_once(tmp_path: Path) -> None:
    async def body() -> None:
        node = Node(tmp_path / "spool")
        node.intake(7).take(b"\n\n", 5)
        assert (tmp_path / "spool").stat().st_size == 0
        node.die()

    in_loop(body)


def keep(spool: FileSpool, data: bytes) -> int:
    return spool.keep(7, 0, 5, data, TARGET, LogOptions())


def test_a_spool_is_bounded_and_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps no more than its limit; what was crossed out goes away though something old stays."""
    monkeypatch.setattr(spools, "REWRITE_BYTES_MIN", 2000)
    path = tmp_path / "spool"
    spool = FileSpool(path, 1000)
    first = keep(spool, b"first")
    for _ in range(100):
        spool.forget([keep(spool, b"x" * 100)])
        assert path.stat().st_size < 2500
    while number := keep(spool, b"x" * 100):
        last = number
    assert path.stat().st_size < 3500
    spool.close()
    spool = FileSpool(path, 1000)
    claimed = spool.claim(7, TARGET)
    assert (claimed[0].number, claimed[0].data, claimed[-1].number) == (first, b"first", last)
    assert spool.claim(7, TARGET) == []
    spool.forget([taken.number for taken in claimed])
    assert path.stat().st_size == 0
    spool.close()


def test_a_full_disk_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What does not fit is not kept, which is said once; what fits again is, and nothing is hidden."""
    spool = FileSpool(tmp_path / "spool", MOST)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert keep(spool, b"before") == 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        assert [keep(spool, b"x" * 2000) for _ in range(3)] == [0, 0, 0]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert keep(spool, b"after") == 2
    spool.close()
    assert [taken.data for taken in FileSpool(tmp_path / "spool", MOST).claim(7, TARGET)] == [
        b"before",
        b"after",
    ]
    assert [record.message for record in caplog.records] == [
        "output is not kept for a next agent, should this one be killed: [Errno 28] the disk is full"
    ]

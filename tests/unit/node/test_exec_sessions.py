"""Commands in containers on the node's side: windows, ends, and who is not listened to any more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from windlass.fleet.exec_messages import (
    EXEC_WINDOW_BYTES,
    ExecEnd,
    ExecEnded,
    ExecInput,
    ExecOutput,
    ExecRoom,
    ExecSize,
    ExecStart,
    ExecTaken,
    ExecToPlane,
)
from windlass.fleet.messages import ContainerSpec
from windlass.node import exec_sessions
from windlass.node.command import CannotStart
from windlass.node.exec_sessions import ExecSessions
from windlass.node.runner import ExecEvents

START = ExecStart("e1", "u1", "app", ("sh",))
APP = ContainerSpec("app")


class Execution:
    """A command that a test speaks for; notes what it is told."""

    def __init__(self, events: ExecEvents) -> None:
        self.events = events
        self.told: list[object] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def resume(self) -> None:
        self.told.append("resume")

    def resize(self, columns: int, rows: int) -> None:
        self.told.append((columns, rows))

    def hang_up(self) -> None:
        self.told.append("hang up")


class Node:
    """ExecSessions with a runner, and what goes to the plane."""

    def __init__(self) -> None:
        self.said: list[ExecToPlane] = []
        self.made: list[Execution] = []
        self.fault: Exception | None = None
        self.sessions = ExecSessions(self, self._look_up)  # type: ignore[arg-type]
        self.sessions.send_with(self._send)

    def exec(
        self,
        unit_id: str,
        container: ContainerSpec,
        command: ExecStart,
        defaults: Mapping[str, str],
        events: ExecEvents,
    ) -> Execution:
        assert (unit_id, container, command, defaults) == ("u1", APP, START, {"A": "1"})
        if self.fault is not None:
            raise self.fault
        self.made.append(Execution(events))
        return self.made[-1]

    def _look_up(self, unit_id: str, name: str) -> tuple[ContainerSpec, Mapping[str, str]] | None:
        return (APP, {"A": "1"}) if (unit_id, name) == ("u1", "app") else None

    def _send(self, message: ExecToPlane) -> bool:
        self.said.append(message)
        return True

    def sent(self) -> int:
        return sum(len(message.data) for message in self.said if isinstance(message, ExecOutput))


def test_output_keeps_to_its_window() -> None:
    """1. A window goes out. 2. The rest waits. 3. Room lets as much out. 4. The end is last."""
    node = Node()
    node.sessions.take(START)
    [command] = node.made
    assert command.events.output(b"x" * EXEC_WINDOW_BYTES)
    assert not command.events.output(b"y" * 1_000)
    assert node.sent() == EXEC_WINDOW_BYTES
    command.events.ended(3, "")
    node.sessions.take(ExecRoom("e1", 999))
    assert node.sent() == EXEC_WINDOW_BYTES + 999
    assert not isinstance(node.said[-1], ExecEnded)
    node.sessions.take(ExecRoom("e1", 1))
    assert node.said[-1] == ExecEnded("e1", 3)
    node.sessions.take(ExecInput("e1", b"late"))
    assert command.told == []


def test_what_is_passed_on() -> None:
    """Input, sizes, room and the end reach the command; what it took is told."""
    node = Node()
    node.sessions.take(START)
    [command] = node.made
    node.sessions.take(ExecInput("e1", b"ls\n"))
    node.sessions.take(ExecSize("e1", 90, 30))
    command.events.output(b"x" * (EXEC_WINDOW_BYTES + 1))
    node.sessions.take(ExecRoom("e1", 10))
    node.sessions.take(ExecEnd("e1"))
    assert command.told == [b"ls\n", (90, 30), "resume", "hang up"]
    command.events.wrote(3)
    assert node.said[-1] == ExecTaken("e1", 3)
    command.events.ended(129, "")
    assert node.said[-1] == ExecEnded("e1", 129)


@pytest.mark.parametrize(
    ("start", "fault", "why"),
    [
        (ExecStart("e1", "u2", "app", ("sh",)), None, "the container does not run"),
        (START, CannotStart("no such thing"), "no such thing"),
        (START, OSError(24, "Too many open files"), "[Errno 24] Too many open files"),
        (START, ValueError("embedded null byte"), "embedded null byte"),
    ],
)
def test_what_cannot_run(start: ExecStart, fault: Exception | None, why: str) -> None:
    """Whoever asked is told why."""
    node = Node()
    node.fault = fault
    node.sessions.take(start)
    assert node.said == [ExecEnded("e1", None, why)]


def test_the_plane_is_gone() -> None:
    """Every command is hung up and nothing more of it is sent; the same id may come again."""
    node = Node()
    node.sessions.take(START)
    node.sessions.take(START)
    [command] = node.made
    command.events.output(b"x" * 2 * EXEC_WINDOW_BYTES)
    node.sessions.hang_up()
    assert command.told == ["hang up"]
    before = list(node.said)
    assert command.events.output(b"more"), "it may go on writing, to nobody"
    command.events.ended(129, "")
    assert node.said == before
    node.sessions.take(START)
    assert len(node.made) == 2


def test_a_node_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_sessions, "EXECS_MAX", 0)
    node = Node()
    node.sessions.take(START)
    assert node.said == [ExecEnded("e1", None, "this node runs 0 commands already")]

"""Commands that somebody runs in containers of this node (ECS Exec), between the plane and the runner.

Each has a window in both directions (exec_messages.py): output that the plane has not taken stays in the
terminal, so a command that floods waits, and neither agent nor plane grows. They live and end with the
session between agent and plane. Knows messages and runners; who may do this is the plane's to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

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
    ExecToNode,
    ExecToPlane,
)
from windlass.fleet.messages import ContainerSpec
from windlass.node.command import CannotStart
from windlass.node.runner import Execution, Runner

EXECS_MAX = 200
"""Commands at the same time on one node: ours. Each has a process or two, and 128 KiB at most."""

LookUp: TypeAlias = Callable[[str, str], "tuple[ContainerSpec, Mapping[str, str]] | None"]
"""(unit id, container) → its specification and the defaults of its environment, while it runs."""
Send: TypeAlias = Callable[[ExecToPlane], bool]


class ExecSessions:
    """All of a node."""

    def __init__(self, runner: Runner, look_up: LookUp) -> None:
        self._runner = runner
        self._look_up = look_up
        self._open: dict[str, _Exec] = {}
        self._send: Send = lambda message: False

    def send_with(self, send: Send) -> None:
        """Have messages to the plane sent there."""
        self._send = send

    def take(self, message: ExecToNode) -> None:
        """One message of the plane. Those to commands that have ended mean nothing."""
        if isinstance(message, ExecStart):
            self._start(message)
            return
        found = self._open.get(message.exec_id)
        if found is None:
            return
        match message:
            case ExecInput(data=data):
                found.write(data)
            case ExecSize(columns=columns, rows=rows):
                found.resize(columns, rows)
            case ExecRoom(size=size):
                found.more_room(size)
            case ExecEnd():
                found.hang_up()

    def hang_up(self) -> None:
        """The session with the plane has ended, and so does whoever came over it."""
        for found in list(self._open.values()):
            found.hang_up()
        self._open.clear()

    def _start(self, start: ExecStart) -> None:
        container = self._look_up(start.unit_id, start.container)
        if start.exec_id in self._open:
            return
        if container is None:
            self._send(ExecEnded(start.exec_id, None, "the container does not run"))
        elif len(self._open) >= EXECS_MAX:
            self._send(ExecEnded(start.exec_id, None, f"this node runs {EXECS_MAX} commands already"))
        else:
            made = self._open[start.exec_id] = _Exec(start.exec_id, self._send, self._open)
            made.start(self._runner, start, *container)


class _Exec:
    """One command. Implements runner.ExecEvents."""

    def __init__(self, exec_id: str, send: Send, among: dict[str, _Exec]) -> None:
        self._id = exec_id
        self._send = send
        self._among = among
        self._execution: Execution | None = None
        self._room = EXEC_WINDOW_BYTES
        self._pending = bytearray()
        self._end: ExecEnded | None = None
        self._deaf = False

    def start(
        self, runner: Runner, start: ExecStart, container: ContainerSpec, defaults: Mapping[str, str]
    ) -> None:
        try:
            self._execution = runner.exec(start.unit_id, container, start, defaults, self)
        except (CannotStart, OSError, ValueError) as error:
            self.ended(None, str(error).removeprefix("CannotStartContainerError: "))

    def write(self, data: bytes) -> None:
        if self._execution is not None:
            self._execution.write(data)

    def resize(self, columns: int, rows: int) -> None:
        if self._execution is not None:
            self._execution.resize(columns, rows)

    def hang_up(self) -> None:
        """Nobody listens any more, also to what was written already."""
        self._deaf = True
        self._pending.clear()
        if self._execution is not None:
            self._execution.hang_up()

    def more_room(self, size: int) -> None:
        self._room += size
        self._pass_on()
        if not self._pending and self._execution is not None and self._end is None:
            self._execution.resume()

    # what the runner says

    def output(self, data: bytes) -> bool:
        if not self._deaf:
            self._pending += data
            self._pass_on()
        return not self._pending

    def wrote(self, size: int) -> None:
        self._send(ExecTaken(self._id, size))

    def ended(self, exit_code: int | None, why: str) -> None:
        self._end = ExecEnded(self._id, exit_code, why)
        self._pass_on()

    def _pass_on(self) -> None:
        """Send what there is room for; the end behind everything else."""
        if self._pending and self._room:
            data = bytes(self._pending[: self._room])
            del self._pending[: len(data)]
            self._room -= len(data)
            self._send(ExecOutput(self._id, data))
        if self._end is not None and not self._pending and self._among.pop(self._id, None) is not None:
            self._send(self._end)

"""The keeper of a container: a tiny process between agent and command that outlives the agent.

The keeper (keeper.sh, run by dash) is the command's parent and the leader of the container's session. What
agents have to know of it is in its state file: a line with the time of its start, one with its pid, and one
with the exit code once the command ended. The agent makes that file, locks it (flock(2)) and hands it to the
keeper, with which the lock lives and dies: a file without a lock has no keeper, and one without a pid never
ran anything. Output goes through pipes that the keeper holds open; the next agent finds them in /proc/PID/fd.
This module knows files, descriptors and what to execute, and starts keepers; it does not know why anything
runs. See docs/decisions/0013.
Known gap: without /proc (macOS) output cannot be found again, and ends with the agent.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from windlass.kernel.clock import Instant
from windlass.node import proc
from windlass.node.command import CannotStart, Launch

SCRIPT = str(Path(__file__).with_name("keeper.sh"))
GO = ".go"
"""The FIFO that keepers whose command ended wait at until some agent reads output."""
NAME_CHARACTERS_MAX = 64
"""Longer names of containers are shortened to a digest: a file name has 255 bytes at most."""
_MARK = proc.KEEPER_MARK
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN = frozenset({"IFS", "LINENO", "OPTIND", "PPID"})
"""Names that a shell gives a meaning to, and would refuse or change values of."""
_STDOUT, _STDERR = 1, 4
"""Where a keeper has them: see keeper.sh."""
_LINES_BYTES_MAX = 64
_RESTORED = [signal.SIGPIPE, signal.SIGXFSZ]
"""Python ignores these, and what is ignored is inherited."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What to execute to have a command kept."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A keeper that was started: its pid, and where to read stdout and stderr (nothing without a log)."""

    pid: int
    pipes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class End:
    """How a kept command ended."""

    exit_code: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Found:
    """A container that was started: its keeper's pid, when, and whether the keeper lives."""

    pid: int
    started_at: Instant
    alive: bool


class Keepers:
    """The keepers of one agent's containers. `directory` is its own: state files, and the FIFO `.go`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._go = f"{directory}/{GO}"
        with suppress(FileExistsError):
            os.mkfifo(self._go, 0o600)
        self._shell = find_shell()
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._gone = -1

    def place(self, unit_id: str, container: str) -> str:
        """The state file of that container."""
        return f"{self.directory}/{file_name(unit_id, container)}"

    def start(
        self,
        place: str,
        launch: Launch,
        at: Instant,
        piped: bool,
        owner: int | None = None,
        given: Mapping[int, int] | None = None,
    ) -> Kept:
        """Have the launch kept, now (`at`); what was there of an earlier run, which has ended, is forgotten.

        `owner` is the user who may open the pipes anew, as /dev/stdout. `given`: number in the command →
        descriptor of ours that it gets there, from 10 on. Raises CannotStart, OSError.
        """
        wrapped = wrap(launch, self._shell, place, self._go if piped else "")
        ends: list[tuple[int, int]] = []
        state = _fresh(place, at)
        try:
            for _ in range(2 if piped else 0):
                ends.append(_pipe(owner))
            outputs = [end[1] for end in ends] or [self._null] * 2
            pid = _spawn(wrapped, dict(enumerate([state, *outputs])) | dict(given or {}))
        except OSError:
            for end in ends:
                os.close(end[0])
            raise
        finally:
            os.close(state)
            for end in ends:
                os.close(end[1])
        return Kept(pid, tuple(end[0] for end in ends))

    def let_go(self) -> None:
        """From now on keepers end when their commands do: the pipes of all that there are were opened."""
        if self._gone < 0:
            self._gone = os.open(self._go, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def left(self) -> list[str]:
        """All state files."""
        with os.scandir(self.directory) as entries:
            return sorted(entry.path for entry in entries if entry.name != GO)

    def forget_others(self, units: Collection[str]) -> list[int]:
        """Forget keepers of other units than these; returns the pids of those that still live."""
        others = [place for place in self.left() if unit_of(place) not in units]
        alive = [found.pid for place in others if (found := find(place)) is not None and found.alive]
        for place in others:
            forget(place)
        return alive

    def close(self) -> None:
        for descriptor in (self._null, self._gone):
            if descriptor >= 0:
                os.close(descriptor)


def file_name(unit_id: str, container: str) -> str:
    """A name for files of that container: "u1.main"."""
    if len(container) > NAME_CHARACTERS_MAX:
        container = sha256(container.encode()).hexdigest()
    return f"{unit_id}.{container}"


def unit_of(place: str) -> str:
    """The unit's id in a state file's path."""
    return place.rpartition("/")[2].rpartition(".")[0]


def find_shell() -> str:
    """What runs keepers: dash, for its size; else what is /bin/sh."""
    return shutil.which("dash", path=os.defpath) or "/bin/sh"


def wrap(launch: Launch, shell: str, place: str, go: str) -> Wrapped:
    """The keeper's command line and environment for that launch. `go` "": it has no output.

    The container's environment travels in numbered variables, so that nothing in it (LD_PRELOAD, IFS, names
    with dots) means anything to the keeper, and no value is seen in a command line. Raises CannotStart.
    """
    plain = {name: value for name, value in launch.environment.items() if _is_plain(name)}
    odd = {name: value for name, value in launch.environment.items() if name not in plain}
    tool = shutil.which("env", path=os.defpath) if odd else ""
    if tool is None:
        raise CannotStart(f"environment variable {min(odd)} needs the program env on this host")
    pairs = [f"{name}={value}" for name, value in (*plain.items(), *odd.items())]
    environment = {_MARK: place} | {f"{_MARK}_{i}": pair for i, pair in enumerate(pairs, 1)}
    numbers = (str(len(plain)), str(len(pairs)))
    argv = (shell, SCRIPT, go, launch.directory, *numbers, tool, launch.executable, *launch.argv[1:])
    return Wrapped(argv, environment)


def _is_plain(name: str) -> bool:
    return bool(_PLAIN.fullmatch(name)) and name not in _SHELLS_OWN and not name.startswith(_MARK)


def _fresh(place: str, at: Instant) -> int:
    """A new state file, locked."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        state = os.open(place, flags, 0o600)
    except FileExistsError:
        os.unlink(place)  # noqa: PTH108 (as all of this module: in every start)
        state = os.open(place, flags, 0o600)
    fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(state, b"%d\n" % at)
    return state


def _pipe(owner: int | None) -> tuple[int, int]:
    """(reading end, an end to read and write): no process's end closes the pipe while a keeper has that."""
    reading, writing = os.pipe()
    try:
        if owner is not None:
            os.fchown(writing, owner, -1)
        both = os.open(f"/proc/self/fd/{writing}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return reading, writing
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    os.close(writing)
    return reading, both


def _spawn(wrapped: Wrapped, descriptors: Mapping[int, int]) -> int:
    """Start a keeper: a quarter of what subprocess costs, and quick however large the agent is (vfork)."""
    moves = [(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in descriptors.items()]
    return os.posix_spawn(
        wrapped.argv[0],
        wrapped.argv,
        wrapped.environment,
        file_actions=moves,
        setsid=True,
        setsigdef=_RESTORED,
    )


def open_pipes(pid: int) -> tuple[int, int]:
    """The reading ends of what a living keeper's command writes to. Raises OSError with none open."""
    first = _open_pipe(pid, _STDOUT)
    try:
        return first, _open_pipe(pid, _STDERR)
    except OSError:
        os.close(first)
        raise


def _open_pipe(pid: int, number: int) -> int:
    return os.open(f"/proc/{pid}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def end(place: str) -> End | None:
    """How the command ended; None: it has not, or its keeper died before it could say."""
    lines, at, _ = _read(place)
    return End(int(lines[2]), at) if len(lines) > 2 else None


def find(place: str) -> Found | None:
    """The container of that state file, ended or not; None: nothing was run, and nothing will be.

    A keeper that was started and has not said its pid yet is looked for on the whole machine.
    """
    lines, _, alive = _read(place)
    while alive and len(lines) < 2:
        if pid := next((pid for pid in proc.everyone() if proc.keeps(pid) == place), 0):
            return Found(pid, int(lines[0]) if lines else 0, True)
        lines, _, alive = _read(place)
    return Found(int(lines[1]), int(lines[0]), alive) if len(lines) > 1 else None


def _read(place: str) -> tuple[list[bytes], Instant, bool]:
    """The whole lines of a state file, when the last was written, and whether its keeper lives."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return [], 0, False
    try:
        alive = not _lockable(descriptor)  # first: what a keeper writes, it writes before it ends
        lines = os.read(descriptor, _LINES_BYTES_MAX).split(b"\n")[:-1]
        return lines, os.fstat(descriptor).st_mtime_ns, alive
    finally:
        os.close(descriptor)


def _lockable(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def command_of(pid: int) -> int | None:
    """The pid of the command that this keeper waits for; None: not executed yet, or ended.

    Until it is executed, the keeper's child is a copy of the keeper, which may lose a signal.
    """
    child = next(iter(proc.children_of(pid)), None)
    return child if child is not None and proc.keeps(child) is None else None


def forget(place: str) -> None:
    """Take the state file away; what it says is known."""
    with suppress(FileNotFoundError):
        os.unlink(place)  # noqa: PTH108

"""The monitor of an OCI container: a conmon process, kept by a keeper, which both outlive the agent.

conmon(8) has the runtime make the container, is the parent of its first process, waits for its end and writes
the exit code into the bundle. Its keeper (keeper.py) holds the output pipes and the state file that the next
agent goes by, as it does for the process runner's commands. This module knows files and processes; not why
anything runs. See docs/decisions/0021.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from windlass.kernel.clock import Instant
from windlass.node import keeper, proc
from windlass.node.command import Launch
from windlass.node.keeper import Keepers, Kept
from windlass.node.oci_bundle import Bundle
from windlass.node.oci_host import OciHost

_SYNC = 100
"""The descriptor on which a monitor says how the start went (conmon's _OCI_SYNCPIPE)."""
_SAID_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Found:
    """A container of an agent before this one. `pid` is its first process's, `keeper` its keeper's."""

    keeper: int
    pid: int
    started_at: Instant
    alive: bool
    """Its keeper lives."""


class Monitors:
    """Starts monitors of one agent's containers; `directory` is theirs, `state` is the runtime's."""

    def __init__(self, directory: Path, state: Path, host: OciHost) -> None:
        self._keepers = Keepers(directory)
        self._state = state
        self._host = host

    def start(self, bundle: Bundle, at: Instant, piped: bool) -> tuple[Kept, int]:
        """Have the container made, not started: (its keeper, the descriptor for `made`). Raises OSError."""
        environment = {"PATH": os.defpath, "_OCI_SYNCPIPE": str(_SYNC)}
        launch = Launch(self._host.monitor, self._words(bundle), environment, str(bundle.directory))
        said, saying = os.pipe()
        try:
            kept = self._keepers.start(self._place(bundle), launch, at, piped, given={_SYNC: saying})
        except BaseException:
            os.close(said)
            raise
        finally:
            os.close(saying)
        return kept, said

    def _words(self, bundle: Bundle) -> tuple[str, ...]:
        runtime, *options = self._host.command
        arguments = (*options, "--root", str(self._state), "--log", str(bundle.log), "--log-format", "json")
        return (
            *(self._host.monitor, "--sync", "--log-level", "error", "--log-path", "passthrough"),
            *("--cid", bundle.id, "--cuuid", bundle.id, "--name", bundle.id),
            *("--runtime", runtime, "--bundle", str(bundle.directory)),
            *("--container-pidfile", str(bundle.pid_file), "--exit-dir", str(bundle.exit_directory)),
            *(f"--runtime-arg={word}" for word in arguments),
        )

    def _place(self, bundle: Bundle) -> str:
        return self._keepers.place(bundle.directory.parent.name, bundle.directory.name)

    def let_go(self) -> None:
        """See Keepers.let_go."""
        self._keepers.let_go()

    def find(self, bundle: Bundle) -> Found | None:
        """The container of that bundle, if it was ever started."""
        if self.waits(bundle):
            return None
        found = keeper.find(self._place(bundle))
        try:
            pid, started_at = int(bundle.pid_file.read_text()), bundle.started_file.stat().st_mtime_ns
        except (OSError, ValueError):
            return None
        return None if found is None else Found(found.pid, pid, started_at, found.alive)

    def waits(self, bundle: Bundle) -> bool:
        """Whether the container was made, and never started."""
        return (self._state / bundle.id / "exec.fifo").exists()

    def kill(self, bundle: Bundle) -> None:
        """Kill its keeper, its monitor, what that is the parent of, and every runtime at work on it.

        Found by what they were told: when one of them was killed, nobody is the others' parent any more.
        """
        told = bundle.id
        monitors = [pid for pid in proc.everyone() if told in proc.command_line(pid)]
        below = [pid for monitor in monitors for pid in proc.children_of(monitor)]
        found = keeper.find(self._place(bundle))
        keepers = [found.pid] if found is not None and found.alive else []
        for pid in (*keepers, *monitors, *below):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def forget(self, bundle: Bundle) -> None:
        """All is known of it."""
        keeper.forget(self._place(bundle))

    def close(self) -> None:
        self._keepers.close()


def open_process(pid: int, bundle: Bundle) -> int:
    """A pidfd of the container's first process, a child of its monitor; -1: it is no more."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return -1
    stat = proc.stat(pid)
    if stat is None or not _is_monitor(stat.parent, bundle):
        os.close(descriptor)
        return -1
    return descriptor


def _is_monitor(pid: int, bundle: Bundle) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return bundle.id.encode() in words and b"--exit-dir" in words


def exit_code(bundle: Bundle) -> tuple[int, Instant] | None:
    """How it ended and when; None: it has not, or its monitor died before it could say."""
    path = bundle.exit_directory / bundle.id
    try:
        return int(path.read_text()), path.stat().st_mtime_ns
    except (OSError, ValueError):
        return None


async def made(loop: asyncio.AbstractEventLoop, said: int) -> bool:
    """Wait until the monitor says whether the container was made. When not, `complaint` has the reason."""
    readable = asyncio.Event()
    loop.add_reader(said, readable.set)
    try:
        await readable.wait()
        text = os.read(said, _SAID_BYTES_MAX)
    finally:
        loop.remove_reader(said)
        os.close(said)
    try:
        return int(json.loads(text.splitlines()[0])["pid"]) > 0
    except (IndexError, KeyError, ValueError, TypeError):  # it ended without a word
        return False


def complaint(log: Path) -> str:
    """The last error in the runtime's log: lines of JSON with `msg`."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):
            return str(json.loads(line)["msg"])
    return lines[-1] if lines else "the OCI runtime was killed, or failed without a word"

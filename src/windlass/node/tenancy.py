"""Who owns an agent's (or a proxy's) data directory: one at a time, and only where it was made.

The lock is on a file and ends with the process that holds it, however that ends. Beside it lies who the
agent is, for those who look for it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import msgspec

from windlass.node import proc

LOCK_PATIENCE_S = 5.0
LOCK_LOOK_S = 0.005
"""What a killed agent was just about to execute has the agent's descriptors, and with them its lock, until it

is executed: a moment, and longer on a busy machine.
"""


class Taken(Exception):
    """Another process has the directory."""


class Tenant(msgspec.Struct, frozen=True):
    """The agent that has, or last had, the directory. `home` is the directory's own number on its disk:

    in a copied directory it differs, and what is noted there about processes is somebody else's.
    """

    pid: int
    node_id: str
    socket: str
    home: str
    runner: str = "process"

    def lives(self) -> bool:
        """Whether a process of that number runs. (Where there is no /proc: no.)"""
        stat = proc.stat(self.pid)
        return stat is not None and stat.state != "Z"


def move_in(
    data: Path, node_id: str, socket: Path, runner: str = "process", role: str = "agent"
) -> tuple[int, bool]:
    """Take the directory: (descriptor that holds the lock, whether the last tenant lived right here).

    `role`: "agent", or "proxy". Raises Taken.
    """
    descriptor = os.open(data / f"{role}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while not _lock(descriptor):
        if (last := tenant(data, role)) is None or last.lives() or time.monotonic() > deadline:
            os.close(descriptor)
            raise Taken(f"another {role} has {data}")
        time.sleep(LOCK_LOOK_S)
    last = tenant(data, role)
    fresh = data / f"{role}.json.new"
    me = Tenant(os.getpid(), node_id, str(socket), home(data), runner)
    fresh.write_bytes(msgspec.json.encode(me) + b"\n")
    fresh.replace(data / f"{role}.json")
    (data / f"{role}.pid").write_text(f"{os.getpid()}\n")
    return descriptor, last is None or last.home == home(data)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def tenant(data: Path, role: str = "agent") -> Tenant | None:
    """What the last one there said of itself."""
    try:
        return msgspec.json.decode((data / f"{role}.json").read_bytes(), type=Tenant)
    except (OSError, msgspec.DecodeError):
        return None


def is_taken(data: Path, role: str = "agent") -> bool:
    """Whether one has the directory now."""
    try:
        descriptor = os.open(data / f"{role}.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def home(data: Path) -> str:
    """The directory's own number on its disk: moved it keeps it, a copy has another."""
    stat = data.stat()
    return f"{stat.st_dev}:{stat.st_ino}"

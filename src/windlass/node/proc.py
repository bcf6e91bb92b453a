"""What /proc says about processes. Reads only; every answer may be out of date when it is given.

Knows no units beyond the mark: each command that is run for a unit carries WINDLASS_UNIT_ID and
WINDLASS_CONTAINER in its environment, and so does everything that it starts.
Where there is no /proc (macOS) the answers are None and empty: nothing is found.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

UNIT_MARK = "WINDLASS_UNIT_ID"
CONTAINER_MARK = "WINDLASS_CONTAINER"
KEEPER_MARK = "WINDLASS_KEEPER"
"""In the environment of a keeper, and of nothing else: its state directory."""

_MARK_BYTES_MAX = 128 * 1024
"""The marks are looked for in so much of an environment."""

_COUNTERS = tuple(
    f"{way}_{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "errors", "dropped")
)
"""As Docker's stats name them."""


STATUS_BYTES = 8_192
"""More than /proc/PID/status has."""
_KILL = 1 << signal.SIGKILL - 1


@dataclass(frozen=True, slots=True)
class Stat:
    """From /proc/PID/stat (proc(5)). `start_ticks` since boot tells two processes of one pid apart."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int
    resident_pages: int
    user_ticks: int = 0
    kernel_ticks: int = 0
    """CPU time of the process and of its children that ended and were waited for."""


def stat(pid: int) -> Stat | None:
    """The process as it is now; None when there is none."""
    raw = _read(f"/proc/{pid}/stat")
    if not raw:
        return None
    # The command stands in parentheses and may itself contain any byte, also ")".
    fields = raw[raw.rindex(b")") + 2 :].split()
    return Stat(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        start_ticks=int(fields[19]),
        resident_pages=int(fields[21]),
        user_ticks=int(fields[11]) + int(fields[13]),
        kernel_ticks=int(fields[12]) + int(fields[14]),
    )


def is_dying(pid: int) -> bool:
    """Whether the process has given up its memory, or a SIGKILL waits for it (proc(5), status: VmRSS, SigPnd,

    ShdPnd). False where /proc says nothing. Asked before each event of a function: one read, no lines.
    """
    text = _read(f"/proc/{pid}/status", STATUS_BYTES)
    if not text:
        return False
    pending = (text.find(name) + len(name) for name in (b"\nSigPnd:\t", b"\nShdPnd:\t"))
    return b"\nVmRSS:" not in text or any(int(text[at : at + 16], 16) & _KILL for at in pending)


def has_ended(child: int) -> bool:
    """Whether that child of ours has ended, or is none of ours; it stays for whoever reaps it."""
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def host_ticks() -> int:
    """CPU time of the whole host since boot, idle time included (/proc/stat); 0 when it cannot be read."""
    first = _read("/proc/stat").partition(b"\n")[0].split()
    return sum(map(int, first[1:9]))  # guest time, behind these, is in user time already


def interfaces(pid: int) -> dict[str, dict[str, int]]:
    """What went through each interface of the process's network namespace (proc(5), /proc/PID/net/dev)."""
    found: dict[str, dict[str, int]] = {}
    for line in _read(f"/proc/{pid}/net/dev").decode(errors="replace").splitlines()[2:]:
        name, _, columns = line.partition(":")
        values = [int(value) for value in columns.split()]
        if len(values) >= 12:
            found[name.strip()] = dict(zip(_COUNTERS, (*values[:4], *values[8:12]), strict=True))
    return found


def mark(pid: int) -> tuple[str, str] | None:
    """The (unit id, container) that the process belongs to by its environment; None when it shows none."""
    raw = _read(f"/proc/{pid}/environ", _MARK_BYTES_MAX)
    found: dict[str, str] = {}
    for entry in raw.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in (b"WINDLASS_UNIT_ID", b"WINDLASS_CONTAINER"):
            found.setdefault(name.decode(), value.decode(errors="replace"))
    unit_id = found.get(UNIT_MARK)
    return (unit_id, found.get(CONTAINER_MARK, "")) if unit_id else None


def keeps(pid: int) -> str | None:
    """The state directory of the container that this process keeps (keeper.py); None: it is no keeper."""
    first, _, _ = _read(f"/proc/{pid}/environ", _MARK_BYTES_MAX).partition(b"\0")
    name, _, directory = first.partition(b"=")
    return os.fsdecode(directory) if name == KEEPER_MARK.encode() else None


def command_line(pid: int) -> list[str]:
    """Its arguments, the program first; empty for zombies and threads of the kernel."""
    return [os.fsdecode(word) for word in _read(f"/proc/{pid}/cmdline").split(b"\0")[:-1]]


def children() -> list[int]:
    """Direct children of this process, zombies too; those it adopted as a subreaper included.

    Needs CONFIG_PROC_CHILDREN (all distributions have it); without it, nothing is found.
    """
    found: list[int] = []
    for thread in _names("/proc/self/task"):
        found.extend(map(int, _read(f"/proc/self/task/{thread}/children").split()))
    return found


def children_of(pid: int) -> list[int]:
    """Direct children of another process's first thread, zombies too; none when it has ended."""
    return list(map(int, _read(f"/proc/{pid}/task/{pid}/children").split()))


def everyone() -> Iterator[int]:
    """Every process of the host."""
    return (int(name) for name in _names("/proc") if name.isdigit())


def _names(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _read(path: str, limit: int = -1) -> bytes:
    """The file's bytes; empty when it is gone or closed to us. `Path.read_bytes` costs four times as much."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return _read_all(descriptor) if limit < 0 else os.read(descriptor, limit)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    parts: list[bytes] = []
    while part := os.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts)


def proportional_kib(pid: int) -> int:
    """The process's proportional set size in KiB (/proc/PID/smaps_rollup); 0 when it cannot be read."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1])
    return 0

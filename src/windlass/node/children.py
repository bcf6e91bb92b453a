"""Children of this process: who has ended, and whom we became the parent of.

The agent is a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): what a task leaves behind, however often
it forked, becomes the agent's child, so that looking for leftovers costs one small read instead of a walk
over all processes. Ends are told by pidfd (pidfd_open(2)) through the loop, without threads and without
SIGCHLD; where there is no pidfd, SIGCHLD and one waitid per watched child take its place.
Knows pids; not units.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Collection

from windlass.node import proc

OnExit = Callable[[int], None]
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Adopt the orphans of everything that this process starts. False where the kernel cannot (not Linux)."""
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


class Children:
    """Watches children. One per process, on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[int, OnExit] = {}
        self._descriptors: dict[int, int] = {}
        self._signalled = False

    def watch(self, pid: int, on_exit: OnExit) -> None:
        """Call `on_exit(exit code)` once when the child ends; 128 + n when signal n ended it.

        It is called before the child is reaped: until it returns, the pid and its process group can belong
        to nobody else, so that the group may be killed safely.
        """
        self._watched[pid] = on_exit
        try:
            descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self._fall_back()
            return
        self._descriptors[pid] = descriptor
        self._loop.add_reader(descriptor, self._ended, pid)

    def adopted(self) -> list[int]:
        """Living children that nobody watches: orphans of ours. Dead ones are reaped on the way."""
        found: list[int] = []
        for pid in proc.children():
            if pid not in self._watched and not _reap(pid):
                found.append(pid)
        return found

    def reap_orphans(self, but: Collection[int] = ()) -> None:
        """Reap dead children that nobody watches: what is ours since its parent died, as a container is whose

        monitor was killed; but for these, which somebody will watch soon.
        None must not stay: the kernel ends no pid namespace before all its dead are reaped.
        """
        for pid in proc.children():
            if pid not in self._watched and pid not in but:
                _reap(pid)

    def close(self) -> None:
        """Watch no more; nothing is killed."""
        for descriptor in self._descriptors.values():
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        self._descriptors.clear()
        self._watched.clear()
        if self._signalled:
            self._loop.remove_signal_handler(signal.SIGCHLD)

    def _ended(self, pid: int) -> None:
        try:
            result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            result = None  # reaped by somebody else: the code is lost, the end is not
        else:
            if result is None:
                return
        code = 255 if result is None else _exit_code(result)
        descriptor = self._descriptors.pop(pid, None)
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        try:
            self._watched[pid](code)
        finally:
            del self._watched[pid]
            _reap(pid)

    def _fall_back(self) -> None:
        if not self._signalled:
            self._signalled = True
            self._loop.add_signal_handler(signal.SIGCHLD, self._look)
        self._loop.call_soon(self._look)  # it may have ended before the handler was there

    def _look(self) -> None:
        for pid in [pid for pid in self._watched if pid not in self._descriptors]:
            self._ended(pid)


def _exit_code(result: os.waitid_result) -> int:
    return result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status


def _reap(pid: int) -> bool:
    """Whether that child was dead, and now is no more."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True

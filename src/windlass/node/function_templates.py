"""The agent's side of templates (function_template.py): asks for forks, and keeps a few ready.

A template runs a user's code, so nothing that it says is believed: who a fork is, the kernel tells
(credentials of its first message), and it has to be a child of ours and of the template's user. Between forks
the template is frozen. Its forks outlive it.
"""

from __future__ import annotations

import array
import asyncio
import logging
import os
import socket
import struct
from collections import deque
from contextlib import suppress
from pathlib import Path

from windlass.kernel.clock import SECOND, Duration
from windlass.node import proc
from windlass.node.function_nests import REFILL_AFTER, Nest, Nests, Place
from windlass.node.function_wire import READY

SPARES = 2
"""Forks that wait for what to be, for each template: they share its pages."""
FORK_WITHIN: Duration = 10 * SECOND
"""A template that takes longer is of no use; AWS's limit for a restore."""
_CREDENTIALS = struct.Struct("3i")

log = logging.getLogger("windlass.agent")


class Template:
    """One that holds still. `control` is our end of its socket, and ours to close."""

    def __init__(
        self, key: str, network: Path | None, place: Place, control: socket.socket, nests: Nests
    ) -> None:
        self.key = key
        self.network = network
        """Its forks are there, too."""
        self._place = place
        self._control = control
        self._nests = nests
        self._spares: deque[Nest] = deque()
        self._asked = 0
        self._refilling: asyncio.TimerHandle | None = None
        self._closed = False
        self._rest()
        self._refill_later()

    async def take(self) -> Nest:
        """A fork in a place of its own. Raises OSError."""
        self._refill_later()
        while self._spares:
            nest = self._spares.popleft()
            if nest.lives():
                return nest
            self._nests.discard(nest)
        return await self._fork()

    def close(self) -> None:
        """Ask it for no more; its process is its sandbox's to end."""
        self._closed = True
        if self._refilling is not None:
            self._refilling.cancel()
        self._control.close()
        while self._spares:
            self._nests.discard(self._spares.popleft())

    async def _fork(self) -> Nest:
        if self._closed:
            raise OSError("the snapshot is gone")
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        place = self._nests.beside(self._place)
        try:
            with other:
                self._wake()
                passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [other.fileno()]))
                self._control.sendmsg([b"{}"], [passed])
            try:
                async with asyncio.timeout(FORK_WITHIN / SECOND):
                    pid = await _heard(own, place)
            finally:
                self._rest()
            await self._settle(pid, place)
        except TimeoutError:
            self._abandon(own, place)
            raise OSError("the snapshot does not answer") from None
        except BaseException:
            self._abandon(own, place)
            raise
        return Nest(pid, own, place)

    async def _settle(self, pid: int, place: Place) -> None:
        """Have the fork where its environment is to be."""
        self._nests.unwatched.add(pid)
        try:
            if (
                place.group is not None
            ):  # to move a process takes the kernel long when all processors are busy
                await asyncio.get_running_loop().run_in_executor(None, place.group.take_in, pid)
            if self._nests.means.isolated:
                place.namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            self._nests.unwatched.discard(pid)
            raise

    def _abandon(self, own: socket.socket, place: Place) -> None:
        own.close()
        self._nests.leave(place)

    def _wake(self) -> None:
        self._asked += 1
        if self._asked == 1 and self._nests.means.freeze and self._place.group is not None:
            self._place.group.thaw()

    def _rest(self) -> None:
        self._asked = max(0, self._asked - 1)
        if self._asked or self._closed or not self._nests.means.freeze or self._place.group is None:
            return
        with suppress(OSError):
            self._place.group.freeze()

    def _refill_later(self) -> None:
        """A moment later, when the starts under way are over: each further one puts it off again."""
        if self._refilling is not None:
            self._refilling.cancel()
        if not self._closed:
            loop = asyncio.get_running_loop()
            self._refilling = loop.call_later(
                REFILL_AFTER / SECOND, lambda: self._nests.spawn.start("restored spares", self._refill())
            )

    async def _refill(self) -> None:
        while len(self._spares) < SPARES and not self._closed:
            try:
                nest = await self._fork()
            except OSError as error:
                log.warning("no spare of snapshot %s: %s", self.key, error)
                return
            if self._closed:
                self._nests.discard(nest)
            else:
                self._spares.append(nest)


async def _heard(own: socket.socket, place: Place) -> int:
    """The process at the other end, once it has its place. Raises OSError with what it says is wrong."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(own, lambda: None if readable.done() else readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(own)
    data, ancillary, _, _ = own.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
    if data != READY:
        raise OSError(f"the snapshot cannot be restored: {data.decode(errors='replace') or 'it ended'}")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid, user, _ = _CREDENTIALS.unpack(payload)
            if user == (place.user if place.user >= 0 else os.geteuid()) and not proc.has_ended(pid):
                return int(pid)
    raise OSError("the snapshot was restored by a process that it did not make")

"""A transport without sockets: two queues in one process, for simulated worlds and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic

from windlass.fleet.frames import In, decode_from_node, decode_from_plane, encode
from windlass.fleet.messages import FromNode, FromPlane


class QueueTransport(Generic[In]):
    """One end of a pair; make both with `pair()`."""

    def __init__(
        self,
        outgoing: asyncio.Queue[Any],
        incoming: asyncio.Queue[Any],
        write: Callable[[FromNode | FromPlane], Any],
        read: Callable[[Any], In],
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._write = write
        self._read = read
        self._closed = False

    async def send(self, message: FromNode | FromPlane) -> None:
        if self._closed:
            raise ConnectionResetError("the queue is closed")
        self._outgoing.put_nowait(self._write(message))

    async def receive(self) -> In | None:
        sent = None if self._closed else await self._incoming.get()
        if sent is None:
            self.close()
            return None
        return self._read(sent)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._outgoing.put_nowait(None)
            self._incoming.put_nowait(None)


def pair(*, as_bytes: bool = True) -> tuple[QueueTransport[FromNode], QueueTransport[FromPlane]]:
    """The plane's end and the node's end.

    `as_bytes`: encode messages and decode them again, as on a real link. Without, they are handed over as
    they are. They never change, so nobody can tell, but for the time: a sixth of what a large world takes.
    """
    there: asyncio.Queue[Any] = asyncio.Queue()
    back: asyncio.Queue[Any] = asyncio.Queue()
    if as_bytes:
        return (
            QueueTransport(there, back, encode, decode_from_node),
            QueueTransport(back, there, encode, decode_from_plane),
        )
    plane_end: QueueTransport[FromNode] = QueueTransport(there, back, _as_it_is, _as_it_is)
    return plane_end, QueueTransport(back, there, _as_it_is, _as_it_is)


def _as_it_is(message: Any) -> Any:
    return message

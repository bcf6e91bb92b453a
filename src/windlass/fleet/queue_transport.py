"""A transport without sockets: two queues in one process, for simulated worlds and tests."""

from __future__ import annotations

import asyncio


class QueueTransport:
    """One end of a pair; make both with `pair()`."""

    def __init__(self, outgoing: asyncio.Queue[bytes | None], incoming: asyncio.Queue[bytes | None]) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._closed = False

    async def send(self, body: bytes) -> None:
        if self._closed:
            raise ConnectionResetError("the queue is closed")
        self._outgoing.put_nowait(body)

    async def receive(self) -> bytes | None:
        body = None if self._closed else await self._incoming.get()
        if body is None:
            self.close()
        return body

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._outgoing.put_nowait(None)
            self._incoming.put_nowait(None)


def pair() -> tuple[QueueTransport, QueueTransport]:
    """The plane's end and the node's end."""
    there: asyncio.Queue[bytes | None] = asyncio.Queue()
    back: asyncio.Queue[bytes | None] = asyncio.Queue()
    return QueueTransport(there, back), QueueTransport(back, there)

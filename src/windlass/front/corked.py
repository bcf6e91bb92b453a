"""A transport that sends what is written in one turn of the loop with one system call.

uvicorn writes the head of a response and its body one after the other, and uvloop sends each at once: two
system calls, and a client that is woken twice. What is held back waits for no more than the current turn.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Corked:
    """Stands before a transport; all but writing and closing is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """What was written is sent before."""
        self._flush()
        self._transport.close()

    def given_away(self) -> asyncio.Transport:
        """What it stands before, for a protocol that does without it from now on."""
        self._flush()
        return self._transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if not self._pieces:
            return
        pieces, self._pieces = self._pieces, []
        self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))


class CorkedHttp(HttpToolsProtocol):
    """uvicorn's HTTP over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]

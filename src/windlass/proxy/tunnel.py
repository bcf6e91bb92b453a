"""Bytes both ways after a protocol was changed (101): WebSocket and what else the two sides agree on.

Passes the end of each direction on, holds the side that is faster, and ends when both have ended or one
broke.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windlass.proxy.http1_target import Http1Target


class Tunnel:
    """`client` is set by the client's side. `ended(bytes to the client, bytes to the target)` once."""

    def __init__(
        self, link: Http1Target, touch: Callable[[], None], ended: Callable[[int, int], None]
    ) -> None:
        self.client: asyncio.Transport | None = None
        self._link = link
        self._touch = touch
        self._ended: Callable[[int, int], None] | None = ended
        self._to_client = self._to_target = 0
        self._open = 2  # directions

    def from_client(self, data: bytes) -> None:
        self._to_target += len(data)
        self._touch()
        if self._link.transport is not None:
            self._link.transport.write(data)

    def from_target(self, data: bytes) -> None:
        self._to_client += len(data)
        self._touch()
        if self.client is not None:
            self.client.write(data)

    def client_ended(self) -> None:
        """It sends no more, and may still hear."""
        self._half(self._link.transport)

    def target_ended(self) -> None:
        self._half(self.client)

    def client_lost(self) -> None:
        self.cut()

    def target_lost(self) -> None:
        if self.client is not None:
            self.client.close()
        self._end()

    def client_full(self, full: bool) -> None:
        _hold(self._link.transport, full)

    def target_full(self, full: bool) -> None:
        _hold(self.client, full)

    def cut(self) -> None:
        """End both sides now."""
        self._link.wire = None
        if self._link.transport is not None:
            self._link.transport.close()
        if self.client is not None:
            self.client.close()
        self._end()

    def _half(self, other: asyncio.Transport | None) -> None:
        self._open -= 1
        if self._open <= 0 or other is None or not other.can_write_eof():
            self.cut()
        else:
            other.write_eof()

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self._to_client, self._to_target)


def _hold(transport: asyncio.Transport | None, hold: bool) -> None:
    if transport is None or transport.is_closing():
        return
    if hold:
        transport.pause_reading()
    else:
        transport.resume_reading()

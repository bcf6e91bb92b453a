"""What is written in one turn of the loop is sent at once."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from windlass.front.corked import Corked


class Wire:
    """A transport that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.told


def test_a_turn_is_one_write() -> None:
    """Head and body together; the next response by itself; what is not sent yet before the end."""

    async def story() -> None:
        wire = Wire()
        corked: Any = Corked(cast(asyncio.Transport, wire), asyncio.get_running_loop())
        corked.write(b"head ")
        corked.write(b"body")
        assert wire.told == []
        await asyncio.sleep(0)
        assert wire.told == [b"head body"]
        corked.write(b"last")
        corked.close()
        assert wire.told == [b"head body", b"last", "closed"] and corked.is_closing()
        await asyncio.sleep(0)
        assert len(wire.told) == 3

    asyncio.run(story())

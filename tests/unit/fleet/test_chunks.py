"""A response in pieces, through the plane."""

from __future__ import annotations

import asyncio

from windlass.fleet.chunks import Chunks
from windlass.fleet.function_messages import InvokeChunk


def test_pieces_in_order_to_the_end() -> None:
    """The reader waits for them; what it takes is room for more."""

    async def story() -> None:
        chunks = Chunks()
        reader = asyncio.ensure_future(chunks.take())
        await asyncio.sleep(0)
        assert not reader.done() and not chunks.begun
        chunks.put(InvokeChunk("r", b"", "text/plain"))
        chunks.put(InvokeChunk("r", b"abc"))
        assert (await reader, chunks.begun, chunks.content_type) == (b"", True, "text/plain")
        assert chunks.room.is_set() and chunks.collect() is None
        chunks.end()
        assert [await chunks.take(), await chunks.take(), await chunks.take()] == [b"abc", None, None]
        assert (chunks.collect(), chunks.collect()) == (3, None)

    asyncio.run(story())


def test_a_reader_that_leaves() -> None:
    """The node is told so, once it is asked; what still comes is dropped."""

    async def story() -> None:
        chunks = Chunks()
        chunks.put(InvokeChunk("r", b"abc"))
        chunks.refuse()
        chunks.put(InvokeChunk("r", b"def"))
        assert chunks.room.is_set() and chunks.collect() == 0
        assert await chunks.take() is None

    asyncio.run(story())


def test_an_end_without_pieces() -> None:
    """Whoever waits for the beginning learns it."""

    async def story() -> None:
        chunks = Chunks()
        chunks.end()
        await chunks.arrival()
        assert not chunks.begun and await chunks.take() is None

    asyncio.run(story())

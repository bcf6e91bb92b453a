"""One invocation whose response is read while it runs: for InvokeWithResponseStream and streaming URLs.

The invocation is a task of its own: it goes on to its end when nobody reads any more. A function that does
not stream gives its whole result as the only piece. Beyond the first 6 MB a profile may hold a response back
(`lambda.stream_bytes`), and no response is longer than STREAM_BYTES_MAX.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from windlass.fleet.chunks import Chunks
from windlass.fleet.messages import InvokeResult
from windlass.kernel import bucket
from windlass.kernel.rows import replace
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.limits import STREAM_BYTES_MAX
from windlass.services.lambda_.target import Target
from windlass.services.plane import Plane

BANDWIDTH = "lambda.stream_bytes"
"""Bucket of one response: 6 MiB at once, then 2 MiB/s; Lambda quotas, "Bandwidth for streamed responses"."""
SIZE_QUOTA = "lambda.stream_bytes_max"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Ending:
    """What there is to say when a response is over; `code` is empty for success."""

    code: str = ""
    details: str = ""
    log_tail: bytes = b""


class Streamed:
    """`begin`, then `pieces` to their end or to nobody's interest, then `ending`."""

    def __init__(self, plane: Plane, invoker: Invoker, target: Target, event: Event) -> None:
        self._plane = plane
        self._invoker = invoker
        self._target = target
        self._chunks = Chunks()
        self._event = replace(event, chunks=self._chunks)
        self._ended: InvokeResult | Exception | None = None
        limit = plane.quotas.value(SIZE_QUOTA)
        self._room = STREAM_BYTES_MAX if limit is None else int(limit)
        self._too_large = False

    async def begin(self) -> None:
        """Return when there is something to read. Raises Fault, or Retry, when nothing will ever be."""
        self._plane.spawn.start(f"stream {self._event.request_id}", self._run())
        await self._chunks.arrival()
        if isinstance(self._ended, Exception) and not self._chunks.begun:
            raise self._ended

    @property
    def content_type(self) -> str:
        """Of the response, once it has begun; the result of a function that does not stream is JSON."""
        return self._chunks.content_type if self._chunks.begun else JSON

    @property
    def failed(self) -> bool:
        """Whether the function failed before it said anything."""
        return not self._chunks.begun and isinstance(self._ended, InvokeResult) and bool(self._ended.error)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All that the function says, as fast as it may."""
        pace = Pace(self._plane, self._target)
        try:
            while (piece := await self._chunks.take()) is not None and not self._too_large:
                await pace.wait(len(piece))
                yield self._fitting(piece)
            if not self._too_large:
                yield self._fitting(self._last_piece())
        finally:
            self._chunks.refuse()

    def ending(self) -> Ending:
        """How it went. Raises what ended the response before its end: Retry when the node was lost."""
        if self._too_large:
            return Ending("Function.ResponseSizeTooLarge", "The response is larger than it may be.")
        if isinstance(self._ended, Exception):
            raise self._ended
        assert self._ended is not None, "the pieces come first"
        details = self._ended.payload.decode(errors="replace") if self._ended.error else ""
        return Ending(self._ended.error, details, self._ended.log_tail)

    def _fitting(self, piece: bytes) -> bytes:
        """As much of it as there is room for in a response."""
        self._too_large = len(piece) > self._room
        fitting = piece[: self._room]
        self._room -= len(fitting)
        return fitting

    def _last_piece(self) -> bytes:
        """What comes with the result: of a function that does not stream that is everything."""
        if not isinstance(self._ended, InvokeResult):
            return b""
        if self._ended.streamed is not None:
            return self._ended.streamed.data
        return b"" if self._ended.error else self._ended.payload

    async def _run(self) -> None:
        try:
            self._ended = await self._invoker.invoke(self._target, self._event)
        except Exception as error:
            self._ended = error
        self._chunks.end()


class Streams:
    """Opens such invocations: `call.part(Streams)`."""

    def __init__(self, plane: Plane, invoker: Invoker) -> None:
        self._plane = plane
        self._invoker = invoker

    def open(self, target: Target, event: Event) -> Streamed:
        """One that has not begun."""
        return Streamed(self._plane, self._invoker, target, event)


class Pace:
    """How fast one response may be: as the profile's bucket says, if it has one."""

    def __init__(self, plane: Plane, target: Target) -> None:
        self._clock = plane.clock
        self._rate = plane.quotas.rate(BANDWIDTH, (target.function.account, target.function.region))
        self._level = None if self._rate is None else bucket.full(self._rate, plane.clock.now())

    async def wait(self, size: int) -> None:
        """Return when so many bytes more may be sent."""
        if self._rate is None or self._level is None:
            return
        size = min(size, self._rate.burst)
        pause = bucket.wait_for(self._level, self._rate, size, self._clock.now())
        if pause:
            await self._clock.sleep(pause)
        self._level, _ = bucket.take(self._level, self._rate, size, self._clock.now())

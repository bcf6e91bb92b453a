"""A container's output out of Docker's log: read from where it was left, no faster than it is taken away.

Docker keeps output in a file and stamps each line, so that a reader that comes back, after its own death or
the daemon's, goes on where it stopped: `Place` says where. While there is no room the stream is not read;
the task itself is never held up, its file grows meanwhile.
Known gap: a daemon that is configured to rotate its files (`log-opts`, max-size) loses what was rotated away
before it was read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import msgspec

from windlass.kernel.clock import Instant
from windlass.node.docker_api import DaemonGone, Engine, Query
from windlass.node.docker_spec import instant, stamp
from windlass.node.output import Lines
from windlass.node.runner import LogStream

FRAME_BYTES_MAX = 4 * 2**20
"""Docker cuts lines at 16 KiB; whoever announces more than this is no Docker."""
LAST_ROOM_WITHIN_S = 10.0
"""How long the output of a container that ended waits for room, before the rest is given up."""
_HEADER = 8

log = logging.getLogger("windlass.agent")


class Place(msgspec.Struct, frozen=True, array_like=True):
    """How far a log was read: all before `at`, and the first `count` frames of that very instant."""

    at: Instant = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One line, or a piece of a long one: then without a newline. `stream`: 1 stdout, 2 stderr."""

    stream: int
    at: Instant
    text: bytes


class Frames:
    """Cuts the bytes of a log stream (ContainerAttach, "Stream format") into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now. Raises DaemonGone for what is no log stream."""
        self._rest += data
        start = 0
        while len(self._rest) - start >= _HEADER:
            kind = self._rest[start]
            size = int.from_bytes(self._rest[start + 4 : start + _HEADER], "big")
            if kind > 2 or size > FRAME_BYTES_MAX:
                raise DaemonGone("the daemon's log stream is damaged")
            end = start + _HEADER + size
            if len(self._rest) < end:
                break
            stamped, _, text = bytes(self._rest[start + _HEADER : end]).partition(b" ")
            yield Frame(kind, instant(stamped.decode("latin-1")), text)
            start = end
        del self._rest[:start]


class Skipping:
    """Lets through what was not read before, and knows the place behind it. Pure.

    Docker's `since` includes its instant, so the frames of that instant that were read already come again.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._since = place

    def begin(self) -> None:
        """A new stream since `place` begins."""
        self._since = self.place

    def takes(self, at: Instant) -> bool:
        """Whether the next frame, of that instant, is new. Stamps of stdout and stderr may overtake."""
        if at == self._since.at and self._since.count:
            self._since = Place(at, self._since.count - 1)
            return False
        if at > self.place.at:
            self.place = Place(at, 1)
        elif at == self.place.at:
            self.place = Place(at, self.place.count + 1)
        return True


class DockerOutput:
    """Reads one container's log into its stream. `on_moved` is told each new place."""

    def __init__(
        self,
        engine: Engine,
        container_id: str,
        stream: LogStream,
        place: Place,
        on_moved: Callable[[Place], None],
    ) -> None:
        self._engine = engine
        self._id = container_id
        self._stream = stream
        self._skipping = Skipping(place)
        self._on_moved = on_moved
        self._lines = {kind: Lines() for kind in range(3)}
        self._room: asyncio.Future[bool] | None = None
        self._ended = False
        self._given_up = False

    async def follow(self) -> None:
        """Read until the container ends, or the daemon does. Raises DaemonGone, Refused."""
        await self._read(follow=True)

    def hurry(self) -> None:
        """The container ended: from now on room is not waited for for ever."""
        self._ended = True
        if self._room is not None:
            asyncio.get_running_loop().call_later(LAST_ROOM_WITHIN_S, self._found, self._room, False)

    async def finish(self) -> None:
        """After `hurry`, when nobody follows any more: read what is left. Raises DaemonGone, Refused."""
        if not self._given_up:
            await self._read(follow=False)
        for lines in self._lines.values():
            if rest := lines.rest():
                self._stream.write(rest, self._skipping.place.at)
        self._stream.flush()

    async def _read(self, follow: bool) -> None:
        place = self._skipping.place
        since = {"since": stamp(place.at)} if place.at else {}
        query: Query = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow), **since}
        self._skipping.begin()
        frames = Frames()
        async with self._engine.stream("GET", f"/containers/{self._id}/logs", query) as pieces:
            async for piece in pieces:
                if not self._take(frames.feed(piece)) and not await self._wait_for_room():
                    self._given_up = True
                    log.warning("container %s: the rest of its output finds no room", self._id)
                    return

    def _take(self, frames: Iterator[Frame]) -> bool:
        """Hand lines on. False: there is no room for more."""
        room = True
        for frame in frames:
            if self._skipping.takes(frame.at):
                for line in self._lines[frame.stream].feed(frame.text):
                    room = self._stream.write([line], frame.at)
        self._on_moved(self._skipping.place)
        return room

    async def _wait_for_room(self) -> bool:
        self._room = asyncio.get_running_loop().create_future()
        self._stream.on_room(partial(self._found, self._room, True))
        if self._ended:
            self.hurry()
        return await self._room

    @staticmethod
    def _found(room: asyncio.Future[bool], found: bool) -> None:
        if not room.done():
            room.set_result(found)

"""One Docker daemon over time: whether it answers, what its containers do, calls that outlast its absence.

A stream of events says when a container ended; each time that the daemon is back, all containers are looked
at, because what happened meanwhile was told to nobody. Knows containers by their ids only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration
from windlass.node.docker_api import DaemonGone, Engine, Query, Refused
from windlass.node.docker_spec import CONTAINER_LABEL, HOME_LABEL, UNIT_LABEL, Home

RETRY_FIRST: Duration = 100 * MILLISECOND
RETRY_MAX: Duration = 5 * SECOND
OVERLAP: Duration = 60 * SECOND
"""Events of this long ago are asked for again: a daemon answers before it listens for new ones."""
LINE_BYTES_MAX = 2**20

log = logging.getLogger("windlass.agent")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """A container as a list shows it. `status`: created, running, exited, …"""

    id: str
    unit_id: str
    container: str
    status: str
    labels: Mapping[str, str] = field(default_factory=dict)


class Watcher(Protocol):
    """Who is told of containers."""

    def ended(self, container_id: str, exit_code: int | None) -> None:
        """It ended, or is gone altogether."""

    def listed(self, running: Set[str]) -> None:
        """These run now; what happened before was told to nobody."""


class Daemon:
    """`watch` has to run beside the calls that `insist`."""

    def __init__(self, engine: Engine, clock: Clock, home: Home, watcher: Watcher) -> None:
        self.engine = engine
        self._clock = clock
        self._home = home
        self._watcher = watcher
        self._answers = asyncio.Event()

    async def containers(self) -> list[Found]:
        """All containers of this agent. Raises DaemonGone, Refused, TimeoutError."""
        return await containers_with(self.engine, f"{HOME_LABEL}={self._home.id}")

    async def volumes(self) -> list[tuple[str, str]]:
        """(unit id, name) of all volumes that this agent made. Raises as `containers`."""
        found = await volumes_with(self.engine, f"{HOME_LABEL}={self._home.id}")
        return [(labels.get(UNIT_LABEL, ""), name) for name, labels in found]

    async def watch(self) -> None:
        """Listen for ever; while the daemon is away, look for it again and again."""
        delay = RETRY_FIRST
        while True:
            try:
                since = (self._clock.now() - OVERLAP) // SECOND
                kinds = {"type": ["container"], "event": ["die", "destroy"]}
                filters = _json({**kinds, "label": [f"{HOME_LABEL}={self._home.id}"]})
                query: Query = {"since": since, "filters": filters}
                async with self.engine.stream("GET", "/events", query) as pieces:
                    found = await self.containers()
                    self._watcher.listed({c.id for c in found if c.status == "running"})
                    self._answers.set()
                    delay = RETRY_FIRST
                    async for event in lines(pieces):
                        self._told(event)
                why = "it closed the stream of events"
            except (DaemonGone, Refused, TimeoutError) as error:
                why = str(error)
            if self._answers.is_set():
                log.warning("the Docker daemon is away: %s", why)
            self._answers.clear()
            await self._clock.sleep(delay)
            delay = min(RETRY_MAX, 2 * delay)

    async def insist(self, work: Callable[[], Awaitable[T]], within_s: float | None = None) -> T:
        """Do it, again when the daemon went away in the middle. Raises Refused and what `work` raises;

        DaemonGone when the daemon is away for longer than `within_s` seconds.
        """
        while True:
            try:
                return await work()
            except (DaemonGone, TimeoutError) as error:
                await self._clock.sleep(RETRY_FIRST)
                try:
                    await asyncio.wait_for(self._answers.wait(), within_s)
                except TimeoutError:
                    raise DaemonGone(str(error) or "the Docker daemon does not answer") from error

    def _told(self, event: Mapping[str, Any]) -> None:
        actor = event.get("Actor") or {}
        attributes = actor.get("Attributes") or {}
        code = str(attributes.get("exitCode", ""))
        self._watcher.ended(str(actor.get("ID", "")), int(code) if code.isdigit() else None)


async def containers_with(engine: Engine, label: str) -> list[Found]:
    """All containers, in whatever state, that have the label."""
    query: Query = {"all": 1, "filters": _json({"label": [label]})}
    listed = await engine.call("GET", "/containers/json", query)
    return [
        Found(
            str(entry["Id"]),
            str((labels := entry.get("Labels") or {}).get(UNIT_LABEL, "")),
            str(labels.get(CONTAINER_LABEL, "")),
            str(entry.get("State", "")),
            labels,
        )
        for entry in listed or ()
    ]


async def volumes_with(engine: Engine, label: str) -> list[tuple[str, Mapping[str, str]]]:
    """(name, labels) of all volumes that have the label."""
    listed = await engine.call("GET", "/volumes", {"filters": _json({"label": [label]})})
    return [(str(entry["Name"]), entry.get("Labels") or {}) for entry in listed.get("Volumes") or ()]


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[Mapping[str, Any]]:
    """JSON values, one a line. What is none ends the stream as a gone daemon."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise DaemonGone("the daemon's stream of events is damaged")
        for line in whole:
            if line.strip():
                try:
                    yield msgspec.json.decode(line, type=dict[str, Any])
                except msgspec.DecodeError as error:
                    raise DaemonGone(f"the daemon's stream of events is damaged: {error}") from error


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

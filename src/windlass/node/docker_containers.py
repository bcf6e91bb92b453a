"""What is done to one container of Docker: make it, start it once, look at it, signal it, delete it.

Knows requests and their refusals; when each is due is docker_runner.py's.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from windlass.fleet.messages import ContainerSpec
from windlass.node import docker_spec as shapes
from windlass.node.docker_api import Refused
from windlass.node.docker_daemon import Daemon
from windlass.node.docker_spec import Home, Outcome
from windlass.node.faults import CannotCreate

CREATES_WITHIN_S = 4 * 60.0
STARTS_WITHIN_S = 3 * 60.0
"""The ECS agent's container create and start timeouts (facts, agent defaults)."""
STARTS_MAX = 3
"""Attempts at one start: under load runtimes lose a container between its creation and its first
instruction ("cannot start a stopped process": docker/for-linux 647, containerd/nerdctl 4143)."""
AWAY_MAX_S = 30.0
"""How long a start waits for a daemon that is away, before the container fails."""

T = TypeVar("T")

log = logging.getLogger("windlass.agent")


class Containers:
    """Those of one agent."""

    def __init__(self, daemon: Daemon, home: Home) -> None:
        self._daemon = daemon
        self._engine = daemon.engine
        self._home = home

    async def starting(self, work: Callable[[], Awaitable[T]]) -> T:
        """Insist, but not for ever. Raises DaemonGone."""
        return await self._daemon.insist(work, AWAY_MAX_S)

    async def create(self, unit_id: str, spec: ContainerSpec, body: Mapping[str, Any]) -> str:
        """The new container's id. Raises CannotCreate, DaemonGone, Refused."""
        return await self.starting(partial(self._create, unit_id, spec, body))

    async def set_going(self, container_id: str, started_before: int) -> Outcome:
        """Start it once, though the daemon may go away before it answers, or fail at it by a fault of its own

        (5xx, where nothing of the container ran). Raises DaemonGone, Refused.
        `started_before`: when it was last started before this.
        """
        asked = False

        async def start() -> Outcome:
            nonlocal asked
            if not asked or (await self._inspect(container_id)).started_at <= started_before:
                asked = True
                path = f"/containers/{container_id}/start"
                await self._engine.call("POST", path, within_s=STARTS_WITHIN_S)
            return await self._inspect(container_id)

        for _ in range(STARTS_MAX - 1):
            try:
                return await self.starting(start)
            except Refused as error:
                if error.status < 500:
                    raise
                log.warning("container %s did not start, and is asked to again: %s", container_id, error)
        return await self.starting(start)

    async def discard(self, container_id: str) -> Outcome | None:
        """Take away one of which nothing ever ran. If it was started after all, how it is.

        Its start may have been under way when whoever asked for it died: lists show it as created until it
        runs, whereas to look at it waits for that start, and only what does not run is deleted without force.
        Raises DaemonGone, Refused.
        """
        return await self.starting(partial(self._discard, container_id))

    async def look_up(self, container_id: str) -> Outcome:
        """How it is now, whenever the daemon can tell. Raises Refused."""
        return await self._daemon.insist(partial(self._inspect, container_id))

    async def signal(self, container_id: str, name: str) -> None:
        """Send it that signal; nothing happens when it has ended. What somebody paused goes on for it."""

        async def send() -> None:
            await self._engine.call("POST", f"/containers/{container_id}/kill", {"signal": name})

        try:
            await self._daemon.insist(send)
        except Refused as error:
            if "paused" not in error.message:
                return
            with suppress(Refused):
                await self._engine.call("POST", f"/containers/{container_id}/unpause")
                await self._daemon.insist(send)

    async def delete(self, path: str) -> None:
        """Take away a container or volume, with all that only it has."""
        await self._daemon.insist(partial(self._delete, path))

    async def _create(self, unit_id: str, spec: ContainerSpec, body: Mapping[str, Any]) -> str:
        """What was made under its name before, and never ran, has to go."""
        await self._make_volumes(unit_id, spec)
        name = shapes.container_name(unit_id, spec.name)
        ask = partial(self._engine.call, "POST", "/containers/create", {"name": name}, body)
        create = partial(ask, within_s=CREATES_WITHIN_S)
        try:
            return str((await create())["Id"])
        except Refused as error:
            if error.status != 409:
                raise
        there = await self._engine.call("GET", f"/containers/{name}/json")
        if (there["Config"].get("Labels") or {}).get(shapes.HOME_LABEL) != self._home.id:
            raise CannotCreate(f"another agent has a container named {name}")
        await self._delete(f"/containers/{there['Id']}")
        return str((await create())["Id"])

    async def _make_volumes(self, unit_id: str, spec: ContainerSpec) -> None:
        for name in shapes.volumes(unit_id, spec):  # nothing happens to one that is there
            body = {"Name": name, "Labels": self._home.labels(unit_id)}
            await self._engine.call("POST", "/volumes/create", body=body)
        for name in shapes.volumes_expected(spec):
            try:
                await self._engine.call("GET", f"/volumes/{name}")
            except Refused as error:
                if error.status != 404:
                    raise
                why = f"the shared volume {name} is not there, and autoprovision is false"
                raise CannotCreate(why) from error

    async def _inspect(self, container_id: str) -> Outcome:
        return shapes.outcome(await self._engine.call("GET", f"/containers/{container_id}/json"))

    async def _discard(self, container_id: str) -> Outcome | None:
        try:
            found = await self._inspect(container_id)
            if not found.started_at:
                await self._delete(f"/containers/{container_id}", force=False)
                found = await self._inspect(container_id)
        except Refused as error:
            if error.status != 404:
                raise
            return None
        return found if found.started_at else None

    async def _delete(self, path: str, force: bool = True) -> None:
        """What is gone already, or about to go, is no fault."""
        try:
            await self._engine.call("DELETE", path, {"force": int(force), "v": 1})
        except Refused as error:
            if error.status not in (404, 409):
                log.warning("cannot remove %s from Docker: %s", path, error)

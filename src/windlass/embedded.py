"""The agent that `windlass up` runs on its own machine: started or found, kept, and ended with the plane.

Part of the composition root. After a SIGKILL of the plane the agent and its tasks live on, and the next
plane on the same data directory finds them here; a clean stop ends all of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from windlass.config import Unusable
from windlass.early_agent import NODE_ID, socket_path, token_file
from windlass.fleet import capabilities, intake, unix_transport
from windlass.fleet.link import NodeLinks
from windlass.fleet.model import NODES
from windlass.kernel.clock import SECOND
from windlass.kernel.detached import Starting
from windlass.node.launch import AgentFailed, ensure_agent
from windlass.services.plane import Plane

CONNECTS_WITHIN = 30 * SECOND
ENDS_WITHIN = 20 * SECOND
"""How long a clean stop waits for the agent, which caps stop timeouts below this when it shuts down."""
RESTART_AFTER = SECOND
"""An agent that ended by itself is started again, at most this often."""

log = logging.getLogger("windlass.agent")


def register(plane: Plane, data: Path, runner: str) -> None:
    """Make the agent's node known, before anybody can ask for something to be run."""
    told = capabilities.attributes(runner, os.uname().machine)
    token = token_file(data).read_text()
    intake.register(plane.store, NODE_ID, token, unbounded=True, attributes=told)


@asynccontextmanager
async def embedded_agent(
    plane: Plane, links: NodeLinks, data: Path, runner: str, starting: Starting | None = None
) -> AsyncIterator[None]:
    """An agent that is connected while the block runs. An exception in the block leaves it running.

    `starting`: one that is on its way already (early_agent.py).
    """
    token = token_file(data)
    socket = socket_path(data)
    try:
        listening = await unix_transport.serve(socket, links, plane.spawn)
    except (OSError, ValueError) as error:
        raise Unusable(f"cannot listen for the agent on {socket}: {error}") from error
    if os.geteuid() == 0 and runner == "process":
        log.warning("started as root: tasks without `user` run as root too")
    agent = _Agent(plane, data / "agent", socket, token, runner, starting)
    await agent.start()
    try:
        yield
        await agent.end(links)
    finally:
        listening.close()
        socket.unlink(missing_ok=True)


class _Agent:
    """The agent's process, started again when it ends by itself."""

    def __init__(
        self, plane: Plane, data: Path, socket: Path, token: Path, runner: str, starting: Starting | None
    ) -> None:
        self._plane = plane
        self._data = data
        self._socket = socket
        self._token_file = token
        self._runner = runner
        self._starting = starting
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Return when it has a session."""
        await self._connect()
        self._keeper = self._plane.spawn.start("embedded agent", self._keep())

    async def end(self, links: NodeLinks) -> None:
        """Have it stop what it runs and end; what it reports meanwhile is still taken in."""
        self._keeper.cancel()
        if self._ended.is_set() or not self._watch_connected().is_set():
            self._ended.clear()  # it was killed a moment ago: another one has to end what it left
            await self._connect()
        await links.shut_down(NODE_ID)
        try:
            await asyncio.wait_for(self._ended.wait(), ENDS_WITHIN / SECOND)
        except TimeoutError:
            log.error("the agent did not end in time; see %s", self._data / "agent.log")

    async def _keep(self) -> None:
        while True:
            await self._ended.wait()
            log.error("the agent ended by itself and is started again; see %s", self._data / "agent.log")
            self._plane.journal.note("fleet", NODE_ID, "agent restarted", "it ended by itself")
            await self._plane.clock.sleep(RESTART_AFTER)
            self._ended.clear()
            try:
                await self._ensure()
            except Unusable as error:  # it may have been killed while it started: the plane goes on without
                log.error("%s", error)
                self._ended.set()

    async def _connect(self) -> None:
        await self._ensure()
        try:
            await asyncio.wait_for(self._watch_connected().wait(), CONNECTS_WITHIN / SECOND)
        except TimeoutError:
            raise Unusable(f"the agent did not connect; see {self._data / 'agent.log'}") from None

    async def _ensure(self) -> None:
        starting, self._starting = self._starting, None
        try:
            await ensure_agent(
                self._data,
                socket=self._socket,
                token_file=self._token_file,
                node_id=NODE_ID,
                runner=self._runner,
                on_exit=lambda code: self._ended.set(),
                starting=starting,
            )
        except AgentFailed as error:
            raise Unusable(str(error)) from error

    def _watch_connected(self) -> asyncio.Event:
        connected = asyncio.Event()

        def look(_: object = None) -> None:
            node = self._plane.store[NODES].get(NODE_ID)
            if node is not None and node.connected:
                connected.set()

        self._plane.store.watch((NODES,), look)
        look()
        return connected

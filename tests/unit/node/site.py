"""A place for agents: a socket where they find their plane, which is in a test's hand."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.unit.node.fake_plane import FakePlane
from tests.unit.node.running import LOG
from windlass.fleet.frames import FROM_NODE_BYTES_MAX, StreamTransport, decode_from_node
from windlass.fleet.messages import ContainerSpec
from windlass.node.launch import ensure_agent

SLEEPER = ContainerSpec("main", command=("sleep", "600"), log=LOG)


class Site:
    """A socket that agents connect to, and the agent in `data`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.socket = data / "s"
        self.exits: asyncio.Queue[int] = asyncio.Queue()
        self._planes: asyncio.Queue[FakePlane] = asyncio.Queue()
        (data / "token").write_text("secret\n")

    async def listen(self) -> None:
        async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            plane = FakePlane(StreamTransport(reader, writer, FROM_NODE_BYTES_MAX, decode_from_node))
            if await plane.is_asked():
                self._planes.put_nowait(plane)
            else:
                plane.close()

        self.server = await asyncio.start_unix_server(on_connect, str(self.socket))

    async def ensure(self, runner: str = "process") -> int:
        return await ensure_agent(
            self.data / "agent",
            socket=self.socket,
            token_file=self.data / "token",
            node_id="n1",
            runner=runner,
            on_exit=self.exits.put_nowait,
        )

    def spawn(self, *command: str, runner: str = "process") -> subprocess.Popen[bytes]:
        """An agent run by that command; nobody waits for it to be up."""
        arguments = ("--data", self.data / "agent", "--socket", self.socket, "--runner", runner)
        arguments += ("--token-file", self.data / "token", "--node-id", "n1")
        return subprocess.Popen([*command, *map(str, arguments)], start_new_session=True)

    async def plane(self) -> FakePlane:
        return await asyncio.wait_for(self._planes.get(), 60)

    async def kill(self, pid: int) -> None:
        """SIGKILL to the agent; returns when it is gone."""
        os.kill(pid, signal.SIGKILL)
        assert await self.exit() == 137

    async def exit(self) -> int:
        return await asyncio.wait_for(self.exits.get(), 60)


def at_site(data: Path, body: Callable[[Site], Awaitable[None]]) -> None:
    async def run() -> None:
        site = Site(data)
        await site.listen()
        await body(site)
        site.server.close()

    asyncio.run(run())

"""The docker runner while its daemon has not answered yet."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from windlass.fleet.messages import ContainerSpec
from windlass.kernel.clock import WallClock
from windlass.kernel.spawn import Spawn
from windlass.node.docker_daemon import Found
from windlass.node.docker_runner import DockerRunner
from windlass.node.docker_spec import Home


class Busy:
    """A daemon that takes signals, and is in no hurry to say how containers are."""

    def __init__(self) -> None:
        self.address = SimpleNamespace(is_local=True)
        self.signals: list[Any] = []
        self.asked = asyncio.Event()

    async def call(self, method: str, path: str, query: Any = None, **more: Any) -> Any:
        if method == "GET":
            await asyncio.Event().wait()
        self.signals.append((path, query["signal"]))
        self.asked.set()


def test_an_adopted_container_is_killed_before_anything_is_known_of_it() -> None:
    """Its stop timeout passed while no agent lived: the kill comes at once, and must not get lost."""

    async def scenario() -> None:
        busy = Busy()
        spawn = Spawn(lambda name, error: None)
        parts: list[Any] = [None, None, None]
        runner = DockerRunner(
            asyncio.get_running_loop(), WallClock(), spawn, cast(Any, busy), *parts, Home("h", "d")
        )
        runner._found["u1", "main"] = Found("c1", "u1", "main", "running")
        assert runner.adopt("u1", ContainerSpec("main", image="busybox"), 0)
        runner.kill("u1", "main")
        async with asyncio.timeout(10):
            await busy.asked.wait()
        assert busy.signals == [("/containers/c1/kill", "SIGKILL")]
        await spawn.close()

    asyncio.run(scenario())

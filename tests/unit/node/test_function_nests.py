"""Children of fork servers, whatever happens to the server on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.unit.node.function_world import watch
from windlass.kernel.spawn import Spawn
from windlass.node.children import become_subreaper
from windlass.node.function_forks import ForkServer, ServerGone, Setup
from windlass.node.function_nests import Means, Nests, Place, said
from windlass.node.function_sandboxes import OWN


def test_a_child_whose_server_died_before_it_told_of_it_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another takes its place, and alone holds the socket by which its end is known; the first one ends."""
    become_subreaper()
    forked: list[int] = []
    ask = ForkServer.ask

    async def lose_the_first_answer(
        server: ForkServer, fields: Mapping[str, Any], descriptors: Sequence[int]
    ) -> Any:
        answer = await ask(server, fields, descriptors)
        forked.append(answer.pid)
        if len(forked) > 1:
            return answer
        server.close()
        raise ServerGone("the fork server ended")

    monkeypatch.setattr(ForkServer, "ask", lose_the_first_answer)

    def on_crash(name: str, error: BaseException) -> NoReturn:
        raise AssertionError(f"{name} crashed") from error

    async def story() -> None:
        spawn = Spawn(on_crash)
        nests = Nests(Setup(False, tmp_path, ()), Means(), watch, spawn, lambda but: None)
        ends = [asyncio.Event(), asyncio.Event()]
        async with asyncio.timeout(30):
            nest = await nests.take(OWN, Place())
            assert forked[1] == nest.pid
            for pid, end in zip(forked, ends, strict=True):
                watch(pid, lambda code, end=end: end.set())  # type: ignore[misc]
            await ends[0].wait()
            assert nest.lives()
            os.kill(nest.pid, signal.SIGKILL)
            assert await said(nest.end) == b""
            await ends[1].wait()
        await nests.close()
        await spawn.close()

    asyncio.run(story())

"""One container of Docker: started once, whatever goes wrong, and taken away only if it never ran."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from windlass.kernel.clock import WallClock
from windlass.node.docker_api import DaemonGone, Refused
from windlass.node.docker_containers import STARTS_MAX, Containers
from windlass.node.docker_daemon import Daemon
from windlass.node.docker_spec import Home

STOPPED = Refused(500, "cannot start a stopped process: unknown")
NO_SUCH = Refused(404, "No such container: c1")
RAN_AT = "2026-11-22T12:00:00Z"


class Docker:
    """A daemon with one container. `starts`: what becomes of each attempt; None is that it works."""

    def __init__(self, starts: tuple[Exception | None, ...] = (), begins_before_delete: bool = False) -> None:
        self.calls: list[str] = []
        self.started_at = ""
        self.is_gone = False
        self._starts = list(starts)
        self._begins_before_delete = begins_before_delete

    async def call(self, method: str, path: str, query: Any = None, **more: Any) -> Any:
        if method == "GET":
            if self.is_gone:
                raise NO_SUCH
            status = "running" if self.started_at else "created"
            return {"State": {"Status": status, "StartedAt": self.started_at}}
        self.calls.append(method)
        if method == "DELETE":
            if self._begins_before_delete:
                self.started_at = RAN_AT
                raise Refused(409, "You cannot remove a running container")
            self.is_gone = True
        elif (error := self._starts.pop(0)) is None:
            self.started_at = RAN_AT
        else:
            raise error
        return None


def ask(docker: Docker, work: Callable[[Containers], Any]) -> Any:
    async def scenario() -> Any:
        daemon = Daemon(cast(Any, docker), WallClock(), Home("h", "d"), cast(Any, None))
        daemon._answers.set()
        return await work(Containers(daemon, Home("h", "d")))

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("starts", "posts"),
    [((None,), 1), ((STOPPED, None), 2), ((STOPPED, STOPPED, None), 3), ((DaemonGone("away"), None), 2)],
)
def test_a_start_that_fails_by_no_fault_of_ours_is_made_again(
    starts: tuple[Exception | None, ...], posts: int
) -> None:
    docker = Docker(starts)
    assert ask(docker, lambda containers: containers.set_going("c1", 0)).status == "running"
    assert docker.calls == ["POST"] * posts


@pytest.mark.parametrize(
    ("error", "posts"), [(STOPPED, STARTS_MAX), (Refused(400, "nosuch: executable file not found"), 1)]
)
def test_a_start_that_cannot_work_is_given_up(error: Refused, posts: int) -> None:
    docker = Docker((error,) * STARTS_MAX)
    with pytest.raises(Refused, match=str(error.message)):
        ask(docker, lambda containers: containers.set_going("c1", 0))
    assert docker.calls == ["POST"] * posts


def test_what_was_created_and_never_ran_is_discarded() -> None:
    docker = Docker()
    assert ask(docker, lambda containers: containers.discard("c1")) is None
    assert docker.is_gone
    assert ask(docker, lambda containers: containers.discard("c1")) is None
    assert docker.calls == ["DELETE"]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_what_a_start_under_way_set_going_is_kept(when: str) -> None:
    """Listed as created, since whoever asked for its start died before the daemon was through with that."""
    docker = Docker(begins_before_delete=when == "meanwhile")
    docker.started_at = RAN_AT if when == "before" else ""
    found = ask(docker, lambda containers: containers.discard("c1"))
    assert found.runs and not docker.is_gone
    assert docker.calls == ([] if when == "before" else ["DELETE"])

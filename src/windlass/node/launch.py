"""Starts an embedded agent beside a plane, or finds the one that is running already.

For the plane's composition root. The agent is a detached process: it lives on when the plane is killed, and
the next plane finds it here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from windlass.kernel import detached
from windlass.kernel.detached import Starting
from windlass.node.children import Children
from windlass.node.tenancy import is_taken, tenant


class AgentFailed(Exception):
    """The agent did not start, or is not the one that was asked for; one line that says why."""


async def ensure_agent(
    data: Path,
    *,
    socket: Path,
    token_file: Path,
    node_id: str,
    runner: str = "process",
    on_exit: Callable[[int], None] = lambda code: None,
    starting: Starting | None = None,
) -> int:
    """Return the pid of the agent in `data` once it runs: the one that is there or starting, or a new one.

    `on_exit` is called on the running loop when that agent ends (its exit code, 255 for an agent that
    another plane started). Raises AgentFailed.
    """
    if starting is None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid = _running(data, socket.absolute(), runner)
        if pid is not None:
            Children(asyncio.get_running_loop()).watch(pid, on_exit)
            return pid
        starting = begin(data, socket=socket, token_file=token_file, node_id=node_id, runner=runner)
    try:
        pid = await _up(starting, data)
    except AgentFailed:  # perhaps because one that a killed plane had just started was quicker
        running = _running(data, socket.absolute(), runner)
        if running is None:
            raise
        pid = running
    Children(asyncio.get_running_loop()).watch(pid, on_exit)
    return pid


def _running(data: Path, socket: Path, runner: str) -> int | None:
    """The agent that has the directory now."""
    if not is_taken(data):
        return None
    found = tenant(data)
    if found is None:
        raise AgentFailed(f"an agent has {data}, but does not say which; end it and try again")
    if found.socket != str(socket):
        raise AgentFailed(
            f"agent {found.pid} has {data} and looks for its plane at {found.socket}; end it first"
        )
    if found.runner != runner:
        raise AgentFailed(
            f"agent {found.pid} has {data} and runs tasks with the {found.runner} runner, not {runner}; "
            "end it first"
        )
    return found.pid if found.lives() else None  # a dead one's lock goes in a moment; the new one waits


def begin(data: Path, *, socket: Path, token_file: Path, node_id: str, runner: str) -> Starting:
    """Start a new agent; `ensure_agent` waits for it. Needs no loop."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "--data": data,
        "--socket": socket,
        "--token-file": token_file,
        "--node-id": node_id,
        "--runner": runner,
    }
    words = [str(word) for option in options.items() for word in option]
    return detached.begin("windlass.node.main", words, data / "agent.log")  # until it has its own log


async def _up(starting: Starting, data: Path) -> int:
    """Its pid, when it is up and running."""
    pid = await starting.up()
    if pid is None:
        raise AgentFailed(f"the agent did not start; see {data / 'agent.log'}")
    return pid

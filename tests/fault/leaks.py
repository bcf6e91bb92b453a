"""What an agent may leave behind on its host: a look at all of it, and what is there that was not before.

Everything carries something of its agent: a path below its data directory, the number of that directory (in
names of cgroups, namespaces, tables and links), or a label in Docker. So tests that run beside each other on
one machine see only their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from tests.dockerd import Dockerd
from tests.fault.waiting import until
from windlass.node import keeper, proc
from windlass.node.cgroups import parent_group, read_hierarchies
from windlass.node.network import leftovers, namespaces
from windlass.node.network.opening import tag_of, why_not

Traces: TypeAlias = dict[str, set[str]]
"""Kind → what there is of it."""
AN_AGENTS_OWN = {"processes", "cgroups", "network namespaces", "links", "nft tables"}
"""What a living agent has though it runs nothing."""
EMPTIED = ("scratch", "trash", "keepers", "monitors", "oci/units", "oci/state", "docker/load")
"""Directories of an agent that have nothing in them when nothing runs."""


class Leaks:
    """Compares what there is with what there was when this was made.

    `agent` is the agent's directory, `dockerd` a daemon that nobody else uses, `mark` something that is in
    the environment or on the command line of all processes of tasks.
    """

    def __init__(self, agent: Path, dockerd: Dockerd | None = None, mark: str = "") -> None:
        agent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._agent = agent
        self._dockerd = dockerd
        self._group = parent_group(agent)
        self._mark = mark.encode()
        self._words = [str(agent).encode(), self._group.encode(), *([self._mark] if mark else [])]
        self._before = self.look()

    def none(self, *, agent_lives: bool = False) -> None:
        """Nothing is there that was not there before, or soon will not be; fails with what is."""
        kinds = self._before.keys() - (AN_AGENTS_OWN if agent_lives else set())
        found = "nothing was looked at"

        def gone() -> bool:
            nonlocal found
            new = {kind: names - self._before[kind] for kind, names in self.look().items() if kind in kinds}
            found = str({kind: sorted(names) for kind, names in new.items() if names})
            return not any(new.values())

        try:
            until(gone, "nothing is left")
        except AssertionError as error:
            raise AssertionError(f"left behind: {found}") from error

    def look(self) -> Traces:
        """All that there is now."""
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        roots = read_hierarchies().roots
        told = {pid: _told(pid) for pid in proc.everyone() if pid != os.getpid()}
        own = [pid for pid, text in told.items() if any(word in text for word in self._words)]
        return {
            "processes": _named(own),
            "processes of tasks": _named(pid for pid in own if self._mark and self._mark in told[pid]),
            "zombies": {str(pid) for parent in own for pid in proc.children_of(parent) if _is_dead(pid)},
            "cgroups": {str(path) for top in roots if (path := top / self._group.lstrip("/")).exists()},
            "mounts": {line for line in mounts if str(self._agent) in line},
            **self._networks(),
            **self._docker(),
            "files": set(self._files()),
        }

    def _networks(self) -> Traces:
        """Namespaces, links and tables that carry the directory's number."""
        if why_not():
            return {}
        own = [one for one in leftovers.find(namespaces.mounts()) if one.tag == tag_of(self._agent)]
        return {
            "network namespaces": {name for one in own for name in one.namespaces},
            "links": {name for one in own for name in one.links},
            "nft tables": {name for one in own for name in one.tables},
        }

    def _docker(self) -> Traces:
        if self._dockerd is None:
            return {}
        return {
            "Docker containers": {found["Id"] for found in self._dockerd.containers()},
            "Docker volumes": set(self._dockerd.volumes()),
        }

    def _files(self) -> Iterator[str]:
        for name in EMPTIED:
            directory = self._agent / name
            if directory.is_dir():
                yield from (f"{name}/{path.name}" for path in directory.iterdir() if path.name != keeper.GO)


def _told(pid: int) -> bytes:
    """What the process shows of who it is."""
    found = b""
    for name in ("cmdline", "environ", "cgroup"):
        with suppress(OSError):
            found += Path(f"/proc/{pid}/{name}").read_bytes()
    return found


def _named(pids: Iterable[int]) -> set[str]:
    return {f"{pid} {' '.join(proc.command_line(pid))}" for pid in pids}


def _is_dead(pid: int) -> bool:
    stat = proc.stat(pid)
    return stat is not None and stat.state == "Z"

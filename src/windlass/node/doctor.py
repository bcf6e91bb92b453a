"""Finds processes and networks that nobody will ever look after, and ends them: `windlass agent doctor`.

Tasks outlive their agent so that the next one adopts them; when no next one can come, they are left over: the
data directory was deleted, or its agent and its plane are dead and somebody asks for the place to be cleaned.
Looks at processes whose environment it may read, which are those of the same user (all, for root). Files of
a directory that exists are left to the next agent there. Needs /proc; elsewhere nothing is found.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from windlass.node import proc
from windlass.node.cgroups import abandoned, function_group, parent_group, read_hierarchies, thaw
from windlass.node.ledger import load
from windlass.node.network import leftovers, namespaces
from windlass.node.network.opening import tag_of, why_not
from windlass.node.tenancy import is_taken, tenant

Home: TypeAlias = Literal["agent", "plane", "dead", "gone"]
"""Who looks after a data directory: its agent; its plane, which starts agents; nobody; it was deleted."""
WHY: Mapping[Home, str] = {
    "dead": "neither its agent nor its plane runs",
    "gone": "its data directory was deleted",
}
UNKNOWN = "no agent on this host knows its unit"


@dataclass(frozen=True, slots=True)
class Process:
    """One process that is marked as some agent's. `state`: the state directory, of a keeper."""

    pid: int
    start_ticks: int
    session: int
    unit_id: str
    container: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process to end, of that data directory ("": nobody knows), and why it is one."""

    process: Process
    data: str
    why: str


@dataclass(frozen=True, slots=True)
class Networks:
    """What a dead agent's networks left, and why it is left over. `mounts`: the host's mount namespace."""

    found: leftovers.Leftover
    mounts: int
    why: str

    def remove(self) -> None:
        """Take it away. Raises OSError."""
        leftovers.remove(self.found, self.mounts)


def examine(data: Path | None = None) -> list[Leftover]:
    """What is left over on this host now; with `data`, only of that agent's data directory."""
    processes = [process for pid in proc.everyone() if (process := _look(pid)) is not None]
    places = {data_of(process.state) for process in processes if process.state} | set(_agents())
    if data is not None:
        places = {str(data)}  # others are not even looked at
    homes = {place: home_of(Path(place)) for place in sorted(places)}
    known = {unit for place, home in homes.items() if home not in WHY for unit in load(Path(place, "ledger"))}
    found = judge(processes, homes, known)
    return found if data is None else [leftover for leftover in found if leftover.data == str(data)]


def examine_networks(data: Path | None = None) -> list[Networks]:
    """Routers, links and tables of networks that nobody looks after; none for those who may not see."""
    if why_not():
        return []
    mounts = namespaces.mounts()
    found = []
    for one in leftovers.find(mounts):
        home = "gone" if one.data is None or not _is_the_same(one.data, one.tag) else home_of(one.data)
        if home in WHY and data in (None, one.data):
            found.append(Networks(one, mounts, WHY[home]))
    return found


def examine_groups(data: Path | None = None) -> list[str]:
    """cgroups of OCI containers and functions that nobody is in any more, and whose agent does not run."""
    places = [place for name in _agents() if (place := Path(name)).is_dir()]
    living = {group(place) for place in places for group in (parent_group, function_group)}
    found = abandoned(read_hierarchies(), living)
    if data is None:
        return found
    own = {parent_group(data), function_group(data)} if data.is_dir() else set()
    return [name for name in found if name in own]


def remove_group(name: str) -> None:
    """Take it away, with those below it."""
    read_hierarchies().remove(name)


def _is_the_same(data: Path, tag: str) -> bool:
    """Whether that directory is still the one that the tag stands for."""
    return data.is_dir() and tag_of(data) == tag


def judge(processes: Iterable[Process], homes: Mapping[str, Home], known: set[str]) -> list[Leftover]:
    """Which of these processes are left over, keepers first. `known`: units that somebody looks after.

    A keeper shares the fate of its directory; another process that of its unit.
    """
    processes = sorted(processes, key=lambda process: (not process.state, process.pid))
    found: list[Leftover] = []
    places = {p.unit_id: data_of(p.state) for p in processes if p.state}
    for process in processes:
        place = places.get(process.unit_id, "")
        home = homes.get(place)
        if home is not None and home in WHY:
            found.append(Leftover(process, place, WHY[home]))
        elif home is None and process.unit_id not in known:
            found.append(Leftover(process, "", UNKNOWN))
    return found


def remove(processes: Iterable[Leftover]) -> list[Leftover]:
    """Kill them; returns those that were killed. What has ended meanwhile, or changed, is left alone."""
    killed: list[Leftover] = []
    for leftover in processes:
        if _look(leftover.process.pid) == leftover.process:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(leftover.process.pid, signal.SIGKILL)
                thaw(leftover.process.pid, read_hierarchies())
                killed.append(leftover)
    return killed


def data_of(state: str) -> str:
    """The agent's data directory that a state directory is in: DATA/units/UNIT.CONTAINER → DATA."""
    return str(Path(state).parents[1])


def _look(pid: int) -> Process | None:
    """The process, if it is marked as some agent's."""
    stat = proc.stat(pid)
    if stat is None or stat.state == "Z":
        return None
    state = proc.keeps(pid)
    if state is not None:
        unit_id, _, container = Path(state).name.rpartition(".")
        return Process(pid, stat.start_ticks, stat.session, unit_id, container, state)
    mark = proc.mark(pid)
    return None if mark is None else Process(pid, stat.start_ticks, stat.session, *mark)


def _agents() -> list[str]:
    """Data directories of the agents that run."""
    lines = [proc.command_line(pid) for pid in proc.everyone()]
    agents = [line for line in lines if "--data" in line[:-1] and "--node-id" in line]
    return [str(Path(line[line.index("--data") + 1]).absolute()) for line in agents]


def home_of(data: Path) -> Home:
    """Who looks after that agent's data directory."""
    if not data.is_dir():
        return "gone"
    if is_taken(data):
        return "agent"
    last = tenant(data)
    return "plane" if last is not None and _answers(last.socket) else "dead"


def _answers(path: str) -> bool:
    """Whether a plane listens there: it will start an agent that adopts what runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(1)
        try:
            end.connect(path)
        except OSError:
            return False
    return True

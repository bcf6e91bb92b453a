"""Finds containers and volumes of Docker that no agent looks after, and removes them: for `agent doctor`.

Their labels say which data directory of which machine they were made for; those of other machines, whose
agents may use the same daemon, are left alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from windlass.node import tenancy
from windlass.node.docker_api import DaemonGone, Engine, Refused
from windlass.node.docker_daemon import containers_with, volumes_with
from windlass.node.docker_host import find
from windlass.node.docker_spec import CONTAINER_LABEL, DATA_LABEL, HOME_LABEL, UNIT_LABEL
from windlass.node.doctor import WHY, home_of
from windlass.node.faults import NotCapable

_WITHOUT_DAEMON = (NotCapable, DaemonGone, Refused, TimeoutError)


@dataclass(frozen=True, slots=True)
class Left:
    """Something in Docker, the agent's data directory that it was made for, and why it is left over."""

    kind: Literal["containers", "volumes"]
    name: str
    unit_id: str
    container: str
    data: str
    why: str


async def examine(environment: Mapping[str, str], data: Path | None = None) -> list[Left]:
    """What is left over now, containers first; with `data`, only of that agent's data directory.

    Nothing where no daemon answers.
    """
    try:
        engine = (await find(environment)).engine
        found = [("containers", c.id, c.labels) for c in await containers_with(engine, HOME_LABEL)]
        found += [("volumes", name, labels) for name, labels in await volumes_with(engine, HOME_LABEL)]
    except _WITHOUT_DAEMON:
        return []
    left = []
    for kind, name, labels in found:
        place = labels.get(DATA_LABEL, "")
        why = _why(labels.get(HOME_LABEL, ""), place) if data is None or place == str(data) else ""
        if why:
            unit, container = labels.get(UNIT_LABEL, ""), labels.get(CONTAINER_LABEL, "")
            left.append(
                Left("volumes" if kind == "volumes" else "containers", name, unit, container, place, why)
            )
    return left


async def remove(environment: Mapping[str, str], leftovers: Sequence[Left]) -> list[Left]:
    """Take these away; returns those that are gone now."""
    gone: list[Left] = []
    if not leftovers:
        return gone
    try:
        engine = (await find(environment)).engine
        for left in leftovers:
            if await _delete(engine, f"/{left.kind}/{left.name}"):
                gone.append(left)
    except _WITHOUT_DAEMON:
        pass
    return gone


async def _delete(engine: Engine, path: str) -> bool:
    try:
        await engine.call("DELETE", path, {"force": 1, "v": 1})
    except Refused as error:
        return error.status == 404
    return True


def _why(home: str, place: str) -> str:
    """Why nobody looks after what was made for that directory; "" when somebody does, or may."""
    machine, _, number = home.partition(":")
    if machine != os.uname().nodename:
        return ""
    path = Path(place)
    if not path.is_dir() or tenancy.home(path) != number:
        return WHY["gone"]
    return WHY.get(home_of(path), "")

"""The commands about agents of this machine: doctor. Needs no plane."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from windlass.cli.output import show_json, show_table
from windlass.node import docker_leftovers
from windlass.node.doctor import examine, examine_groups, examine_networks, remove, remove_group

COLUMNS = ("pid", "unit", "container", "data", "why")


def doctor(data: Path | None, removing: bool, as_json: bool) -> int:
    """Show what is left over, and end it if asked to; returns the exit code."""
    place = None if data is None else data.resolve() / "agent"
    found = examine(place)
    killed = remove(found) if removing else []
    rows: list[dict[str, object]] = [
        {
            "pid": leftover.process.pid,
            "unit": leftover.process.unit_id,
            "container": leftover.process.container,
            "keeper": bool(leftover.process.state),
            "data": leftover.data,
            "why": leftover.why,
            "killed": leftover in killed,
        }
        for leftover in found
    ]
    rows += _in_docker(data, removing)
    networks = _networks(place, removing)
    groups = examine_groups(place)
    for group in groups if removing else ():
        remove_group(group)
    if as_json:
        show_json({"leftovers": rows, "networks": networks, "cgroups": groups})
    elif rows or networks or groups:
        if rows:
            show_table(("PID", "UNIT", "CONTAINER", "DATA", "WHY", ""), [_cells(row) for row in rows])
        for network in networks:
            done = ": removed" if network["removed"] else ""
            print(f"networks of {network['data']} ({network['why']}): {' '.join(network['names'])}{done}")
        for group in groups:
            print(f"cgroup {group}, empty{': removed' if removing else ''}")
    else:
        print("nothing is left over")
    return 0 if all(row["killed"] for row in rows) else 1


def _in_docker(data: Path | None, removing: bool) -> list[dict[str, object]]:
    """Containers and volumes that are left over in the Docker daemon, if there is one."""
    found = asyncio.run(
        docker_leftovers.examine(os.environ, None if data is None else data.resolve() / "agent")
    )
    gone = asyncio.run(docker_leftovers.remove(os.environ, found)) if removing else []
    return [
        {
            "pid": None,
            "unit": left.unit_id,
            "container": left.container if left.kind == "containers" else "",
            "docker": left.name,
            "data": left.data,
            "why": left.why,
            "killed": left in gone,
        }
        for left in found
    ]


def _networks(place: Path | None, removing: bool) -> list[dict[str, Any]]:
    """Networks of dead agents, taken away if asked to."""
    shown = []
    for networks in examine_networks(place):
        if removing:
            networks.remove()
        names = (*networks.found.namespaces, *networks.found.links, *networks.found.tables)
        data = str(networks.found.data or "")
        shown.append({"data": data, "why": networks.why, "names": names, "removed": removing})
    return shown


def _cells(row: dict[str, object]) -> list[str]:
    shown = [str(row[name] or "docker") if name == "pid" else str(row[name]) for name in COLUMNS]
    return [*shown, "killed" if row["killed"] else ""]

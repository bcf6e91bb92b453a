"""The commands about agents of this machine: doctor. Needs no plane."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from windlass.cli.output import show_json, show_table
from windlass.node import docker_leftovers
from windlass.node.doctor import examine, remove

COLUMNS = ("pid", "unit", "container", "data", "why")


def doctor(data: Path | None, removing: bool, as_json: bool) -> int:
    """Show what is left over, and end it if asked to; returns the exit code."""
    found = examine(None if data is None else data.resolve() / "agent")
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
    if as_json:
        show_json({"leftovers": rows})
    elif rows:
        show_table(("PID", "UNIT", "CONTAINER", "DATA", "WHY", ""), [_cells(row) for row in rows])
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


def _cells(row: dict[str, object]) -> list[str]:
    shown = [str(row[name] or "docker") if name == "pid" else str(row[name]) for name in COLUMNS]
    return [*shown, "killed" if row["killed"] else ""]

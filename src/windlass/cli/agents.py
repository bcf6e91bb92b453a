"""The commands about agents of this machine: doctor. Needs no plane."""

from __future__ import annotations

from pathlib import Path

from windlass.cli.output import show_json, show_table
from windlass.node.doctor import examine, remove


def doctor(data: Path | None, removing: bool, as_json: bool) -> int:
    """Show what is left over, and end it if asked to; returns the exit code."""
    found = examine(None if data is None else data.resolve() / "agent")
    killed = remove(found) if removing else []
    rows = [
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
    if as_json:
        show_json({"leftovers": rows})
    elif rows:
        show_table(("PID", "UNIT", "CONTAINER", "DATA", "WHY", ""), [_cells(row) for row in rows])
    else:
        print("nothing is left over")
    return 0 if len(killed) == len(found) else 1


def _cells(row: dict[str, object]) -> list[str]:
    shown = [str(row[name]) for name in ("pid", "unit", "container", "data", "why")]
    return [*shown, "killed" if row["killed"] else ""]

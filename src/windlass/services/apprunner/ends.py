"""How a unit of App Runner's ended, as a sentence. Pure."""

from __future__ import annotations

from windlass.fleet.model import Unit

GONE = "Its unit is not there any more."


def how(unit: Unit | None) -> str:
    """The runner's own reason, or the exit code, or what is known of the unit; for one that is over."""
    if unit is None:
        return GONE
    seen = unit.observed
    containers = () if seen is None else seen.containers
    said = next((one.reason for one in containers if one.reason), "")
    codes = [one.exit_code for one in containers if one.exit_code is not None]
    exited = f"Container exit code: {codes[0]}" if codes else ""
    return said or exited or unit.why or (seen.reason if seen is not None else "") or "It ended."

"""The accounts of a scenario: which there are. Pure; what is in them is play.py's.

All have the same resources, and quotas of their own. Known gap: none differs from the others.
"""

from __future__ import annotations

from windlass.planner.scenario.model import Scenario
from windlass.sim.world import ACCOUNT


def accounts_of(scenario: Scenario) -> tuple[str, ...]:
    """Their ids: the world's own, and those that follow it."""
    return tuple(f"{int(ACCOUNT) + place:012d}" for place in range(scenario.accounts))

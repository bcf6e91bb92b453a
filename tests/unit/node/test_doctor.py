"""Which processes are left over, from what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from windlass.node.doctor import UNKNOWN, WHY, Home, Leftover, Process, data_of, judge

KEEPER = Process(10, 100, 10, "u1", "main", "/data/agent/units/u1.main")
COMMAND = Process(11, 101, 10, "u1", "main")
STRAY = Process(5, 90, 5, "u9", "main")


@pytest.mark.parametrize(
    ("homes", "known", "found"),
    [
        ({"/data/agent": "agent"}, {"u1", "u9"}, []),
        ({"/data/agent": "plane"}, {"u1", "u9"}, []),
        ({"/data/agent": "agent"}, {"u1"}, [(STRAY, "", UNKNOWN)]),
        (
            {"/data/agent": "dead"},
            {"u9"},
            [(KEEPER, "/data/agent", WHY["dead"]), (COMMAND, "/data/agent", WHY["dead"])],
        ),
        (
            {"/data/agent": "gone", "/other": "agent"},
            set(),
            [
                (KEEPER, "/data/agent", WHY["gone"]),
                (STRAY, "", UNKNOWN),
                (COMMAND, "/data/agent", WHY["gone"]),
            ],
        ),
    ],
)
def test_judge(homes: Mapping[str, Home], known: set[str], found: list[tuple[Process, str, str]]) -> None:
    """A keeper shares the fate of its directory, other processes that of their unit."""
    assert judge([COMMAND, KEEPER, STRAY], homes, known) == [Leftover(*row) for row in found]


def test_a_task_that_its_agent_forgot_is_still_its_agents() -> None:
    """The agent of a living directory looks after its keepers itself, whatever its ledger says."""
    forgotten = dataclasses.replace(KEEPER, unit_id="u7", state="/data/agent/units/u7.main")
    assert judge([forgotten], {"/data/agent": "agent"}, set()) == []


def test_data_directory_of_a_state_directory() -> None:
    """A state directory is two below its agent's data directory."""
    assert data_of(KEEPER.state) == "/data/agent"

"""The same scenario file, for real and in virtual time: both take as long, within 20 %.

Rounds go on until they agree, because a machine that has other work may be slow for some of them. A simulator
that is wrong does not agree in any round: without its agent's limits it says a twentieth of what it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.contract.test_readme import ROOT
from tests.process import PlaneProcess
from tests.sim.cross_check import CrossCheck, accounts_of, for_real, simulated, sized
from windlass.aws.quotas import PROFILES
from windlass.planner.scenario.reading import read

SCENARIOS = ROOT / "scenarios" / "cross-check"
WITHIN = 0.2
ROUNDS_MAX = 8
BUCKET = """
[buckets]
"ecs.deployment.ec2" = { burst = 10, per_second = 15, unit = "tasks", source = "test", date = "2026-11-22" }
"""


def test_launches_take_as_long_as_simulated(own_plane: Callable[..., PlaneProcess]) -> None:
    """Three times as many processes as were measured, on a node that is as busy with each as the real one."""
    scenario = read(SCENARIOS / "service.yaml")
    check = CrossCheck(scenario, (120,), accounts_of(own_plane().client))
    errors = []
    while not errors or abs(errors[-1]) > WITHIN:
        assert len(errors) < ROUNDS_MAX, f"off by {errors}"
        [compared] = check.round()
        errors.append(compared.error)
    assert simulated(sized(scenario, 120)) < compared.real_s / 10  # it is the agent's limit that counts


def test_launch_rates_take_as_long_as_simulated(
    own_plane: Callable[..., PlaneProcess], tmp_path: Path
) -> None:
    """Two services, each with a bucket of its own: 10 tasks at once, and then 15 a second."""
    profile = tmp_path / "limited.toml"
    profile.write_text((PROFILES / "local.toml").read_text() + BUCKET)
    scenario = read(SCENARIOS / "rates.yaml")
    expected = simulated(scenario)
    assert 1.9 < expected < 2.2  # (40 - 10) / 15
    accounts = accounts_of(own_plane("--profile", str(profile)).client)
    took: list[float] = []
    while not took or min(took) > expected * (1 + WITHIN):
        assert len(took) < ROUNDS_MAX, f"took {took} s, not {expected} s"
        took.append(for_real(scenario, next(accounts)))
    assert min(took) > expected * (1 - WITHIN)

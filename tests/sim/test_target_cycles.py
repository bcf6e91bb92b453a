"""What the profiles say of load balancers: registration, first checks and ECS's looks take their time."""

from __future__ import annotations

from pathlib import Path

from windlass.planner.planning import outcome_of
from windlass.planner.scenario.model import Scenario
from windlass.planner.scenario.reading import parse

ROW = Path(__file__).parents[2] / "scenarios" / "seed-003" / "5-fargate-load-balancer.yaml"
STEADY = """
delays:
  task.provision: {median: 10s}
  task.public_address: {median: 0s}
  task.pull: {median: 0s}
  task.start: {median: 0s}
  ecs.target_cycle: {median: CYCLE}
  elb.registration: {median: REGISTRATION}
models: {image.pull_mb_per_s: 0, image.unpack_mb_per_s: 0}
"""


def one_task(cycle: str, registration: str, interval: int) -> Scenario:
    """The row with one task whose launch takes 10 s."""
    text = ROW.read_text().replace("desiredCount: 1000", "desiredCount: 1")
    text = text.replace("TargetType: ip", f"TargetType: ip\n      HealthCheckIntervalSeconds: {interval}")
    return parse(text + STEADY.replace("CYCLE", cycle).replace("REGISTRATION", registration), "row")


def took(cycle: str, registration: str, interval: int) -> float:
    found = outcome_of(one_task(cycle, registration, interval), why=False).predicted_s
    assert found is not None
    return found


def test_each_part_adds_what_it_says() -> None:
    """Launched in 10 s; the first check comes within its interval; each look of ECS within a cycle."""
    least = took("0s", "0s", 10)
    assert 10 <= least <= 10 + 10 + 2
    later = took("0s", "20s", 10)
    assert 19 <= later - least <= 21
    slow = took("60s", "0s", 10)
    assert least < slow <= least + 2 * 60 + 1

"""The same scenario and seed come to the same, in whatever process, under whatever hash seed and Python.

`WINDLASS_PYTHONS` names further interpreters, separated by ":", that have Windlass's dependencies: they must
say the same as this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.workload_build import balanced

ROOT = Path(__file__).parents[2]
SCENARIO = f"""
name: determined
profile: aws-2022
accounts: 2
instances: [{{count: 2, cpu: 4096, memory: 16384}}]
resources:{balanced(20)}  - ecs.CreateService:
      serviceName: own
      taskDefinition: web
      desiredCount: 8
      launchType: EC2
      networkConfiguration: {{awsvpcConfiguration: {{subnets: "${{default.subnets}}"}}}}
events:
  - at: 100s
    call: {{ecs.UpdateService: {{service: web, forceNewDeployment: true}}}}
  - {{at: 130s, kill_zone: us-east-1b, lasts: 2m}}
until: {{service: web, after: 200s}}
"""
PLAYED = """
import hashlib, sys
from windlass.planner.playing.play import play
from windlass.planner.scenario.reading import parse
played = play(parse(sys.stdin.read(), "x.yaml"), 5)
assert played.ended == "reached", played.ended
print(hashlib.sha256(repr(played).encode()).hexdigest())
"""


def digest(python: str, hash_seed: str) -> str:
    """Of all that a process of its own says of the scenario: each sample, cost and count."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}"}
    run = subprocess.run(
        [python, "-c", PLAYED], env=environment, input=SCENARIO, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_what_is_played_depends_on_the_seed_alone() -> None:
    """Services in two accounts, a load balancer, a deployment, a zone that fails: told in the same bytes."""
    others = [python for python in os.environ.get("WINDLASS_PYTHONS", "").split(":") if python]
    found = {
        (python, seed): digest(python, seed)
        for python, seed in [
            (sys.executable, "0"),
            (sys.executable, "random"),
            *((one, "1") for one in others),
        ]
    }
    assert len(set(found.values())) == 1, found

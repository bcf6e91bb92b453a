"""What a scenario asks for that is not modelled is told, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.planner.playing.partly import notes

PARTIAL = {
    "autoscaling": {
        "CreateGroup": "stored, not acted on: HealthCheckType other than EC2, and Policies; groups of name",
        "UpdateGroup": "as CreateGroup; updates nothing of Tags",
        "Itself": "as Itself",
    }
}
STORED = "stored, not acted on: HealthCheckType other than EC2, and Policies"


@pytest.mark.parametrize(
    ("operation", "params", "told"),
    [
        ("CreateGroup", {"HealthCheckType": "ELB"}, [STORED]),
        ("CreateGroup", {"Groups": [{"Policies": ["x"]}]}, [STORED]),
        ("CreateGroup", {"name": "web", "HealthCheckType": "", "Policies": []}, []),
        ("CreateGroup", {"healthchecktype": "ELB", "Policies": False}, []),
        ("UpdateGroup", {"HealthCheckType": "ELB", "Tags": {"a": "b"}}, [STORED, "updates nothing of Tags"]),
        ("Other", {"HealthCheckType": "ELB"}, []),
        ("Itself", {"HealthCheckType": "ELB"}, []),
    ],
)
def test_clauses_that_name_what_is_asked(operation: str, params: dict[str, Any], told: list[str]) -> None:
    name = f"autoscaling.{operation}"
    assert notes(iter([(name, params)] * 2), PARTIAL) == [f"{name}: {text}" for text in told]


def test_what_simulated_machines_leave_out() -> None:
    params = {"containerDefinitions": [{"healthCheck": {"command": ["ok"]}}], "volumes": []}
    [note] = notes(iter([("ecs.RegisterTaskDefinition", params)]), {})
    assert "health checks of containers pass" in note

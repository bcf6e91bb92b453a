"""Rows of AWS Batch: `a_job()`, `a_job_definition()`, `a_compute_environment()`."""

from __future__ import annotations

from typing import Any

from tests.build import ACCOUNT, NOW, REGION
from windlass.services.batch.model import Job
from windlass.services.batch.resource_model import ComputeEnvironment, JobDefinition

JOB_ID = "6f4dbe5a-0f2a-4f8c-9d7b-2f1f0a5c1f11"


def a_job(**members: Any) -> Job:
    made = {
        "id": JOB_ID,
        "account": ACCOUNT,
        "region": REGION,
        "name": "render",
        "queue": "line",
        "definition": a_job_definition().arn,
        "created_at": NOW,
    }
    return Job(**{**made, **members})


def some_sizes(vcpu: str = "1", memory: str = "2048", gpu: str = "") -> list[dict[str, str]]:
    """resourceRequirements."""
    asked = {"VCPU": vcpu, "MEMORY": memory, "GPU": gpu}
    return [{"type": type_, "value": value} for type_, value in asked.items() if value]


def a_job_definition(
    fargate: bool = False, given: dict[str, Any] | None = None, **container: Any
) -> JobDefinition:
    """Of one container with those members; `given` is what stands beside containerProperties, or instead."""
    properties = {"image": "busybox", "command": ["true"], "resourceRequirements": some_sizes(), **container}
    kept = {"containerProperties": properties, **(given or {})}
    if "ecsProperties" in kept:
        del kept["containerProperties"]
    return JobDefinition(
        account=ACCOUNT,
        region=REGION,
        name="frames",
        revision=3,
        registered_at=NOW,
        type="container",
        given={"platformCapabilities": ["FARGATE" if fargate else "EC2"], **kept},
    )


def a_compute_environment(kind: str = "FARGATE", **members: Any) -> ComputeEnvironment:
    made = {
        "account": ACCOUNT,
        "region": REGION,
        "name": "farm",
        "uuid": "0c5e8f3e-0000-4000-8000-000000000001",
        "type": "UNMANAGED" if kind == "UNMANAGED" else "MANAGED",
        "created_at": NOW,
        "cluster": "farm_Batch_0c5e8f3e",
        "status": "VALID",
        "resources": {} if kind == "UNMANAGED" else {"type": kind, "maxvCpus": 4},
    }
    return ComputeEnvironment(**{**made, **members})

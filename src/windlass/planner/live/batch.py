"""What a scenario says of Batch: compute environments, queues, definitions of jobs. Pure."""

from __future__ import annotations

from typing import Any

from windlass.planner.live.draft import GROUPS, ROLE, Draft
from windlass.planner.live.found import Row
from windlass.planner.live.images import containers_of


def draft_batch(draft: Draft) -> None:
    """Everything but jobs: these are workload."""
    found = draft.found
    for environment in found.of("batch.compute_environments"):
        _draft_environment(draft, environment)
    for policy in found.of("batch.scheduling_policies"):
        draft.add("batch.CreateSchedulingPolicy", policy, policy["name"], gives={policy["arn"]: "arn"})
    for queue in found.of("batch.job_queues"):
        draft.add("batch.CreateJobQueue", queue, queue["jobQueueName"])
    latest: dict[str, Row] = {}
    for job in found.of("batch.job_definitions"):
        name = job["jobDefinitionName"]
        if name not in latest or latest[name]["revision"] < job["revision"]:
            latest[name] = job
    for name, job in sorted(latest.items()):
        _draft_job(draft, name, job)
    for job in found.of("batch.job_definitions"):
        draft.same[job["jobDefinitionArn"]] = job["jobDefinitionName"]


def _draft_environment(draft: Draft, environment: Row) -> None:
    name = environment["computeEnvironmentName"]
    draft.same[environment["computeEnvironmentArn"]] = name
    told = environment.get("computeResources")
    made = draft.add("batch.CreateComputeEnvironment", environment, name)
    if told:
        resources = made.params["computeResources"]
        resources |= {"subnets": draft.subnets(told.get("subnets", ())), "securityGroupIds": GROUPS}
        if not str(told.get("type", "")).startswith("FARGATE"):
            resources["instanceRole"] = ROLE


def _draft_job(draft: Draft, name: str, job: Row) -> None:
    containers = containers_of(job)
    if len(containers) != 1 or job.get("type", "container") != "container":
        draft.notes.append(f"the job definition {name} is left out: it is not of one container")
        return
    described: dict[str, Any] = {**job, "type": "container"}
    described["containerProperties"] = {**containers[0], "image": draft.image(containers[0].get("image", ""))}
    made = draft.add("batch.RegisterJobDefinition", described, name)
    if "FARGATE" in job.get("platformCapabilities", ()):
        made.params["containerProperties"]["executionRoleArn"] = ROLE

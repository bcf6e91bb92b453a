"""Batch's resources with boto3: compute environments, queues, scheduling policies, job definitions, tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import batch_build as build
from tests.contract.test_iam import refusal
from tests.fault.waiting import until

Client = Callable[..., Any]
UNKNOWN = "subnet-0123456789abcdef0"


@pytest.fixture
def batch(client: Client) -> Any:
    return client("batch")


def shown(batch: Any, name: str) -> dict[str, Any]:
    [found] = batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    return dict(found)


def settled(batch: Any, name: str) -> dict[str, Any]:
    """The environment once it is neither CREATING nor UPDATING."""
    until(lambda: shown(batch, name)["status"] in ("VALID", "INVALID"), f"{name} has settled")
    return shown(batch, name)


def an_environment(batch: Any, client: Client, name: str = "render", **resources: Any) -> str:
    """One that has settled, VALID or not."""
    made = batch.create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={
            "type": "FARGATE",
            "maxvCpus": 4,
            **build.network(client("ec2")),
            **resources,
        },
    )
    settled(batch, name)
    return str(made["computeEnvironmentArn"])


def an_unmanaged_one(batch: Any, name: str = "own", **members: Any) -> str:
    made = batch.create_compute_environment(computeEnvironmentName=name, type="UNMANAGED", **members)
    settled(batch, name)
    return str(made["computeEnvironmentArn"])


def queue(batch: Any, name: str) -> dict[str, Any]:
    [found] = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    return dict(found)


def test_an_environment_becomes_valid(batch: Any, client: Client) -> None:
    """CREATING → VALID; it has a cluster of its own, and is listed by name and ARN."""
    arn = an_environment(batch, client)
    found = shown(batch, arn)
    assert (found["status"], found["statusReason"]) == ("VALID", "ComputeEnvironment Healthy")
    assert (found["state"], found["containerOrchestrationType"]) == ("ENABLED", "ECS")
    assert found["computeResources"]["maxvCpus"] == 4
    cluster = found["ecsClusterArn"]
    assert cluster.endswith(f":cluster/AWSBatch-render-{found['uuid']}")
    [described] = client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    assert described["status"] == "ACTIVE"


def test_without_delays_each_call_may_count_on_the_one_before(batch: Any, client: Client) -> None:
    """As the local profile has it: nothing is CREATING or UPDATING when its call is answered."""
    network = {"type": "FARGATE", "maxvCpus": 4, **build.network(client("ec2"))}
    made = {"computeEnvironmentName": "ce", "type": "MANAGED", "computeResources": network}
    order = [{"order": 1, "computeEnvironment": "ce"}]
    for _ in range(2):
        batch.create_compute_environment(**made)
        batch.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)
        for priority in range(5):
            batch.update_job_queue(jobQueue="q", priority=priority)
            batch.update_compute_environment(computeEnvironment="ce", computeResources={"maxvCpus": 9})
        batch.update_job_queue(jobQueue="q", state="DISABLED")
        batch.delete_job_queue(jobQueue="q")
        batch.update_compute_environment(computeEnvironment="ce", state="DISABLED")
        batch.delete_compute_environment(computeEnvironment="ce")


def test_an_unknown_subnet_makes_it_invalid_until_it_is_updated(batch: Any, client: Client) -> None:
    """The call is taken all the same, as on AWS; an update that names one that exists mends it."""
    an_environment(batch, client, subnets=[UNKNOWN])
    found = shown(batch, "render")
    assert found["status"] == "INVALID"
    assert found["statusReason"].startswith("CLIENT_ERROR - ") and UNKNOWN in found["statusReason"]
    batch.update_compute_environment(
        computeEnvironment="render",
        computeResources={"subnets": build.network(client("ec2"))["subnets"], "maxvCpus": 8},
    )
    found = settled(batch, "render")
    assert (found["status"], found["computeResources"]["maxvCpus"]) == ("VALID", 8)


def test_what_is_in_use_is_not_deleted(batch: Any, client: Client) -> None:
    """Queue before environment, DISABLED before deleted; then both are gone, and the cluster with them."""
    an_environment(batch, client)
    cluster = shown(batch, "render")["ecsClusterArn"]
    build.a_queue(batch, ["render"], "frames")
    refused = refusal(batch.delete_compute_environment, computeEnvironment="render")
    assert refused == ("ClientException", "Cannot delete, state must be DISABLED", 400)
    assert refusal(batch.delete_job_queue, jobQueue="frames")[1] == "Cannot delete, state must be DISABLED"
    batch.update_compute_environment(computeEnvironment="render", state="DISABLED")
    assert settled(batch, "render")["state"] == "DISABLED"
    refused = refusal(batch.delete_compute_environment, computeEnvironment="render")
    assert refused[1] == "Cannot delete, found existing JobQueue relationship"
    batch.update_job_queue(jobQueue="frames", state="DISABLED")
    until(lambda: queue(batch, "frames")["status"] == "VALID", "the queue has settled")
    batch.delete_job_queue(jobQueue="frames")
    until(lambda: not batch.describe_job_queues(jobQueues=["frames"])["jobQueues"], "the queue is gone")
    batch.delete_compute_environment(computeEnvironment="render")
    named = {"computeEnvironments": ["render"]}
    until(
        lambda: not batch.describe_compute_environments(**named)["computeEnvironments"],
        "the environment is gone",
    )
    [described] = client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    assert described["status"] == "INACTIVE"
    missing = refusal(batch.update_compute_environment, computeEnvironment="render", state="ENABLED")
    assert missing == ("ClientException", "render does not exist", 400)


def test_a_queue_as_it_is_shown(batch: Any, client: Client) -> None:
    environment, account = an_environment(batch, client), client("sts").get_caller_identity()["Account"]
    policy = batch.create_scheduling_policy(name="fair")["arn"]
    action = {
        "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "CANCEL",
    }
    arn = build.a_queue(
        batch,
        ["render"],
        "frames",
        schedulingPolicyArn=policy,
        jobStateTimeLimitActions=[action],
        tags={"team": "film"},
    )
    assert arn == f"arn:aws:batch:eu-west-1:{account}:job-queue/frames"
    assert queue(batch, arn) == {
        "jobQueueName": "frames",
        "jobQueueArn": arn,
        "state": "ENABLED",
        "status": "VALID",
        "statusReason": "JobQueue Healthy",
        "schedulingPolicyArn": policy,
        "priority": 1,
        "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": environment}],
        "jobQueueType": "ECS_FARGATE",
        "tags": {"team": "film"},
        "jobStateTimeLimitActions": [action],
    }
    assert refusal(batch.update_job_queue, jobQueue=arn, schedulingPolicyArn="")[0] == "ClientException"
    assert refusal(batch.delete_scheduling_policy, arn=policy)[1].startswith("Cannot delete, found existing")


def test_a_definition_and_its_revisions(batch: Any) -> None:
    """The same content is a new revision; the newest comes first; no number is used twice."""
    container = {
        "image": "busybox",
        "command": ["echo", "Ref::what"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
    asked = {"jobDefinitionName": "echo", "type": "container", "containerProperties": container}
    made = [batch.register_job_definition(**asked) for _ in range(3)]
    assert [one["revision"] for one in made] == [1, 2, 3]
    listed = batch.describe_job_definitions(jobDefinitionName="echo")["jobDefinitions"]
    assert [one["revision"] for one in listed] == [3, 2, 1]
    assert listed[0]["containerProperties"] == {
        **container,
        "volumes": [],
        "environment": [],
        "mountPoints": [],
        "ulimits": [],
        "secrets": [],
    }
    assert (listed[0]["platformCapabilities"], listed[0]["parameters"]) == (["EC2"], {})
    batch.deregister_job_definition(jobDefinition="echo:3")
    active = batch.describe_job_definitions(jobDefinitionName="echo", status="ACTIVE")["jobDefinitions"]
    assert [one["revision"] for one in active] == [2, 1]
    named = batch.describe_job_definitions(jobDefinitions=["echo:3", made[0]["jobDefinitionArn"], "no:1"])
    assert [(one["revision"], one["status"]) for one in named["jobDefinitions"]] == [
        (3, "INACTIVE"),
        (1, "ACTIVE"),
    ]
    assert batch.register_job_definition(**asked)["revision"] == 4


def test_an_unmanaged_environment(batch: Any, client: Client) -> None:
    """No resources, but a cluster for instances that its owner brings."""
    an_unmanaged_one(batch, unmanagedvCpus=8)
    found = shown(batch, "own")
    assert (found["status"], found["unmanagedvCpus"]) == ("VALID", 8)
    assert "computeResources" not in found
    batch.update_compute_environment(computeEnvironment="own", unmanagedvCpus=16)
    assert settled(batch, "own")["unmanagedvCpus"] == 16


def test_security_groups_are_looked_up_too(batch: Any, client: Client) -> None:
    """One that is not there, and one of another VPC."""
    an_environment(batch, client, securityGroupIds=["sg-0123456789abcdef0"])
    assert "sg-0123456789abcdef0" in shown(batch, "render")["statusReason"]
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_security_group(GroupName="g", Description="elsewhere", VpcId=vpc)["GroupId"]
    an_environment(batch, client, "apart", securityGroupIds=[other])
    assert "one VPC" in shown(batch, "apart")["statusReason"]


def test_names_are_taken_once(batch: Any, client: Client) -> None:
    an_environment(batch, client)
    build.a_queue(batch, ["render"], "frames")
    batch.create_scheduling_policy(name="fair")
    again = {"computeEnvironmentName": "render", "type": "UNMANAGED"}
    taken = ("ClientException", "Object already exists", 400)
    assert refusal(batch.create_compute_environment, **again) == taken
    order = [{"order": 1, "computeEnvironment": "render"}]
    again = {"jobQueueName": "frames", "priority": 1, "computeEnvironmentOrder": order}
    assert refusal(batch.create_job_queue, **again) == taken
    assert refusal(batch.create_scheduling_policy, name="fair") == taken
    for name in ("no good", "", "x" * 129):
        message = refusal(batch.create_scheduling_policy, name=name)[1]
        assert message.startswith("Error executing request, Exception : name should match valid pattern")


def test_a_queue_needs_environments_that_are_valid(batch: Any, client: Client) -> None:
    an_environment(batch, client, "broken", subnets=[UNKNOWN])
    for environment, why in (("broken", "must be VALID, and is INVALID"), ("none", "none does not exist")):
        order = [{"order": 1, "computeEnvironment": environment}]
        asked = {"jobQueueName": "q", "priority": 1, "computeEnvironmentOrder": order}
        assert why in refusal(batch.create_job_queue, **asked)[1]


def test_a_queue_is_updated_at_once(batch: Any, client: Client) -> None:
    """Priority, order, state and time limits; a second environment is tried after the first."""
    first, second = (an_environment(batch, client, name) for name in ("one", "two"))
    build.a_queue(batch, ["one"], "frames")
    batch.update_job_queue(
        jobQueue="frames",
        priority=9,
        state="DISABLED",
        computeEnvironmentOrder=[
            {"order": 5, "computeEnvironment": first},
            {"order": 2, "computeEnvironment": "two"},
        ],
    )
    until(lambda: queue(batch, "frames")["status"] == "VALID", "the queue has settled")
    found = queue(batch, "frames")
    assert (found["priority"], found["state"]) == (9, "DISABLED")
    assert [one["computeEnvironment"] for one in found["computeEnvironmentOrder"]] == [second, first]
    policy = batch.create_scheduling_policy(name="fair")["arn"]
    message = refusal(batch.update_job_queue, jobQueue="frames", schedulingPolicyArn=policy)[1]
    assert message.endswith("A scheduling policy can't be added to a FIFO job queue.")


def test_policies(batch: Any) -> None:
    """Described by ARN, unknown ones left out; updated as a whole; deleted."""
    share = {"shareDecaySeconds": 60, "shareDistribution": [{"shareIdentifier": "red*", "weightFactor": 0.5}]}
    arn = batch.create_scheduling_policy(name="fair", fairsharePolicy=share, tags={"a": "1"})["arn"]
    [found] = batch.describe_scheduling_policies(arns=[arn, f"{arn}-none"])["schedulingPolicies"]
    assert found == {"name": "fair", "arn": arn, "fairsharePolicy": share, "tags": {"a": "1"}}
    batch.update_scheduling_policy(arn=arn, fairsharePolicy={"computeReservation": 5})
    [found] = batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"]
    assert found["fairsharePolicy"] == {"computeReservation": 5}
    batch.delete_scheduling_policy(arn=arn)
    assert batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"] == []
    assert refusal(batch.delete_scheduling_policy, arn=arn)[1] == f"{arn} does not exist"


def test_all_paginators(batch: Any, client: Client) -> None:
    """Two a page: every resource comes once, by name; a token of another listing is refused."""
    names = [f"n{number}" for number in range(5)]
    for name in names:
        an_unmanaged_one(batch, name)
        build.a_queue(batch, [name], name)
        batch.create_scheduling_policy(name=name)
        batch.register_job_definition(**definition(name))
    listings = {
        "describe_compute_environments": ("computeEnvironments", "computeEnvironmentName", names),
        "describe_job_queues": ("jobQueues", "jobQueueName", names),
        "describe_job_definitions": ("jobDefinitions", "jobDefinitionName", names),
        "list_scheduling_policies": ("schedulingPolicies", "arn", names),
    }
    for operation, (member, key, expected) in listings.items():
        pages = list(batch.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}))
        assert [len(page[member]) for page in pages] == [2, 2, 1]
        assert [one[key].rpartition("/")[2] for page in pages for one in page[member]] == expected
        message = refusal(getattr(batch, operation), nextToken="x" * 40)[1]
        assert message.endswith("nextToken is not valid")
    assert refusal(batch.describe_job_queues, maxResults=101)[1].endswith("between 1 and 100")


def definition(name: str, **more: Any) -> dict[str, Any]:
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container = {"image": "busybox", "command": ["true"], "resourceRequirements": needs}
    return {"jobDefinitionName": name, "type": "container", "containerProperties": container, **more}


def test_definitions_by_name_and_status(batch: Any) -> None:
    """Newest revision first within a name; jobDefinitions stands alone."""
    for name in ("b", "a", "b"):
        batch.register_job_definition(**definition(name))
    batch.deregister_job_definition(jobDefinition="b:2")

    def listed(**asked: Any) -> list[tuple[str, int]]:
        found = batch.describe_job_definitions(**asked)["jobDefinitions"]
        return [(one["jobDefinitionName"], one["revision"]) for one in found]

    assert listed() == [("a", 1), ("b", 2), ("b", 1)]
    assert listed(status="ACTIVE") == [("a", 1), ("b", 1)]
    assert listed(status="INACTIVE") == [("b", 2)]
    assert listed(jobDefinitions=["b"]) == [("b", 2), ("b", 1)]
    assert listed(jobDefinitionName="none") == []
    assert (
        refusal(batch.describe_job_definitions, jobDefinitions=["a"], status="ACTIVE")[0] == "ClientException"
    )
    assert refusal(batch.deregister_job_definition, jobDefinition="b:7")[1] == "b:7 does not exist"
    assert "A revision" in refusal(batch.deregister_job_definition, jobDefinition="b")[1]
    message = refusal(batch.deregister_job_definition, jobDefinition="b:latest")[1]
    assert message == "Provided name b:latest is not supported pattern[a-zA-Z_0-9-]{1,128}"


def test_tags_of_every_kind(batch: Any, client: Client) -> None:
    """Given at creation, added, replaced, taken away; not more than 50, none of AWS's own."""
    first = {"tags": {"keep": "1", "drop": "1"}}
    order = [{"order": 1, "computeEnvironment": "own"}]
    environment = an_unmanaged_one(batch, **first)
    queued = batch.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order, **first)
    arns = [
        environment,
        queued["jobQueueArn"],
        batch.create_scheduling_policy(name="fair", **first)["arn"],
        batch.register_job_definition(**definition("job", **first))["jobDefinitionArn"],
    ]
    for arn in arns:
        batch.tag_resource(resourceArn=arn, tags={"keep": "2", "more": "3"})
        batch.untag_resource(resourceArn=arn, tagKeys=["drop", "never"])
        assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"keep": "2", "more": "3"}
        many = {f"k{number}": "v" for number in range(49)}
        assert "at most 50 tags" in refusal(batch.tag_resource, resourceArn=arn, tags=many)[1]
        assert "reserved" in refusal(batch.tag_resource, resourceArn=arn, tags={"aws:x": "1"})[1]
        message = refusal(batch.list_tags_for_resource, resourceArn=f"{arn}9")[1]
        assert message == f"{arn}9 does not exist"
    assert shown(batch, "own")["tags"] == {"keep": "2", "more": "3"}
    for arn in ("arn:aws:batch:eu-west-1:123456789012:thing/x", "x"):
        assert "Invalid resource ARN" in refusal(batch.list_tags_for_resource, resourceArn=arn)[1]


def test_a_queue_that_is_deleted_ends_its_jobs(batch: Any, client: Client) -> None:
    """What runs and what waits; the job itself stays to be described, and has its tags."""
    build.an_environment(batch, client("ec2"), vcpus=1)
    build.a_queue(batch)
    build.a_definition(batch, "sleep", "300", vcpu="1", memory="2048")
    jobs = [
        batch.submit_job(jobName="j", jobQueue="q", jobDefinition="job", tags={"n": str(n)}) for n in range(2)
    ]
    until(lambda: build.described(batch, jobs[0]["jobId"])["status"] == "RUNNING", "the first runs")
    for job in jobs:
        batch.tag_resource(resourceArn=job["jobArn"], tags={"more": "1"})
    assert batch.list_tags_for_resource(resourceArn=jobs[1]["jobArn"])["tags"] == {"n": "1", "more": "1"}
    assert build.described(batch, jobs[1]["jobId"])["tags"] == {"n": "1", "more": "1"}
    batch.update_job_queue(jobQueue="q", state="DISABLED")
    until(lambda: queue(batch, "q")["status"] == "VALID", "the queue has settled")
    batch.delete_job_queue(jobQueue="q")
    until(lambda: not batch.describe_job_queues(jobQueues=["q"])["jobQueues"], "the queue is gone")
    assert [build.described(batch, job["jobId"])["status"] for job in jobs] == ["FAILED", "FAILED"]


def test_what_another_account_has_is_not_there(batch: Any, client: Client, plane: Any) -> None:
    """By name and by ARN."""
    arn = an_environment(batch, client)
    other = plane.client("batch", "999999999999")
    for reference in ("render", arn):
        found = other.describe_compute_environments(computeEnvironments=[reference])
        assert found["computeEnvironments"] == []
        refused = refusal(other.delete_compute_environment, computeEnvironment=reference)
        assert refused[1] == f"{reference} does not exist"


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        ("create_compute_environment", {"computeEnvironmentName": "x"}, "ClientException", "Value null at"),
        ("create_consumable_resource", {"consumableResourceName": "x"}, "NotImplemented", "does not have"),
        ("list_quota_shares", {"jobQueue": "x"}, "NotImplemented", "does not have"),
        ("describe_service_environments", {}, "NotImplemented", "does not have"),
        (
            "register_job_definition",
            {"jobDefinitionName": "x", "type": "pod"},
            "ClientException",
            "enum value",
        ),
        ("delete_job_queue", {"jobQueue": "none"}, "ClientException", "none does not exist"),
        ("update_job_queue", {"jobQueue": "arn:aws:batch:eu-west-1:1:job/x"}, "ClientException", "not exist"),
    ],
)
def test_refusals(client: Client, operation: str, params: dict[str, Any], code: str, message: str) -> None:
    """botocore would find some of it first: its checks are off."""
    unchecked = client("batch", parameter_validation=False)
    refused = refusal(getattr(unchecked, operation), **params)
    assert refused[0] == code and message in refused[1]


def test_multi_node_definitions_are_kept_and_not_run(batch: Any) -> None:
    """RegisterJobDefinition takes them, SubmitJob says that it does not."""
    container = definition("x")["containerProperties"]
    ranges = [{"targetNodes": "0:", "container": container}]
    an_unmanaged_one(batch)
    build.a_queue(batch, ["own"], "frames")
    nodes = {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": ranges}
    batch.register_job_definition(jobDefinitionName="mpi", type="multinode", nodeProperties=nodes)
    [found] = batch.describe_job_definitions(jobDefinitionName="mpi")["jobDefinitions"]
    assert found["nodeProperties"]["nodeRangeProperties"][0]["container"]["image"] == "busybox"
    refused = refusal(batch.submit_job, jobName="j", jobQueue="frames", jobDefinition="mpi")
    assert "Windlass does not have multi-node parallel jobs" in refused[1]

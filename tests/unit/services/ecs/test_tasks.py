"""RunTask, StopTask, DescribeTasks and ListTasks, in process; the test plays the fleet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import ACCOUNT, REGION
from tests.ecs_build import (
    SUBNET,
    Ecs,
    a_container,
    a_definition,
    a_fargate_definition,
    exited,
    running,
    with_ecs,
)
from windlass.aws.credentials import CREDENTIALS
from windlass.aws.quotas import Profile
from windlass.fleet.model import UNITS
from windlass.fleet.role_credentials import RoleCredentials
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import HOUR, MINUTE
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs.controller import Retention
from windlass.services.ecs.handlers.tasks import remember
from windlass.services.ecs.model import RUN_TOKENS, TASKS, RunToken

ARN = "arn:aws:ecs:eu-west-1:123456789012:task/default/"


async def refused(ecs: Ecs, operation: str, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await ecs.call(operation, **params)
    return caught.value


async def described(ecs: Ecs, task: str, **params: Any) -> dict[str, Any]:
    [found] = (await ecs.call("DescribeTasks", tasks=[task], **params))["tasks"]
    return dict(found)


def test_a_task_from_start_to_end() -> None:
    """(1) PROVISIONING in the answer; (2) PENDING on a node; (3) RUNNING; (4) STOPPED, and its unit gone."""

    async def scenario(ecs: Ecs) -> None:
        definition = await ecs.a_running_definition()
        [first] = (await ecs.call("RunTask", taskDefinition="work", startedBy="me"))["tasks"]
        task = first["taskArn"].rpartition("/")[2]
        assert (first["lastStatus"], first["desiredStatus"]) == ("PROVISIONING", "RUNNING")
        assert first["taskDefinitionArn"] == definition
        assert (first["startedBy"], first["group"]) == ("me", "family:work")
        unit = ecs.plane.store[UNITS].require(task)
        assert (unit.owner, unit.spec.kind, unit.desired) == ("ecs", "task", "run")
        pending = await described(ecs, task)
        assert (pending["lastStatus"], pending["version"]) == ("PENDING", 2)
        assert pending["connectivityAt"] == first["createdAt"]
        await ecs.report(task, "running", containers=(running(),), started_at=ecs.clock.time)
        up = await described(ecs, task)
        assert (up["lastStatus"], up["containers"][0]["lastStatus"]) == ("RUNNING", "RUNNING")
        assert up["startedAt"] == ecs.clock.time / 1e9
        end = {"containers": (exited(code=7),), "stop_code": "EssentialContainerExited"}
        await ecs.report(task, "stopped", **end)
        over = await described(ecs, task)
        assert (over["lastStatus"], over["desiredStatus"]) == ("STOPPED", "STOPPED")
        assert (over["stopCode"], over["containers"][0]["exitCode"]) == ("EssentialContainerExited", 7)
        assert over["version"] == 4
        assert ecs.plane.store[UNITS].get(task) is None

    with_ecs(scenario)


def test_ten_tasks_at_once() -> None:
    """Seed 004: ten tasks of ten containers in one call, all of them different."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(f"c{n}") for n in range(10)])
        tasks = (await ecs.call("RunTask", taskDefinition="work", count=10))["tasks"]
        containers = {c["containerArn"] for task in tasks for c in task["containers"]}
        assert (len({t["taskArn"] for t in tasks}), len(containers)) == (10, 100)
        for count in (0, 11, -1):
            fault = await refused(ecs, "RunTask", taskDefinition="work", count=count)
            assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


def test_a_task_has_its_node_from_the_start() -> None:
    """The call's own transaction places its unit; the answer says PROVISIONING all the same."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        ran = await ecs.call("RunTask", taskDefinition="work")
        assert ran["tasks"][0]["lastStatus"] == "PROVISIONING"
        task_id = ran["tasks"][0]["taskArn"].rpartition("/")[2]
        unit = ecs.plane.store[UNITS].require(task_id)
        assert (unit.state, unit.node_id, unit.generation) == ("assigned", "n1", 1)
        with ecs.plane.store.transact() as tx:
            tx[UNITS].put(replace(unit, state="waiting", node_id="", generation=0))
        later = await ecs.run_one()  # nobody overtakes a unit that waits
        assert ecs.plane.store[UNITS].require(later).state == "waiting"

    with_ecs(scenario)


def test_stopping() -> None:
    """StopTask marks task and unit with the caller's reason; again, and after the end, it succeeds."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        task = await ecs.run_one()
        stopped = (await ecs.call("StopTask", task=task, reason="enough"))["task"]
        assert (stopped["desiredStatus"], stopped["lastStatus"]) == ("STOPPED", "PENDING")
        assert ecs.plane.store[UNITS].require(task).desired == "stop"
        again = (await ecs.call("StopTask", task=ARN + task, reason="again"))["task"]
        fault = await refused(ecs, "StopTask", task=task, reason="x" * 1_025)
        assert (fault.code, "1024" in fault.message) == ("InvalidParameterException", True)
        assert (again["stoppedReason"], again["version"]) == ("enough", stopped["version"])
        await ecs.report(task, "stopped", containers=(exited(code=143),))
        over = (await ecs.call("StopTask", task=task))["task"]
        assert (over["lastStatus"], over["stopCode"], over["stoppedReason"]) == (
            "STOPPED",
            "UserInitiated",
            "enough",
        )
        fault = await refused(ecs, "StopTask", task="0" * 32)
        assert (fault.code, fault.message) == (
            "InvalidParameterException",
            "The referenced task was not found.",
        )

    with_ecs(scenario)


def test_describing_what_is_not_there() -> None:
    """Unknown ids, other clusters and other accounts are failures MISSING beside what is found."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        await ecs.call("CreateCluster", clusterName="other")
        task = await ecs.run_one()
        strange = [ARN.replace("eu-west-1", "us-east-1") + task, ARN.replace("default", "other") + task]
        answer = await ecs.call("DescribeTasks", tasks=[task, "gone", *strange])
        assert len(answer["tasks"]) == 1
        assert answer["failures"] == [{"arn": arn, "reason": "MISSING"} for arn in (f"{ARN}gone", *strange)]
        assert not (await ecs.call("DescribeTasks", cluster="other", tasks=[task]))["tasks"]
        assert (await refused(ecs, "DescribeTasks", tasks=[])).message == "Tasks cannot be empty."
        fault = await refused(ecs, "DescribeTasks", tasks=["t"] * 101)
        assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


def test_listing() -> None:
    """Each filter, both desired statuses, pages of one."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        await ecs.a_running_definition(family="other")
        mine = await ecs.run_one(startedBy="me")
        outside = await ecs.a_machine("mi-0000000000000001", kind="EXTERNAL")
        other = await ecs.run_one(taskDefinition="other", launchType="EXTERNAL")
        over = await ecs.run_one()
        await ecs.report(over, "stopped")

        async def ids(**params: Any) -> list[str]:
            found = (await ecs.call("ListTasks", **params))["taskArns"]
            return [arn.removeprefix(ARN) for arn in found]

        assert sorted(await ids()) == sorted([mine, other])
        assert await ids(desiredStatus="STOPPED") == [over]
        assert await ids(desiredStatus="PENDING") == []
        assert await ids(family="other") == [other]
        assert await ids(startedBy="me") == [mine]
        assert await ids(launchType="EXTERNAL") == [other]
        assert await ids(launchType="FARGATE") == []
        assert await ids(containerInstance=outside.id) == [other]
        assert await ids(containerInstance=outside.arn, family="work") == []
        page = await ecs.call("ListTasks", maxResults=1)
        rest = await ecs.call("ListTasks", maxResults=1, nextToken=page["nextToken"])
        assert sorted(page["taskArns"] + rest["taskArns"]) == sorted([ARN + mine, ARN + other])
        assert "nextToken" not in rest
        for params, code in (
            ({"serviceName": "web"}, "ServiceNotFoundException"),
            ({"containerInstance": "i"}, "InvalidParameterException"),
            ({"daemonName": "d"}, "ClientException"),
            ({"startedBy": "me", "family": "work"}, "InvalidParameterException"),
            ({"nextToken": page["nextToken"], "family": "work"}, "InvalidParameterException"),
        ):
            assert (await refused(ecs, "ListTasks", **params)).code == code

    with_ecs(scenario)


def test_listing_while_tasks_change() -> None:
    """Pages show what goes on running once each, whatever stops, also the task that a token points at."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        for _ in range(12):
            ecs.clock.time += 1
            await ecs.run_one()
        every = [task.id for task in ecs.plane.store[TASKS].all()]
        shown: list[str] = []
        token: dict[str, str] = {}
        for stopped in (every[2], every[11], every[0], None):
            page = await ecs.call("ListTasks", maxResults=3, **token)
            shown += [arn.removeprefix(ARN) for arn in page["taskArns"]]
            token = {"nextToken": page["nextToken"]} if "nextToken" in page else {}
            if stopped is not None:
                await ecs.call("StopTask", task=stopped)
        assert not token and shown == every[:11]

    with_ecs(scenario)


def test_client_tokens() -> None:
    """The same call again gives the same tasks; another call with the token is a conflict that names them."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        asked = {"taskDefinition": "work", "count": 2, "clientToken": "once"}
        first = await ecs.call("RunTask", **asked)
        again = await ecs.call("RunTask", **asked)
        arns = [task["taskArn"] for task in first["tasks"]]
        assert [task["taskArn"] for task in again["tasks"]] == arns
        assert len(ecs.plane.store[TASKS]) == 2
        fault = await refused(ecs, "RunTask", **{**asked, "count": 1})
        assert (fault.code, fault.members) == ("ConflictException", {"resourceIds": arns})
        for wrong in ("t" * 65, "two words", "tök"):
            fault = await refused(ecs, "RunTask", taskDefinition="work", clientToken=wrong)
            assert (fault.code, "range of 33-126" in fault.message) == ("InvalidParameterException", True)
        await ecs.plane.calls.part(Retention).forget(ecs.clock.time + 24 * HOUR, frozenset())
        assert len(ecs.plane.store[RUN_TOKENS]) == 0

    with_ecs(scenario)


def test_client_tokens_are_bounded() -> None:
    """When too many are remembered the oldest goes first."""

    async def scenario(ecs: Ecs) -> None:
        with ecs.plane.store.transact() as tx:
            for at, token in enumerate("acb"):
                remember(tx, RunToken(ACCOUNT, REGION, token, "", "default", (), at), most=2)
        assert {row.token for row in ecs.plane.store[RUN_TOKENS].all()} == {"c", "b"}

    with_ecs(scenario)


FARGATE: dict[str, Any] = {"launchType": "FARGATE", "networkConfiguration": SUBNET}
ONE_OF_TEN = {"capacityProvider": "FARGATE", "weight": 1}
SEVENTEEN = {"awsvpcConfiguration": {"subnets": ["s"] * 17}}
SIX_GROUPS = {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["g"] * 6}}
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no definition": ({"taskDefinition": "x"}, "ClientException", "TaskDefinition not found."),
    "no cluster": ({"cluster": "x"}, "ClusterNotFoundException", "Cluster not found."),
    "not made for it": (
        {"taskDefinition": "plain", "launchType": "FARGATE"},
        "InvalidParameterException",
        "Task definition does not support launch_type FARGATE.",
    ),
    "no network": (
        {"launchType": "FARGATE"},
        "InvalidParameterException",
        "must be provided when networkMode",
    ),
    "network for nothing": (
        {"taskDefinition": "plain", "networkConfiguration": SUBNET},
        "InvalidParameterException",
        "not valid for the given networkMode",
    ),
    "no subnets": (
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}},
        "InvalidParameterException",
        "subnets can not be empty.",
    ),
    "too many subnets": ({"networkConfiguration": SEVENTEEN}, "InvalidParameterException", "at most 16"),
    "too many groups": ({"networkConfiguration": SIX_GROUPS}, "InvalidParameterException", "at most 5"),
    "two ways to launch": (
        {**FARGATE, "capacityProviderStrategy": [ONE_OF_TEN]},
        "InvalidParameterException",
        "both a launch type and capacity provider strategy",
    ),
    "another provider": (
        {"capacityProviderStrategy": [{"capacityProvider": "asg"}]},
        "InvalidParameterException",
        "'asg' was not found",
    ),
    "exec": ({**FARGATE, "enableExecuteCommand": True}, "InvalidParameterException", "valid taskRoleArn"),
    "volumes": ({**FARGATE, "volumeConfigurations": [{"name": "v"}]}, "UnsupportedFeatureException", "EBS"),
    "managed": ({"launchType": "MANAGED_INSTANCES"}, "UnsupportedFeatureException", "MANAGED_INSTANCES"),
    "platform": ({**FARGATE, "platformVersion": "9"}, "PlatformUnknownException", "9"),
    "platform too old": (
        {**FARGATE, "platformVersion": "1.3.0", "overrides": {"ephemeralStorage": {"sizeInGiB": 30}}},
        "PlatformTaskDefinitionIncompatibilityException",
        "capabilities",
    ),
    "platform on EC2": (
        {"taskDefinition": "plain", "platformVersion": "LATEST"},
        "InvalidParameterException",
        "platform version must be null",
    ),
    "constraints": (
        {**FARGATE, "placementConstraints": [{"type": "distinctInstance"}]},
        "InvalidParameterException",
        "not supported with FARGATE",
    ),
    "strategy": (
        {**FARGATE, "placementStrategy": [{"type": "random"}]},
        "InvalidParameterException",
        "not supported with FARGATE",
    ),
    "too many constraints": (
        {"taskDefinition": "plain", "placementConstraints": [{"type": "distinctInstance"}] * 11},
        "InvalidParameterException",
        "at most 10",
    ),
    "unknown override": (
        {**FARGATE, "overrides": {"containerOverrides": [{"name": "x"}]}},
        "InvalidParameterException",
        "Override for container named x is not a container in the TaskDefinition.",
    ),
    "large overrides": (
        {**FARGATE, "overrides": {"containerOverrides": [{"name": "app", "command": ["x" * 8192]}]}},
        "InvalidParameterException",
        "8192",
    ),
    "negative cpu": (
        {"taskDefinition": "plain", "overrides": {"containerOverrides": [{"name": "app", "cpu": -5}]}},
        "ClientException",
        "'cpu' must be between 0 and",
    ),
    "no memory": (
        {"taskDefinition": "plain", "overrides": {"containerOverrides": [{"name": "app", "memory": 0}]}},
        "ClientException",
        "'memory' must be at least 6 MiB",
    ),
    "more than the task's memory": (
        {**FARGATE, "overrides": {"containerOverrides": [{"name": "app", "memory": 600}]}},
        "ClientException",
        "'memory' is greater than the memory of the task",
    ),
    "odd size": ({**FARGATE, "overrides": {"cpu": "512"}}, "ClientException", "512 CPU, 512 memory"),
    "no size": ({**FARGATE, "overrides": {"cpu": "x"}}, "InvalidParameterException", "'cpu' override"),
    "service group": ({**FARGATE, "group": "service:x"}, "InvalidParameterException", "service:"),
    "long startedBy": ({**FARGATE, "startedBy": "x" * 129}, "InvalidParameterException", "128"),
    "odd startedBy": ({**FARGATE, "startedBy": "me\n"}, "InvalidParameterException", "hyphens"),
    "service tags": ({**FARGATE, "propagateTags": "SERVICE"}, "InvalidParameterException", "SERVICE"),
    "reserved tags": (
        {**FARGATE, "tags": [{"key": "aws:x", "value": ""}]},
        "InvalidParameterException",
        "reserved",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name: str) -> None:
    """Each rule that a RunTask call can break, with AWS's error, and nothing is written."""
    params, code, part = WRONG[name]

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        await ecs.call("RegisterTaskDefinition", **a_definition(family="plain"))
        fault = await refused(ecs, "RunTask", **{"taskDefinition": "work", **params})
        assert (fault.code, part in fault.message) == (code, True), fault
        assert len(ecs.plane.store[TASKS]) == len(ecs.plane.store[UNITS]) == 0

    with_ecs(scenario)


def test_fargate() -> None:
    """A Fargate task shows platform, sizes and storage; its overrides change them."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        plain = await described(ecs, await ecs.run_one(**FARGATE))
        assert (plain["cpu"], plain["memory"], plain["platformVersion"]) == ("256", "512", "1.4.0")
        assert plain["ephemeralStorage"] == {"sizeInGiB": 20}
        overrides = {"cpu": "1 vCPU", "memory": "2 GB", "ephemeralStorage": {"sizeInGiB": 50}}
        task = await ecs.run_one(**FARGATE, overrides=overrides)
        large = await described(ecs, task)
        assert (large["cpu"], large["memory"]) == ("1024", "2048")
        assert large["ephemeralStorage"] == {"sizeInGiB": 50}
        told = {"containerOverrides": [{"name": "app"}], "inferenceAcceleratorOverrides": []}
        assert large["overrides"] == {**told, **overrides, "cpu": "1024", "memory": "2048"}
        unit = ecs.plane.store[UNITS].require(task)
        assert (unit.cpu_units, unit.memory_mib) == (1024, 2048)

    with_ecs(scenario)


def test_tags_of_tasks() -> None:
    """Own tags win over those of the definition; the managed tag names the cluster."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "1"}])
        own = {"tags": [{"key": "b", "value": "2"}]}
        task = await ecs.run_one(propagateTags="TASK_DEFINITION", enableECSManagedTags=True, **own)
        shown = await described(ecs, task, include=["TAGS"])
        assert {tag["key"]: tag["value"] for tag in shown["tags"]} == {
            "a": "1",
            "b": "2",
            "aws:ecs:clusterName": "default",
        }
        assert (await described(ecs, task))["tags"] == []

    with_ecs(scenario)


def test_credentials_of_a_role_end_with_the_task() -> None:
    """1. A task with a role runs. 2. Its node asks twice: two keys of that role. 3. It stops: none left."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(taskRoleArn="arn:aws:iam::123456789012:role/path/worker")
        task = await ecs.run_one()
        spec = ecs.plane.store[UNITS].require(task).spec
        assert "AWS_ACCESS_KEY_ID" not in dict(spec.containers[0].environment)
        assert spec.task is not None and spec.task.role_arn.endswith(":role/path/worker")
        await ecs.report(task, "running", containers=(running(),))
        roles = ecs.plane.calls.part(RoleCredentials)
        first, second = roles.issue("n1", task), roles.issue("n1", task)
        assert first.access_key != second.access_key and first.secret not in repr(first)
        key = ecs.plane.store[CREDENTIALS].require(first.access_key)
        assert key.arn == f"arn:aws:sts::123456789012:assumed-role/worker/{task}"
        assert (key.secret, key.session_token) == (first.secret, first.session_token)
        assert key.expires_at == first.expires_at == ecs.clock.now() + 6 * HOUR
        assert roles.issue("n2", task).why == "no such task runs on this node"
        ecs.clock.time += 5 * HOUR
        third = roles.issue("n1", task)
        ecs.clock.time += 2 * HOUR
        fourth = roles.issue("n1", task)
        row = ecs.plane.store[TASKS].require(task)
        assert row.access_keys == (third.access_key, fourth.access_key)
        await ecs.report(task, "stopped", containers=(exited(),))
        known = [row.access_key for row in ecs.plane.store[CREDENTIALS].all()]
        assert third.access_key not in known and fourth.access_key not in known
        assert roles.issue("n1", task).why

    with_ecs(scenario)


def test_a_task_without_a_role_has_no_credentials_to_ask_for() -> None:
    """What is told in its environment is all that there is."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        task = await ecs.run_one()
        await ecs.report(task, "running", containers=(running(),))
        answer = ecs.plane.calls.part(RoleCredentials).issue("n1", task)
        assert (answer.access_key, answer.why) == ("", "the task has no role, or has stopped")
        assert len(ecs.plane.store[CREDENTIALS]) == 0

    with_ecs(scenario)


LAUNCH_RATES = Profile(
    "test",
    quotas={"fargate.spot.tasks": 3},
    buckets={"fargate.on_demand": Rate(20, 10), "fargate.spot": Rate(100, 20)},
    switches={"ecs.embedded_instance": True},
)


def test_launch_rates() -> None:
    """Fargate On-Demand and Spot have a bucket each; EC2 has none; time refills them."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        await ecs.a_running_definition(family="plain")
        for _ in range(2):
            await ecs.call("RunTask", taskDefinition="work", count=10, **FARGATE)
        fault = await refused(ecs, "RunTask", taskDefinition="work", **FARGATE)
        assert (fault.code, fault.message) == ("ThrottlingException", "Rate exceeded")
        spot = {
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
            "networkConfiguration": SUBNET,
        }
        await ecs.call("RunTask", taskDefinition="work", **spot)
        await ecs.call("RunTask", taskDefinition="plain", count=10)
        ecs.clock.time += MINUTE
        await ecs.call("RunTask", taskDefinition="work", count=10, **FARGATE)
        fault = await refused(ecs, "RunTask", taskDefinition="work", count=3, **spot)
        assert (fault.code, "limit on the number of tasks" in fault.message) == ("ClientException", True)
        await ecs.call("RunTask", taskDefinition="work", count=2, **spot)

    with_ecs(scenario, LAUNCH_RATES)


def test_a_refused_call_costs_no_tokens() -> None:
    """A strategy that finds one of its two buckets too low leaves the other as it was."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        both = [{"capacityProvider": "FARGATE", "base": 5}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        asked = {"taskDefinition": "work", "networkConfiguration": SUBNET}
        fault = await refused(ecs, "RunTask", count=10, capacityProviderStrategy=both, **asked)
        assert fault.code == "ThrottlingException"
        await ecs.call("RunTask", count=5, launchType="FARGATE", **asked)

    rates = {"fargate.on_demand": Rate(5, 1), "fargate.spot": Rate(4, 1)}
    with_ecs(scenario, Profile("test", buckets=rates))


def test_stopped_tasks_are_kept_for_an_hour() -> None:
    """Describable until then, and gone after."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        task = await ecs.run_one()
        await ecs.report(task, "stopped")
        retention = ecs.plane.calls.part(Retention)
        over = ecs.clock.time
        assert await retention.forget(over + HOUR - 1, frozenset()) == over + HOUR
        assert (await described(ecs, task))["lastStatus"] == "STOPPED"
        assert await retention.forget(over + HOUR, frozenset()) is None
        assert (await ecs.call("DescribeTasks", tasks=[task]))["failures"][0]["reason"] == "MISSING"

    with_ecs(scenario)

"""ECS clusters, in process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecs_build import SUBNET, Ecs, a_fargate_definition, with_ecs
from windlass.aws.quotas import Profile
from windlass.kernel.faults import Fault


async def refused(ecs: Ecs, operation: str, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await ecs.call(operation, **params)
    return caught.value


def test_a_cluster_lives_and_ends() -> None:
    """Created, described with what was asked for, listed, deleted, INACTIVE, created anew."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.call("CreateCluster", clusterName="main", tags=[{"key": "a", "value": "1"}])
        arn = made["cluster"]["clusterArn"]
        assert arn == "arn:aws:ecs:eu-west-1:123456789012:cluster/main"
        [shown] = (await ecs.call("DescribeClusters", clusters=[arn], include=["TAGS", "STATISTICS"]))[
            "clusters"
        ]
        assert shown["tags"] == [{"key": "a", "value": "1"}]
        assert {"name": "runningFargateTasksCount", "value": "0"} in shown["statistics"]
        assert (await ecs.call("ListClusters"))["clusterArns"] == [arn]
        assert (await ecs.call("DeleteCluster", cluster="main"))["cluster"]["status"] == "INACTIVE"
        assert (await ecs.call("ListClusters"))["clusterArns"] == []
        [shown] = (await ecs.call("DescribeClusters", clusters=["main"]))["clusters"]
        assert shown["status"] == "INACTIVE"
        fault = await refused(ecs, "DeleteCluster", cluster="main")
        assert fault.code == "ClusterNotFoundException"
        assert (await ecs.call("CreateCluster", clusterName="main"))["cluster"]["status"] == "ACTIVE"

    with_ecs(scenario)


def test_creating_twice() -> None:
    """The same name again gives the same cluster; other arguments are refused."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("CreateCluster", clusterName="main", tags=[{"key": "a", "value": "1"}])
        again = await ecs.call("CreateCluster", clusterName="main")
        assert again["cluster"]["tags"] == [{"key": "a", "value": "1"}]
        fault = await refused(ecs, "CreateCluster", clusterName="main", tags=[{"key": "b", "value": "1"}])
        assert fault.code == "InvalidParameterException"
        assert "idempotent" in fault.message

    with_ecs(scenario)


def test_the_default_cluster() -> None:
    """`default` is there without being created; it is listed once something was written to it."""

    async def scenario(ecs: Ecs) -> None:
        [shown] = (await ecs.call("DescribeClusters"))["clusters"]
        assert (shown["clusterName"], shown["status"]) == ("default", "ACTIVE")
        assert (await ecs.call("ListTasks"))["taskArns"] == []
        assert (await ecs.call("ListClusters"))["clusterArns"] == []
        await ecs.a_running_definition()
        await ecs.run_one()
        assert (await ecs.call("ListClusters"))["clusterArns"] == [shown["clusterArn"]]

    with_ecs(scenario)


def test_a_deleted_default_cluster_stays_deleted() -> None:
    """Nothing brings back a cluster that its owner deleted."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("DeleteCluster", cluster="default")
        await ecs.a_running_definition()
        fault = await refused(ecs, "RunTask", taskDefinition="work")
        assert fault.code == "ClusterNotFoundException"

    with_ecs(scenario)


def test_missing_clusters() -> None:
    """Describing what never was is a failure with its ARN; using it is an error."""

    async def scenario(ecs: Ecs) -> None:
        described = await ecs.call("DescribeClusters", clusters=["gone", "default"])
        arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/gone"
        assert described["failures"] == [{"arn": arn, "reason": "MISSING"}]
        assert len(described["clusters"]) == 1
        for operation in ("DeleteCluster", "UpdateCluster", "ListTasks"):
            fault = await refused(ecs, operation, cluster="gone")
            assert (fault.code, fault.message) == ("ClusterNotFoundException", "Cluster not found.")
        elsewhere = arn.replace("eu-west-1", "us-east-1").replace("gone", "default")
        assert (await refused(ecs, "ListTasks", cluster=elsewhere)).code == "ClusterNotFoundException"
        kind = arn.replace("cluster/", "service/")
        assert (await refused(ecs, "ListTasks", cluster=kind)).code == "InvalidParameterException"

    with_ecs(scenario)


def test_counters_and_deletion() -> None:
    """Pending and running tasks are counted live; a cluster with either is not deleted."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("CreateCluster", clusterName="main")
        await ecs.a_running_definition()
        first, second = [await ecs.run_one(cluster="main") for _ in range(2)]
        await ecs.report(first, "running")
        [shown] = (await ecs.call("DescribeClusters", clusters=["main"]))["clusters"]
        assert (shown["pendingTasksCount"], shown["runningTasksCount"]) == (1, 1)
        fault = await refused(ecs, "DeleteCluster", cluster="main")
        assert fault.code == "ClusterContainsTasksException"
        for task in (first, second):
            await ecs.report(task, "stopped")
        [shown] = (await ecs.call("DescribeClusters", clusters=["main"]))["clusters"]
        assert (shown["pendingTasksCount"], shown["runningTasksCount"]) == (0, 0)
        await ecs.call("DeleteCluster", cluster="main")

    with_ecs(scenario)


def test_updates() -> None:
    """Settings and configuration change; what is not named stays."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("CreateCluster", clusterName="main", configuration={"managedStorageConfiguration": {}})
        enabled = [{"name": "containerInsights", "value": "enabled"}]
        for operation in ("UpdateCluster", "UpdateClusterSettings"):
            updated = (await ecs.call(operation, cluster="main", settings=enabled))["cluster"]
            assert updated["settings"] == enabled
            assert updated["configuration"] == {"managedStorageConfiguration": {}}
        wrong = [{"name": "containerInsights", "value": "sometimes"}]
        fault = await refused(ecs, "UpdateClusterSettings", cluster="main", settings=wrong)
        assert fault.code == "InvalidParameterException"
        defaults = {"namespace": "n"}
        fault = await refused(ecs, "UpdateCluster", cluster="main", serviceConnectDefaults=defaults)
        assert "Service Connect" in fault.message

    with_ecs(scenario)


def test_capacity_providers() -> None:
    """Associated, used by the default strategy, and not taken away from running tasks."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("CreateCluster", clusterName="main")
        strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        put = {"cluster": "main", "defaultCapacityProviderStrategy": strategy}
        fault = await refused(ecs, "PutClusterCapacityProviders", capacityProviders=["FARGATE"], **put)
        assert "not associated" in fault.message
        made = await ecs.call("PutClusterCapacityProviders", capacityProviders=["FARGATE_SPOT"], **put)
        assert made["cluster"]["defaultCapacityProviderStrategy"] == strategy
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        task = await ecs.run_one(cluster="main", networkConfiguration=SUBNET)
        [shown] = (await ecs.call("DescribeTasks", cluster="main", tasks=[task]))["tasks"]
        assert (shown["launchType"], shown["capacityProviderName"]) == ("FARGATE", "FARGATE_SPOT")
        nothing: dict[str, Any] = {"capacityProviders": [], "defaultCapacityProviderStrategy": []}
        fault = await refused(ecs, "PutClusterCapacityProviders", cluster="main", **nothing)
        assert fault.code == "ResourceInUseException"
        await ecs.report(task, "stopped")
        await ecs.call("PutClusterCapacityProviders", cluster="main", **nothing)

    with_ecs(scenario)


def test_paging_and_limits() -> None:
    """Pages of one, a token of another listing, too large a page, the quota on clusters."""

    async def scenario(ecs: Ecs) -> None:
        for name in ("a", "b", "c"):
            await ecs.call("CreateCluster", clusterName=name)
        seen: list[str] = []
        token: dict[str, str] = {}
        for _ in range(3):
            page = await ecs.call("ListClusters", maxResults=1, **token)
            seen += page["clusterArns"]
            token = {"nextToken": page["nextToken"]} if "nextToken" in page else {}
        assert [arn[-1] for arn in seen] == ["a", "b", "c"]
        assert not token
        other = (await ecs.call("ListClusters", maxResults=1))["nextToken"]
        for params in ({"maxResults": 101}, {"maxResults": 0}, {"nextToken": "nonsense"}):
            assert (await refused(ecs, "ListClusters", **params)).code == "InvalidParameterException"
        assert (await refused(ecs, "ListTasks", nextToken=other)).code == "InvalidParameterException"
        fault = await refused(ecs, "CreateCluster", clusterName="d")
        assert (fault.code, fault.message) == (
            "ClientException",
            "The maximum number of clusters (3) has been reached.",
        )
        assert (await refused(ecs, "CreateCluster", clusterName="a b")).code == "InvalidParameterException"

    with_ecs(scenario, Profile("test", quotas={"ecs.clusters": 3}))

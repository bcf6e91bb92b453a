"""ECS services through their API, in process; no scheduler is needed for any of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION
from tests.ecs_build import SUBNET, Ecs, a_container, a_fargate_definition, with_ecs
from windlass.aws.quotas import Profile
from windlass.aws.target_groups import UNUSED, Target, TargetGroups, TargetHealth, TargetType
from windlass.kernel.clock import HOUR, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ec2.model import SUBNETS
from windlass.services.ecs import services_gone
from windlass.services.ecs.controller import Retention
from windlass.services.ecs.model import DEFINITIONS
from windlass.services.ecs.service_model import DEPLOYMENTS, REVISIONS, SERVICE_DEPLOYMENTS, SERVICES

ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/default/web"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"


def test_a_service_is_made_with_aws_s_defaults() -> None:
    """Created, described, listed; a PRIMARY deployment of a revision in a service deployment."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_service(tags=[{"key": "team", "value": "a"}])
        assert (made["serviceArn"], made["status"], made["desiredCount"]) == (ARN, "ACTIVE", 2)
        assert (made["runningCount"], made["pendingCount"]) == (0, 0)
        assert (made["schedulingStrategy"], made["launchType"]) == ("REPLICA", "EC2")
        assert made["availabilityZoneRebalancing"] == "ENABLED"
        assert made["propagateTags"] == "NONE"
        assert made["tags"] == [{"key": "team", "value": "a"}]
        [primary] = made["deployments"]
        assert (primary["status"], primary["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
        assert primary["rolloutStateReason"] == f"ECS deployment {primary['id']} in progress."
        assert primary["id"].startswith("ecs-svc/")
        [revision] = made["currentServiceRevisions"]
        assert revision["requestedTaskCount"] == 2
        assert made["currentServiceDeployment"].startswith(
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/"
        )
        shown = await ecs.service(ARN)
        assert shown == {**made, "tags": []}
        assert (await ecs.call("ListServices"))["serviceArns"] == [ARN]

    with_ecs(scenario)


def test_a_fargate_service_resolves_its_platform() -> None:
    """The service says LATEST, its deployment which one that is; awsvpc needs the linked role."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        made = await ecs.a_service(launchType="FARGATE", networkConfiguration=SUBNET)
        assert (made["platformVersion"], made["platformFamily"]) == ("LATEST", "Linux")
        [primary] = made["deployments"]
        assert primary["platformVersion"] == "1.4.0"
        assert primary["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
        assert made["roleArn"].endswith("/AWSServiceRoleForECS")

    with_ecs(scenario)


def test_creating_twice() -> None:
    """The same call gives the same service; with other arguments it is not idempotent."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_service()
        again = await ecs.a_service()
        assert again == made
        for other in ({"desiredCount": 3}, {"clientToken": "x"}, {"launchType": "EXTERNAL"}):
            fault = await ecs.refused(
                "CreateService",
                **{"serviceName": "web", "taskDefinition": "work", "desiredCount": 2, **other},
            )
            assert (fault.code, fault.message) == (
                "InvalidParameterException",
                "Creation of service was not idempotent.",
            )

    with_ecs(scenario)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"serviceName": "a b"}, "InvalidParameterException", "Invalid service name"),
    ({"clientToken": "x" * 37}, "InvalidParameterException", "clientToken"),
    ({"desiredCount": -1}, "InvalidParameterException", "negative"),
    ({"taskDefinition": "nothing"}, "ClientException", "TaskDefinition not found."),
    ({"taskDefinition": ""}, "InvalidParameterException", "TaskDefinition"),
    ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    (
        {"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
        "InvalidParameterException",
        "both a launch type and capacity provider strategy",
    ),
    (
        {"capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]},
        "InvalidParameterException",
        "'mine' was not found",
    ),
    ({"launchType": "FARGATE"}, "InvalidParameterException", "does not support launch_type FARGATE"),
    ({"networkConfiguration": SUBNET}, "InvalidParameterException", "not valid for the given networkMode"),
    ({"platformVersion": "1.4.0"}, "InvalidParameterException", "platform version must be null"),
    ({"role": "ecs"}, "InvalidParameterException", "A role was passed, but no load balancers were present."),
    ({"enableExecuteCommand": True}, "InvalidParameterException", "valid taskRoleArn is not being used"),
    ({"healthCheckGracePeriodSeconds": -1}, "InvalidParameterException", "healthCheckGracePeriodSeconds"),
    ({"placementConstraints": [{"type": "memberOf"}]}, "InvalidParameterException", "placement constraint"),
    ({"placementStrategy": [{"type": "binpack", "field": "disk"}]}, "InvalidParameterException", "strategy"),
    ({"placementStrategy": [{"type": "random"}] * 6}, "InvalidParameterException", "at most 5"),
    ({"deploymentController": {"type": "CODE_DEPLOY"}}, "UnsupportedFeatureException", "CodeDeploy"),
    ({"launchType": "MANAGED_INSTANCES"}, "UnsupportedFeatureException", "MANAGED_INSTANCES"),
    ({"serviceRegistries": [{"registryArn": "x"}]}, "UnsupportedFeatureException", "service discovery"),
    ({"serviceConnectConfiguration": {"enabled": True}}, "UnsupportedFeatureException", "Service Connect"),
    ({"volumeConfigurations": [{"name": "x"}]}, "UnsupportedFeatureException", "EBS"),
    (
        {"schedulingStrategy": "DAEMON"},
        "InvalidParameterException",
        "The daemon scheduling strategy does not support a desired count for services.",
    ),
    (
        {
            "availabilityZoneRebalancing": "ENABLED",
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0},
        },
        "InvalidParameterException",
        "maximumPercent greater than 100",
    ),
    ({"tags": [{"key": "aws:x", "value": ""}]}, "InvalidParameterException", "reserved"),
    (
        {"deploymentController": {"type": "EXTERNAL"}},
        "InvalidParameterException",
        "TaskDefinition must be blank",
    ),
]


@pytest.mark.parametrize(("params", "code", "says"), REFUSED)
def test_what_create_service_refuses(params: dict[str, Any], code: str, says: str) -> None:
    """Each with AWS's code, and nothing was made."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        asked = {"serviceName": "web", "taskDefinition": "work", "desiredCount": 2, **params}
        fault = await ecs.refused("CreateService", **asked)
        assert fault.code == code
        assert says in fault.message
        assert (await ecs.call("ListServices"))["serviceArns"] == []

    with_ecs(scenario)


def test_a_daemon_has_no_count_and_no_strategies() -> None:
    """0 to 100 %, no desired count, no placement strategy, no capacity providers, not on Fargate."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        daemon: dict[str, Any] = {
            "serviceName": "logs",
            "taskDefinition": "work",
            "schedulingStrategy": "DAEMON",
        }
        made = (await ecs.call("CreateService", **daemon))["service"]
        rolling = made["deploymentConfiguration"]
        assert (rolling["minimumHealthyPercent"], rolling["maximumPercent"]) == (0, 100)
        assert made["availabilityZoneRebalancing"] == "DISABLED"
        for params, says in (
            ({"placementStrategy": [{"type": "random"}]}, "does not support placement strategies"),
            ({"launchType": "FARGATE"}, "FARGATE"),
            (
                {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
                "Specifying a capacity provider strategy is not supported",
            ),
            ({"deploymentConfiguration": {"maximumPercent": 200}}, "maximumPercent"),
            ({"deploymentController": {"type": "EXTERNAL"}}, "DAEMON"),
        ):
            fault = await ecs.refused("CreateService", **{**daemon, "serviceName": "more", **params})
            assert fault.code == "InvalidParameterException"
            assert says in fault.message
        for params, says in (
            ({"desiredCount": 1}, "does not support a desired count"),
            ({"placementStrategy": [{"type": "random"}]}, "does not support placement strategies"),
            ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, "capacity provider strategy"),
        ):
            assert says in (await ecs.refused("UpdateService", service="logs", **params)).message
        deleted = await ecs.call("DeleteService", service="logs")
        assert deleted["service"]["status"] == "DRAINING"

    with_ecs(scenario)


def test_load_balancers_need_what_they_name() -> None:
    """A container and a port of the definition, and a target group that there is."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(
            containerDefinitions=[a_container(portMappings=[{"containerPort": 80}])]
        )
        group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/0123456789abcdef"
        balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
        for changed, code, says in (
            ({"containerName": "db"}, "InvalidParameterException", "The container db does not exist"),
            ({"containerPort": 81}, "InvalidParameterException", "did not have a container port 81 defined."),
            ({"targetGroupArn": ""}, "InvalidParameterException", "targetGroupArn is required"),
            ({"loadBalancerName": "old"}, "UnsupportedFeatureException", "Classic"),
            ({}, "InvalidParameterException", "does not have an associated load balancer."),
        ):
            fault = await ecs.refused(
                "CreateService",
                serviceName="web",
                taskDefinition="work",
                desiredCount=1,
                loadBalancers=[{**balancer, **changed}],
            )
            assert fault.code == code
            assert says in fault.message

    with_ecs(scenario)


def test_settings_change_without_a_deployment() -> None:
    """Counts, percentages, placement, tags to propagate: the deployment stays the one it was."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_service()
        await ecs.call(
            "UpdateService",
            service="web",
            desiredCount=4,
            taskDefinition="work:1",
            deploymentConfiguration={"minimumHealthyPercent": 50},
            placementStrategy=[{"type": "spread", "field": "instanceId"}],
            placementConstraints=[{"type": "distinctInstance"}],
            availabilityZoneRebalancing="DISABLED",
            healthCheckGracePeriodSeconds=30,
            propagateTags="SERVICE",
            enableECSManagedTags=True,
        )
        shown = await ecs.service()
        assert [row["id"] for row in shown["deployments"]] == [made["deployments"][0]["id"]]
        assert shown["currentServiceDeployment"] == made["currentServiceDeployment"]
        assert (shown["desiredCount"], shown["deployments"][0]["desiredCount"]) == (4, 4)
        assert shown["deploymentConfiguration"]["minimumHealthyPercent"] == 50
        assert shown["placementStrategy"] == [{"type": "spread", "field": "instanceId"}]
        assert shown["placementConstraints"] == [{"type": "distinctInstance"}]
        assert shown["availabilityZoneRebalancing"] == "DISABLED"
        assert shown["healthCheckGracePeriodSeconds"] == 30
        assert (shown["propagateTags"], shown["enableECSManagedTags"]) == ("SERVICE", True)

    with_ecs(scenario)


@pytest.mark.parametrize(
    "change",
    [
        {"forceNewDeployment": True},
        {"taskDefinition": "work"},
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]},
        {"platformVersion": "1.3.0"},
        {
            "networkConfiguration": {
                "awsvpcConfiguration": {"subnets": ["subnet-00000000000000001"], "assignPublicIp": "ENABLED"}
            }
        },
    ],
)
def test_what_starts_a_new_deployment(change: dict[str, Any]) -> None:
    """The new one is PRIMARY, the old one ACTIVE; a service deployment that went on is overtaken."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        made = await ecs.a_service(launchType="FARGATE", networkConfiguration=SUBNET)
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        after = (await ecs.call("UpdateService", service="web", **change))["service"]
        assert [row["status"] for row in after["deployments"]] == ["PRIMARY", "ACTIVE"]
        assert after["deployments"][1]["id"] == made["deployments"][0]["id"]
        assert after["currentServiceDeployment"] != made["currentServiceDeployment"]
        newest = after["deployments"][0]
        assert newest["taskDefinition"].endswith(":2" if "taskDefinition" in change else ":1")
        if "capacityProviderStrategy" in change:
            assert "launchType" not in after
            assert newest["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
            back = await ecs.call("UpdateService", service="web", capacityProviderStrategy=[])
            assert back["service"]["launchType"] == "FARGATE"
        statuses = sorted(row.status for row in ecs.plane.store[SERVICE_DEPLOYMENTS].all())
        assert statuses.count("STOPPED") == len(statuses) - 1

    with_ecs(scenario)


def test_an_inactive_definition_may_stay_but_not_come() -> None:
    """A service keeps its definition when that is deregistered; another service cannot begin with it."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service()
        await ecs.call("DeregisterTaskDefinition", taskDefinition="work:1")
        fault = await ecs.refused("CreateService", serviceName="b", taskDefinition="work:1", desiredCount=1)
        assert (fault.code, fault.message) == ("ClientException", "TaskDefinition is inactive")
        after = await ecs.call(
            "UpdateService", service="web", taskDefinition="work:1", forceNewDeployment=True
        )
        assert len(after["service"]["deployments"]) == 2

    with_ecs(scenario)


def test_what_update_service_refuses() -> None:
    """No service, a deleted one, a definition that tasks cannot run with, exec without a role."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service()
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition(family="fargate"))
        for params, code, says in (
            ({"service": "other"}, "ServiceNotFoundException", "Service not found."),
            ({"taskDefinition": "fargate"}, "InvalidParameterException", "Network Configuration must be"),
            ({"enableExecuteCommand": True}, "InvalidParameterException", "couldn't be updated"),
            ({"deploymentController": {"type": "EXTERNAL"}}, "UnsupportedFeatureException", "controller"),
            ({"desiredCount": -2}, "InvalidParameterException", "negative"),
        ):
            fault = await ecs.refused("UpdateService", **{"service": "web", **params})
            assert fault.code == code
            assert says in fault.message
        assert len((await ecs.service())["deployments"]) == 1
        await ecs.call("DeleteService", service="web", force=True)
        fault = await ecs.refused("UpdateService", service="web", desiredCount=1)
        assert (fault.code, fault.message) == ("ServiceNotActiveException", "Service was not ACTIVE.")

    with_ecs(scenario)


def test_a_service_is_deleted_and_its_name_comes_again() -> None:
    """Refused above 0 unless forced; DRAINING keeps the name, INACTIVE frees it, and nothing is left."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service()
        fault = await ecs.refused("DeleteService", service="web")
        assert fault.message == "The service cannot be stopped while it is scaled above 0."
        deleted = (await ecs.call("DeleteService", service="web", force=True))["service"]
        assert (deleted["status"], deleted["desiredCount"]) == ("DRAINING", 0)
        assert (await ecs.call("DeleteService", service="web"))["service"]["status"] == "DRAINING"
        assert (await ecs.call("ListServices"))["serviceArns"] == []
        fault = await ecs.refused("CreateService", serviceName="web", taskDefinition="work", desiredCount=1)
        assert fault.message == "Unable to Start a service that is still Draining."
        store = ecs.plane.store
        with store.transact() as tx:
            [row] = tx[SERVICES].all()
            tx[SERVICES].put(replace(row, status="INACTIVE", inactive_at=ecs.clock.now()))
        assert (await ecs.service())["status"] == "INACTIVE"
        fault = await ecs.refused("DeleteService", service="web")
        assert fault.code == "ServiceNotFoundException"
        await ecs.a_service()
        assert (await ecs.service())["status"] == "ACTIVE"
        assert [len(store[table]) for table in (REVISIONS, DEPLOYMENTS, SERVICE_DEPLOYMENTS)] == [1, 1, 1]

    with_ecs(scenario)


def test_describing_and_listing() -> None:
    """Ten at a time, failures MISSING; lists by launch type and scheduling strategy, page by page."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition(family="fargate"))
        for number in range(11):
            await ecs.a_service(serviceName=f"s{number:02}")
        await ecs.a_service(
            serviceName="f", taskDefinition="fargate", launchType="FARGATE", networkConfiguration=SUBNET
        )
        first = await ecs.call("ListServices")
        assert len(first["serviceArns"]) == 10
        second = await ecs.call("ListServices", nextToken=first["nextToken"])
        assert len(second["serviceArns"]) == 2
        assert "nextToken" not in second
        listed = await ecs.call("ListServices", launchType="FARGATE", maxResults=100)
        assert [arn.rpartition("/")[2] for arn in listed["serviceArns"]] == ["f"]
        assert (await ecs.call("ListServices", schedulingStrategy="DAEMON"))["serviceArns"] == []
        answer = await ecs.call("DescribeServices", services=["s01", "nothing"])
        assert [row["serviceName"] for row in answer["services"]] == ["s01"]
        assert answer["failures"] == [{"arn": ARN.replace("web", "nothing"), "reason": "MISSING"}]
        for named in ([], [f"s{number:02}" for number in range(11)]):
            assert (await ecs.refused("DescribeServices", services=named)).code == "InvalidParameterException"
        assert (await ecs.refused("ListServices", maxResults=101)).code == "InvalidParameterException"
        fault = await ecs.refused("ListServicesByNamespace", namespace="internal")
        assert fault.code == "NamespaceNotFoundException"

    with_ecs(scenario)


def test_quotas_of_services() -> None:
    """So many services in a cluster, so many tasks in a service; without quotas as many as one likes."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service()
        fault = await ecs.refused("CreateService", serviceName="b", taskDefinition="work", desiredCount=1)
        assert "services in a cluster (1)" in fault.message
        fault = await ecs.refused("UpdateService", service="web", desiredCount=4)
        assert "tasks in a service is 3" in fault.message

    quotas = {"ecs.services_per_cluster": 1.0, "ecs.tasks_per_service": 3.0}
    with_ecs(scenario, Profile("small", quotas=quotas))


def test_a_cluster_counts_its_services_and_is_not_deleted_with_them() -> None:
    """activeServicesCount, statistics by launch type, and ClusterContainsServicesException."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition(family="fargate"))
        await ecs.a_service(desiredCount=0)
        fargate = {"taskDefinition": "fargate", "launchType": "FARGATE", "networkConfiguration": SUBNET}
        await ecs.a_service(serviceName="f", desiredCount=0, **fargate)
        await ecs.call("DeleteService", service="f")
        answer = await ecs.call("DescribeClusters", include=["STATISTICS"])
        [shown] = answer["clusters"]
        figures = {row["name"]: row["value"] for row in shown["statistics"]}
        assert shown["activeServicesCount"] == 1
        assert figures["activeEC2ServiceCount"] == figures["drainingFargateServiceCount"] == "1"
        assert figures["activeFargateServiceCount"] == figures["drainingEC2ServiceCount"] == "0"
        fault = await ecs.refused("DeleteCluster", cluster="default")
        assert fault.code == "ClusterContainsServicesException"

    with_ecs(scenario)


def test_a_provider_that_a_service_uses_stays_with_the_cluster() -> None:
    """PutClusterCapacityProviders refuses to take it away."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        await ecs.a_service(capacityProviderStrategy=spot, networkConfiguration=SUBNET, desiredCount=0)
        fault = await ecs.refused(
            "PutClusterCapacityProviders",
            cluster="default",
            capacityProviders=["FARGATE"],
            defaultCapacityProviderStrategy=[],
        )
        assert (fault.code, "by services" in fault.message) == ("ResourceInUseException", True)

    with_ecs(scenario)


def test_tags_of_a_service() -> None:
    """Tagged, listed and untagged like other resources; a deleted one has none."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service(desiredCount=0)
        await ecs.call("TagResource", resourceArn=ARN, tags=[{"key": "a", "value": "1"}])
        assert (await ecs.service(include=["TAGS"]))["tags"] == [{"key": "a", "value": "1"}]
        assert (await ecs.call("ListTagsForResource", resourceArn=ARN))["tags"] == [
            {"key": "a", "value": "1"}
        ]
        await ecs.call("UntagResource", resourceArn=ARN, tagKeys=["a"])
        assert (await ecs.call("ListTagsForResource", resourceArn=ARN))["tags"] == []
        await ecs.call("DeleteService", service="web")
        fault = await ecs.refused("ListTagsForResource", resourceArn=ARN)
        assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


def test_many_deployments_leave_no_more_rows_than_are_kept() -> None:
    """The oldest are forgotten with what they made, but not what one may roll back to."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service(desiredCount=0)
        store = ecs.plane.store
        with store.transact() as tx:
            [first] = tx[DEPLOYMENTS].all()
            tx[DEPLOYMENTS].put(replace(first, has_completed=True))
        for _ in range(6):
            ecs.clock.time += 1
            with store.transact() as tx:
                for row in tx[DEPLOYMENTS].all():
                    tx[DEPLOYMENTS].put(replace(row, status="INACTIVE"))
            await ecs.call("UpdateService", service="web", forceNewDeployment=True)
        with store.transact() as tx:
            [service] = tx[SERVICES].all()
            services_gone.trim(tx, service, kept=3)
        assert len(store[SERVICE_DEPLOYMENTS]) == 3
        assert store[DEPLOYMENTS].get(first.id) is not None
        assert store[REVISIONS].get(first.revision_id) is not None
        assert len(store[DEPLOYMENTS]) == 4
        assert len(store[REVISIONS]) <= 5

    with_ecs(scenario)


def test_a_definition_that_a_service_uses_is_not_forgotten() -> None:
    """Deleted while a service has it, it stays until the service is forgotten, too."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_service(desiredCount=0)
        await ecs.call("DeregisterTaskDefinition", taskDefinition="work:1")
        await ecs.call("DeleteTaskDefinitions", taskDefinitions=["work:1"])
        retention, store = ecs.plane.calls.part(Retention), ecs.plane.store
        ecs.clock.time += 2 * HOUR
        await retention.forget(ecs.clock.now(), frozenset())
        assert len(store[DEFINITIONS]) == 1
        assert (await ecs.call("UpdateService", service="web", forceNewDeployment=True))["service"]
        with store.transact() as tx:
            [service] = tx[SERVICES].all()
            tx[SERVICES].put(replace(service, status="INACTIVE", inactive_at=ecs.clock.now()))
        ecs.clock.time += 2 * HOUR
        await retention.forget(ecs.clock.now(), frozenset())
        assert (len(store[SERVICES]), len(store[REVISIONS]), len(store[DEFINITIONS])) == (0, 0, 0)

    with_ecs(scenario)


def test_a_count_changes_whatever_became_of_its_subnet() -> None:
    """Only what makes tasks is checked again: one may scale in a service whose network is gone."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        await ecs.a_service(launchType="FARGATE", networkConfiguration=SUBNET, desiredCount=0)
        with ecs.plane.store.transact() as tx:
            for subnet in list(tx[SUBNETS].all()):
                tx[SUBNETS].delete(subnet.id)
        scaled = await ecs.call("UpdateService", service="web", desiredCount=1)
        assert scaled["service"]["desiredCount"] == 1
        fault = await ecs.refused("UpdateService", service="web", forceNewDeployment=True)
        assert "Error retrieving subnet information" in fault.message

    with_ecs(scenario)


class Balancers:
    """Load balancers that have one target group, and remember what they are told."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.told: list[tuple[str, str, Target]] = []

    def target_type(self, arn: str) -> TargetType | None:
        return "instance" if arn == self.arn else None

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        self.told.append(("register", arn, target))

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        self.told.append(("deregister", arn, target))

    def health(self, arn: str, target: Target) -> TargetHealth:
        return TargetHealth("healthy")


def test_a_service_behind_a_target_group() -> None:
    """Whoever serves load balancers is asked; a role may be named unless ECS needs its own."""

    async def scenario(ecs: Ecs) -> None:
        mapped = a_container(portMappings=[{"containerPort": 80}])
        await ecs.a_running_definition(containerDefinitions=[mapped])
        group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/0123456789abcdef"
        groups, balancers = ecs.plane.calls.part(TargetGroups), Balancers(group)
        target = Target("10.0.0.1", 80)
        assert (groups.target_type(group), groups.health(group, target)) == (None, UNUSED)
        groups.serve(balancers)
        balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
        made = await ecs.a_service(loadBalancers=[balancer], role="ecsServiceRole", desiredCount=0)
        assert made["loadBalancers"] == [balancer]
        assert made["roleArn"] == f"arn:aws:iam::{ACCOUNT}:role/ecsServiceRole"
        for params, says in (
            ({"role": "x", "loadBalancers": [balancer] * 2}, "require a service linked role"),
            ({"role": "arn:aws:s3:::bucket", "loadBalancers": [balancer]}, "Invalid role"),
            ({"launchType": "EXTERNAL", "loadBalancers": [balancer]}, "EXTERNAL launch type"),
        ):
            asked = {"serviceName": "b", "taskDefinition": "work", "desiredCount": 0, **params}
            assert says in (await ecs.refused("CreateService", **asked)).message
        with ecs.plane.store.transact() as tx:
            groups.register(tx, group, target, NOW)
            groups.deregister(tx, group, target, NOW)
        assert [what for what, *_ in balancers.told] == ["register", "deregister"]
        assert groups.health(group, target).state == "healthy"

    with_ecs(scenario)

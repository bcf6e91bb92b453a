"""Service deployments and revisions through their API, in process. The scheduler has no turn in between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.build import NOW
from tests.ecs_build import SUBNET, Ecs, a_fargate_definition, with_ecs
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs.service_model import REVISIONS, SERVICE_DEPLOYMENTS, HookCall, ServiceDeployment


async def rolled(ecs: Ecs, times: int) -> list[str]:
    """A service with so many service deployments, a second apart; their ARNs, the oldest first."""
    arns = [(await ecs.a_service())["currentServiceDeployment"]]
    for _ in range(times - 1):
        ecs.clock.time += SECOND
        after = await ecs.call("UpdateService", service="web", forceNewDeployment=True)
        arns.append(after["service"]["currentServiceDeployment"])
    return arns


def record(ecs: Ecs, arn: str) -> ServiceDeployment:
    return ecs.plane.store[SERVICE_DEPLOYMENTS].require(arn.rpartition("/")[2])


def change(ecs: Ecs, arn: str, **columns: Any) -> None:
    with ecs.plane.store.transact() as tx:
        tx[SERVICE_DEPLOYMENTS].put(replace(record(ecs, arn), **columns))


def test_a_service_deployment_is_described() -> None:
    """Where it comes from and goes to, how it may fail, and whether it went back."""

    async def scenario(ecs: Ecs) -> None:
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        first = (await ecs.a_service(deploymentConfiguration=breaker))["currentServiceDeployment"]
        after = await ecs.call("UpdateService", service="web", forceNewDeployment=True, desiredCount=4)
        second = after["service"]["currentServiceDeployment"]
        [new, old] = after["service"]["currentServiceRevisions"]
        hook = HookCall("h1", "arn:aws:lambda:eu-west-1:123456789012:function:check", "POST_SCALE_UP")
        back = old["arn"].rpartition("/")[2]
        change(ecs, second, rollback_revision=back, rollback_at=NOW, hooks=(hook,))
        answer = await ecs.call("DescribeServiceDeployments", serviceDeploymentArns=[second, first[:-1]])
        assert answer["failures"] == [{"arn": first[:-1], "reason": "MISSING"}]
        [shown] = answer["serviceDeployments"]
        assert shown["serviceArn"] == after["service"]["serviceArn"]
        assert shown["targetServiceRevision"] == new
        assert [row["arn"] for row in shown["sourceServiceRevisions"]] == [old["arn"]]
        assert shown["deploymentCircuitBreaker"] == {
            "status": "MONITORING",
            "failureCount": 0,
            "threshold": 3,
        }
        assert shown["lifecycleHookDetails"] == [
            {
                "hookId": "h1",
                "targetType": "AWS_LAMBDA",
                "targetArn": hook.target_arn,
                "status": "IN_PROGRESS",
                "timeoutAction": "ROLLBACK",
            }
        ]
        assert shown["alarms"]["status"] == "DISABLED"
        assert shown["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
        assert shown["rollback"]["serviceRevisionArn"] == old["arn"]

    with_ecs(scenario)


def test_a_revision_is_described() -> None:
    """What its tasks are made of, with the images and the digests that are known of them."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        made = await ecs.a_service(launchType="FARGATE", networkConfiguration=SUBNET)
        arn = made["currentServiceRevisions"][0]["arn"]
        [shown] = (await ecs.call("DescribeServiceRevisions", serviceRevisionArns=[arn]))["serviceRevisions"]
        assert (shown["taskDefinition"], shown["launchType"]) == (made["taskDefinition"], "FARGATE")
        assert (shown["platformVersion"], shown["loadBalancers"]) == ("1.4.0", [])
        assert shown["containerImages"] == [{"containerName": "app", "image": "busybox"}]
        with ecs.plane.store.transact() as tx:
            row = tx[REVISIONS].require(arn.rpartition("/")[2])
            tx[REVISIONS].put(replace(row, digests=(("app", "sha256:1"),)))
        [shown] = (await ecs.call("DescribeServiceRevisions", serviceRevisionArns=[arn]))["serviceRevisions"]
        assert shown["containerImages"][0]["imageDigest"] == "sha256:1"

    with_ecs(scenario)


def test_service_deployments_are_listed_newest_first() -> None:
    """By status, by time, page by page."""

    async def scenario(ecs: Ecs) -> None:
        arns = await rolled(ecs, 4)

        async def listed(**params: Any) -> list[str]:
            answer = await ecs.call("ListServiceDeployments", service="web", **params)
            return [row["serviceDeploymentArn"] for row in answer["serviceDeployments"]]

        assert await listed() == arns[::-1]
        assert await listed(status=["STOPPED"]) == arns[2::-1]
        second = datetime.fromtimestamp(NOW // SECOND + 1, UTC)
        assert await listed(createdAt={"after": second}) == arns[:1:-1]
        assert await listed(createdAt={"before": second}) == arns[:1]
        first = await ecs.call("ListServiceDeployments", service="web", maxResults=3)
        assert len(first["serviceDeployments"]) == 3
        assert await listed(nextToken=first["nextToken"]) == arns[:1]
        fault = await ecs.refused("ListServiceDeployments", service="other")
        assert (fault.code, fault.message) == ("ServiceNotFoundException", "Service not found.")

    with_ecs(scenario)


def test_stopping_is_asked_for_once() -> None:
    """ROLLBACK unless ABORT is asked for; what has ended, or was asked for before, is in conflict."""

    async def scenario(ecs: Ecs) -> None:
        first, second = await rolled(ecs, 2)
        answer = await ecs.call("StopServiceDeployment", serviceDeploymentArn=second)
        assert answer == {"serviceDeploymentArn": second}
        assert record(ecs, second).status == "ROLLBACK_REQUESTED"
        for arn in (first, second):
            assert (await ecs.refused("StopServiceDeployment", serviceDeploymentArn=arn)).code == (
                "ConflictException"
            )
        change(ecs, second, status="IN_PROGRESS")
        await ecs.call("StopServiceDeployment", serviceDeploymentArn=second, stopType="ABORT")
        assert record(ecs, second).status == "STOP_REQUESTED"

    with_ecs(scenario)


def test_what_is_refused() -> None:
    """Nothing, too many, what is no ARN, ARNs of other things, hooks that nobody waits at."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_service()
        arn, service = made["currentServiceDeployment"], made["serviceArn"]
        for given in ([], [arn] * 21, ["web"], [service]):
            fault = await ecs.refused("DescribeServiceDeployments", serviceDeploymentArns=given)
            assert fault.code == "InvalidParameterException"
            fault = await ecs.refused("DescribeServiceRevisions", serviceRevisionArns=given)
            assert fault.code == "InvalidParameterException"
        other = arn.replace("eu-west-1", "us-east-1")
        fault = await ecs.refused("StopServiceDeployment", serviceDeploymentArn=other)
        assert fault.code == "ServiceDeploymentNotFoundException"
        fault = await ecs.refused("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId="h")
        assert (fault.code, "h does not await" in fault.message) == ("InvalidParameterException", True)
        fault = await ecs.refused("ContinueServiceDeployment", serviceDeploymentArn=other, hookId="h")
        assert fault.code == "ServiceDeploymentNotFoundException"

    with_ecs(scenario)

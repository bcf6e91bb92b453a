"""Task sets: how many tasks each wants and what to do next; their API, in process."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, REGION
from tests.ecs_build import SUBNET, Ecs, a_fargate_definition, with_ecs
from windlass.services.ecs.deployment import Counts, Start, Stop
from windlass.services.ecs.service_model import REVISIONS, TASK_SETS
from windlass.services.ecs.task_set_plan import Held, Plan, computed_count, plan

SET, DRAINED = "ecs-svc/1", "ecs-svc/1/draining"
NONE = Counts(DRAINED)

PLANS: list[tuple[str, Held, Plan]] = [
    ("nothing is wanted and nothing there", Held(0, Counts(SET), NONE), Plan([], True, True)),
    ("what is missing is started", Held(3, Counts(SET, pending=1), NONE), Plan([Start(2)], False, False)),
    ("as it is wanted", Held(2, Counts(SET, healthy=2), NONE), Plan([], True, False)),
    ("not known to be healthy yet", Held(2, Counts(SET, healthy=1, waiting=1), NONE), Plan([], False, False)),
    (
        "too many",
        Held(1, Counts(SET, healthy=3), NONE),
        Plan([Stop(SET, "healthy", 2)], False, False),
    ),
    (
        "all of a set that goes",
        Held(0, Counts(SET, pending=1, waiting=1, healthy=2), NONE),
        Plan([Stop(SET, "pending", 1), Stop(SET, "running", 1), Stop(SET, "healthy", 2)], False, False),
    ),
    ("its last tasks are stopping", Held(0, Counts(SET), NONE, stopping=1), Plan([], True, False)),
    (
        "an instance drains: a replacement first",
        Held(2, Counts(SET, healthy=1), Counts(DRAINED, healthy=1)),
        Plan([Start(1)], False, False),
    ),
    (
        "and then the task there goes",
        Held(2, Counts(SET, healthy=2), Counts(DRAINED, healthy=1)),
        Plan([Stop(DRAINED, "healthy", 1)], False, False),
    ),
]


@pytest.mark.parametrize(("held", "wanted"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS])
def test_plans(held: Held, wanted: Plan) -> None:
    """What one task set needs next, whatever the others do."""
    assert plan(held) == wanted


@given(st.integers(0, 10_000), st.floats(0, 100))
def test_the_share_is_rounded_up_and_never_more_than_all(count: int, scale: float) -> None:
    """Two sets that share a service out have at least as many tasks as it wants together."""
    mine, others = computed_count(count, scale), computed_count(count, 100 - scale)
    assert 0 <= mine <= count
    assert mine + others >= count


@given(st.integers(0, 20), st.lists(st.integers(0, 10), min_size=4, max_size=4))
def test_a_plan_settles(wanted: int, held: list[int]) -> None:
    """Carried out again and again, with every task getting healthy in between, it comes to what is wanted."""
    pending, waiting, healthy, unhealthy = held
    counts = Counts(SET, pending=pending, waiting=waiting, healthy=healthy, unhealthy=unhealthy)
    for _ in range(50):
        planned = plan(Held(wanted, counts, NONE))
        if planned.stable:
            break
        left = {"pending": counts.pending, "running": counts.waiting}
        left |= {"healthy": counts.healthy, "unhealthy": counts.unhealthy}
        for action in planned.actions:
            if isinstance(action, Start):
                left["pending"] += action.count
            elif isinstance(action, Stop):
                left[action.standing] -= action.count
        assert min(left.values()) >= 0
        well = left["pending"] + left["running"] + left["healthy"]
        counts = Counts(SET, healthy=well, unhealthy=left["unhealthy"])
    assert plan(Held(wanted, counts, NONE)) == Plan([], True, not wanted)


async def an_external_service(ecs: Ecs, count: int = 4) -> None:
    await ecs.a_running_definition()
    await ecs.call(
        "CreateService",
        serviceName="web",
        desiredCount=count,
        deploymentController={"type": "EXTERNAL"},
    )


async def a_set(ecs: Ecs, **params: Any) -> dict[str, Any]:
    asked = {"cluster": "default", "service": "web", "taskDefinition": "work", **params}
    return dict((await ecs.call("CreateTaskSet", **asked))["taskSet"])


def of(task_set: dict[str, Any], **params: Any) -> dict[str, Any]:
    return {"cluster": "default", "service": "web", "taskSet": task_set["id"], **params}


def test_sets_share_the_desired_count_out() -> None:
    """Shares rounded up; they follow the service's count and their own scale."""

    async def scenario(ecs: Ecs) -> None:
        await an_external_service(ecs)
        idle = await a_set(ecs)
        assert (idle["computedDesiredCount"], idle["scale"]) == (0, {"value": 0.0, "unit": "PERCENT"})
        half = await a_set(
            ecs,
            scale={"value": 50.0, "unit": "PERCENT"},
            externalId="blue",
            tags=[{"key": "a", "value": "1"}],
        )
        assert (half["computedDesiredCount"], half["status"]) == (2, "ACTIVE")
        assert (half["stabilityStatus"], half["externalId"]) == ("STABILIZING", "blue")
        assert half["taskSetArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-set/default/web/{half['id']}"
        assert half["tags"] == [{"key": "a", "value": "1"}]
        assert (await ecs.call("ListTagsForResource", resourceArn=half["taskSetArn"]))["tags"] == half["tags"]
        await ecs.call("UpdateService", service="web", desiredCount=9)
        after = await ecs.call(
            "DescribeTaskSets", cluster="default", service="web", taskSets=[half["taskSetArn"]]
        )
        assert after["taskSets"][0]["computedDesiredCount"] == 5
        scaled = await ecs.call("UpdateTaskSet", **of(half, scale={"value": 10.0, "unit": "PERCENT"}))
        assert scaled["taskSet"]["computedDesiredCount"] == 1
        shown = await ecs.service()
        assert {row["id"] for row in shown["taskSets"]} == {idle["id"], half["id"]}
        assert (shown["deployments"], shown["deploymentController"]) == ([], {"type": "EXTERNAL"})

    with_ecs(scenario)


def test_the_primary_set_is_what_the_service_shows() -> None:
    """One is PRIMARY at a time; the service shows what its tasks are made of."""

    async def scenario(ecs: Ecs) -> None:
        await an_external_service(ecs, 0)
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition(family="fargate"))
        blue = await a_set(ecs)
        green = await a_set(ecs, taskDefinition="fargate", launchType="FARGATE", networkConfiguration=SUBNET)
        for one, kind in ((blue, "EC2"), (green, "FARGATE")):
            answer = await ecs.call(
                "UpdateServicePrimaryTaskSet", cluster="default", service="web", primaryTaskSet=one["id"]
            )
            assert answer["taskSet"]["status"] == "PRIMARY"
            shown = await ecs.service()
            assert (shown["launchType"], shown["taskDefinition"]) == (kind, one["taskDefinition"])
            assert len((await ecs.call("ListServices", launchType=kind))["serviceArns"]) == 1
        statuses = {row["id"]: row["status"] for row in shown["taskSets"]}
        assert statuses == {blue["id"]: "ACTIVE", green["id"]: "PRIMARY"}
        fault = await ecs.refused("DeleteTaskSet", **of(green))
        assert "force" in fault.message
        await ecs.call("DeleteTaskSet", **of(green, force=True))
        assert "taskDefinition" not in await ecs.service()

    with_ecs(scenario)


def test_a_set_is_deleted_when_it_is_empty() -> None:
    """Refused above 0 unless forced; gone once it has no task, with its revision; so is the service."""

    async def scenario(ecs: Ecs) -> None:
        await an_external_service(ecs)
        await ecs.plane.spawn.close()  # the scheduler has no turn: what handlers write stays
        made = await a_set(ecs, scale={"value": 100.0, "unit": "PERCENT"})
        fault = await ecs.refused("DeleteTaskSet", **of(made))
        assert "scaled above 0" in fault.message
        await ecs.call("UpdateService", service="web", desiredCount=0)
        fault = await ecs.refused("DeleteService", service="web")
        assert fault.message == "The service cannot be stopped while deployments are active."
        deleted = (await ecs.call("DeleteTaskSet", **of(made)))["taskSet"]
        assert (deleted["status"], deleted["computedDesiredCount"]) == ("DRAINING", 0)
        assert (await ecs.call("DeleteTaskSet", **of(made)))["taskSet"]["status"] == "DRAINING"
        fault = await ecs.refused("UpdateTaskSet", **of(made, scale={"value": 1.0, "unit": "PERCENT"}))
        assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("CreateTaskSet", {"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
    (
        "CreateTaskSet",
        {"taskDefinition": "work", "scale": {"value": 101.0}},
        "InvalidParameterException",
        "between 0 and 100",
    ),
    (
        "CreateTaskSet",
        {"taskDefinition": "work", "launchType": "FARGATE"},
        "InvalidParameterException",
        "launch_type FARGATE",
    ),
    (
        "CreateTaskSet",
        {"taskDefinition": "work", "serviceRegistries": [{"registryArn": "x"}]},
        "UnsupportedFeatureException",
        "service discovery",
    ),
    ("CreateTaskSet", {"taskDefinition": "work", "service": "none"}, "ServiceNotFoundException", ""),
    ("CreateTaskSet", {"taskDefinition": "work", "cluster": "none"}, "ClusterNotFoundException", ""),
    (
        "CreateTaskSet",
        {"taskDefinition": "work", "service": "rolling"},
        "InvalidParameterException",
        "Amazon ECS only supports task set management on services configured to use external deployment",
    ),
    ("UpdateTaskSet", {"taskSet": "none", "scale": {"value": 1.0}}, "TaskSetNotFoundException", "not found"),
    ("DeleteTaskSet", {"taskSet": "none"}, "TaskSetNotFoundException", "not found"),
    ("UpdateServicePrimaryTaskSet", {"primaryTaskSet": "none"}, "TaskSetNotFoundException", "not found"),
    ("UpdateService", {"forceNewDeployment": True}, "InvalidParameterException", "Use CreateTaskSet"),
]


@pytest.mark.parametrize(("operation", "params", "code", "says"), REFUSED)
def test_what_is_refused(operation: str, params: dict[str, Any], code: str, says: str) -> None:
    """Each with AWS's code."""

    async def scenario(ecs: Ecs) -> None:
        await an_external_service(ecs)
        await ecs.a_service(serviceName="rolling", desiredCount=0)
        fault = await ecs.refused(operation, **{"cluster": "default", "service": "web", **params})
        assert fault.code == code
        assert says in fault.message

    with_ecs(scenario)


def test_five_sets_and_tokens() -> None:
    """The same token gives the same set; a sixth is refused as AWS refuses it; unknown ones are MISSING."""

    async def scenario(ecs: Ecs) -> None:
        await an_external_service(ecs, 0)
        first = await a_set(ecs, clientToken="t")
        assert await a_set(ecs, clientToken="t") == first
        asked = {"cluster": "default", "service": "web", "taskDefinition": "work"}
        fault = await ecs.refused("CreateTaskSet", **asked, clientToken="t", scale={"value": 1.0})
        assert "not idempotent" in fault.message
        for _ in range(4):
            await a_set(ecs)
        fault = await ecs.refused("CreateTaskSet", **asked)
        assert fault.message.startswith("5 deployments exist on the service.")
        answer = await ecs.call(
            "DescribeTaskSets", cluster="default", service="web", taskSets=["ecs-svc/7", first["id"]]
        )
        assert [row["id"] for row in answer["taskSets"]] == [first["id"]]
        assert [row["reason"] for row in answer["failures"]] == ["MISSING"]
        assert len(ecs.plane.store[TASK_SETS]) == len(ecs.plane.store[REVISIONS]) == 5

    with_ecs(scenario)

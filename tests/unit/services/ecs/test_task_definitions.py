"""ECS task definitions, in process: revisions, references, listing, the way out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecs_build import Ecs, a_definition, with_ecs
from windlass.kernel.clock import HOUR
from windlass.kernel.faults import Fault
from windlass.services.ecs.controller import Retention
from windlass.services.ecs.model import DEFINITIONS

ARN = "arn:aws:ecs:eu-west-1:123456789012:task-definition/"


async def refused(ecs: Ecs, operation: str, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await ecs.call(operation, **params)
    return caught.value


async def described(ecs: Ecs, reference: str) -> str:
    """family:revision of what a reference names."""
    found = (await ecs.call("DescribeTaskDefinition", taskDefinition=reference))["taskDefinition"]
    return f"{found['family']}:{found['revision']}"


def test_references() -> None:
    """A family is its latest ACTIVE revision; a revision and an ARN are themselves."""

    async def scenario(ecs: Ecs) -> None:
        for _ in range(11):
            await ecs.a_running_definition()
        assert await described(ecs, "work") == "work:11"
        assert await described(ecs, "work:2") == "work:2"
        assert await described(ecs, f"{ARN}work:10") == "work:10"
        await ecs.call("DeregisterTaskDefinition", taskDefinition="work:11")
        assert await described(ecs, "work") == "work:10"
        assert await described(ecs, "work:11") == "work:11"
        for wrong in (
            "work:12",
            "work:0",
            "work:x",
            "other",
            f"{ARN}other:1",
            ARN.replace("eu", "us") + "work:1",
        ):
            fault = await refused(ecs, "DescribeTaskDefinition", taskDefinition=wrong)
            assert (fault.code, fault.message) == ("ClientException", "Unable to describe task definition.")

    with_ecs(scenario)


def test_revisions_are_never_used_twice() -> None:
    """Deregistered, deleted and gone: the next revision still counts on."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        await ecs.call("DeregisterTaskDefinition", taskDefinition="work:1")
        await ecs.call("DeleteTaskDefinitions", taskDefinitions=["work:1"])
        ecs.clock.time += HOUR
        await ecs.plane.calls.part(Retention).forget(ecs.clock.time, frozenset())
        assert len(ecs.plane.store[DEFINITIONS]) == 0
        assert (await ecs.a_running_definition()).endswith("work:2")

    with_ecs(scenario)


def test_a_definition_in_use_is_not_forgotten() -> None:
    """DELETE_IN_PROGRESS lasts as long as a task of it runs."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        task = await ecs.run_one()
        await ecs.call("DeregisterTaskDefinition", taskDefinition="work:1")
        gone = await ecs.call("DeleteTaskDefinitions", taskDefinitions=["work:1"])
        assert gone["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
        retention = ecs.plane.calls.part(Retention)
        await retention.forget(ecs.clock.time + HOUR, frozenset())
        assert await described(ecs, "work:1") == "work:1"
        await ecs.report(task, "stopped")
        await retention.forget(ecs.clock.time + HOUR, frozenset())
        await refused(ecs, "DescribeTaskDefinition", taskDefinition="work:1")

    with_ecs(scenario)


def test_inactive_definitions_start_nothing() -> None:
    """Deregistered: RunTask refuses it, and deregistering again is refused too."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        out = await ecs.call("DeregisterTaskDefinition", taskDefinition="work:1")
        assert out["taskDefinition"]["status"] == "INACTIVE"
        assert "deregisteredAt" in out["taskDefinition"]
        assert (
            await refused(ecs, "RunTask", taskDefinition="work:1")
        ).message == "TaskDefinition is inactive"
        assert (await refused(ecs, "RunTask", taskDefinition="work")).message == "TaskDefinition not found."
        fault = await refused(ecs, "DeregisterTaskDefinition", taskDefinition="work:1")
        assert fault.code == "ClientException"
        fault = await refused(ecs, "DeregisterTaskDefinition", taskDefinition="work")
        assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


def test_deleting() -> None:
    """Each name has its own outcome: deleted, still active, not there."""

    async def scenario(ecs: Ecs) -> None:
        for _ in range(2):
            await ecs.a_running_definition()
        await ecs.call("DeregisterTaskDefinition", taskDefinition="work:1")
        out = await ecs.call("DeleteTaskDefinitions", taskDefinitions=["work:1", "work:2", "work:9"])
        assert [d["revision"] for d in out["taskDefinitions"]] == [1]
        assert [(f["arn"], f["reason"]) for f in out["failures"]] == [
            (f"{ARN}work:2", "TASK_DEFINITION_ACTIVE"),
            (f"{ARN}work:9", "TASK_DEFINITION_NOT_FOUND"),
        ]
        eleven = [f"work:{n}" for n in range(1, 12)]
        fault = await refused(ecs, "DeleteTaskDefinitions", taskDefinitions=eleven)
        assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


def test_listing() -> None:
    """By status and whole family name, in both directions, revisions as numbers, page by page."""

    async def scenario(ecs: Ecs) -> None:
        for family, count in (("b", 11), ("a", 1), ("bc", 1)):
            for _ in range(count):
                await ecs.a_running_definition(family=family)
        ascending = await everything(ecs)
        assert ascending == ["a:1", *[f"b:{n}" for n in range(1, 12)], "bc:1"]
        assert await everything(ecs, sort="DESC") == ascending[::-1]
        assert await everything(ecs, familyPrefix="b") == ascending[1:-1]
        assert await everything(ecs, familyPrefix="b", sort="DESC") == ascending[1:-1][::-1]
        await ecs.call("DeregisterTaskDefinition", taskDefinition="b:3")
        assert await everything(ecs, status="INACTIVE") == ["b:3"]
        assert "b:3" not in await everything(ecs)

    with_ecs(scenario)


async def everything(ecs: Ecs, **params: Any) -> list[str]:
    """ListTaskDefinitions through pages of four; no token comes twice."""
    found: list[str] = []
    tokens: list[str] = []
    while True:
        token = {"nextToken": tokens[-1]} if tokens else {}
        page = await ecs.call("ListTaskDefinitions", maxResults=4, **params, **token)
        found += [arn.removeprefix(ARN) for arn in page["taskDefinitionArns"]]
        if "nextToken" not in page:
            return found
        assert page["nextToken"] not in tokens
        tokens.append(page["nextToken"])


def test_families() -> None:
    """By status and prefix, page by page; a family is ACTIVE while one revision is."""

    async def scenario(ecs: Ecs) -> None:
        for family in ("web-a", "web-b", "work", "web-c"):
            await ecs.a_running_definition(family=family)
        await ecs.call("DeregisterTaskDefinition", taskDefinition="web-b:1")

        async def families(**params: Any) -> list[str]:
            found: list[str] = (await ecs.call("ListTaskDefinitionFamilies", **params))["families"]
            return found

        assert await families() == ["web-a", "web-b", "web-c", "work"]
        assert await families(status="ACTIVE", familyPrefix="web-") == ["web-a", "web-c"]
        assert await families(status="INACTIVE") == ["web-b"]
        first = await ecs.call("ListTaskDefinitionFamilies", familyPrefix="web", maxResults=2)
        assert first["families"] == ["web-a", "web-b"]
        token = first["nextToken"]
        rest = await ecs.call("ListTaskDefinitionFamilies", familyPrefix="web", maxResults=2, nextToken=token)
        assert rest == {"families": ["web-c"]}
        fault = await refused(ecs, "ListTaskDefinitionFamilies", familyPrefix="w", nextToken=token)
        assert fault.code == "InvalidParameterException"
        await ecs.call("DeleteTaskDefinitions", taskDefinitions=["web-b:1"])
        assert await families(status="INACTIVE") == []

    with_ecs(scenario)


def test_tags() -> None:
    """Shown at registration, and by Describe when asked."""

    async def scenario(ecs: Ecs) -> None:
        tags = [{"key": "team", "value": "red"}]
        made = await ecs.call("RegisterTaskDefinition", **a_definition(tags=tags))
        assert made["tags"] == tags
        assert "tags" not in await ecs.call("DescribeTaskDefinition", taskDefinition="work")
        shown = await ecs.call("DescribeTaskDefinition", taskDefinition="work", include=["TAGS"])
        assert shown["tags"] == tags

    with_ecs(scenario)

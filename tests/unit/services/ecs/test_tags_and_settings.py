"""ECS tags and account settings, in process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import ACCOUNT, REGION, a_caller
from tests.ecs_build import Ecs, with_ecs
from windlass.aws.calls import Caller
from windlass.kernel.faults import Fault

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


async def refused(ecs: Ecs, operation: str, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await ecs.call(operation, **params)
    return caught.value


def test_tagging_each_kind() -> None:
    """Clusters, task definitions and tasks: add, replace, take away."""

    async def scenario(ecs: Ecs) -> None:
        cluster = (await ecs.call("CreateCluster", clusterName="main"))["cluster"]["clusterArn"]
        definition = await ecs.a_running_definition()
        [task] = (await ecs.call("RunTask", cluster="main", taskDefinition="work"))["tasks"]
        for arn in (cluster, definition, task["taskArn"]):
            for key, value in (("a", "1"), ("b", "1"), ("a", "2")):
                await ecs.call("TagResource", resourceArn=arn, tags=[{"key": key, "value": value}])
            await ecs.call("UntagResource", resourceArn=arn, tagKeys=["b", "c"])
            shown = await ecs.call("ListTagsForResource", resourceArn=arn)
            assert shown == {"tags": [{"key": "a", "value": "2"}]}

    with_ecs(scenario)


def test_wrong_tags() -> None:
    """Resources that are not there, and tags that none may have."""

    async def scenario(ecs: Ecs) -> None:
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
        for wrong, code in (
            ("main", "InvalidParameterException"),
            (f"{arn}:cluster/gone", "ClusterNotFoundException"),
            (f"{arn}:task-definition/gone:1", "InvalidParameterException"),
            (f"{arn}:task-definition/gone", "InvalidParameterException"),
            (f"{arn}:task/default/gone", "InvalidParameterException"),
            (f"{arn}:service/default/web", "InvalidParameterException"),
        ):
            assert (await refused(ecs, "ListTagsForResource", resourceArn=wrong)).code == code, wrong
        cluster = (await ecs.call("CreateCluster"))["cluster"]["clusterArn"]
        for tags in (
            [{"key": "aws:a", "value": ""}],
            [{"value": "no key"}],
            [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
            [{"key": str(n), "value": ""} for n in range(51)],
        ):
            fault = await refused(ecs, "TagResource", resourceArn=cluster, tags=tags)
            assert fault.code == "InvalidParameterException"

    with_ecs(scenario)


async def as_ann(ecs: Ecs, operation: str, **params: Any) -> dict[str, Any]:
    ann = Caller(account=ACCOUNT, arn=ANN, user_id="AIDA", access_key="ann")
    return await ecs.plane.calls.run("ecs", operation, params, caller=ann, region=REGION)


def test_whose_setting() -> None:
    """A principal's own value wins over the account's, which wins over AWS's; deleting goes back."""

    async def scenario(ecs: Ecs) -> None:
        assert a_caller().arn == ROOT

        async def effective() -> str:
            shown = await as_ann(ecs, "ListAccountSettings", name="containerInsights", effectiveSettings=True)
            [setting] = shown["settings"]
            assert (setting["principalArn"], setting["type"]) == (ANN, "user")
            return str(setting["value"])

        assert await effective() == "disabled"
        await ecs.call("PutAccountSettingDefault", name="containerInsights", value="enabled")
        assert await effective() == "enabled"
        await as_ann(ecs, "PutAccountSetting", name="containerInsights", value="enhanced")
        assert await effective() == "enhanced"
        everyone = (await ecs.call("ListAccountSettings"))["settings"]
        assert [(s["principalArn"], s["value"]) for s in everyone] == [(ROOT, "enabled"), (ANN, "enhanced")]
        [own] = (await ecs.call("ListAccountSettings", principalArn=ANN))["settings"]
        assert own["value"] == "enhanced"
        await as_ann(ecs, "DeleteAccountSetting", name="containerInsights")
        assert await effective() == "enabled"

    with_ecs(scenario)


def test_wrong_settings() -> None:
    """Values that a setting cannot take, AWS's own settings, and what was never set."""

    async def scenario(ecs: Ecs) -> None:
        for operation, params in (
            ("PutAccountSetting", {"name": "taskLongArnFormat", "value": "perhaps"}),
            ("PutAccountSetting", {"name": "fargateTaskRetirementWaitPeriod", "value": "8"}),
            ("PutAccountSettingDefault", {"name": "guardDutyActivate", "value": "on"}),
            ("DeleteAccountSetting", {"name": "awsvpcTrunking"}),
            ("ListAccountSettings", {"maxResults": 11}),
        ):
            assert (await refused(ecs, operation, **params)).code == "InvalidParameterException"

    with_ecs(scenario)


def test_all_effective_settings() -> None:
    """Every name that AWS knows has a value in force."""

    async def scenario(ecs: Ecs) -> None:
        shown = (await ecs.call("ListAccountSettings", effectiveSettings=True))["settings"]
        assert len(shown) == 11
        assert {
            "name": "taskLongArnFormat",
            "value": "enabled",
            "principalArn": ROOT,
            "type": "user",
        } in shown

    with_ecs(scenario)

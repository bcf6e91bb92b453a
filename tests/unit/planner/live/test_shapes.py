"""What a scenario keeps of descriptions, and what of an environment looks like a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from windlass.planner.live.draft import Draft
from windlass.planner.live.found import Found
from windlass.planner.live.images import Place, in_registry, short
from windlass.planner.live.kept import KEPT, USUAL
from windlass.planner.live.reads import READS, policy
from windlass.planner.live.secrets import harmless
from windlass.planner.live.shapes import kept, models, tree


def test_kept_is_what_operations_take() -> None:
    """Every member that is kept, at any depth, is a parameter of its operation; usual values too."""

    def unknown(keep: Any, shape: Any, path: str) -> list[str]:
        shape = getattr(shape, "member", shape)
        members = getattr(shape, "members", None)
        if members is None:
            return []  # a map: any key
        found = [f"{path}.{name}" for name in keep if name not in members]
        inside = [unknown(keep[name], members[name], f"{path}.{name}") for name in keep if name in members]
        return found + [one for row in inside for one in row]

    wrong = []
    for operation, keep in KEPT.items():
        service, _, name = operation.partition(".")
        model = models().operation(service, name)
        assert model is not None, operation
        wrong += unknown(keep, model.input_shape, operation)
    assert not wrong and set(USUAL) <= set(KEPT)


def test_kept() -> None:
    described = {
        "serviceName": "web",
        "status": "ACTIVE",
        "desiredCount": 0,
        "platformVersion": "LATEST",
        "enableExecuteCommand": True,
        "propagateTags": "NONE",
        "deploymentConfiguration": {"maximumPercent": 200, "alarms": {"enable": False, "alarmNames": []}},
        "loadBalancers": [{"containerName": "web", "loadBalancerName": "old"}],
    }
    keep = tree(
        "serviceName desiredCount deploymentConfiguration(maximumPercent) loadBalancers(containerName)"
    )
    found = kept("ecs.CreateService", described, keep, {"platformVersion": "LATEST"})
    assert found.params == {
        "serviceName": "web",
        "desiredCount": 0,
        "deploymentConfiguration": {"maximumPercent": 200},
        "loadBalancers": [{"containerName": "web"}],
    }
    assert found.left == ("enableExecuteCommand", "loadBalancers.loadBalancerName")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "x"),
        ("api_key", "x"),
        ("GITHUB_TOKEN", "x"),
        ("SENTRY_DSN", "x"),
        ("URL", "https://me:pw@example.com/"),
        ("X", "AKIAIOSFODNN7EXAMPLE"),
        ("X", "-----BEGIN PRIVATE" + " KEY-----"),
        ("X", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
        ("X", "0123456789abcdef0123456789abcdef"),
        ("X", "sk_live_1"),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str) -> None:
    assert harmless({name: value, "STAGE": "prod", "WORKERS": "4"}) == {"STAGE": "prod", "WORKERS": "4"}


def test_images() -> None:
    digest = "sha256:" + "0" * 64
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/team/web:1@{digest}"
    assert in_registry(image) == Place("123456789012", "us-east-1", "team/web", digest, True)
    assert short(image) == f"team/web:1@{digest}" and short("nginx:1") == "nginx:1"
    assert in_registry("public.ecr.aws/nginx/nginx:1") is None


def test_names_of_the_old_place_go() -> None:
    """What a resource gives is named by `as`; other ARNs, zones and accounts become the simulated ones."""
    subnets = [{"SubnetId": f"subnet-{zone}", "AvailabilityZone": f"eu-west-1{zone}"} for zone in "abd"]
    draft = Draft(Found("123456789012", "eu-west-1", {"ec2.subnets": subnets}), "us-east-1")
    old = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1"
    draft.add(
        "elbv2.CreateTargetGroup", {"Name": "web"}, "web app", gives={old: "X", "targetgroup/web/1": "Y"}
    )
    said = {
        "one": old,
        "two": f'{{"a":"{old}"}}',
        "three": "arn:aws:sqs:eu-west-1:123456789012:jobs",
        "four": "attribute:ecs.availability-zone == eu-west-1d",
        "five": ["arn:aws:iam::123456789012:role/r", "arn:aws:sqs:eu-west-1:999999999999:theirs"],
        "six": draft.subnets(["subnet-a", "subnet-d"]),
        "seven": draft.subnets(["subnet-a", "subnet-b", "subnet-d"]),
    }
    draft.add("sqs.CreateQueue", {}, "other", said)
    first, second = draft.settled()
    assert first.called == "web_app" and second.called == ""
    assert second.params == {
        "one": "${web_app.X}",
        "two": '{"a":"${web_app.X}"}',
        "three": "arn:aws:sqs:${default.region}:${default.account}:jobs",
        "four": "attribute:ecs.availability-zone == ${default.region}c",
        "five": ["arn:aws:iam::${default.account}:role/r", "arn:aws:sqs:eu-west-1:999999999999:theirs"],
        "six": ["${default.subnets[0]}", "${default.subnets[2]}"],
        "seven": "${default.subnets}",
    }


def test_what_a_survey_asks_is_there() -> None:
    """Every operation and member of an answer is AWS's."""
    for service, operations in READS.items():
        for name, member in operations.items():
            model = models().operation(service, name)
            assert model is not None, f"{service}.{name}"
            assert not member or member in model.output_shape.members, f"{service}.{name}: {member}"
    page = (Path(__file__).parents[4] / "docs" / "planner" / "from-live.md").read_text()
    assert json.loads(page.split("```json")[1].split("```")[0]) == policy()

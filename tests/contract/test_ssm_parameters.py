"""Parameter Store over the wire with boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_iam import refusal

Client = Callable[..., Any]


@pytest.fixture
def ssm(client: Client) -> Any:
    return client("ssm")


def test_versions_and_labels(ssm: Any) -> None:
    """1. Written, overwritten. 2. Read by name, version, label and ARN. 3. A label moves. 4. Deleted."""
    assert ssm.put_parameter(Name="/app/url", Value="a", Type="String")["Version"] == 1
    code, *_ = refusal(ssm.put_parameter, Name="/app/url", Value="b", Type="String")
    assert code == "ParameterAlreadyExists"
    assert ssm.put_parameter(Name="/app/url", Value="b", Overwrite=True)["Version"] == 2
    ssm.label_parameter_version(Name="/app/url", ParameterVersion=1, Labels=["stable", "1st"])
    found = ssm.get_parameter(Name="/app/url")["Parameter"]
    assert (found["Value"], found["Type"], found["Version"]) == ("b", "String", 2)
    for reference, value in (("/app/url:1", "a"), ("/app/url:stable", "a"), (found["ARN"], "b")):
        assert ssm.get_parameter(Name=reference)["Parameter"]["Value"] == value
    labelled = ssm.label_parameter_version(Name="/app/url", Labels=["stable", "9no"])
    assert labelled == {**labelled, "InvalidLabels": ["9no"], "ParameterVersion": 2}
    history = ssm.get_parameter_history(Name="/app/url")["Parameters"]
    assert [(one["Value"], one["Labels"]) for one in history] == [("a", []), ("b", ["stable"])]
    ssm.unlabel_parameter_version(Name="/app/url", ParameterVersion=2, Labels=["stable"])
    assert refusal(ssm.get_parameter, Name="/app/url:stable")[0] == "ParameterVersionNotFound"
    ssm.delete_parameter(Name="/app/url")
    gone = refusal(ssm.get_parameter, Name="/app/url")
    assert gone[:2] == ("ParameterNotFound", "Parameter /app/url not found.")


def test_secure_strings(ssm: Any) -> None:
    """Without WithDecryption something else is shown, that tells nothing of the value."""
    ssm.put_parameter(Name="pw", Value="hunter2", Type="SecureString")
    assert ssm.get_parameter(Name="pw", WithDecryption=True)["Parameter"]["Value"] == "hunter2"
    hidden = ssm.get_parameter(Name="pw")["Parameter"]["Value"]
    ssm.put_parameter(Name="pw", Value="hunter3", Type="SecureString", Overwrite=True)
    assert "hunter" not in hidden and hidden != ssm.get_parameter(Name="pw")["Parameter"]["Value"]
    [shown] = ssm.describe_parameters(ParameterFilters=[{"Key": "Type", "Values": ["SecureString"]}])[
        "Parameters"
    ]
    assert (shown["Name"], shown["KeyId"]) == ("pw", "alias/aws/ssm")


def test_hierarchies(ssm: Any) -> None:
    """By path, one level or all, in pages; by filters; several at once, and those that are not there."""
    names = [f"/tree/{branch}/{leaf}" for branch in "ab" for leaf in range(6)] + ["/tree/root"]
    for name in names:
        ssm.put_parameter(Name=name, Value=name, Type="String", Tags=[{"Key": "branch", "Value": name[6]}])
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/tree", Recursive=True)
    assert [one["Name"] for page in pages for one in page["Parameters"]] == sorted(names)
    flat = ssm.get_paginator("get_parameters_by_path").paginate(Path="/tree/")
    assert [one["Name"] for page in flat for one in page["Parameters"]] == ["/tree/root"]
    wanted = [
        {"Key": "tag:branch", "Values": ["b"]},
        {"Key": "Name", "Option": "BeginsWith", "Values": ["/tree/"]},
    ]
    described = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=wanted)
    assert [one["Name"] for page in described for one in page["Parameters"]] == names[6:12]
    some = ssm.get_parameters(Names=["/tree/root", "/tree/none"])
    assert [one["Value"] for one in some["Parameters"]] == ["/tree/root"]
    assert some["InvalidParameters"] == ["/tree/none"]
    gone = ssm.delete_parameters(Names=["/tree/root", "/tree/none"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == (["/tree/root"], ["/tree/none"])
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/tree/a/0")["TagList"]
    assert tags == [{"Key": "branch", "Value": "a"}]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Name": "aws-mine", "Type": "String"}, "ValidationException"),
        ({"Name": "no spaces", "Type": "String"}, "ValidationException"),
        ({"Name": "not/rooted", "Type": "String"}, "ValidationException"),
        ({"Name": "/a" * 16, "Type": "String"}, "HierarchyLevelLimitExceededException"),
        ({"Name": "untyped"}, "ValidationException"),
        ({"Name": "long", "Type": "String", "Value": "x" * 4097}, "ValidationException"),
        ({"Name": "n", "Type": "String", "AllowedPattern": "^\\d+$"}, "ParameterPatternMismatchException"),
        ({"Name": "n", "Type": "String", "AllowedPattern": "("}, "InvalidAllowedPatternException"),
        ({"Name": "p", "Type": "String", "Policies": "[]"}, "IncompatiblePolicyException"),
    ],
)
def test_refused_parameters(ssm: Any, params: dict[str, Any], code: str) -> None:
    assert refusal(ssm.put_parameter, **{"Value": "x", **params})[0] == code


def test_more_room_is_kept(ssm: Any) -> None:
    """Intelligent tiering makes a parameter Advanced when its value needs it, and it stays so."""
    asked = {"Name": "big", "Type": "String", "Tier": "Intelligent-Tiering"}
    assert ssm.put_parameter(**asked, Value="x")["Tier"] == "Standard"
    assert ssm.put_parameter(**asked, Value="x" * 5000, Overwrite=True)["Tier"] == "Advanced"
    assert ssm.put_parameter(Name="big", Value="x", Overwrite=True)["Tier"] == "Advanced"

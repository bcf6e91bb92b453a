"""Secrets Manager over the wire with boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_iam import refusal

Client = Callable[..., Any]
NOT_FOUND = "Secrets Manager can't find the specified secret."


@pytest.fixture
def secrets(client: Client) -> Any:
    return client("secretsmanager")


def test_versions_and_stages(secrets: Any) -> None:
    """1. Made, read by name and ARNs. 2. A new version: the one before is AWSPREVIOUS. 3. Moved back."""
    made = secrets.create_secret(Name="prod/db", SecretString="one", Description="the database")
    assert made["ARN"].startswith("arn:aws:secretsmanager:") and made["ARN"][:-7].endswith(":secret:prod/db")
    for reference in ("prod/db", made["ARN"], made["ARN"][:-7]):
        found = secrets.get_secret_value(SecretId=reference)
        assert (found["SecretString"], found["VersionStages"]) == ("one", ["AWSCURRENT"])
    put = secrets.put_secret_value(SecretId="prod/db", SecretBinary=b"\x00two")
    assert secrets.get_secret_value(SecretId="prod/db")["SecretBinary"] == b"\x00two"
    before = secrets.get_secret_value(SecretId="prod/db", VersionStage="AWSPREVIOUS")
    assert (before["SecretString"], before["VersionId"]) == ("one", made["VersionId"])
    secrets.update_secret_version_stage(
        SecretId="prod/db",
        VersionStage="AWSCURRENT",
        MoveToVersionId=made["VersionId"],
        RemoveFromVersionId=put["VersionId"],
    )
    stages = secrets.describe_secret(SecretId="prod/db")["VersionIdsToStages"]
    assert stages == {made["VersionId"]: ["AWSCURRENT"], put["VersionId"]: ["AWSPREVIOUS"]}
    listed = secrets.list_secret_version_ids(SecretId="prod/db")["Versions"]
    assert {one["VersionId"] for one in listed} == set(stages)
    updated = secrets.update_secret(SecretId="prod/db", SecretString="three", Description="moved")
    assert (
        secrets.get_secret_value(SecretId="prod/db", VersionId=updated["VersionId"])["SecretString"]
        == "three"
    )
    assert secrets.describe_secret(SecretId="prod/db")["Description"] == "moved"


def test_the_same_token_makes_nothing_new(secrets: Any) -> None:
    """A repeated call is answered as the first one was; other content under the token is refused."""
    token = "0123456789abcdef0123456789abcdef"
    asked = {"Name": "again", "SecretString": "x", "ClientRequestToken": token}
    assert secrets.create_secret(**asked)["VersionId"] == secrets.create_secret(**asked)["VersionId"] == token
    code, message, _ = refusal(secrets.create_secret, Name="again", SecretString="x")
    assert (code, message) == (
        "ResourceExistsException",
        "The operation failed because the secret again already exists.",
    )
    code, *_ = refusal(secrets.put_secret_value, SecretId="again", SecretString="y", ClientRequestToken=token)
    assert code == "ResourceExistsException"


def test_deleted_and_restored(secrets: Any) -> None:
    """A secret that is to be deleted cannot be read, is listed on demand, comes back; forced: gone."""
    secrets.create_secret(Name="doomed", SecretString="x")
    secrets.delete_secret(SecretId="doomed", RecoveryWindowInDays=7)
    code, message, _ = refusal(secrets.get_secret_value, SecretId="doomed")
    assert code == "InvalidRequestException" and "marked for deletion" in message
    assert refusal(secrets.create_secret, Name="doomed")[0] == "InvalidRequestException"
    wanted = [{"Key": "name", "Values": ["doomed"]}]
    assert secrets.list_secrets(Filters=wanted)["SecretList"] == []
    [shown] = secrets.list_secrets(Filters=wanted, IncludePlannedDeletion=True)["SecretList"]
    assert "DeletedDate" in shown
    secrets.restore_secret(SecretId="doomed")
    assert secrets.get_secret_value(SecretId="doomed")["SecretString"] == "x"
    secrets.delete_secret(SecretId="doomed", ForceDeleteWithoutRecovery=True)
    assert refusal(secrets.get_secret_value, SecretId="doomed")[:2] == (
        "ResourceNotFoundException",
        NOT_FOUND,
    )


def test_listing_tags_and_policies(secrets: Any) -> None:
    """Filters by name and tags, paging, a batch of values with its errors, and a policy that is stored."""
    names = [f"list/{number}" for number in range(5)]
    for name in names:
        secrets.create_secret(Name=name, SecretString=name, Tags=[{"Key": "app", "Value": "shop"}])
    pages = secrets.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "tag-value", "Values": ["SHOP"]}], SortOrder="asc", PaginationConfig={"PageSize": 2}
    )
    assert [one["Name"] for page in pages for one in page["SecretList"]] == names
    batch = secrets.batch_get_secret_value(SecretIdList=["list/0", "list/none"])
    assert [one["SecretString"] for one in batch["SecretValues"]] == ["list/0"]
    assert [one["ErrorCode"] for one in batch["Errors"]] == ["ResourceNotFoundException"]
    secrets.tag_resource(SecretId="list/0", Tags=[{"Key": "more", "Value": "1"}])
    secrets.untag_resource(SecretId="list/0", TagKeys=["app"])
    assert secrets.describe_secret(SecretId="list/0")["Tags"] == [{"Key": "more", "Value": "1"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    secrets.put_resource_policy(SecretId="list/0", ResourcePolicy=policy)
    assert secrets.get_resource_policy(SecretId="list/0")["ResourcePolicy"] == policy
    secrets.delete_resource_policy(SecretId="list/0")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="list/0")
    code, *_ = refusal(secrets.put_resource_policy, SecretId="list/0", ResourcePolicy="{")
    assert code == "MalformedPolicyDocumentException"


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("create_secret", {"Name": "no good!"}, "ValidationException"),
        (
            "create_secret",
            {"Name": "r", "AddReplicaRegions": [{"Region": "eu-west-1"}]},
            "InvalidRequestException",
        ),
        ("get_secret_value", {"SecretId": "never-made"}, "ResourceNotFoundException"),
        ("put_secret_value", {"SecretId": "never-made", "SecretString": "x"}, "ResourceNotFoundException"),
        ("delete_secret", {"SecretId": "x", "RecoveryWindowInDays": 3}, "InvalidParameterException"),
        ("rotate_secret", {"SecretId": "x"}, "NotImplemented"),
        ("get_random_password", {"PasswordLength": 2}, "InvalidParameterException"),
    ],
)
def test_refusals(secrets: Any, operation: str, params: dict[str, Any], code: str) -> None:
    assert refusal(getattr(secrets, operation), **params)[0] == code


def test_passwords(secrets: Any) -> None:
    """As long as asked for, of the characters that are left."""
    asked = {
        "PasswordLength": 40,
        "ExcludePunctuation": True,
        "ExcludeUppercase": True,
        "ExcludeCharacters": "abc0",
    }
    password = secrets.get_random_password(**asked)["RandomPassword"]
    assert len(password) == 40 and set(password) <= set("defghijklmnopqrstuvwxyz123456789")
    assert password != secrets.get_random_password(**asked)["RandomPassword"]

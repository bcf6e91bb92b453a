"""STS over the wire with boto3: who calls, and credentials that work."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.test_iam import a_role, refusal
from tests.process import REGION, PlaneProcess, session

Client = Callable[..., Any]


def as_holder(endpoint: str, credentials: dict[str, Any], service: str = "sts") -> Any:
    """A client with credentials that STS or IAM gave."""
    return session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )


def test_root_of_the_account_that_the_key_names(client: Client, account: str) -> None:
    """Twelve digits are an account."""
    identity = client("sts").get_caller_identity()
    assert (identity["Account"], identity["UserId"]) == (account, account)
    assert identity["Arn"] == f"arn:aws:iam::{account}:root"


def test_a_user_is_who_its_key_says(client: Client, endpoint: str, account: str) -> None:
    """GetCallerIdentity with a key that IAM made."""
    iam = client("iam")
    user = iam.create_user(UserName="ann", Path="/people/")["User"]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    identity = as_holder(endpoint, key).get_caller_identity()
    assert (identity["UserId"], identity["Arn"]) == (
        user["UserId"],
        f"arn:aws:iam::{account}:user/people/ann",
    )
    assert as_holder(endpoint, key, "iam").get_user()["User"]["UserName"] == "ann"
    assert client("sts").get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == account


def test_assume_a_role(client: Client, endpoint: str, account: str) -> None:
    """The session has its own ARN and user id, and works with its token."""
    role = a_role(client("iam"), Path="/jobs/")
    made = client("sts").assume_role(
        RoleArn=role["Arn"], RoleSessionName="run-1", DurationSeconds=900, SourceIdentity="ann"
    )
    credentials = made["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert len(credentials["SessionToken"]) >= 200
    assert 800 < (credentials["Expiration"] - datetime.now(UTC)).total_seconds() <= 901
    arn = f"arn:aws:sts::{account}:assumed-role/worker/run-1"
    assert made["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:run-1", "Arn": arn}
    assert made["SourceIdentity"] == "ann"
    sts = as_holder(endpoint, credentials)
    identity = sts.get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (account, arn)
    assert identity["UserId"] == f"{role['RoleId']}:run-1"
    code, message, _ = refusal(as_holder(endpoint, credentials, "iam").get_user)
    assert (code, message) == (
        "ValidationError",
        "Must specify userName when calling with non-User credentials",
    )
    assert refusal(sts.get_session_token)[0] == "AccessDenied"


@pytest.mark.parametrize("resource", ["role/nobody", "role/other/worker", "user/worker"])
def test_a_role_that_is_not_there_is_denied(client: Client, account: str, resource: str) -> None:
    """AWS does not tell which roles exist."""
    a_role(client("iam"))
    arn = f"arn:aws:iam::{account}:{resource}"
    code, message, status = refusal(client("sts").assume_role, RoleArn=arn, RoleSessionName="s1")
    assert (code, status) == ("AccessDenied", 403)
    assert message == (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: sts:AssumeRole on resource: {arn}"
    )


def test_how_long_a_session_may_last(client: Client, endpoint: str) -> None:
    """The role's maximum, and an hour when one role assumes another."""
    iam, sts = client("iam"), client("sts")
    role = a_role(iam)
    longer = refusal(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="s1", DurationSeconds=3601)
    assert longer[:2] == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    iam.update_role(RoleName="worker", MaxSessionDuration=7200)
    made = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="s1", DurationSeconds=7200)
    chained = as_holder(endpoint, made["Credentials"])
    code, message, _ = refusal(
        chained.assume_role, RoleArn=role["Arn"], RoleSessionName="s2", DurationSeconds=3601
    )
    assert code == "ValidationError"
    assert "role chaining" in message


@pytest.mark.parametrize(
    ("params", "member"),
    [
        ({"RoleSessionName": "a b"}, "roleSessionName"),
        ({"DurationSeconds": 43201}, "durationSeconds"),
        ({"SourceIdentity": "x" * 65}, "sourceIdentity"),
    ],
)
def test_bad_parameters(client: Client, account: str, params: dict[str, Any], member: str) -> None:
    """The model's constraints, as ValidationError."""
    arn = f"arn:aws:iam::{account}:role/worker"
    code, message, status = refusal(
        client("sts").assume_role, **{"RoleArn": arn, "RoleSessionName": "s1", **params}
    )
    assert (code, status) == ("ValidationError", 400)
    assert f"at '{member}' failed to satisfy constraint" in message


def test_session_tokens_are_their_caller(client: Client, endpoint: str, account: str) -> None:
    """GetSessionToken: the same ARN under a temporary key; root's last an hour at most."""
    credentials = client("sts").get_session_token(DurationSeconds=7200)["Credentials"]
    assert (credentials["Expiration"] - datetime.now(UTC)).total_seconds() <= 3601
    assert as_holder(endpoint, credentials).get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:root"


def test_what_is_not_there_says_so(client: Client) -> None:
    """An operation that Windlass does not have is a 501 that names it."""
    with pytest.raises(ClientError) as refused:
        client("sts").get_federation_token(Name="ann", Policy=json.dumps({}))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "GetFederationToken" in refused.value.response["Error"]["Message"]


def test_signatures_are_verified(own_plane: Callable[..., PlaneProcess]) -> None:
    """`--auth sigv4`, step by step:

    1. the root key that the first start left in the data directory works;
    2. so does the key of a user that root made;
    3. a wrong secret, an unknown key and a deactivated key do not;
    4. temporary credentials need their token;
    5. after kill -9 and a restart the keys are the same.
    """
    plane = own_plane("--auth", "sigv4", "--no-agent")
    root = json.loads((plane.data / "root-credentials.json").read_text())
    iam = as_holder(plane.endpoint, root, "iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert as_holder(plane.endpoint, key).get_caller_identity()["UserId"].startswith("AIDA")
    wrong = as_holder(plane.endpoint, {**key, "SecretAccessKey": "guess"})
    assert refusal(wrong.get_caller_identity)[::2] == ("SignatureDoesNotMatch", 403)
    unknown = as_holder(plane.endpoint, {**key, "AccessKeyId": "AKIANOBODYATALL00000"})
    assert refusal(unknown.get_caller_identity)[::2] == ("InvalidClientTokenId", 403)
    temporary = as_holder(plane.endpoint, key).get_session_token()["Credentials"]
    assert as_holder(plane.endpoint, temporary).get_caller_identity()["Arn"].endswith(":user/ann")
    without = as_holder(plane.endpoint, {**temporary, "SessionToken": None})
    assert refusal(without.get_caller_identity)[::2] == ("InvalidClientTokenId", 403)
    plane.kill()
    plane.start()
    iam = as_holder(plane.endpoint, root, "iam")
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused = refusal(as_holder(plane.endpoint, key).get_caller_identity)
    assert refused[::2] == ("InvalidClientTokenId", 403)

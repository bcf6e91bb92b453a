"""IAM over the wire with boto3: roles, policies, users, keys; what AWS refuses, in its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
READ_QUEUE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:ReceiveMessage"], "Resource": "*"}],
}


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str, int]:
    """Code, message and status of the error that the call must end with."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def a_role(iam: Any, name: str = "worker", **more: Any) -> dict[str, Any]:
    created: dict[str, Any] = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **more
    )["Role"]
    return created


def a_policy(iam: Any, name: str = "read-queue", **more: Any) -> str:
    document = json.dumps(READ_QUEUE)
    return str(iam.create_policy(PolicyName=name, PolicyDocument=document, **more)["Policy"]["Arn"])


def test_a_role_is_stored_and_read_back(client: Client, account: str) -> None:
    """Create with everything, wait for it, get it; documents come back as dicts."""
    iam = client("iam")
    created = a_role(
        iam,
        Path="/jobs/",
        Description="drains",
        MaxSessionDuration=7200,
        Tags=[{"Key": "Team", "Value": "a"}],
    )
    iam.get_waiter("role_exists").wait(RoleName="worker", WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    role = iam.get_role(RoleName="worker")["Role"]
    assert role == {**created, "RoleLastUsed": {}}
    assert role["Arn"] == f"arn:aws:iam::{account}:role/jobs/worker"
    assert role["RoleId"].startswith("AROA")
    assert len(role["RoleId"]) == 21
    assert role["AssumeRolePolicyDocument"] == TRUST
    assert (role["Description"], role["MaxSessionDuration"]) == ("drains", 7200)
    assert role["Tags"] == [{"Key": "Team", "Value": "a"}]


def test_roles_are_the_accounts_in_every_region(client: Client) -> None:
    """IAM is global: a client of another Region sees the same role."""
    a_role(client("iam"))
    elsewhere = client("iam", region_name="ap-south-1")
    assert elsewhere.get_role(RoleName="worker")["Role"]["RoleName"] == "worker"


def test_update_a_role(client: Client) -> None:
    """What is not given stays; the trust policy has its own operation."""
    iam = client("iam")
    a_role(iam, Description="old")
    iam.update_role(RoleName="worker", MaxSessionDuration=3601)
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=json.dumps({**TRUST, "Id": "second"}))
    role = iam.get_role(RoleName="worker")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("old", 3601)
    assert role["AssumeRolePolicyDocument"]["Id"] == "second"
    assert iam.update_role_description(RoleName="worker", Description="new")["Role"]["Description"] == "new"


def test_role_names_are_unique_whatever_their_case(client: Client) -> None:
    """EntityAlreadyExists is a 409."""
    iam = client("iam")
    a_role(iam)
    code, message, status = refusal(
        iam.create_role, RoleName="Worker", AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    assert (code, message, status) == ("EntityAlreadyExists", "Role with name Worker already exists.", 409)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("get_role", {}),
        ("delete_role", {}),
        ("update_role", {}),
        ("tag_role", {"Tags": []}),
        ("list_role_policies", {}),
        ("list_attached_role_policies", {}),
        ("put_role_policy", {"PolicyName": "p", "PolicyDocument": json.dumps(READ_QUEUE)}),
        ("attach_role_policy", {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    ],
)
def test_a_role_that_is_not_there(client: Client, operation: str, params: dict[str, Any]) -> None:
    """NoSuchEntity, 404, from every operation that names a role."""
    call = getattr(client("iam"), operation)
    expected = ("NoSuchEntity", "The role with name nobody cannot be found.", 404)
    assert refusal(call, RoleName="nobody", **params) == expected


def test_modelled_errors_have_their_classes(client: Client) -> None:
    """`except iam.exceptions.NoSuchEntityException` works."""
    iam = client("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="nobody")


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("x" * 65, "Member must have length less than or equal to 64"),
        ("a b", r"Member must satisfy regular expression pattern: [\w+=,.@-]+"),
    ],
)
def test_bad_role_names(client: Client, name: str, constraint: str) -> None:
    """ValidationError in the words of the model's constraints."""
    code, message, status = refusal(
        client("iam").create_role, RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    assert (code, status) == ("ValidationError", 400)
    value = f"Value '{name}' at 'roleName'"
    assert message == f"1 validation error detected: {value} failed to satisfy constraint: {constraint}"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17"}), "Syntax errors in policy."),
        (json.dumps(READ_QUEUE), "Has prohibited field Resource"),
    ],
)
def test_malformed_trust_policies(client: Client, document: str, message: str) -> None:
    """MalformedPolicyDocument says what is wrong."""
    call = client("iam").create_role
    assert refusal(call, RoleName="r", AssumeRolePolicyDocument=document) == (
        "MalformedPolicyDocument",
        message,
        400,
    )


def test_roles_page(client: Client) -> None:
    """Pages of three by name; the last has no marker; markers are good for their own list only."""
    iam = client("iam")
    names = [f"role-{number:02d}" for number in range(8)]
    for name in reversed(names):
        a_role(iam, name, Path="/even/" if int(name[-2:]) % 2 == 0 else "/odd/")
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 3}))
    assert [[role["RoleName"] for role in page["Roles"]] for page in pages] == [
        names[:3],
        names[3:6],
        names[6:],
    ]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert pages[0]["Marker"] != pages[1]["Marker"]
    assert "Marker" not in pages[2]
    even = iam.get_paginator("list_roles").paginate(PathPrefix="/even/", PaginationConfig={"PageSize": 3})
    assert [role["RoleName"] for page in even for role in page["Roles"]] == names[::2]
    other = refusal(iam.list_roles, Marker=pages[0]["Marker"], PathPrefix="/even/")
    assert other[0] == "ValidationError"
    assert refusal(iam.list_roles, Marker="nonsense")[0] == "ValidationError"


def test_a_marker_fits_the_longest_names(client: Client) -> None:
    """The model allows markers 320 characters; names of 128 under paths of 512 must do."""
    iam = client("iam")
    for letter in "ab":
        a_policy(iam, letter * 128, Path=f"/{'p' * 510}/")
    first = iam.list_policies(Scope="Local", MaxItems=1)
    second = iam.list_policies(Scope="Local", MaxItems=1, Marker=first["Marker"])
    assert [page["Policies"][0]["PolicyName"][0] for page in (first, second)] == ["a", "b"]


def test_tags(client: Client) -> None:
    """Keys are unique whatever their case; fifty at most."""
    iam = client("iam")
    a_role(iam, Tags=[{"Key": "Team", "Value": "a"}])
    iam.tag_role(RoleName="worker", Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    tags = [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}]
    assert iam.list_role_tags(RoleName="worker")["Tags"] == tags
    iam.untag_role(RoleName="worker", TagKeys=["TEAM", "unknown"])
    assert iam.list_role_tags(RoleName="worker")["Tags"] == [{"Key": "x", "Value": ""}]
    more = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(iam.tag_role, RoleName="worker", Tags=more)[0] == "LimitExceeded"
    twice = [{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}]
    assert refusal(iam.tag_role, RoleName="worker", Tags=twice)[0] == "InvalidInput"
    long = [{"Key": "k" * 129, "Value": ""}]
    assert refusal(iam.tag_role, RoleName="worker", Tags=long)[0] == "ValidationError"


def test_inline_policies(client: Client) -> None:
    """Put, replace, get as a dict, list sorted, delete; a role with one cannot be deleted."""
    iam = client("iam")
    a_role(iam)
    for name in ("second", "first", "first"):
        iam.put_role_policy(RoleName="worker", PolicyName=name, PolicyDocument=json.dumps(READ_QUEUE))
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["first", "second"]
    held = iam.get_role_policy(RoleName="worker", PolicyName="first")
    assert (held["RoleName"], held["PolicyName"], held["PolicyDocument"]) == ("worker", "first", READ_QUEUE)
    assert refusal(iam.delete_role, RoleName="worker") == (
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
        409,
    )
    for name in ("first", "second"):
        iam.delete_role_policy(RoleName="worker", PolicyName=name)
    assert refusal(iam.get_role_policy, RoleName="worker", PolicyName="first") == (
        "NoSuchEntity",
        "The role policy with name first cannot be found.",
        404,
    )
    iam.delete_role(RoleName="worker")
    assert iam.list_roles()["Roles"] == []


def test_documents_with_odd_characters_survive(client: Client) -> None:
    """Percent signs, pluses and accents are encoded on the wire and come back as they were."""
    iam = client("iam")
    a_role(iam)
    document = {**READ_QUEUE, "Id": "50% + é / ?&="}
    iam.put_role_policy(
        RoleName="worker", PolicyName="p", PolicyDocument=json.dumps(document, ensure_ascii=False)
    )
    assert iam.get_role_policy(RoleName="worker", PolicyName="p")["PolicyDocument"] == document


def test_inline_policies_have_a_size(client: Client) -> None:
    """10,240 characters without white space, all of a role together."""
    iam = client("iam")
    a_role(iam)
    spaces = json.dumps({**READ_QUEUE, "Id": "x" * 6000}) + " " * 9000
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=spaces)
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=spaces)
    code, message, status = refusal(
        iam.put_role_policy, RoleName="worker", PolicyName="q", PolicyDocument=spaces
    )
    assert (code, status) == ("LimitExceeded", 409)
    assert message == "Maximum policy size of 10240 bytes exceeded for role worker"


def test_managed_policies(client: Client, account: str) -> None:
    """Create, attach, list, count, detach, delete."""
    iam = client("iam")
    a_role(iam)
    arn = a_policy(iam, Description="reads", Path="/team/", Tags=[{"Key": "a", "Value": "b"}])
    assert arn == f"arn:aws:iam::{account}:policy/team/read-queue"
    iam.get_waiter("policy_exists").wait(PolicyArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    aws = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    for attached in (arn, aws, arn):
        iam.attach_role_policy(RoleName="worker", PolicyArn=attached)
    listed = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert {policy["PolicyArn"]: policy["PolicyName"] for policy in listed} == {
        arn: "read-queue",
        aws: "AmazonECSTaskExecutionRolePolicy",
    }
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["DefaultVersionId"]) == (1, "v1")
    assert (policy["Description"], policy["IsAttachable"]) == ("reads", True)
    roles = iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
    assert [role["RoleName"] for role in roles] == ["worker"]
    assert refusal(iam.delete_policy, PolicyArn=arn)[:2] == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    assert refusal(iam.delete_role, RoleName="worker")[1] == (
        "Cannot delete entity, must detach all policies first."
    )
    iam.detach_role_policy(RoleName="worker", PolicyArn=arn)
    assert refusal(iam.detach_role_policy, RoleName="worker", PolicyArn=arn)[:2] == (
        "NoSuchEntity",
        f"Policy {arn} was not found.",
    )
    iam.delete_policy(PolicyArn=arn)
    assert refusal(iam.get_policy, PolicyArn=arn)[:2] == ("NoSuchEntity", f"Policy {arn} was not found.")


def test_ten_policies_on_a_role(client: Client) -> None:
    """The eleventh is over the quota; one that does not exist cannot be attached."""
    iam = client("iam")
    a_role(iam)
    for number in range(10):
        iam.attach_role_policy(RoleName="worker", PolicyArn=f"arn:aws:iam::aws:policy/Policy{number}")
    arn = a_policy(iam)
    assert refusal(iam.attach_role_policy, RoleName="worker", PolicyArn=arn) == (
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerRole: 10",
        409,
    )
    code, message, _ = refusal(iam.attach_role_policy, RoleName="worker", PolicyArn=f"{arn}-2")
    assert (code, message) == ("NoSuchEntity", f"Policy {arn}-2 does not exist or is not attachable.")


def test_policy_versions(client: Client) -> None:
    """Five at most; the default cannot go; numbers do not come back."""
    iam = client("iam")
    arn = a_policy(iam)
    second = {**READ_QUEUE, "Id": "second"}
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(second))
    full = refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=json.dumps(second))
    assert full[0] == "LimitExceeded"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(second), SetAsDefault=True)
    assert (made["PolicyVersion"]["VersionId"], made["PolicyVersion"]["IsDefaultVersion"]) == ("v6", True)
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [version["VersionId"] for version in versions] == ["v6", "v4", "v3", "v2", "v1"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v6")["PolicyVersion"]["Document"] == second
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v6")[0] == "DeleteConflict"
    assert refusal(iam.get_policy_version, PolicyArn=arn, VersionId="v9")[0] == "NoSuchEntity"
    assert refusal(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"


def test_policies_by_use(client: Client) -> None:
    """OnlyAttached and Scope choose; AWS's own policies are not listed."""
    iam = client("iam")
    used, unused = a_policy(iam, "used"), a_policy(iam, "unused")
    a_role(iam)
    iam.attach_role_policy(RoleName="worker", PolicyArn=used)
    listed = {
        only: [policy["Arn"] for policy in iam.list_policies(OnlyAttached=only)["Policies"]]
        for only in (True, False)
    }
    assert listed == {True: [used], False: [unused, used]}
    assert iam.list_policies(Scope="AWS")["Policies"] == []


def test_users_and_their_keys(client: Client) -> None:
    """A new key is its user's at once; two at most; a user with keys stays."""
    iam = client("iam")
    user = iam.create_user(UserName="ann", Path="/people/")["User"]
    iam.get_waiter("user_exists").wait(UserName="ann", WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    assert user["UserId"].startswith("AIDA")
    keys = [iam.create_access_key(UserName="ann")["AccessKey"] for _ in range(2)]
    assert {len(key["AccessKeyId"]) for key in keys} == {20}
    assert {len(key["SecretAccessKey"]) for key in keys} == {40}
    assert refusal(iam.create_access_key, UserName="ann")[:2] == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    iam.update_access_key(UserName="ann", AccessKeyId=keys[0]["AccessKeyId"], Status="Inactive")
    listed = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert [key["Status"] for key in listed] == ["Inactive", "Active"]
    assert all("SecretAccessKey" not in key for key in listed)
    assert refusal(iam.delete_user, UserName="ann")[1] == (
        "Cannot delete entity, must delete access keys first."
    )
    for key in keys:
        iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    assert refusal(iam.delete_access_key, UserName="ann", AccessKeyId=keys[0]["AccessKeyId"])[1] == (
        f"The Access Key with id {keys[0]['AccessKeyId']} cannot be found."
    )
    iam.delete_user(UserName="ann")
    assert iam.list_users()["Users"] == []


def test_get_user_without_a_name_is_the_caller(client: Client, account: str) -> None:
    """Root calls here: it has an ARN and no user name."""
    user = client("iam").get_user()["User"]
    assert user["Arn"] == f"arn:aws:iam::{account}:root"
    assert user["UserId"] == account


def test_user_policies(client: Client) -> None:
    """Users take inline and managed policies as roles do."""
    iam = client("iam")
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(READ_QUEUE))
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert iam.get_user_policy(UserName="ann", PolicyName="p")["PolicyDocument"] == READ_QUEUE
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] == ["p"]
    attached = iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["ReadOnlyAccess"]


def test_permissions_boundaries_are_stored(client: Client) -> None:
    """A boundary must exist, comes back with the role, and keeps its policy from being deleted."""
    iam = client("iam")
    arn = a_policy(iam)
    role = a_role(iam, PermissionsBoundary=arn)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    assert refusal(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    entities = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsPolicy")
    assert entities["PolicyRoles"] == []


def test_accounts_do_not_see_each_other(client: Client, endpoint: str, account: str) -> None:
    """The same names in another account are other roles; policies are not attached across."""
    a_role(client("iam"))
    other = boto3.session.Session(aws_access_key_id="999999999999", aws_secret_access_key="x")
    theirs = other.client("iam", endpoint_url=endpoint, region_name="us-east-1")
    assert refusal(theirs.get_role, RoleName="worker")[0] == "NoSuchEntity"
    arn = a_policy(client("iam"))
    a_role(theirs)
    try:
        assert refusal(theirs.attach_role_policy, RoleName="worker", PolicyArn=arn)[0] == "NoSuchEntity"
        assert refusal(theirs.get_policy, PolicyArn=arn)[0] == "NoSuchEntity"
    finally:
        theirs.delete_role(RoleName="worker")


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:role/worker", "not an arn, but long enough"])
def test_arns_that_name_no_policy(client: Client, arn: str) -> None:
    """InvalidInput, before it is looked up."""
    iam = client("iam")
    a_role(iam)
    expected = ("InvalidInput", f"ARN {arn} is not valid.", 400)
    assert refusal(iam.get_policy, PolicyArn=arn) == expected
    assert refusal(iam.attach_role_policy, RoleName="worker", PolicyArn=arn) == expected

"""Versions and aliases through boto3: published, listed, pointed at, invoked, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_lambda_functions import code_of, create
from tests.contract.test_lambda_invoke import deploy, invoke
from tests.fault.waiting import until
from tests.lambda_build import a_zip
from tests.process import PlaneProcess

Client = Callable[..., Any]
WHICH = "def handler(event, context): return [{}, context.function_version, context.invoked_function_arn]"


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def update(aws: Any, source: str, **params: Any) -> dict[str, Any]:
    """New code, taken over; the answer."""
    answer = aws.update_function_code(FunctionName="f", ZipFile=a_zip(source), **params)
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    return dict(answer)


def test_a_version_stays_what_it_was(aws: Any, account: str) -> None:
    """Publish, change the function, invoke each by its forms; a real process runs the version's code."""
    deploy(aws, account, WHICH.format(1))
    first = aws.publish_version(FunctionName="f", Description="one")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (first["Version"], first["Description"]) == ("1", "one")
    assert first["FunctionArn"].endswith(":function:f:1")
    aws.get_waiter("published_version_active").wait(FunctionName="f", Qualifier="1")
    update(aws, WHICH.format(2))
    aws.create_alias(FunctionName="f", Name="prod", FunctionVersion="1")
    arn = first["FunctionArn"].removesuffix(":1")
    for name, qualifier in (("f", "1"), ("f:1", None), (f"{account}:function:f:1", "1"), (arn + ":1", None)):
        given = {"Qualifier": qualifier} if qualifier else {}
        value, answer = invoke(aws, FunctionName=name, **given)
        assert (value, answer["ExecutedVersion"]) == ([1, "1", arn + ":1"], "1")
    value, answer = invoke(aws, FunctionName="f", Qualifier="prod")
    assert (value, answer["ExecutedVersion"]) == ([1, "1", arn + ":prod"], "1")
    assert invoke(aws)[0] == [2, "$LATEST", arn]
    assert aws.get_function(FunctionName="f:prod")["Configuration"]["FunctionArn"] == arn + ":prod"


def test_publishing_what_has_not_changed(aws: Any, account: str) -> None:
    """The same version again, whatever the description; a change and its numbers; preconditions."""
    deploy(aws, account, "a = 1")
    first = aws.publish_version(FunctionName="f", Description="mine")
    assert aws.publish_version(FunctionName="f")["Version"] == "1"
    code = update(aws, "a = 2")
    sha = first["CodeSha256"]
    assert code_of(aws.publish_version, FunctionName="f", CodeSha256=sha) == (
        400,
        "InvalidParameterValueException",
        f"CodeSHA256 ({sha}) is different from current CodeSHA256 in $LATEST ({code['CodeSha256']}). Please "
        "try again with the CodeSHA256 in $LATEST.",
    )
    stale = code_of(aws.publish_version, FunctionName="f", RevisionId=first["RevisionId"])
    assert stale[:2] == (412, "PreconditionFailedException")
    latest = aws.get_function_configuration(FunctionName="f")
    second = aws.publish_version(
        FunctionName="f", CodeSha256=latest["CodeSha256"], RevisionId=latest["RevisionId"]
    )
    assert (second["Version"], second["Description"]) == ("2", "")
    aws.delete_function(FunctionName="f", Qualifier="2")
    update(aws, "a = 3")
    assert aws.publish_version(FunctionName="f")["Version"] == "3"


def test_publish_with_create_and_update(aws: Any, account: str) -> None:
    """The answer is the version's, and it becomes Active like the function."""
    created = create(aws, account, Publish=True)
    assert (created["Version"], created["State"]) == ("1", "Pending")
    assert created["FunctionArn"].endswith(":f:1")
    aws.get_waiter("published_version_active").wait(FunctionName="f", Qualifier="1")
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    assert update(aws, "a = 2", Publish=True)["Version"] == "2"
    assert update(aws, "a = 2", Publish=True)["Version"] == "2"


def test_listings(aws: Any, account: str) -> None:
    """Versions of one and of all functions, in pages: $LATEST, then by number; no states."""
    for name in ("g", "f", "h"):
        create(aws, account, name, Publish=name != "h")
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    for number in (2, 3):
        update(aws, f"a = {number}", Publish=True)
    pages = list(
        aws.get_paginator("list_versions_by_function").paginate(
            FunctionName="f", PaginationConfig={"PageSize": 2}
        )
    )
    versions = [version for page in pages for version in page["Versions"]]
    assert [len(page["Versions"]) for page in pages] == [2, 2]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2", "3"]
    assert versions[0]["FunctionArn"].endswith(":f:$LATEST") and "State" not in versions[1]
    for size in (1, 2, 5, 50):
        pages = list(
            aws.get_paginator("list_functions").paginate(
                FunctionVersion="ALL", PaginationConfig={"PageSize": size}
            )
        )
        rows = [(row["FunctionName"], row["Version"]) for page in pages for row in page["Functions"]]
        assert rows == [
            *(("f", version) for version in ("$LATEST", "1", "2", "3")),
            *(("g", version) for version in ("$LATEST", "1")),
            ("h", "$LATEST"),
        ]
    assert aws.list_functions(FunctionVersion="ALL", MasterRegion="us-east-1")["Functions"] == []
    assert code_of(aws.list_functions, MasterRegion="ALL")[1] == "InvalidParameterValueException"
    assert code_of(aws.list_versions_by_function, FunctionName="f", Marker="x")[0] == 400


def test_aliases(aws: Any, account: str) -> None:
    """Created, shown, moved, listed by version, deleted; another function's alias is another one."""
    arn = create(aws, account, Publish=True)["FunctionArn"].removesuffix(":1")
    create(aws, account, "g")
    made = aws.create_alias(FunctionName="f", Name="prod", FunctionVersion="1", Description="d")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert {member: made[member] for member in ("AliasArn", "Name", "FunctionVersion", "Description")} == {
        "AliasArn": arn + ":prod",
        "Name": "prod",
        "FunctionVersion": "1",
        "Description": "d",
    }
    assert "RoutingConfig" not in made
    aws.create_alias(FunctionName="g", Name="prod", FunctionVersion="$LATEST")
    assert code_of(aws.create_alias, FunctionName="f", Name="prod", FunctionVersion="1") == (
        409,
        "ResourceConflictException",
        f"Alias already exists: {arn}:prod",
    )
    aws.create_alias(FunctionName="f", Name="dev", FunctionVersion="$LATEST")
    moved = aws.update_alias(FunctionName="f", Name="prod", FunctionVersion="$LATEST")
    assert (moved["FunctionVersion"], moved["Description"]) == ("$LATEST", "d")
    stale = code_of(aws.update_alias, FunctionName="f", Name="prod", RevisionId=made["RevisionId"])
    assert stale[:2] == (412, "PreconditionFailedException")
    aws.update_alias(FunctionName="f", Name="prod", FunctionVersion="1", RevisionId=moved["RevisionId"])
    pages = aws.get_paginator("list_aliases").paginate(FunctionName="f", PaginationConfig={"PageSize": 1})
    assert [alias["Name"] for page in pages for alias in page["Aliases"]] == ["dev", "prod"]
    listed = aws.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"]
    assert [alias["Name"] for alias in listed] == ["prod"]
    assert code_of(aws.delete_function, FunctionName="f:1") == (
        409,
        "ResourceConflictException",
        "Unable to delete version because the following aliases reference it: [prod]",
    )
    for _ in range(2):
        assert aws.delete_alias(FunctionName="f", Name="prod")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert code_of(aws.get_alias, FunctionName="f", Name="prod") == (
        404,
        "ResourceNotFoundException",
        f"Cannot find alias arn: {arn}:prod",
    )
    assert code_of(aws.update_alias, FunctionName="f", Name="prod")[0] == 404
    assert aws.delete_function(FunctionName="f:1")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert code_of(aws.get_function, FunctionName="f:1")[0] == 404


def test_weighted_routing(aws: Any, account: str) -> None:
    """Kept, shown, cleared; a version in use by weight cannot go; what is refused and how."""
    arn = create(aws, account, Publish=True)["FunctionArn"].removesuffix(":1")
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    update(aws, "a = 2", Publish=True)
    weighted = {"AdditionalVersionWeights": {"2": 0.25}}
    made = aws.create_alias(FunctionName="f", Name="a", FunctionVersion="1", RoutingConfig=weighted)
    assert made["RoutingConfig"] == weighted
    assert code_of(aws.delete_function, FunctionName="f:2")[0] == 409

    def refused(version: str, weights: dict[str, float]) -> str:
        routing = {"AdditionalVersionWeights": weights}
        answer = code_of(
            aws.create_alias, FunctionName="f", Name="b", FunctionVersion=version, RoutingConfig=routing
        )
        return f"{answer[1]}: {answer[2]}"

    invalid = "InvalidParameterValueException: "
    assert refused("$LATEST", {"1": 0.5}) == (
        invalid + "$LATEST is not supported for an alias pointing to more than 1 version"
    )
    assert refused("1", {"1": 0.5}) == (
        invalid
        + "Invalid function version 1. Function version 1 is already included in routing configuration."
    )
    assert refused("1", {"2": 0.5, "3": 0.1}) == (
        invalid + "Number of items in AdditionalVersionWeights cannot be greater than 1"
    )
    assert refused("1", {"9": 0.5}) == f"ResourceNotFoundException: Function not found: {arn}:9"
    assert refused("9", {}) == f"ResourceNotFoundException: Function not found: {arn}:9"
    assert refused("1", {"$LATEST": 0.5}).startswith("ValidationException: 1 validation error detected")
    assert refused("1", {"2": 1.5}).startswith("ValidationException: 1 validation error detected")
    cleared = aws.update_alias(FunctionName="f", Name="a", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in cleared
    assert aws.delete_function(FunctionName="f", Qualifier="2")["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize(
    ("qualifier", "message"),
    [
        ("$LATEST", "$LATEST version cannot be deleted without deleting the function."),
        ("prod", "Deletion of aliases is not currently supported."),
    ],
)
def test_what_delete_function_does_not_delete(aws: Any, account: str, qualifier: str, message: str) -> None:
    """400 for $LATEST and aliases; a version that is not there is no error."""
    create(aws, account)
    refused = code_of(aws.delete_function, FunctionName="f", Qualifier=qualifier)
    assert refused == (400, "InvalidParameterValueException", message)
    assert aws.delete_function(FunctionName="f", Qualifier="7")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert aws.get_function(FunctionName="f")["Configuration"]["Version"] == "$LATEST"


def test_policies_per_qualifier(aws: Any, account: str) -> None:
    """The function, a version and an alias have a policy each, with a revision each."""
    arn = create(aws, account, Publish=True)["FunctionArn"].removesuffix(":1")
    aws.create_alias(FunctionName="f", Name="prod", FunctionVersion="1")
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    for qualifier in ("1", "prod"):
        answer = aws.add_permission(FunctionName="f", Qualifier=qualifier, **given)
        assert json.loads(answer["Statement"])["Resource"] == f"{arn}:{qualifier}"
    assert code_of(aws.get_policy, FunctionName="f")[:2] == (404, "ResourceNotFoundException")
    policy = aws.get_policy(FunctionName="f:prod")
    alias = aws.get_alias(FunctionName="f", Name="prod")
    assert policy["RevisionId"] == alias["RevisionId"]
    stale = code_of(
        aws.remove_permission, FunctionName="f", Qualifier="prod", StatementId="s", RevisionId="no"
    )
    assert stale[:2] == (412, "PreconditionFailedException") and "GetPolicy" in stale[2]
    aws.remove_permission(
        FunctionName="f", Qualifier="prod", StatementId="s", RevisionId=policy["RevisionId"]
    )
    assert code_of(aws.get_policy, FunctionName="f:prod")[0] == 404
    assert json.loads(aws.get_policy(FunctionName="f:1")["Policy"])["Statement"][0]["Sid"] == "s"
    missing = code_of(aws.add_permission, FunctionName="f", Qualifier="none", **given)
    assert missing == (404, "ResourceNotFoundException", f"Cannot find alias arn: {arn}:none")
    assert code_of(aws.add_permission, FunctionName="f", Qualifier="7", **given)[2] == (
        f"Function not found: {arn}:7"
    )
    assert code_of(aws.add_permission, FunctionName="f:$LATEST", **given)[:2] == (
        400,
        "InvalidParameterValueException",
    )


def test_operations_of_functions_only(aws: Any, account: str) -> None:
    """Updates and reservations are refused for a version, in AWS's words."""
    create(aws, account, Publish=True)
    for call in (
        lambda: aws.update_function_configuration(FunctionName="f:1", Timeout=4),
        lambda: aws.put_function_concurrency(FunctionName="f:1", ReservedConcurrentExecutions=1),
        lambda: aws.publish_version(FunctionName="f:1"),
    ):
        assert code_of(call)[1:] == (
            "InvalidParameterValueException",
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN.",
        )


def test_account_settings_count_versions(aws: Any, account: str) -> None:
    """Every version's package counts; deleting takes it away."""
    size = create(aws, account, Publish=True)["CodeSize"]
    usage = aws.get_account_settings()["AccountUsage"]
    assert usage == {"TotalCodeSize": 2 * size, "FunctionCount": 1}
    aws.delete_function(FunctionName="f:1")
    assert aws.get_account_settings()["AccountUsage"]["TotalCodeSize"] == size
    aws.delete_function(FunctionName="f")
    settings = aws.get_account_settings()
    assert settings["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    assert settings["AccountLimit"]["TotalCodeSize"] == 75 * 2**30


@pytest.mark.parametrize(
    "waiter",
    ["function_exists", "function_active", "function_active_v2", "function_updated", "function_updated_v2"],
)
def test_waiters(aws: Any, account: str, waiter: str) -> None:
    """Each of botocore's ends, of the function and of a version where it takes a qualifier."""
    create(aws, account, Publish=True)
    aws.get_waiter(waiter).wait(FunctionName="f", WaiterConfig={"Delay": 1})
    aws.get_waiter(waiter).wait(FunctionName="f", Qualifier="1", WaiterConfig={"Delay": 1})
    assert aws.get_function(FunctionName="f", Qualifier="1")["Configuration"]["State"] == "Active"


def test_what_hangs_on_a_qualifier_goes_with_it(aws: Any, account: str) -> None:
    """A version that is published after a deleted one, an alias of the same name: they begin anew."""
    create(aws, account, Publish=True)
    aws.create_alias(FunctionName="f", Name="prod", FunctionVersion="$LATEST")
    for qualifier in ("1", "prod"):
        aws.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=0)
    aws.delete_function(FunctionName="f:1")
    aws.delete_alias(FunctionName="f", Name="prod")
    assert aws.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"] == []
    aws.create_alias(FunctionName="f", Name="prod", FunctionVersion="$LATEST")
    missing = code_of(aws.get_function_event_invoke_config, FunctionName="f", Qualifier="prod")
    assert missing[:2] == (404, "ResourceNotFoundException")


def test_runtime_management(aws: Any, account: str) -> None:
    """Auto until it is set, per version; Manual is refused with a sentence, an alias is no version."""
    arn = create(aws, account, Publish=True)["FunctionArn"].removesuffix(":1")
    aws.create_alias(FunctionName="f", Name="prod", FunctionVersion="1")
    before = aws.get_runtime_management_config(FunctionName="f")
    assert (before["UpdateRuntimeOn"], before["FunctionArn"]) == ("Auto", arn)
    put = aws.put_runtime_management_config(FunctionName="f", Qualifier="1", UpdateRuntimeOn="FunctionUpdate")
    assert (put["UpdateRuntimeOn"], put["FunctionArn"]) == ("FunctionUpdate", arn + ":1")
    assert aws.get_runtime_management_config(FunctionName="f:1")["UpdateRuntimeOn"] == "FunctionUpdate"
    assert aws.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "Auto"
    pinned = "arn:aws:lambda:eu-west-1::runtime:" + "0" * 64
    manual = {"FunctionName": "f", "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": pinned}
    assert code_of(aws.put_runtime_management_config, **manual)[2].startswith("Windlass runs functions on")
    assert code_of(aws.get_runtime_management_config, FunctionName="f:prod")[0] == 404


def test_recursion_config(aws: Any, account: str) -> None:
    """Terminate until it is set."""
    create(aws, account)
    assert aws.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    aws.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert aws.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"


def test_code_signing_is_refused(aws: Any, account: str) -> None:
    """501 that names the operation; at creation a sentence. Nothing is signed here, and nothing pretends."""
    create(aws, account)
    assert code_of(aws.list_code_signing_configs)[0] == 501
    config = f"arn:aws:lambda:eu-west-1:{account}:code-signing-config:csc-{'0' * 17}"
    refused = code_of(create, aws, account, "g", CodeSigningConfigArn=config)
    assert refused[2].startswith("Windlass does not have code signing")
    asked = aws.get_function_code_signing_config(FunctionName="f")
    assert asked["FunctionName"] == "f" and "CodeSigningConfigArn" not in asked


def test_other_accounts_by_policy(aws: Any, account: str, plane: PlaneProcess) -> None:
    """What an alias's policy allows another account, on that alias only, until it is taken back."""
    deploy(aws, account, WHICH.format(1), Publish=True)
    arn = aws.create_alias(FunctionName="f", Name="open", FunctionVersion="1")["AliasArn"]
    stranger = f"9{account[1:]}"
    other = plane.client("lambda", stranger)
    refusal = (
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{stranger}:root is not authorized to perform: lambda:InvokeFunction on "
        f"resource: {arn} because no resource-based policy allows the lambda:InvokeFunction action",
    )
    assert code_of(other.invoke, FunctionName=arn) == refusal
    aws.add_permission(
        FunctionName="f",
        Qualifier="open",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal=stranger,
    )
    value, answer = invoke(other, FunctionName=arn)
    assert (value, answer["ExecutedVersion"]) == ([1, "1", arn], "1")
    assert other.invoke(FunctionName=arn, InvocationType="Event")["StatusCode"] == 202
    for call in (
        lambda: other.invoke(FunctionName=arn.removesuffix(":open")),
        lambda: other.get_function(FunctionName=arn),
        lambda: other.delete_function(FunctionName=arn.removesuffix(":open")),
        lambda: other.invoke(FunctionName=f"arn:aws:lambda:{aws.meta.region_name}:{account}:function:none"),
    ):
        assert code_of(call)[:2] == (403, "AccessDeniedException")
    aws.remove_permission(FunctionName="f", Qualifier="open", StatementId="s")
    assert code_of(other.invoke, FunctionName=arn) == refusal


LOOP = """
import boto3
sqs = boto3.client("sqs")
def handler(event, context):
    [record] = event["Records"]
    url, count = record["body"].split()
    sqs.send_message(QueueUrl=url, MessageBody=f"{url} {int(count) + 1}")
"""


def test_a_loop_through_a_queue_is_stopped(aws: Any, account: str, client: Client) -> None:
    """A function that feeds its own queue, with nothing but boto3: the 17th message runs nothing."""
    sqs, logs = client("sqs"), client("logs")
    url = sqs.create_queue(QueueName="loop", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    deploy(aws, account, LOOP, Timeout=60)
    mapping = aws.create_event_source_mapping(
        FunctionName="f", EventSourceArn=f"arn:aws:sqs:{aws.meta.region_name}:{account}:loop", BatchSize=1
    )["UUID"]
    sqs.send_message(QueueUrl=url, MessageBody=f"{url} 1")

    def kept() -> bool:
        """One message was taken, refused, and stays hidden; the result of the one before may be told last."""
        name = "ApproximateNumberOfMessagesNotVisible"
        held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
        return held == "1" and runs() == 16

    def runs() -> int:
        if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"]:
            return 0
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/lambda/f", filterPattern="START"
        )
        return sum(event["message"].startswith("START") for page in pages for event in page["events"])

    until(kept, "the loop is stopped, and all that ran is in the log")
    aws.delete_event_source_mapping(UUID=mapping)

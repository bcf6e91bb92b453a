"""Functions through boto3: life cycle, configuration, refusals, tags, policies, concurrency."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from tests.lambda_build import a_zip

Client = Callable[..., Any]


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def create(aws: Any, account: str, name: str = "f", source: str = "", **params: Any) -> dict[str, Any]:
    code = a_zip(source) if source else a_zip()
    fields = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": f"arn:aws:iam::{account}:role/r",
        "Handler": "app.handler",
        "Code": {"ZipFile": code},
        **params,
    }
    return dict(aws.create_function(**fields))


def code_of(call: Callable[..., Any], *arguments: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **params)
    answer = caught.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


def test_life_of_a_function(aws: Any, account: str) -> None:
    """Create (Pending), wait (Active), read, delete (204), gone."""
    created = create(aws, account)
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in created
    assert created["FunctionArn"] == f"arn:aws:lambda:{aws.meta.region_name}:{account}:function:f"
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(a_zip()).digest()).decode()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created["LastModified"])
    aws.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    found = aws.get_function(FunctionName="f")
    shown = found["Configuration"]
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert shown["RevisionId"] != created["RevisionId"] and "StateReason" not in shown
    assert (shown["Timeout"], shown["MemorySize"], shown["Version"]) == (3, 128, "$LATEST")
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    assert aws.get_function(FunctionName="f", Qualifier="$LATEST")["Configuration"]["FunctionArn"].endswith(
        ":$LATEST"
    )
    assert aws.delete_function(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert code_of(aws.get_function, FunctionName="f") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {created['FunctionArn']}",
    )


def test_the_package_can_be_fetched(aws: Any, account: str) -> None:
    """Code.Location leads to the bytes, of a version to its own; a changed address leads nowhere."""
    create(aws, account, Publish=True)
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    aws.update_function_code(FunctionName="f", ZipFile=a_zip("x = 1"))
    for name, package in (("f", a_zip("x = 1")), ("f:1", a_zip())):
        code = aws.get_function(FunctionName=name)["Code"]
        assert code["RepositoryType"] == "S3"
        with urlopen(code["Location"]) as answer:
            assert (answer.headers["content-type"], answer.read()) == ("application/zip", package)
        with pytest.raises(HTTPError) as caught:
            urlopen(code["Location"].replace("Expires=", "Expires=1"))
        assert caught.value.code == 403


def test_updates_and_revisions(aws: Any, account: str) -> None:
    """InProgress, then Successful; a wrong RevisionId is refused; what is left out stays."""
    create(aws, account, Description="first", Environment={"Variables": {"AB": "1"}})
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    updated = aws.update_function_configuration(FunctionName="f", Timeout=7)
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "InProgress")
    assert (updated["Timeout"], updated["Description"]) == (7, "first")
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    shown = aws.get_function_configuration(FunctionName="f")
    assert shown["Environment"] == {"Variables": {"AB": "1"}}
    stale = code_of(aws.update_function_configuration, FunctionName="f", RevisionId=updated["RevisionId"])
    assert stale[:2] == (412, "PreconditionFailedException")
    dry = aws.update_function_code(FunctionName="f", ZipFile=a_zip("x = 1"), DryRun=True)
    assert dry["CodeSha256"] != shown["CodeSha256"]
    assert aws.get_function_configuration(FunctionName="f")["CodeSha256"] == shown["CodeSha256"]
    code = aws.update_function_code(FunctionName="f", ZipFile=a_zip("x = 1"), RevisionId=shown["RevisionId"])
    assert code["CodeSha256"] == dry["CodeSha256"] and code["LastUpdateStatus"] == "InProgress"


def test_listing_pages_by_name(aws: Any, account: str) -> None:
    """Markers lead through all, each once; no state fields; foreign markers are refused."""
    names = [f"f{number}" for number in range(5)]
    for name in reversed(names):
        create(aws, account, name)
    pages = list(aws.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Functions"]) for page in pages] == [2, 2, 1]
    listed = [function for page in pages for function in page["Functions"]]
    assert [function["FunctionName"] for function in listed] == names
    assert all("State" not in function for function in listed)
    assert code_of(aws.list_functions, Marker="x")[1] == "InvalidParameterValueException"
    assert aws.get_account_settings()["AccountUsage"]["FunctionCount"] == 5


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException",
         "Could not unzip uploaded file. Please check your file, then try to upload again."),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "InvalidParameterValueException",
         "Windlass does not take function code from S3"),
        ({"Code": {"ImageUri": "image"}}, "InvalidParameterValueException",
         "Please don't provide ImageUri when creating a function with packageType Zip."),
        ({"PackageType": "Image"}, "InvalidParameterValueException",
         "Please provide ImageUri when creating a function with packageType Image."),
        ({"PackageType": "Image", "Code": {"ImageUri": "image"}}, "InvalidParameterValueException",
         "Runtime, Handler and Layers are not for functions with packageType Image"),
        ({"ImageConfig": {"Command": ["x"]}}, "InvalidParameterValueException", "ImageConfig is for"),
        ({"Runtime": "java21"}, "InvalidParameterValueException", "Windlass does not have the runtime java"),
        ({"Runtime": "python3.7"}, "InvalidParameterValueException",
         "The runtime parameter of python3.7 is no longer supported"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
         "InvalidParameterValueException", "Error occurred while DescribeSubnets."),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sns:eu-west-1:123456789012:q"}},
         "InvalidParameterValueException", "Windlass has no SNS topics"),
        ({"Timeout": 901}, "ValidationException", "1 validation error detected: Value '901' at 'timeout'"),
        ({"MemorySize": 10241}, "ValidationException", "1 validation error detected: Value '10241'"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException",
         "Lambda was unable to configure your environment variables because the environment variables you "
         "have provided contains reserved keys"),
        ({"Environment": {"Variables": {"AB": "x" * 4096}}}, "InvalidParameterValueException",
         "Lambda was unable to configure"),
        ({"Environment": {"Variables": {"AB": "x\0"}}}, "InvalidParameterValueException",
         "Lambda was unable to configure"),
        ({"FunctionName": "x" * 65}, "InvalidParameterValueException", "Function name"),
    ],
)  # fmt: skip
def test_what_is_refused(aws: Any, account: str, params: dict[str, Any], code: str, message: str) -> None:
    """AWS's errors, or a sentence that says what Windlass does not have; nothing is created."""
    refused = code_of(create, aws, account, **params)
    assert refused[:2] == (400, code) and refused[2].startswith(message)
    assert aws.list_functions()["Functions"] == []


def test_empty_values_ask_for_nothing(aws: Any, account: str) -> None:
    """What tools send by default is no request for what is not there."""
    create(
        aws,
        account,
        Layers=[],
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        KMSKeyArn="",
        Publish=False,
        SnapStart={"ApplyOn": "None"},
        TracingConfig={"Mode": "PassThrough"},
    )


def test_names_and_conflicts(aws: Any, account: str) -> None:
    """A second of the same name; a name as ARN; another Region's; a version that is not there."""
    arn = create(aws, account)["FunctionArn"]
    assert code_of(create, aws, account) == (409, "ResourceConflictException", "Function already exist: f")
    assert aws.get_function_configuration(FunctionName=arn)["FunctionName"] == "f"
    elsewhere = arn.replace(aws.meta.region_name, "ap-south-1")
    assert code_of(aws.get_function, FunctionName=elsewhere)[:2] == (404, "ResourceNotFoundException")
    assert code_of(aws.get_function, FunctionName="f", Qualifier="7")[1] == "ResourceNotFoundException"
    assert code_of(aws.get_function, FunctionName="f:7", Qualifier="8")[1] == "InvalidParameterValueException"


def test_tags(aws: Any, account: str) -> None:
    """Given at creation, added, replaced, removed; unknown functions have none."""
    arn = create(aws, account, Tags={"a": "1"})["FunctionArn"]
    aws.tag_resource(Resource=arn, Tags={"a": "2", "b": "3"})
    assert aws.list_tags(Resource=arn)["Tags"] == {"a": "2", "b": "3"}
    aws.untag_resource(Resource=arn, TagKeys=["a", "z"])
    assert aws.get_function(FunctionName="f")["Tags"] == {"b": "3"}
    assert code_of(aws.list_tags, Resource=arn + "x")[:2] == (404, "ResourceNotFoundException")
    assert code_of(aws.tag_resource, Resource=arn, Tags={"aws:x": "1"})[1] == "InvalidParameterValueException"


def test_policies(aws: Any, account: str) -> None:
    """Statements as AWS writes them; twice the same id, and an id that is not there."""
    arn = create(aws, account)["FunctionArn"]
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    source = f"arn:aws:events:eu-west-1:{account}:rule/r"
    answer = aws.add_permission(FunctionName="f", SourceArn=source, SourceAccount=account, **given)
    statement = json.loads(answer["Statement"])
    assert statement == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": account},
            "ArnLike": {"AWS:SourceArn": source},
        },
    }
    policy = json.loads(aws.get_policy(FunctionName="f")["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    assert code_of(aws.add_permission, FunctionName="f", **given)[:2] == (409, "ResourceConflictException")
    aws.remove_permission(FunctionName="f", StatementId="s")
    assert code_of(aws.remove_permission, FunctionName="f", StatementId="s")[0] == 404
    assert code_of(aws.get_policy, FunctionName="f")[:2] == (404, "ResourceNotFoundException")


def test_reserved_concurrency(aws: Any, account: str) -> None:
    """Set, shown, refused when it leaves less than 100, taken away."""
    create(aws, account)
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=900)
    assert aws.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 900}
    assert aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    refused = code_of(aws.put_function_concurrency, FunctionName="f", ReservedConcurrentExecutions=901)
    assert refused[1] == "InvalidParameterValueException" and refused[2].endswith("minimum value of [100].")
    aws.delete_function_concurrency(FunctionName="f")
    answer = aws.get_function_concurrency(FunctionName="f")
    assert "ReservedConcurrentExecutions" not in answer

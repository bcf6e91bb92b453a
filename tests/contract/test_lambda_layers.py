"""Layers through boto3: versions, listings, policies, and functions that run with them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest

from tests.contract.test_lambda_functions import code_of, create
from tests.contract.test_lambda_invoke import invoke
from tests.lambda_build import a_zip, a_zip_of

Client = Callable[..., Any]
MISSING = (404, "ResourceNotFoundException", "The resource you requested does not exist.")


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def publish(aws: Any, name: str, files: dict[str, str], **params: Any) -> dict[str, Any]:
    return dict(aws.publish_layer_version(LayerName=name, Content={"ZipFile": a_zip_of(files)}, **params))


def test_life_of_layer_versions(aws: Any, account: str) -> None:
    """Numbers rise and never come twice; read by number and by ARN; deleting twice is no error."""
    made = publish(
        aws,
        "l",
        {"x": "1"},
        Description="one",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.12"],
        CompatibleArchitectures=["x86_64"],
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    arn = f"arn:aws:lambda:{aws.meta.region_name}:{account}:layer:l"
    assert (made["LayerArn"], made["LayerVersionArn"], made["Version"]) == (arn, f"{arn}:1", 1)
    digest = base64.b64encode(hashlib.sha256(a_zip_of({"x": "1"})).digest()).decode()
    content = made["Content"]
    assert (content["CodeSha256"], content["CodeSize"]) == (digest, len(a_zip_of({"x": "1"})))
    assert urlopen(content["Location"]).read() == a_zip_of({"x": "1"})
    assert (made["Description"], made["LicenseInfo"]) == ("one", "MIT")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", made["CreatedDate"])
    assert publish(aws, arn, {"x": "2"})["Version"] == 2
    found = aws.get_layer_version(LayerName="l", VersionNumber=1)
    by_arn = aws.get_layer_version_by_arn(Arn=f"{arn}:1")
    for answer in (made, found, by_arn):
        answer.pop("ResponseMetadata")
        assert answer["Content"].pop("Location")
    assert made == found == by_arn
    for _ in range(2):
        deleted = aws.delete_layer_version(LayerName="l", VersionNumber=2)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert code_of(aws.get_layer_version, LayerName="l", VersionNumber=2) == MISSING
    assert code_of(aws.get_layer_version_by_arn, Arn=f"{arn}:9") == MISSING
    assert code_of(aws.get_layer_version, LayerName="l", VersionNumber=0)[1:] == (
        "InvalidParameterValueException",
        "Layer Version Cannot be less than 1",
    )
    assert publish(aws, "l", {"x": "3"})["Version"] == 3
    assert aws.get_account_settings()["AccountUsage"]["TotalCodeSize"] == 2 * len(a_zip_of({"x": "1"}))
    assert code_of(aws.publish_layer_version, LayerName="l", Content={"ZipFile": b"no zip"})[1] == (
        "InvalidParameterValueException"
    )


def test_listings(aws: Any) -> None:
    """The newest first, in pages, and only what runs a runtime on an architecture."""
    publish(aws, "a", {"x": "1"}, CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["arm64"])
    publish(aws, "a", {"x": "2"}, CompatibleRuntimes=["nodejs22.x"])
    publish(aws, "b", {"x": "3"})
    publish(aws, "c", {"x": "4"})
    aws.delete_layer_version(LayerName="c", VersionNumber=1)
    pages = aws.get_paginator("list_layer_versions").paginate(LayerName="a", PaginationConfig={"PageSize": 1})
    assert [version["Version"] for page in pages for version in page["LayerVersions"]] == [2, 1]
    assert aws.list_layer_versions(LayerName="none")["LayerVersions"] == []
    layers = aws.list_layers()["Layers"]
    assert [(layer["LayerName"], layer["LatestMatchingVersion"]["Version"]) for layer in layers] == [
        ("a", 2),
        ("b", 1),
    ]
    assert "Content" not in layers[0]["LatestMatchingVersion"]
    python = aws.list_layers(CompatibleRuntime="python3.12", CompatibleArchitecture="arm64")["Layers"]
    assert [layer["LatestMatchingVersion"]["Version"] for layer in python] == [1]
    found = aws.list_layer_versions(LayerName="a", CompatibleRuntime="nodejs22.x")["LayerVersions"]
    assert [version["Version"] for version in found] == [2]


def test_policies_share_layers(client: Client, aws: Any, account: str) -> None:
    """Nobody else reads or uses a version until its policy names them; statements come and go."""
    arn = publish(aws, "l", {"x": "1"})["LayerVersionArn"]
    version = {"LayerName": "l", "VersionNumber": 1}
    assert code_of(aws.get_layer_version_policy, **version) == (
        404,
        "ResourceNotFoundException",
        "No policy is associated with the given resource.",
    )
    grant = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "999988887777", **version}
    added = aws.add_layer_version_permission(**grant)
    assert json.loads(added["Statement"]) == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999988887777:root"},
        "Action": "lambda:GetLayerVersion",
        "Resource": arn,
    }
    assert code_of(aws.add_layer_version_permission, **grant)[:2] == (409, "ResourceConflictException")
    policy = aws.get_layer_version_policy(**version)
    assert json.loads(policy["Policy"])["Statement"] == [json.loads(added["Statement"])]
    assert policy["RevisionId"] == added["RevisionId"]
    stale = code_of(aws.remove_layer_version_permission, StatementId="s", RevisionId="old", **version)
    assert stale[:2] == (412, "PreconditionFailedException")
    aws.remove_layer_version_permission(StatementId="s", RevisionId=policy["RevisionId"], **version)
    assert code_of(aws.remove_layer_version_permission, StatementId="s", **version)[0] == 404
    assert code_of(aws.add_layer_version_permission, **{**grant, "VersionNumber": 9})[2] == (
        f"Layer version {arn[:-1]}9 does not exist."
    )


def test_layers_of_other_accounts(plane: Any, aws: Any) -> None:
    """Refused as AWS refuses it, until the layer's policy lets the account in."""
    arn = publish(aws, "l", {"python/part.py": "x = 1"})["LayerVersionArn"]
    other, number = plane.client("lambda", "999988887777"), "999988887777"
    denied = code_of(other.get_layer_version_by_arn, Arn=arn)
    assert denied[:2] == (403, "AccessDeniedException") and arn in denied[2]
    assert code_of(create, other, number, "of-layers", Layers=[arn])[:2] == (403, "AccessDeniedException")
    grant = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    aws.add_layer_version_permission(LayerName="l", VersionNumber=1, **grant)
    assert other.get_layer_version_by_arn(Arn=arn)["Version"] == 1
    create(other, number, "of-layers", Layers=[arn])
    other.delete_function(FunctionName="of-layers")


def test_a_function_with_layers(aws: Any, account: str) -> None:
    """Layers in their order, changed, taken away; a deleted version goes on where it is used."""
    files = {"python/part.py": "name = 'first'", "python/only.py": "x = 1"}
    first = publish(aws, "first", files)["LayerVersionArn"]
    second = publish(aws, "second", {"python/part.py": "name = 'second'"})["LayerVersionArn"]
    source = "import part\ndef handler(e, c): return part.name"
    made = create(aws, account, source=source, Layers=[first, second])
    assert [layer["Arn"] for layer in made["Layers"]] == [first, second]
    assert made["Layers"][0]["CodeSize"] == len(a_zip_of(files))
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    assert invoke(aws)[0] == "second"
    updated = aws.update_function_configuration(FunctionName="f", Layers=[second, first])
    assert [layer["Arn"] for layer in updated["Layers"]] == [second, first]
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert invoke(aws)[0] == "first"
    aws.delete_layer_version(LayerName="second", VersionNumber=1)
    aws.update_function_configuration(FunctionName="f", Timeout=5)
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert invoke(aws)[0] == "first"
    assert "Layers" not in aws.update_function_configuration(FunctionName="f", Layers=[])
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert invoke(aws)[0]["errorType"] == "Runtime.ImportModuleError"


def test_layers_that_a_function_cannot_have(aws: Any, account: str) -> None:
    """Missing, of another Region, twice, six: AWS's words, nothing is made."""
    arns = [publish(aws, "twice", {"x": str(i)})["LayerVersionArn"] for i in range(2)]
    stem = f"arn:aws:lambda:{aws.meta.region_name}:{account}:layer:"
    refused = {
        f"Layer version {stem}none:1 does not exist.": [f"{stem}none:1"],
        f"Layers are not in the same region as the function. Layers are expected to be in region "
        f"{aws.meta.region_name}.": [f"arn:aws:lambda:ap-south-2:{account}:layer:x:1"],
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{arns[0]} and {arns[1]} are versions of the same layer.": arns,
        "Cannot reference more than 5 layers.": [f"{stem}l{i}:1" for i in range(6)],
    }
    for message, layers in refused.items():
        assert code_of(create, aws, account, Layers=layers) == (
            400,
            "InvalidParameterValueException",
            message,
        )
    assert code_of(create, aws, account, Layers=[f"{stem}x"])[1] == "ValidationException"
    assert aws.list_functions()["Functions"] == []


BOOTSTRAP = """#!/bin/sh
exec python3 "$LAMBDA_TASK_ROOT/loop.py"
"""
LOOP = """import os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as event:
        body, request_id = event.read(), event.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(api + request_id + "/response", body).close()
"""


def test_runtimes_end_to_end(aws: Any, account: str) -> None:
    """Node.js with a module of a layer; a custom runtime; AWS_EXECUTION_ENV as AWS sets it."""
    layer = publish(aws, "node", {"nodejs/node_modules/part/index.js": "module.exports = 'of a layer'"})
    source = "exports.handler = async (e) => [e, require('part'), process.env.AWS_EXECUTION_ENV]"
    node = {"Runtime": "nodejs18.x", "Layers": [layer["LayerVersionArn"]], "MemorySize": 256}
    create(aws, account, Code={"ZipFile": a_zip_of({"app.js": source})}, **node)
    code = a_zip_of({"bootstrap": BOOTSTRAP, "loop.py": LOOP})
    create(aws, account, "custom", Runtime="provided.al2023", Handler="x", Code={"ZipFile": code})
    for name in ("f", "custom"):
        aws.get_waiter("function_active_v2").wait(FunctionName=name)
    assert invoke(aws, {"n": 1})[0] == [{"n": 1}, "of a layer", "AWS_Lambda_nodejs18.x"]
    assert invoke(aws, {"n": 2}, FunctionName="custom")[0] == {"n": 2}
    aws.update_function_code(FunctionName="custom", ZipFile=a_zip())
    aws.get_waiter("function_updated_v2").wait(FunctionName="custom")
    failed, answer = invoke(aws, FunctionName="custom")
    assert (answer["FunctionError"], failed["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")

"""Function URLs as their users see them: over HTTP, by the host that CreateFunctionUrlConfig answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.contract.raw import authorization, send
from tests.contract.test_lambda_events import refused
from tests.contract.test_lambda_invoke import deploy

Client = Callable[..., Any]
Visit = Callable[..., tuple[int, dict[str, str], bytes]]
ECHO = "def handler(event, context):\n    return event"
FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def visit(endpoint: str) -> Visit:
    """`visit(url, "GET", "/path")`: one request to a function URL, sent to the plane's address."""

    def visiting(
        url: str, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(endpoint, method, path, {"host": urlsplit(url).netloc, **named}, body)

    return visiting


def open_to_all(aws: Any, name: str = "f", **params: Any) -> None:
    """The two statements that a public URL needs."""
    aws.add_permission(
        FunctionName=name,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
        **params,
    )
    aws.add_permission(
        FunctionName=name,
        StatementId="invoke",
        Action="lambda:InvokeFunction",
        Principal="*",
        InvokedViaFunctionUrl=True,
        **params,
    )


def public(aws: Any, account: str, source: str = ECHO, **params: Any) -> str:
    """Deploy f and make its URL public."""
    deploy(aws, account, source)
    open_to_all(aws)
    return str(aws.create_function_url_config(FunctionName="f", AuthType="NONE", **params)["FunctionUrl"])


def test_the_life_of_a_url(aws: Any, account: str, plane: Any) -> None:
    """Create, read, change, list, delete; what AWS leaves out of the first answer."""
    deploy(aws, account, ECHO)
    arn = aws.get_function_configuration(FunctionName="f")["FunctionArn"]
    made = aws.create_function_url_config(FunctionName="f", AuthType="NONE")
    pattern = rf"http://[0-9a-z]{{32}}\.lambda-url\.{aws.meta.region_name}\.localhost:{plane.port}/"
    assert re.fullmatch(pattern, made["FunctionUrl"])
    assert (made["FunctionArn"], made["AuthType"]) == (arn, "NONE")
    assert not {"InvokeMode", "Cors", "LastModifiedTime"} & made.keys()
    got = aws.get_function_url_config(FunctionName=arn)
    assert (got["InvokeMode"], got["FunctionUrl"]) == ("BUFFERED", made["FunctionUrl"])
    assert refused(aws.create_function_url_config, FunctionName="f", AuthType="NONE") == (
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {arn}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function",
        409,
    )
    cors = {"AllowOrigins": ["*"], "MaxAge": 5, "AllowCredentials": True}
    changed = aws.update_function_url_config(FunctionName="f", AuthType="AWS_IAM", Cors=cors)
    assert (changed["AuthType"], changed["Cors"]) == ("AWS_IAM", cors)
    assert changed["FunctionUrl"] == made["FunctionUrl"]
    aws.publish_version(FunctionName="f")
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    of_alias = aws.create_function_url_config(
        FunctionName="f", Qualifier="live", AuthType="NONE", InvokeMode="BUFFERED"
    )
    assert (of_alias["FunctionArn"], of_alias["InvokeMode"]) == (f"{arn}:live", "BUFFERED")
    listed = aws.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]
    assert [one["FunctionArn"] for one in listed] == [arn, f"{arn}:live"]
    assert "Cors" not in aws.update_function_url_config(FunctionName="f", Cors={})
    aws.delete_function_url_config(FunctionName="f")
    missing = ("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    assert refused(aws.get_function_url_config, FunctionName="f") == missing
    none = ("ResourceNotFoundException", "Function does not exist", 404)
    assert refused(aws.get_function_url_config, FunctionName="g") == none
    assert refused(aws.create_function_url_config, FunctionName="f", Qualifier="x", AuthType="NONE") == none


def test_a_request_and_its_answer(aws: Any, account: str, visit: Visit) -> None:
    """The event in payload format 2.0; what the function says, as HTTP."""
    source = """
import json
def handler(event, context):
    return {
        "statusCode": 201,
        "headers": {"X-Got": event["requestContext"]["http"]["method"], "content-type": "text/plain"},
        "cookies": ["a=1; Secure"],
        "body": json.dumps([event["rawPath"], event["queryStringParameters"], event["body"]]),
    }
"""
    url = public(aws, account, source)
    status, headers, body = visit(url, "PUT", "/p%20q?x=1&x=2", b"hi", content_type="text/plain")
    assert (status, headers["x-got"], headers["set-cookie"]) == (201, "PUT", "a=1; Secure")
    assert headers["content-type"] == "text/plain" and headers["x-amzn-requestid"]
    assert json.loads(body) == ["/p%20q", {"x": "1,2"}, "hi"]


def test_any_other_result_is_the_body(aws: Any, account: str, visit: Visit) -> None:
    """200 and JSON; paths of the plane itself mean nothing here."""
    url = public(aws, account)
    status, headers, body = visit(url, "GET", "/_windlass/health")
    assert (status, headers["content-type"]) == (200, "application/json")
    event = json.loads(body)
    assert event["rawPath"] == "/_windlass/health"
    assert event["requestContext"]["accountId"] == "anonymous"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == headers["x-amzn-requestid"]


def test_without_permission(aws: Any, account: str, visit: Visit) -> None:
    """403 until the policy has both statements; another auth type takes them away again; 404 for no URL."""
    deploy(aws, account, ECHO)
    url = aws.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    status, _, body = visit(url)
    assert (status, json.loads(body)) == (403, {"Message": FORBIDDEN})
    open_to_all(aws)
    assert visit(url)[0] == 200
    aws.remove_permission(FunctionName="f", StatementId="invoke")
    assert visit(url)[0] == 403
    aws.delete_function_url_config(FunctionName="f")
    assert visit(url)[0] == 404


def test_signed_requests(aws: Any, account: str, visit: Visit) -> None:
    """AWS_IAM: nothing without credentials; the account's own may, others need the policy's word."""
    deploy(aws, account, ECHO)
    url = aws.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    region = aws.meta.region_name
    assert visit(url)[0] == 403
    request = AWSRequest("GET", url, headers={"host": urlsplit(url).netloc})
    SigV4Auth(Credentials(account, "secret"), "lambda", region).add_auth(request)
    status, _, body = visit(url, Authorization=request.headers["Authorization"])
    assert (status, json.loads(body)["requestContext"]["accountId"]) == (200, account)
    foreign = authorization("999999999999", "lambda", region)
    assert visit(url, Authorization=foreign)[0] == 403
    for action, extra in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "AWS_IAM"}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        aws.add_permission(
            FunctionName="f", StatementId=action[-3:], Action=action, Principal="999999999999", **extra
        )
    assert visit(url, Authorization=foreign)[0] == 200


def test_functions_that_fail(aws: Any, account: str, visit: Visit) -> None:
    """502 for an error and for a result that is no answer; 429 when nothing may run; 413 for too much."""
    url = public(aws, account, "def handler(event, context):\n    return {'statusCode': event['rawPath']}")
    assert visit(url)[0::2] == (502, b"Internal Server Error")
    assert visit(url, body=b"x" * (6 * 2**20 + 1))[0] == 413
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    status, _, body = visit(url)
    assert status == 429
    assert json.loads(body)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_pages_of_other_origins(aws: Any, account: str, visit: Visit) -> None:
    """Browsers come through, as they do not to the plane; preflights are answered for the function."""
    source = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://evil"}}
"""
    cors = {"AllowOrigins": ["https://page"], "AllowMethods": ["PUT"], "MaxAge": 9}
    url = public(aws, account, source, Cors=cors)
    asks = {"Origin": "https://page", "Access_Control_Request_Method": "PUT"}
    status, headers, body = visit(url, "OPTIONS", **asks)
    assert (status, body, headers["access-control-allow-origin"]) == (200, b"", "https://page")
    assert (headers["access-control-allow-methods"], headers["access-control-max-age"]) == ("PUT", "9")
    assert visit(url, Origin="https://page")[1]["access-control-allow-origin"] == "https://page"
    assert "access-control-allow-origin" not in visit(url, Origin="https://evil")[1]


def test_an_alias_has_a_url_and_a_policy_of_its_own(aws: Any, account: str, visit: Visit) -> None:
    """It runs the alias's version; with the alias it goes."""
    deploy(aws, account, "def handler(event, context):\n    return context.function_version")
    aws.publish_version(FunctionName="f")
    aws.get_waiter("published_version_active").wait(FunctionName="f", Qualifier="1")
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    made = aws.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")
    open_to_all(aws)
    assert visit(made["FunctionUrl"])[0] == 403
    open_to_all(aws, Qualifier="live")
    assert visit(made["FunctionUrl"])[0::2] == (200, b'"1"')
    aws.delete_alias(FunctionName="f", Name="live")
    assert visit(made["FunctionUrl"])[0] == 404


def test_signatures_are_verified(own_plane: Callable[..., Any], account: str) -> None:
    """--auth sigv4: a good signature comes in, a bad one does not, nor one of another Region."""
    plane = own_plane("--auth", "sigv4")
    keys = json.loads((plane.data / "root-credentials.json").read_text())
    session = boto3.session.Session(keys["AccessKeyId"], keys["SecretAccessKey"], region_name="eu-west-1")
    aws = session.client("lambda", endpoint_url=plane.endpoint)
    deploy(aws, session.client("sts", endpoint_url=plane.endpoint).get_caller_identity()["Account"], ECHO)
    url = aws.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]

    def visited(secret: str, region: str = "eu-west-1") -> int:
        request = AWSRequest("GET", url, headers={"host": urlsplit(url).netloc})
        SigV4Auth(Credentials(keys["AccessKeyId"], secret), "lambda", region).add_auth(request)
        return send(plane.endpoint, "GET", "/", dict(request.headers))[0]

    assert visited(keys["SecretAccessKey"]) == 200
    assert visited("wrong") == 403
    assert visited(keys["SecretAccessKey"], "us-east-1") == 403

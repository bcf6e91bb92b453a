"""Routing: every way a client can name an operation, and every way it can fail to."""

from __future__ import annotations

import gzip

import pytest
from botocore.loaders import Loader

from windlass.aws.known import TABLE, describe, read_table
from windlass.aws.models import Models
from windlass.aws.protocols import PROTOCOLS
from windlass.aws.rest_table import rest_table
from windlass.aws.route import Routed, Scope, credential_scope, guess_protocol, route
from windlass.aws.wire import Request
from windlass.kernel.faults import Fault

MODELS = Models(["sqs", "ecs", "lambda", "s3", "iam", "sts", "ec2", "cloudwatch", "batch", "elbv2"])
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
CBOR = {"smithy-protocol": "rpc-v2-cbor"}
GRANITE = "GraniteServiceVersion20100801"


def signed(service: str, **headers: str) -> dict[str, str]:
    scope = f"AKIA/20260101/eu-west-1/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return {
        "authorization": authorization,
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }


def a_form(text: str, headers: dict[str, str], path: str = "/") -> Request:
    return Request("POST", path, headers={**FORM, **headers}, body=text.encode())


FOUND = [
    (Request("POST", "/", headers={"x-amz-target": "AmazonSQS.SendMessage"}), ("sqs", "SendMessage", "json")),
    (
        Request("POST", "/1/q", headers=signed("sqs", x_amz_target="AmazonSQS.SendMessage")),
        ("sqs", "SendMessage", "json"),
    ),
    (
        Request("POST", f"/service/{GRANITE}/operation/PutMetricData", headers=CBOR),
        ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
    ),
    (
        Request("POST", f"/prefix/of/ours/service/com.x.{GRANITE}/operation/PutMetricData", headers=CBOR),
        ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
    ),
    (
        a_form("Action=PutMetricData&Version=2010-08-01", signed("monitoring")),
        ("cloudwatch", "PutMetricData", "query"),
    ),
    (
        Request("POST", "/", headers={"x-amz-target": f"{GRANITE}.PutMetricData"}),
        ("cloudwatch", "PutMetricData", "json"),
    ),
    (a_form("Action=ListRoles&Version=2010-05-08", signed("iam")), ("iam", "ListRoles", "query")),
    (a_form("Action=ListRoles&Version=2010-05-08&Action=x", {}), ("iam", "ListRoles", "query")),
    (
        Request("GET", "/", "Action=GetCallerIdentity&Version=2011-06-15"),
        ("sts", "GetCallerIdentity", "query"),
    ),
    (a_form("Action=DescribeVpcs&Version=2016-11-15", signed("ec2")), ("ec2", "DescribeVpcs", "ec2")),
    (a_form("Action=SendMessage&Version=2012-11-05", signed("sqs"), "/1/q"), ("sqs", "SendMessage", "query")),
    (a_form("Version=2012-11-05&Action=SendMessage", {}, "/1/q"), ("sqs", "SendMessage", "query")),
    (
        a_form("Action=DescribeTags&Version=2015-12-01", signed("elasticloadbalancing")),
        ("elbv2", "DescribeTags", "query"),
    ),
    (
        Request("GET", "/2015-03-31/functions/", headers=signed("lambda")),
        ("lambda", "ListFunctions", "rest-json"),
    ),
    (
        Request("GET", "/2015-03-31/functions", headers=signed("lambda")),
        ("lambda", "ListFunctions", "rest-json"),
    ),
    (Request("POST", "/v1/submitjob"), ("batch", "SubmitJob", "rest-json")),
    (
        Request("GET", "/2015-03-31/functions", headers={"host": "lambda.eu-west-1.amazonaws.com:443"}),
        ("lambda", "ListFunctions", "rest-json"),
    ),
    (
        Request("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=a", headers=signed("lambda")),
        ("lambda", "GetLayerVersionByArn", "rest-json"),
    ),
    (Request("GET", "/2018-10-31/layers", headers=signed("lambda")), ("lambda", "ListLayers", "rest-json")),
    (Request("GET", "/", headers=signed("s3")), ("s3", "ListBuckets", "rest-xml")),
    (Request("GET", "/b/", "acl", headers=signed("s3")), ("s3", "GetBucketAcl", "rest-xml")),
    (Request("GET", "/b", "list-type=2&prefix=x", headers=signed("s3")), ("s3", "ListObjectsV2", "rest-xml")),
    (Request("PUT", "/b/k", headers=signed("s3")), ("s3", "PutObject", "rest-xml")),
    (
        Request("PUT", "/b/k", headers=signed("s3", x_amz_copy_source="/a/b")),
        ("s3", "CopyObject", "rest-xml"),
    ),
    (
        Request("PUT", "/b/k", "partNumber=1&uploadId=u", headers=signed("s3")),
        ("s3", "UploadPart", "rest-xml"),
    ),
]


@pytest.mark.parametrize(("request_", "wanted"), FOUND)
def test_each_way_to_name_an_operation(request_: Request, wanted: tuple[str, str, str]) -> None:
    """CBOR path, target, Action in body and query string, REST paths signed and unsigned."""
    routed = route(request_, MODELS)
    assert (routed.service, routed.operation, routed.protocol) == wanted


LABELS = [
    (
        "POST",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax%2Fy/invocations",
        "lambda",
        {"FunctionName": "arn:aws:lambda:x/y"},
    ),
    ("GET", "/v1/tags/arn%3Aaws%3Abatch%2Fq", "batch", {"resourceArn": "arn:aws:batch/q"}),
    ("GET", "/b/a//b/../%2e%20c/", "s3", {"Bucket": "b", "Key": "a//b/../. c/"}),
]


@pytest.mark.parametrize(("method", "path", "service", "labels"), LABELS)
def test_paths_are_split_before_they_are_decoded(
    method: str, path: str, service: str, labels: dict[str, str]
) -> None:
    """An escaped slash stays in its label; S3 keys keep every slash."""
    assert route(Request(method, path, headers=signed(service)), MODELS).path_labels == labels


LOST = [
    (Request("POST", "/", headers={"x-amz-target": "AmazonSQS.Nope"}), "UnknownOperationException", None),
    (Request("POST", "/", headers={"x-amz-target": "Nope.Nope"}), "UnknownOperationException", None),
    (Request("POST", "/", headers={"x-amz-target": ""}), "UnknownOperationException", None),
    (
        Request("GET", "/", headers={"x-amz-target": "AmazonSQS.SendMessage"}),
        "UnknownOperationException",
        404,
    ),
    (Request("POST", "/", headers={"x-amz-target": "DynamoDB_20120810.ListTables"}), "NotImplemented", 501),
    (
        Request("POST", "/", headers={**CBOR, "x-amz-target": "AmazonSQS.SendMessage"}),
        "SerializationException",
        None,
    ),
    (Request("POST", "/", headers=CBOR), "UnknownOperationException", 404),
    (Request("POST", f"/service/{GRANITE}/operation/No", headers=CBOR), "UnknownOperationException", None),
    (a_form("Action=Nope&Version=2010-05-08", signed("iam")), "InvalidAction", None),
    (a_form("Action=ListRoles", signed("iam")), "InvalidAction", None),
    (a_form("Action=ListRoles&Version=1999-01-01", {}), "InvalidAction", None),
    (a_form("Action=Publish&Version=2010-03-31", signed("sns")), "NotImplemented", 501),
    (a_form("Action=Publish", signed("sns")), "NotImplemented", 501),
    (Request("POST", "/", headers=signed("iam")), "MissingAction", None),
    (Request("GET", "/nope", headers=signed("lambda")), "UnknownOperationException", 404),
    (Request("PATCH", "/2015-03-31/functions", headers=signed("lambda")), "UnknownOperationException", 404),
    (
        Request("GET", "/2015-03-31/functions//invocations", headers=signed("lambda")),
        "UnknownOperationException",
        404,
    ),
    (Request("GET", "/2015-03-31/functions/%FF", headers=signed("lambda")), "SerializationException", None),
    (Request("PATCH", "/b/k", headers=signed("s3")), "MethodNotAllowed", 405),
    (Request("GET", "/", headers=signed("glue")), "NotImplemented", 501),
    (Request("GET", "/", headers=signed("nonsense")), "UnknownOperationException", 404),
    (Request("GET", "/", headers={"host": "glue.eu-west-1.amazonaws.com"}), "NotImplemented", 501),
]


@pytest.mark.parametrize(("request_", "code", "status"), LOST)
def test_each_unroutable_request_has_its_answer(request_: Request, code: str, status: int | None) -> None:
    """AWS's code; and the guessed protocol can write it."""
    with pytest.raises(Fault) as refused:
        route(request_, MODELS)
    assert (refused.value.code, refused.value.status) == (code, status)
    response = PROTOCOLS[guess_protocol(request_)].write_fault(refused.value, None, None, "id")
    assert response.status == (status or 400)
    assert code.encode() in response.body


def test_unknown_actions_read_as_aws_writes_them() -> None:
    """`Could not find operation X for version Y`, NO_VERSION_SPECIFIED, and a blank version."""
    for text, version in (
        ("&Version=2010-05-08", "2010-05-08"),
        ("", "NO_VERSION_SPECIFIED"),
        ("&Version=", ""),
    ):
        with pytest.raises(Fault) as refused:
            route(a_form(f"Action=Nope{text}", signed("iam")), MODELS)
        assert refused.value.message == f"Could not find operation Nope for version {version}"


def test_a_compressed_form_is_routed() -> None:
    """Old SDKs compress PutMetricData: the Action is inside."""
    body = gzip.compress(b"Action=PutMetricData&Version=2010-08-01")
    request = Request("POST", "/", headers={**FORM, "content-encoding": "gzip"}, body=body)
    assert route(request, MODELS) == Routed("cloudwatch", "PutMetricData", "query")


GUESSES = [
    (Request("POST", "/", headers=CBOR), "smithy-rpc-v2-cbor"),
    (Request("POST", "/", headers={"x-amz-target": "A.b"}), "json"),
    (Request("POST", "/", headers={"content-type": "application/x-amz-json-1.1"}), "json"),
    (a_form("Action=x", {}), "query"),
    (Request("GET", "/", "Action=x"), "query"),
    (a_form("Action=x", signed("ec2")), "ec2"),
    (Request("GET", "/b", headers=signed("s3")), "rest-xml"),
    (Request("GET", "/x", headers=signed("lambda")), "rest-json"),
    (Request("GET", "/"), "rest-json"),
]


@pytest.mark.parametrize(("request_", "protocol"), GUESSES)
def test_the_protocol_is_guessed_from_what_is_there(request_: Request, protocol: str) -> None:
    """For faults before any operation is known."""
    assert guess_protocol(request_) == protocol


def test_scopes_come_from_header_or_presigned_url() -> None:
    """Access keys are split from the right; anything but five parts is no scope."""
    wanted = Scope("AKIA", "20260101", "eu-west-1", "sqs")
    assert credential_scope(Request("GET", "/", headers=signed("sqs"))) == wanted
    presigned = "X-Amz-Algorithm=x&X-Amz-Credential=AKIA%2F20260101%2Feu-west-1%2Fsqs%2Faws4_request"
    assert credential_scope(Request("GET", "/", presigned)) == wanted
    assert credential_scope(Request("GET", "/", headers={"authorization": "Bearer x"})) is None
    assert credential_scope(Request("GET", "/", headers={"authorization": "Credential=a/b/c"})) is None


def test_every_path_of_a_served_rest_service_finds_its_operation() -> None:
    """Paths made from the model lead back to an operation with the same path."""
    for name in ("lambda", "batch"):
        service = MODELS.service(name)
        for operation in map(service.operation_model, service.operation_names):
            path, _, query = operation.http["requestUri"].partition("?")
            match = rest_table(service).match(
                Request(operation.http["method"], path.replace("{", "").replace("}", ""), query)
            )
            assert match is not None
            assert service.operation_model(match.operation).http == operation.http


def test_the_table_of_known_services_is_botocores() -> None:
    """The services that we serve or name most, line by line; `python -m windlass.aws.known` renews it."""
    loader, known = Loader(), read_table(TABLE)
    for name in sorted(
        MODELS.served | {"dynamodb", "sns", "logs", "events", "elb", "apprunner", "scheduler"}
    ):
        assert known.by_name[name] == describe(name, loader)


def test_models_know_what_they_do_not_have() -> None:
    """An operation that the model lacks is None; a service that botocore lacks is an error at once."""
    assert MODELS.operation("sqs", "Nope") is None
    assert MODELS.operation("sqs", "SendMessage") is MODELS.operation("sqs", "SendMessage")
    with pytest.raises(ValueError, match="no service nonsense"):
        Models(["sqs", "nonsense"])
    with pytest.raises(KeyError):
        MODELS.service("nonsense")

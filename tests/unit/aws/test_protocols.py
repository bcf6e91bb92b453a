"""What the round trips do not show: status and headers, error spellings, timestamps, and our own mistakes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.models import Models
from windlass.aws.protocols import PROTOCOLS
from windlass.aws.protocols.json_values import DEPTH_MAX, decode_json
from windlass.aws.protocols.rest import split_header
from windlass.aws.protocols.shapes import Unreadable
from windlass.aws.protocols.timestamps import (
    format_epoch,
    format_iso8601,
    format_iso8601_millis,
    format_rfc822,
    parse_timestamp,
)
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Bug, Fault

MODELS = Models(["sqs", "ecs", "lambda", "cloudwatch", "iam", "elbv2", "ec2", "s3", "logs"])
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 120_000, tzinfo=UTC)


def write(service: str, operation: str, protocol: str, result: dict[str, Any]) -> Response:
    model = MODELS.operation(service, operation)
    assert model is not None
    return PROTOCOLS[protocol].write(result, model, "id")


def fault(service: str, protocol: str, error: Fault) -> Response:
    return PROTOCOLS[protocol].write_fault(error, MODELS.service(service), None, "id")


def headers(response: Response) -> dict[str, str]:
    return dict(response.headers)


ERRORS = [
    ("ecs", "json", Fault("ClusterNotFoundException", "x"), 400, "ClusterNotFoundException"),
    ("ecs", "json", Fault("ServerException", "x"), 500, "ServerException"),
    ("ecs", "json", Fault("ThrottlingException", "x", status=429), 429, "ThrottlingException"),
    ("sqs", "json", Fault("QueueDoesNotExist", "x"), 400, "AWS.SimpleQueueService.NonExistentQueue"),
    ("sqs", "json", Fault("PurgeQueueInProgress", "x"), 403, "AWS.SimpleQueueService.PurgeQueueInProgress"),
    ("sqs", "json", Fault("Odd", "x", query_code="Old"), 400, "Old"),
    ("sqs", "query", Fault("QueueDoesNotExist", "x"), 400, "AWS.SimpleQueueService.NonExistentQueue"),
    ("lambda", "rest-json", Fault("ResourceConflictException", "x"), 409, "ResourceConflictException"),
    ("lambda", "rest-json", Fault("ServiceException", "x"), 500, "ServiceException"),
    ("elbv2", "query", Fault("LoadBalancerNotFoundException", "x"), 400, "LoadBalancerNotFound"),
    ("elbv2", "query", Fault("LoadBalancerNotFound", "x"), 400, "LoadBalancerNotFound"),
    ("iam", "query", Fault("NoSuchEntityException", "x"), 404, "NoSuchEntity"),
    ("cloudwatch", "query", Fault("ResourceNotFound", "x"), 404, "ResourceNotFound"),
    ("cloudwatch", "smithy-rpc-v2-cbor", Fault("ResourceNotFound", "x"), 404, "ResourceNotFound"),
    ("cloudwatch", "smithy-rpc-v2-cbor", Fault("InternalServiceFault", "x"), 500, "InternalServiceError"),
    ("ec2", "ec2", Fault("InvalidInstanceID.NotFound", "x"), 400, "InvalidInstanceID.NotFound"),
    ("ec2", "ec2", Fault("DryRunOperation", "x", status=412), 412, "DryRunOperation"),
    ("s3", "rest-xml", Fault("NoSuchKey", "x", status=404), 404, "NoSuchKey"),
]


@pytest.mark.parametrize(("service", "protocol", "error", "status", "code"), ERRORS)
def test_errors_have_their_status_and_code(
    service: str, protocol: str, error: Fault, status: int, code: str
) -> None:
    """The model's status before the fault's, the model's code before the shape's name."""
    response = fault(service, protocol, error)
    parsed = create_parser(protocol).parse(
        {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body},
        None,
    )
    assert (response.status, parsed["Error"]["Code"], parsed["Error"]["Message"]) == (status, code, "x")


def test_json_errors_are_named_in_header_and_body() -> None:
    """Other SDKs read the header, botocore the body; query-compatible services add the old code."""
    response = fault("sqs", "json", Fault("QueueDoesNotExist", "gone"))
    assert json.loads(response.body) == {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}
    assert headers(response) == {
        "x-amzn-RequestId": "id",
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-ErrorType": "QueueDoesNotExist",
        "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender",
    }
    server = fault("cloudwatch", "json", Fault("InternalServiceFault", "x"))
    assert headers(server)["x-amzn-query-error"] == "InternalServiceError;Receiver"
    unmodelled = fault("sqs", "json", Fault("InvalidParameterValueException", "x"))
    assert json.loads(unmodelled.body)["__type"] == "com.amazon.coral.service#InvalidParameterValueException"
    assert headers(unmodelled)["x-amzn-query-error"] == "InvalidParameterValue;Sender"


def test_error_members_go_where_the_model_puts_them() -> None:
    """Lambda TooManyRequestsException: Reason in the body, retryAfterSeconds as Retry-After."""
    error = Fault(
        "TooManyRequestsException",
        "slow",
        members={"Reason": "CallerRateLimitExceeded", "retryAfterSeconds": "3"},
    )
    response = fault("lambda", "rest-json", error)
    assert (response.status, headers(response)["Retry-After"]) == (429, "3")
    assert json.loads(response.body) == {
        "__type": "TooManyRequestsException",
        "Reason": "CallerRateLimitExceeded",
        "message": "slow",
    }
    with pytest.raises(Bug, match="no member Nope"):
        fault("lambda", "rest-json", Fault("TooManyRequestsException", "slow", members={"Nope": 1}))


def test_queries_errors_say_who_is_to_blame() -> None:
    """Sender or Receiver, the service's namespace, and the request id."""
    body = fault("iam", "query", Fault("ServiceFailure", "<&>")).body.decode()
    assert (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Receiver</Type>'
        in body
    )
    assert "<Message>&lt;&amp;&gt;</Message>" in body and "<RequestId>id</RequestId>" in body


VOID = [
    ("sqs", "DeleteMessage", "json", 200, b""),
    ("ecs", "DeleteAttributes", "json", 200, b"{}"),
    ("lambda", "DeleteFunction", "rest-json", 200, b"{}"),
    ("lambda", "CreateFunction", "rest-json", 201, b"{}"),
    ("lambda", "DeleteAlias", "rest-json", 204, b""),
    ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor", 200, b""),
]


@pytest.mark.parametrize(("service", "operation", "protocol", "status", "body"), VOID)
def test_empty_results(service: str, operation: str, protocol: str, status: int, body: bytes) -> None:
    """Operations without output have no body; those with one have an empty structure."""
    response = write(service, operation, protocol, {})
    assert (response.status, response.body) == (status, body)


def test_a_query_operation_without_output_has_no_result_element() -> None:
    """SQS DeleteMessage in its old protocol."""
    body = write("sqs", "DeleteMessage", "query", {}).body.decode()
    assert "Result>" not in body and "<RequestId>id</RequestId>" in body


def test_lambda_invoke_answers_its_payload_as_it_is() -> None:
    """Opaque bytes, no content type, FunctionError in a header, the status of the result."""
    response = write(
        "lambda", "Invoke", "rest-json", {"StatusCode": 202, "FunctionError": "Unhandled", "Payload": b"\xff"}
    )
    assert (response.status, response.body) == (202, b"\xff")
    assert headers(response) == {"x-amzn-RequestId": "id", "X-Amz-Function-Error": "Unhandled"}


WRONG = [
    ("sqs", "SendMessage", "json", {"Nope": "x"}),
    ("sqs", "SendMessage", "query", {"Nope": "x"}),
    ("sqs", "SendMessage", "smithy-rpc-v2-cbor", {"Nope": "x"}),
    ("sqs", "SendMessage", "json", {"MessageId": 5}),
    ("sqs", "ReceiveMessage", "json", {"Messages": {"Body": "x"}}),
    ("sqs", "ReceiveMessage", "query", {"Messages": [{"Nope": "x"}]}),
    ("sqs", "GetQueueAttributes", "json", {"Attributes": ["x"]}),
    ("ecs", "DescribeClusters", "json", {"clusters": [{"activeServicesCount": "1"}]}),
    ("ecs", "DescribeClusters", "json", {"clusters": ["x"]}),
    ("ecs", "RunTask", "json", {"tasks": [{"createdAt": "today"}]}),
    ("ecs", "RunTask", "json", {"tasks": [{"enableExecuteCommand": 1}]}),
    ("lambda", "CreateFunction", "rest-json", {"Nope": 1}),
    ("logs", "GetTransformer", "json", {"transformerConfig": [{"parseJSON": {"source": 5}}]}),
    ("logs", "GetIntegration", "json", {"integrationDetails": {}}),
    ("lambda", "Invoke", "rest-json", {"FunctionError": "a\r\nSet-Cookie: b"}),
    ("iam", "GetRole", "query", {"Role": {"Nope": 1}}),
    ("ec2", "DescribeInstances", "ec2", {"Nope": 1}),
    ("s3", "ListBuckets", "rest-xml", {"Nope": 1}),
]


@pytest.mark.parametrize(("service", "operation", "protocol", "result"), WRONG)
def test_a_result_that_does_not_fit_the_model_is_our_bug(
    service: str, operation: str, protocol: str, result: dict[str, Any]
) -> None:
    """Unknown members, wrong types, header injection: Bug, never a wrong answer."""
    with pytest.raises(Bug):
        write(service, operation, protocol, result)


def test_none_members_are_left_out() -> None:
    """As if they were not there, also unknown ones."""
    assert write("sqs", "SendMessage", "json", {"MessageId": None}).body == b"{}"
    body = write("sqs", "SendMessage", "query", {"MessageId": None}).body
    assert b"<SendMessageResult></SendMessageResult>" in body


def test_timestamps_may_be_datetimes_or_epoch_seconds() -> None:
    """The same bytes for both, to the millisecond."""
    answers = {
        write("ecs", "RunTask", "json", {"tasks": [{"createdAt": moment}]}).body
        for moment in (MOMENT, MOMENT.timestamp(), MOMENT.astimezone(timezone(timedelta(hours=9))))
    }
    assert answers == {b'{"tasks":[{"createdAt":1767323045.12}]}'}


def test_each_form_of_a_timestamp() -> None:
    """Section 5 of the fact sheet."""
    assert format_epoch(MOMENT) == 1767323045.12
    assert format_epoch(1767323045.0) == 1767323045
    assert format_iso8601(MOMENT) == "2026-01-02T03:04:05.120Z"
    assert format_iso8601(1767323045) == "2026-01-02T03:04:05Z"
    assert format_iso8601_millis(1767323045) == "2026-01-02T03:04:05.000Z"
    assert format_rfc822(MOMENT) == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert format_epoch(-1.5) == -1.5


READABLE = [1767323045, 1767323045.0, "1767323045", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00"]
READABLE += ["2026-01-02T03:04:05", "20260102T030405Z", "Fri, 02 Jan 2026 03:04:05 GMT"]


@pytest.mark.parametrize("sent", READABLE)
def test_timestamps_are_read_in_every_form(sent: Any) -> None:
    """Numbers, numeric text, ISO 8601 with any offset, RFC 822."""
    assert parse_timestamp(sent) == MOMENT.replace(microsecond=0)


@pytest.mark.parametrize(
    "sent", ["", "today", True, None, [], 1e30, float("nan"), "inf", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_timestamp(sent: Any) -> None:
    """Out of range as well."""
    with pytest.raises(ValueError, match="is not a timestamp"):
        parse_timestamp(sent)


@given(st.integers(-(10**13), 10**14))
def test_timestamps_come_back(millis: int) -> None:
    """Every form that keeps milliseconds reads back as it was."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    for form in (format_epoch, format_iso8601, format_iso8601_millis):
        assert abs(parse_timestamp(form(moment)) - moment) < timedelta(milliseconds=0.5)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1)
        .map(str.strip)
        .filter(bool)
    )
)
def test_header_lists_come_back(items: list[str]) -> None:
    """Quoted as AWS quotes: commas and quotes inside an item."""
    quoted = [
        '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' if set(item) & set(',"\\') else item
        for item in items
    ]
    assert split_header(", ".join(quoted)) == items


def test_nesting_has_a_limit_that_no_model_reaches() -> None:
    """DEPTH_MAX levels are read, one more is not."""
    assert decode_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    with pytest.raises(Unreadable, match="deeper"):
        decode_json(b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1))


def test_old_sqs_clients_name_the_queue_by_its_path() -> None:
    """POST to the queue's own URL without QueueUrl, in query and in JSON; a stated QueueUrl wins."""
    model = MODELS.operation("sqs", "SendMessage")
    assert model is not None
    at_queue = {"host": "127.0.0.1:4566"}
    form = Request("POST", "/1/q", headers=at_queue, body=b"Action=SendMessage&MessageBody=x")
    wanted = {"MessageBody": "x", "QueueUrl": "http://127.0.0.1:4566/1/q"}
    assert PROTOCOLS["query"].read(form, model, {}) == wanted
    assert (
        PROTOCOLS["json"].read(
            Request("POST", "/1/q", headers=at_queue, body=b'{"MessageBody":"x"}'), model, {}
        )
        == wanted
    )
    stated = Request("POST", "/1/q", headers=at_queue, body=b'{"QueueUrl":"http://h/2/p"}')
    assert PROTOCOLS["json"].read(stated, model, {}) == {"QueueUrl": "http://h/2/p"}

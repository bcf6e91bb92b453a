"""What clients send that is not what the model says: each protocol refuses it in its own words."""

from __future__ import annotations

import gzip
import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.models import Models
from windlass.aws.protocols import PROTOCOLS
from windlass.aws.wire import Request
from windlass.kernel.faults import Fault

MODELS = Models(["sqs", "ecs", "lambda", "cloudwatch", "iam", "autoscaling", "ec2", "s3"])
FORM = {"content-type": "application/x-www-form-urlencoded"}
DEEP_JSON = b'{"overrides":' * 5000 + b"{}" + b"}" * 5000
DEEP_XML = b"<Tagging>" + b"<a>" * 500 + b"</a>" * 500 + b"</Tagging>"
LAUGHS = b'<!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;&l;">]><Tagging><TagSet>&m;</TagSet></Tagging>'
EXTERNAL = b'<!DOCTYPE a [<!ENTITY l SYSTEM "file:///etc/passwd">]><Tagging>&l;</Tagging>'

SENT = [
    ("json", "ecs", "RunTask", b"{", "SerializationException"),
    ("json", "ecs", "RunTask", b"not json", "SerializationException"),
    ("json", "ecs", "RunTask", b"[]", "SerializationException"),
    ("json", "ecs", "RunTask", b"null", "SerializationException"),
    ("json", "ecs", "RunTask", b'"text"', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"cluster": NaN}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"cluster": "\xff"}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"cluster": "\\ud800"}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"cluster": 1}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"cluster": ["a"]}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"count": "1"}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"count": 1.5}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"count": true}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"count": 123456789012345678901234567890}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"enableECSManagedTags": "true"}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"tags": {"key": "a"}}', "SerializationException"),
    ("json", "ecs", "RunTask", b'{"overrides": []}', "SerializationException"),
    ("json", "ecs", "RunTask", DEEP_JSON, "SerializationException"),
    ("json", "sqs", "SendMessage", b'{"MessageAttributes": []}', "SerializationException"),
    (
        "json",
        "sqs",
        "SendMessage",
        b'{"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "?"}}}',
        "SerializationException",
    ),
    ("rest-json", "lambda", "CreateFunction", b"{", "SerializationException"),
    ("rest-json", "lambda", "CreateFunction", b'{"Timeout": "3"}', "SerializationException"),
    ("rest-json", "lambda", "CreateFunction", b'{"Code": {"ZipFile": "a"}}', "SerializationException"),
    ("smithy-rpc-v2-cbor", "cloudwatch", "PutMetricData", b"\xff", "SerializationException"),
    ("smithy-rpc-v2-cbor", "cloudwatch", "PutMetricData", b"\xa1", "SerializationException"),
    ("smithy-rpc-v2-cbor", "cloudwatch", "PutMetricData", b"\x81\x01", "SerializationException"),
    ("smithy-rpc-v2-cbor", "cloudwatch", "PutMetricData", b"\x81" * 5000, "SerializationException"),
    ("smithy-rpc-v2-cbor", "cloudwatch", "PutMetricData", b"\x9b" + b"\x7f" * 8, "SerializationException"),
    (
        "smithy-rpc-v2-cbor",
        "cloudwatch",
        "PutMetricData",
        cbor2.dumps({"Namespace": cbor2.CBORTag(35, "(a+)+$")}),
        "SerializationException",
    ),
    (
        "smithy-rpc-v2-cbor",
        "cloudwatch",
        "PutMetricData",
        cbor2.dumps({"Namespace": cbor2.CBORTag(4711, "a")}),
        "SerializationException",
    ),
    (
        "smithy-rpc-v2-cbor",
        "cloudwatch",
        "PutMetricData",
        cbor2.dumps({"Namespace": 4}),
        "SerializationException",
    ),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"MinSize=one", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"MinSize=1_0", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"MinSize=99999999999999999999", "MalformedInput"),
    (
        "query",
        "autoscaling",
        "CreateAutoScalingGroup",
        b"NewInstancesProtectedFromScaleIn=1",
        "MalformedInput",
    ),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"Tags=a", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"Tags.member.x.Key=a", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"MinSize.a=1", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"a." * 200 + b"b=1", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"AutoScalingGroupName=%FF", "MalformedInput"),
    ("query", "autoscaling", "CreateAutoScalingGroup", b"a=1&" * 100_001, "MalformedInput"),
    ("ec2", "ec2", "DescribeInstances", b"MaxResults=x", "InvalidParameterValue"),
    ("ec2", "ec2", "DescribeInstances", b"DryRun=perhaps", "InvalidParameterValue"),
    ("rest-xml", "s3", "PutBucketTagging", b"<Tagging>", "MalformedXML"),
    ("rest-xml", "s3", "PutBucketTagging", b"<a></b>", "MalformedXML"),
    ("rest-xml", "s3", "PutBucketTagging", b"no xml", "MalformedXML"),
    ("rest-xml", "s3", "PutBucketTagging", DEEP_XML, "MalformedXML"),
    ("rest-xml", "s3", "PutBucketTagging", LAUGHS, "MalformedXML"),
    ("rest-xml", "s3", "PutBucketTagging", EXTERNAL, "MalformedXML"),
]


def read(protocol: str, service: str, operation: str, request: Request) -> dict[str, Any]:
    model = MODELS.operation(service, operation)
    assert model is not None
    return PROTOCOLS[protocol].read(request, model, {})


@pytest.mark.parametrize(("protocol", "service", "operation", "body", "code"), SENT)
def test_malformed_bodies_are_the_clients_fault(
    protocol: str, service: str, operation: str, body: bytes, code: str
) -> None:
    """Each malformed body: the protocol's fault, with status 400 and a short text."""
    with pytest.raises(Fault) as refused:
        read(protocol, service, operation, Request("POST", "/", headers=FORM, body=body))
    assert (refused.value.code, refused.value.status) == (code, None)
    assert 0 < len(refused.value.message) < 500


WORDS = [
    (b'{"cluster": 1}', "NUMBER_VALUE can not be converted to a String"),
    (b'{"cluster": true}', "TRUE_VALUE can not be converted to a String"),
    (b'{"count": "1"}', "STRING_VALUE can not be converted to an Integer"),
    (b'{"cluster": []}', "Start of list found where not expected"),
    (b'{"cluster": {}}', "Start of structure or map found where not expected."),
]


@pytest.mark.parametrize(("body", "message"), WORDS)
def test_wrong_json_types_are_named_as_aws_does(body: bytes, message: str) -> None:
    """The value's token and the type that was wanted."""
    with pytest.raises(Fault) as refused:
        read("json", "ecs", "RunTask", Request("POST", "/", body=body))
    assert refused.value.message == message


def test_nulls_are_missing_and_unknown_members_are_ignored() -> None:
    """Also inside lists and maps, and for an empty body."""
    body = {
        "cluster": None,
        "count": 2,
        "group": "g",
        "nonsense": {"a": 1},
        "tags": [None, {"key": "a", "value": None}],
    }
    request = Request("POST", "/", body=json.dumps(body).encode())
    assert read("json", "ecs", "RunTask", request) == {"count": 2, "group": "g", "tags": [{"key": "a"}]}
    assert read("json", "ecs", "RunTask", Request("POST", "/", body=b" ")) == {}
    assert read("rest-json", "lambda", "CreateFunction", Request("POST", "/", body=b"")) == {}


def test_a_body_cannot_set_what_belongs_to_path_or_headers() -> None:
    """UpdateFunctionCode with FunctionName in the body as well: the path's one counts."""
    model = MODELS.operation("lambda", "UpdateFunctionCode")
    assert model is not None
    request = Request("PUT", "/", body=b'{"FunctionName": "other", "S3Key": "k"}')
    got = PROTOCOLS["rest-json"].read(request, model, {"FunctionName": "mine"})
    assert got == {"FunctionName": "mine", "S3Key": "k"}


@pytest.mark.parametrize(
    ("query", "headers", "message"),
    [
        ("MaxItems=x", {}, "MaxItems: 'x' is not an integer"),
        ("MaxItems=%FF", {}, "The query string is not UTF-8"),
        ("MaxItems=²", {}, "MaxItems: '²' is not an integer"),
    ],
)
def test_malformed_bindings_name_the_member(query: str, headers: dict[str, str], message: str) -> None:
    """Numbers in the query string that are none."""
    request = Request("GET", "/", query=query, headers=headers)
    with pytest.raises(Fault) as refused:
        read("rest-json", "lambda", "ListFunctions", request)
    assert (refused.value.code, refused.value.message) == ("SerializationException", message)


def test_query_parameters_tolerate_what_aws_tolerates() -> None:
    """Gaps in numbering, doubled names (the first counts), unknown names, and the query string of a GET."""
    pairs = (
        "Tags.member.10.Key=z&Tags.member.2.Key=b&Tags.member.2.Key=c&Nonsense=1"
        "&AutoScalingGroupName=a+b%20c&DesiredCapacityType="
    )
    wanted = {
        "Tags": [{"Key": "b"}, {"Key": "z"}],
        "AutoScalingGroupName": "a b c",
        "DesiredCapacityType": "",
    }
    posted = Request("POST", "/", headers=FORM, body=pairs.encode())
    assert read("query", "autoscaling", "CreateAutoScalingGroup", posted) == wanted
    got = Request("GET", "/", query=pairs)
    assert read("query", "autoscaling", "CreateAutoScalingGroup", got) == wanted


def test_lists_and_maps_of_one_may_lack_their_number() -> None:
    """As AWS's own examples have it: `AttributeName=All`, `Attribute.Name=a&Attribute.Value=1`."""
    listed = Request("POST", "/", headers=FORM, body=b"QueueUrl=u&AttributeName=All&MessageAttributeName=")
    wanted = {"QueueUrl": "u", "AttributeNames": ["All"], "MessageAttributeNames": []}
    assert read("query", "sqs", "ReceiveMessage", listed) == wanted
    mapped = Request(
        "POST", "/", headers=FORM, body=b"QueueUrl=u&Attribute.Name=DelaySeconds&Attribute.Value=1"
    )
    wanted = {"QueueUrl": "u", "Attributes": {"DelaySeconds": "1"}}
    assert read("query", "sqs", "SetQueueAttributes", mapped) == wanted


def test_gzip_bodies_are_read_in_each_protocol() -> None:
    """CloudWatch PutMetricData compressed, as SDKs send it from 10,240 bytes on."""
    zipped = {"content-encoding": "gzip", **FORM}
    for protocol, body in (
        ("json", b'{"Namespace": "n"}'),
        ("smithy-rpc-v2-cbor", cbor2.dumps({"Namespace": "n"})),
        ("query", b"Action=PutMetricData&Namespace=n"),
    ):
        request = Request("POST", "/", headers=zipped, body=gzip.compress(body))
        assert read(protocol, "cloudwatch", "PutMetricData", request) == {"Namespace": "n"}


ANY_BODY = (
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | st.builds(
        lambda value: json.dumps(value).encode(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["overrides", "tags", "count", "Namespace", "MetricData"]), inner
                )
            ),
            max_leaves=8,
        ),
    )
)


@given(ANY_BODY, st.sampled_from(sorted({sent[:3] for sent in SENT})))
def test_no_body_does_anything_but_parse_or_fault(body: bytes, operation: tuple[str, str, str]) -> None:
    """Any bytes at all: parameters or a Fault, never another exception."""
    try:
        params = read(*operation, Request("POST", "/", headers=FORM, body=body))
        assert isinstance(params, dict)
    except Fault as fault:
        assert fault.code in {
            "SerializationException",
            "MalformedInput",
            "MalformedXML",
            "InvalidParameterValue",
        }

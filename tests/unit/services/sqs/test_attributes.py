"""Queue attributes: what is read, what is refused, and with which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sqs_build import a_queue
from windlass.kernel.faults import Fault
from windlass.services.sqs import attributes
from windlass.services.sqs.contents import Counts
from windlass.services.sqs.describe import queue_attributes
from windlass.services.sqs.model import Queue

DEAD_ARN = "arn:aws:sqs:eu-west-1:123456789012:dead"


def redrive(arn: str = DEAD_ARN, count: object = 3) -> str:
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})


DEEP = '{"a":' + "[" * 30_000 + "]" * 30_000 + "}"
"""Deeper than any Python's own JSON reader goes: those differ in how deep that is."""

REFUSED = [
    (a_queue(), {"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
    (a_queue(), {"VisibilityTimeout": "-1"}, "InvalidAttributeValue"),
    (a_queue(), {"VisibilityTimeout": "1.5"}, "InvalidAttributeValue"),
    (a_queue(), {"VisibilityTimeout": "٣"}, "InvalidAttributeValue"),
    (a_queue(), {"DelaySeconds": "901"}, "InvalidAttributeValue"),
    (a_queue(), {"MaximumMessageSize": "1023"}, "InvalidAttributeValue"),
    (a_queue(), {"MaximumMessageSize": "1048577"}, "InvalidAttributeValue"),
    (a_queue(), {"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
    (a_queue(), {"MessageRetentionPeriod": "1209601"}, "InvalidAttributeValue"),
    (a_queue(), {"ReceiveMessageWaitTimeSeconds": "21"}, "InvalidAttributeValue"),
    (a_queue(), {"KmsDataKeyReusePeriodSeconds": "59"}, "InvalidAttributeValue"),
    (a_queue(), {"SqsManagedSseEnabled": "yes"}, "InvalidAttributeValue"),
    (a_queue(), {"Policy": "{"}, "InvalidAttributeValue"),
    (a_queue(), {"Policy": "[]"}, "InvalidAttributeValue"),
    (a_queue(), {"Policy": DEEP}, "InvalidAttributeValue"),
    (a_queue(), {"RedriveAllowPolicy": DEEP}, "InvalidAttributeValue"),
    (a_queue(), {"RedrivePolicy": DEEP}, "InvalidParameterValue"),
    (a_queue(), {"RedriveAllowPolicy": '{"redrivePermission":"some"}'}, "InvalidAttributeValue"),
    (a_queue(), {"RedriveAllowPolicy": '{"redrivePermission":"byQueue"}'}, "InvalidAttributeValue"),
    (a_queue(), {"RedrivePolicy": "x"}, "InvalidParameterValue"),
    (a_queue(), {"RedrivePolicy": "{}"}, "InvalidParameterValue"),
    (a_queue(), {"RedrivePolicy": redrive(count=0)}, "InvalidParameterValue"),
    (a_queue(), {"RedrivePolicy": redrive(count=1001)}, "InvalidParameterValue"),
    (a_queue(), {"QueueArn": "x"}, "InvalidAttributeName"),
    (a_queue(), {"Nonsense": "x"}, "InvalidAttributeName"),
    (a_queue(), {"FifoQueue": "false"}, "InvalidAttributeName"),
    (a_queue(fifo=True), {"FifoQueue": "false"}, "InvalidAttributeValue"),
    (a_queue(), {"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
    (a_queue(), {"DeduplicationScope": "queue"}, "InvalidAttributeName"),
    (a_queue(fifo=True), {"DeduplicationScope": "group"}, "InvalidAttributeValue"),
    (a_queue(fifo=True), {"FifoThroughputLimit": "perMessageGroupId"}, "InvalidAttributeValue"),
    (a_queue(), {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}, "InvalidAttributeName"),
]


@pytest.mark.parametrize(("queue", "given_", "code"), REFUSED)
def test_refuses(queue: Queue, given_: dict[str, str], code: str) -> None:
    """A bad attribute is refused with AWS's code."""
    with pytest.raises(Fault) as raised:
        attributes.applied(queue, given_)
    assert raised.value.query_code == code


def test_words_of_refusal() -> None:
    """The texts that AWS was seen to answer."""
    said = []
    for queue, given_ in [
        (a_queue(fifo=True), {"FifoQueue": "false"}),
        (a_queue(), {"DeduplicationScope": "queue"}),
        (a_queue(), {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}),
    ]:
        with pytest.raises(Fault) as raised:
            attributes.applied(queue, given_)
        said.append(raised.value.message)
    assert said == [
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        "You can use one type of server-side encryption (SSE) at one time. "
        "You can either enable KMS SSE or SQS SSE.",
    ]


def test_redrive_policy_is_taken_apart_and_removed_by_an_empty_string() -> None:
    """The count may be a number or a string, and is shown as sent; "" removes the policy."""
    queue = attributes.applied(a_queue(), {"RedrivePolicy": redrive(count="7")})
    assert (queue.dead_letter_arn, queue.receives_max) == (DEAD_ARN, 7)
    assert queue.redrive_policy == redrive(count="7")
    bare = attributes.applied(queue, {"RedrivePolicy": ""})
    assert (bare.dead_letter_arn, bare.redrive_policy) == ("", "")


def test_a_kms_key_turns_managed_encryption_off() -> None:
    """And asking for managed encryption takes the key away."""
    queue = attributes.applied(a_queue(), {"KmsMasterKeyId": "alias/k"})
    assert (queue.kms_key, queue.managed_sse) == ("alias/k", False)
    back = attributes.applied(queue, {"SqsManagedSseEnabled": "true"})
    assert (back.kms_key, back.managed_sse) == ("", True)


def test_difference_names_the_first_attribute_that_differs() -> None:
    """A subset of equal attributes is no difference for CreateQueue; JSON compares as JSON."""
    queue = attributes.applied(a_queue(), {"DelaySeconds": "5", "RedrivePolicy": redrive()})
    assert attributes.difference(queue, {}) is None
    assert attributes.difference(queue, {"DelaySeconds": "5"}) is None
    assert attributes.difference(queue, {"RedrivePolicy": redrive().replace(" ", "")}) is None
    assert (
        attributes.difference(queue, {"DelaySeconds": "5", "VisibilityTimeout": "1"}) == "VisibilityTimeout"
    )


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (a_queue(), None, "Dead letter target does not exist."),
        (a_queue(), a_queue(name="dead", fifo=True), "Dead-letter queue must be same type"),
        (a_queue(account="210987654321"), a_queue(name="dead"), "owner should be same"),
        (a_queue(region="us-east-1"), a_queue(name="dead"), "same region"),
        (a_queue(name="dead"), a_queue(name="dead"), "its own"),
        (
            a_queue(),
            a_queue(name="dead", redrive_allow_policy='{"redrivePermission":"denyAll"}'),
            "not allow",
        ),
    ],
)
def test_dead_letter_target_is_checked(source: Queue, target: Queue | None, reason: str) -> None:
    """Missing, other type, account, Region, itself, or not allowed by its RedriveAllowPolicy."""
    with pytest.raises(Fault, match=reason):
        attributes.check_dead_letter(attributes.applied(source, {"RedrivePolicy": redrive()}), target)


def test_redrive_allow_policy_by_queue() -> None:
    """byQueue allows the listed sources only."""
    policy = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [a_queue().arn]})
    target = attributes.applied(a_queue(name="dead"), {"RedriveAllowPolicy": policy})
    assert attributes.allows_source(target, a_queue().arn)
    assert not attributes.allows_source(target, a_queue(name="other").arn)


@pytest.mark.parametrize(
    ("name", "fifo", "good"),
    [
        ("a" * 80, False, True),
        ("a" * 81, False, False),
        ("", False, False),
        ("a.b", False, False),
        ("a.fifo", False, False),
        ("a.fifo", True, True),
        ("a" * 76 + ".fifo", True, False),
        ("a" * 75 + ".fifo", True, True),
        (".fifo", True, False),
        ("a", True, False),
        ("jobs\n", False, False),
    ],
)
def test_names(name: str, fifo: bool, good: bool) -> None:
    """1 to 80 of letters, digits, - and _; FIFO names end in .fifo, which counts."""
    if good:
        attributes.check_name(name, fifo)
        return
    with pytest.raises(Fault):
        attributes.check_name(name, fifo)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "VisibilityTimeout": st.integers(0, 43_200).map(str),
            "DelaySeconds": st.integers(0, 900).map(str),
            "MaximumMessageSize": st.integers(1_024, 1_048_576).map(str),
            "MessageRetentionPeriod": st.integers(60, 1_209_600).map(str),
            "ReceiveMessageWaitTimeSeconds": st.integers(0, 20).map(str),
            "ContentBasedDeduplication": st.sampled_from(["true", "false"]),
            "DeduplicationScope": st.sampled_from(["queue", "messageGroup"]),
        },
    )
)
def test_what_is_set_is_shown(given_: dict[str, str]) -> None:
    """Any valid attributes come back as they were given, and setting them again is no difference."""
    queue = attributes.applied(a_queue(fifo=True), given_)
    shown = queue_attributes(queue, Counts(0, 0, 0), ["All"])
    assert {name: shown[name] for name in given_} == given_
    assert attributes.difference(queue, given_) is None

"""One message to send: sizes, characters, attributes, FIFO ids; receipts, batches and digests beside it."""

from __future__ import annotations

import doctest
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sqs_build import a_message, a_queue
from windlass.kernel.faults import Fault
from windlass.services.sqs import batch, entry, md5, receipts

FIFO = a_queue(fifo=True)
STANDARD = a_queue()


def text(value: str, kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


def test_md5_of_attributes_is_the_one_aws_gave() -> None:
    """The value recorded from AWS stands in the docstring."""
    assert doctest.testmod(md5).failed == 0


def test_md5_of_binary_attributes() -> None:
    """Binary values are marked 2 and taken as bytes."""
    attributes = entry.read_attributes({"B": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})
    raw = b"\0\0\0\1B" + b"\0\0\0\6Binary" + b"\2" + b"\0\0\0\2\0\1"
    assert md5.of_attributes(attributes) == hashlib.md5(raw).hexdigest()


BAD = [
    (
        STANDARD,
        {"MessageBody": ""},
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
    ),
    (STANDARD, {"MessageBody": "a\x00b"}, "InvalidMessageContents", None),
    (STANDARD, {"MessageBody": "\ud800"}, "InvalidMessageContents", None),
    (STANDARD, {"MessageBody": "\ufffe"}, "InvalidMessageContents", None),
    (
        a_queue(message_bytes_max=1_024),
        {"MessageBody": "é" * 513},
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
    ),
    (STANDARD, {"DelaySeconds": 901}, "InvalidParameterValue", None),
    (STANDARD, {"DelaySeconds": -1}, "InvalidParameterValue", None),
    (STANDARD, {"MessageDeduplicationId": "d"}, "InvalidParameterValue", None),
    (STANDARD, {"MessageGroupId": "a b"}, "InvalidParameterValue", None),
    (FIFO, {}, "MissingParameter", "The request must contain the parameter MessageGroupId."),
    (
        FIFO,
        {"MessageGroupId": "g"},
        "InvalidParameterValue",
        "The queue should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly",
    ),
    (
        FIFO,
        {"MessageGroupId": "g" * 129},
        "InvalidParameterValue",
        f"Value {'g' * 129} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only "
        "include alphanumeric and punctuation characters. 1 to 128 in length.",
    ),
    (FIFO, {"MessageGroupId": "g", "MessageDeduplicationId": ""}, "InvalidParameterValue", None),
    (
        FIFO,
        {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2},
        "InvalidParameterValue",
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is "
        "not valid for this queue type.",
    ),
    (
        STANDARD,
        {"MessageSystemAttributes": {"AWSTraceHeader": text("", "String")}},
        "InvalidParameterValue",
        None,
    ),
    (STANDARD, {"MessageSystemAttributes": {"Other": text("x")}}, "InvalidParameterValue", None),
]


@pytest.mark.parametrize(("queue", "params", "code", "message"), BAD)
def test_bad_messages(queue: Any, params: dict[str, Any], code: str, message: str | None) -> None:
    """Each is refused with AWS's code, and its words where they were recorded."""
    with pytest.raises(Fault) as raised:
        entry.read({"MessageBody": "x", **params}, queue)
    assert raised.value.query_code == code
    assert message is None or raised.value.message == message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", text("x")),
        ("a" * 257, text("x")),
        ("AWS.x", text("x")),
        ("amazon.x", text("x")),
        (".x", text("x")),
        ("x.", text("x")),
        ("a..b", text("x")),
        ("a b", text("x")),
        ("N", text("")),
        ("N", {"DataType": "String"}),
        ("N", {"DataType": ""}),
        ("N", text("x", "Text")),
        ("N", text("x", "String." + "c" * 250)),
        ("N", text("x", "Binary")),
        ("N", {"DataType": "Binary", "BinaryValue": b""}),
        ("N", text("x", "Number")),
        ("N", text("1" * 39, "Number")),
        ("N", text("1e127", "Number")),
        ("N", text("1e-129", "Number")),
        ("N", text("NaN", "Number")),
        ("N", text("1_0", "Number")),
        ("N", {"DataType": "String", "StringListValues": ["x"]}),
    ],
)
def test_bad_attributes(name: str, value: dict[str, Any]) -> None:
    """Names, types and values outside the rules are refused."""
    with pytest.raises(Fault):
        entry.read_attributes({name: value})


def test_good_attributes() -> None:
    """Custom labels, dots inside names, numbers at the edges."""
    given_ = {
        "a.b-c_d": text("x", "String.custom"),
        "n": text("-1.5e126", "Number.float"),
        "z": {"DataType": "Binary.png", "BinaryValue": b"\x89"},
    }
    assert [a.name for a in entry.read_attributes(given_)] == ["a.b-c_d", "n", "z"]
    with pytest.raises(Fault, match="exceeds the allowed maximum"):
        entry.read_attributes({str(i): text("x") for i in range(11)})


def test_size_counts_body_and_attributes_but_not_the_trace_header() -> None:
    """Body 4 bytes, name 1, type 6, value 2."""
    read = entry.read(
        {
            "MessageBody": "éé",
            "MessageAttributes": {"N": text("xy")},
            "MessageSystemAttributes": {"AWSTraceHeader": text("Root=1")},
        },
        STANDARD,
    )
    assert (read.size, read.trace) == (13, "Root=1")


def test_content_based_deduplication_hashes_the_body() -> None:
    """SHA-256 of the body, unless an id was given."""
    queue = a_queue(fifo=True, content_dedup=True)
    params = {"MessageBody": "x", "MessageGroupId": "g"}
    assert entry.read(params, queue).dedup_id == hashlib.sha256(b"x").hexdigest()
    assert entry.read({**params, "MessageDeduplicationId": "d"}, queue).dedup_id == "d"


@given(st.text(min_size=1, max_size=50))
def test_any_text_is_sent_as_is_or_refused(body: str) -> None:
    """Exactly the characters of the API reference are taken."""
    good = all(
        c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
        for c in body
    )
    if good:
        assert entry.read({"MessageBody": body}, STANDARD).data == body.encode()
        return
    with pytest.raises(Fault):
        entry.read({"MessageBody": body}, STANDARD)


@given(st.integers(1, 2**63), st.integers(1, 1_000))
def test_receipts_open_to_what_they_were_made_of(number: int, receives: int) -> None:
    """For their queue only, and 1024 characters at most."""
    handle = receipts.handle("jobs", a_message(number, receives=receives))
    assert receipts.opened(handle, "jobs") == (number, receives)
    assert len(handle) <= 1_024
    with pytest.raises(Fault):
        receipts.opened(handle, "other")


@given(st.text(max_size=40))
def test_any_other_text_is_no_receipt(handle: str) -> None:
    """Whatever is sent as a handle: ReceiptHandleIsInvalid, never a crash."""
    with pytest.raises(Fault) as raised:
        receipts.opened(handle, "jobs")
    assert raised.value.code == "ReceiptHandleIsInvalid"


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([str(i) for i in range(11)], "TooManyEntriesInBatchRequest"),
        (["a", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
        ([""], "InvalidBatchEntryId"),
        (["a" * 81], "InvalidBatchEntryId"),
    ],
)
def test_bad_batches(ids: list[str], code: str) -> None:
    """What fails a whole batch call."""
    with pytest.raises(Fault) as raised:
        batch.check([{"Id": one} for one in ids], "SendMessageBatch")
    assert raised.value.code == code

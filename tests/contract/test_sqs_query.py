"""SQS's older query protocol by hand-written requests: forms in, XML out."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from tests.contract.raw import authorization

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


class Query:
    """`query("SendMessage", QueueUrl=…)` → (status, XML)."""

    def __init__(self, endpoint: str, account: str) -> None:
        self.endpoint = endpoint
        self._authorization = authorization(account, "sqs")

    def __call__(
        self, action: str, path: str = "/", *, get: bool = False, **params: Any
    ) -> tuple[int, ElementTree.Element]:
        form = urllib.parse.urlencode({"Action": action, "Version": "2012-11-05", **params})
        target = f"{self.endpoint}{path}?{form}" if get else f"{self.endpoint}{path}"
        request = urllib.request.Request(target, data=None if get else form.encode())
        request.add_header("Authorization", self._authorization)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, ElementTree.fromstring(response.read())
        except urllib.error.HTTPError as error:
            return error.code, ElementTree.fromstring(error.read())


@pytest.fixture
def query(endpoint: str, account: str) -> Query:
    return Query(endpoint, account)


@pytest.fixture
def url(query: Query) -> str:
    status, answer = query(
        "CreateQueue", QueueName="jobs", **{"Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "7"}
    )
    assert status == 200
    return text(answer, "CreateQueueResult/QueueUrl")


def text(answer: ElementTree.Element, path: str) -> str:
    found = answer.find("/".join(NAMESPACE + part for part in path.split("/")))
    assert found is not None, ElementTree.tostring(answer)
    return found.text or ""


def test_send_receive_delete(query: Query, url: str) -> None:
    """With an attribute; the answers have AWS's elements and namespace."""
    status, sent = query(
        "SendMessage",
        QueueUrl=url,
        MessageBody="hello <&> ✓",
        **{
            "MessageAttribute.1.Name": "n",
            "MessageAttribute.1.Value.DataType": "Number",
            "MessageAttribute.1.Value.StringValue": "6",
        },
    )
    assert (status, sent.tag) == (200, NAMESPACE + "SendMessageResponse")
    md5 = hashlib.md5("hello <&> ✓".encode()).hexdigest()
    assert text(sent, "SendMessageResult/MD5OfMessageBody") == md5
    assert text(sent, "ResponseMetadata/RequestId")
    names = {"MessageAttributeName.1": "All", "AttributeName.1": "SentTimestamp"}
    _, received = query("ReceiveMessage", QueueUrl=url, **names)
    assert text(received, "ReceiveMessageResult/Message/Body") == "hello <&> ✓"
    assert text(received, "ReceiveMessageResult/Message/Attribute/Name") == "SentTimestamp"
    assert text(received, "ReceiveMessageResult/Message/MessageAttribute/Value/StringValue") == "6"
    handle = text(received, "ReceiveMessageResult/Message/ReceiptHandle")
    status, deleted = query("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    assert (status, [child.tag for child in deleted]) == (200, [NAMESPACE + "ResponseMetadata"])


def test_posting_to_the_queue_itself(query: Query, url: str, account: str) -> None:
    """Without a QueueUrl parameter, on the queue's own path; also as a GET."""
    path = f"/{account}/jobs"
    assert query("SendMessage", path, MessageBody="x")[0] == 200
    _, shown = query("GetQueueAttributes", path, get=True, **{"AttributeName.1": "VisibilityTimeout"})
    assert text(shown, "GetQueueAttributesResult/Attribute/Value") == "7"


def test_batch(query: Query, url: str) -> None:
    """Entries are flattened lists; results repeat."""
    entries = {}
    for number in (1, 2):
        entries[f"SendMessageBatchRequestEntry.{number}.Id"] = f"e{number}"
        entries[f"SendMessageBatchRequestEntry.{number}.MessageBody"] = f"b{number}"
    entries["SendMessageBatchRequestEntry.2.DelaySeconds"] = "901"
    _, answer = query("SendMessageBatch", QueueUrl=url, **entries)
    assert text(answer, "SendMessageBatchResult/SendMessageBatchResultEntry/Id") == "e1"
    assert text(answer, "SendMessageBatchResult/BatchResultErrorEntry/Code") == "InvalidParameterValue"


def test_errors(query: Query, url: str) -> None:
    """The query codes stand in the XML."""
    for action, params, status, code in (
        ("GetQueueUrl", {"QueueName": "nothing"}, 400, "AWS.SimpleQueueService.NonExistentQueue"),
        ("ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 11}, 400, "InvalidParameterValue"),
        ("SendMessage", {"QueueUrl": url}, 400, "MissingParameter"),
        ("DeleteMessage", {"QueueUrl": url, "ReceiptHandle": "x"}, 400, "ReceiptHandleIsInvalid"),
    ):
        got, answer = query(action, **params)
        assert (got, text(answer, "Error/Code")) == (status, code)


def test_listing_and_tags(query: Query, url: str) -> None:
    """Repeated elements without a wrapper."""
    assert query("TagQueue", QueueUrl=url, **{"Tag.1.Key": "k", "Tag.1.Value": "v"})[0] == 200
    _, tags = query("ListQueueTags", QueueUrl=url)
    assert (text(tags, "ListQueueTagsResult/Tag/Key"), text(tags, "ListQueueTagsResult/Tag/Value")) == (
        "k",
        "v",
    )
    _, listed = query("ListQueues")
    assert text(listed, "ListQueuesResult/QueueUrl") == url

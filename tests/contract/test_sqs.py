"""SQS over the wire with boto3: the happy paths, the typed errors, paging, long polls."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.process import PlaneProcess

Client = Callable[..., Any]


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="jobs")["QueueUrl"])


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_message_from_send_to_delete(sqs: Any, url: str, endpoint: str, account: str) -> None:
    """Text beyond ASCII and all kinds of attributes come back as sent; the counters follow."""
    assert url == f"{endpoint}/{account}/jobs"
    attributes = {
        "Author": {"DataType": "String", "StringValue": "John Grisham"},
        "Title": {"DataType": "String", "StringValue": "The Whistler"},
        "WeeksOn": {"DataType": "Number", "StringValue": "6"},
    }
    body = "naïve ✓ 😀 <&> \n"
    sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    assert sent["MD5OfMessageAttributes"] == "d25a6aea97eb8f585bfa92d314504a92"  # recorded from AWS
    wanted = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
    (message,) = sqs.receive_message(QueueUrl=url, **wanted)["Messages"]
    assert (message["Body"], message["MessageAttributes"]) == (body, attributes)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert list(shown.values()) == ["0", "1"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_batches(sqs: Any, url: str) -> None:
    """Ten in, ten out, ten deleted; a bad entry fails alone."""
    entries = [{"Id": str(i), "MessageBody": f"b{i}"} for i in range(10)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in sent["Successful"]] == [one["Id"] for one in entries]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in messages] == [one["MessageBody"] for one in entries]
    handles = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[one | {"VisibilityTimeout": 60} for one in handles]
    )
    assert len(changed["Successful"]) == 10
    handles[3]["ReceiptHandle"] = "x"
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=handles)
    assert len(deleted["Successful"]) == 9
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in deleted["Failed"]] == [
        ("3", "ReceiptHandleIsInvalid", True)
    ]


def test_typed_errors(sqs: Any, url: str) -> None:
    """boto3 raises the modelled class; the code is the query era's."""
    cases: list[tuple[str, str, int | None, Callable[[], Any]]] = [
        (
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            400,
            lambda: sqs.get_queue_url(QueueName="nothing"),
        ),
        (
            "QueueNameExists",
            "QueueAlreadyExists",
            400,
            lambda: sqs.create_queue(QueueName="jobs", Attributes={"DelaySeconds": "1"}),
        ),
        (
            "InvalidAttributeName",
            "InvalidAttributeName",
            400,
            lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Nonsense": "1"}),
        ),
        (
            "InvalidAttributeValue",
            "InvalidAttributeValue",
            400,
            lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "x"}),
        ),
        (
            "ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalid",
            None,
            lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle="x"),
        ),
        (
            "InvalidMessageContents",
            "InvalidMessageContents",
            400,
            lambda: sqs.send_message(QueueUrl=url, MessageBody="\x00"),
        ),
        (
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            400,
            lambda: sqs.send_message_batch(
                QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(11)]
            ),
        ),
        (
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            400,
            lambda: sqs.delete_message_batch(QueueUrl=url, Entries=[]),
        ),
        (
            "ResourceNotFoundException",
            "ResourceNotFoundException",
            404,
            lambda: sqs.start_message_move_task(SourceArn="arn:aws:sqs:eu-west-1:1:nothing"),
        ),
    ]
    for shape, code, status, action in cases:
        with pytest.raises(getattr(sqs.exceptions, shape)) as raised:
            action()
        assert code_of(raised)[0] == code
        assert status is None or code_of(raised)[1] == status


def test_errors_without_a_shape(sqs: Any, url: str) -> None:
    """InvalidParameterValue and MissingParameter are not modelled; their codes and words are AWS's."""
    with pytest.raises(ClientError) as raised:
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    assert code_of(raised) == ("InvalidParameterValue", 400)
    assert "Must be between 1 and 10, if provided." in str(raised.value)
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=url, MessageBody="")
    assert code_of(raised) == ("MissingParameter", 400)


def test_purging_twice(sqs: Any, url: str) -> None:
    """The second purge within a minute is refused with status 403."""
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress) as raised:
        sqs.purge_queue(QueueUrl=url)
    assert code_of(raised) == ("AWS.SimpleQueueService.PurgeQueueInProgress", 403)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_fifo(sqs: Any) -> None:
    """Groups, content-based deduplication and sequence numbers."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="jobs.fifo", Attributes=attributes)["QueueUrl"]
    first = sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g")
    again = sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g")
    sqs.send_message(QueueUrl=url, MessageBody="2", MessageGroupId="g")
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
    (one,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    (two,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert (one["Body"], two["Body"]) == ("1", "2")


def test_paging(sqs: Any) -> None:
    """boto3's paginator walks all queues of the account, page by page."""
    names = [f"queue-{number}" for number in range(5)]
    for name in names:
        sqs.create_queue(QueueName=name)
    pages = list(sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 2}))
    listed = [url.rsplit("/", 1)[1] for page in pages for url in page["QueueUrls"]]
    assert (listed, len(pages)) == (names, 3)


def test_tags_and_permissions(sqs: Any, url: str, account: str) -> None:
    """Stored, read back, removed."""
    sqs.tag_queue(QueueUrl=url, Tags={"team": "blue"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "blue"}
    sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=[account], Actions=["SendMessage"])
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert json.loads(policy)["Statement"][0]["Action"] == "SQS:SendMessage"
    sqs.remove_permission(QueueUrl=url, Label="l")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_dead_letters_and_back(sqs: Any, account: str) -> None:
    """A poison message dies after one receive, and a move task brings it back."""
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = f"arn:aws:sqs:eu-west-1:{account}:dead"
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})[
        "QueueUrl"
    ]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    handle = sqs.start_message_move_task(SourceArn=dead_arn)["TaskHandle"]
    (back,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert back["Body"] == "poison"
    (task,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    assert task["ApproximateNumberOfMessagesMoved"] == 1
    assert task.get("TaskHandle", handle) == handle


def test_a_send_wakes_a_long_poll(sqs: Any, client: Client, url: str) -> None:
    """A receiver parks with 20 s to wait; messages sent from here reach it as fast as they are sent."""
    received: list[str] = []
    asking = threading.Semaphore(0)

    def receive(poller: Any) -> None:
        while "last" not in received:
            asking.release()
            for message in poller.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
                received.append(message["Body"])
                poller.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    thread = threading.Thread(target=receive, args=(client("sqs"),))
    thread.start()
    for body in ("first", "second", "last"):
        assert asking.acquire(timeout=10), "the poll before did not return: a wake-up was lost"
        sqs.send_message(QueueUrl=url, MessageBody=body)
    thread.join(10)
    assert received == ["first", "second", "last"]


def test_messages_survive_kill_9(own_plane: Callable[..., PlaneProcess]) -> None:
    """What was acknowledged before SIGKILL is there afterwards; what was deleted is not."""
    plane = own_plane("--no-agent")
    sqs = plane.client("sqs", "123456789012")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"][:5]:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    plane.kill()
    plane.start()
    sqs = plane.client("sqs", "123456789012")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert shown == {names[0]: "10", names[1]: "5"}

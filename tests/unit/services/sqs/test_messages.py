"""Messages through the handlers: send, receive, hide, delete, batches, FIFO, dead letters."""

from __future__ import annotations

import hashlib
import json

from tests.sqs_build import Desk, with_queues
from windlass.aws.quotas import Profile

ARN = "arn:aws:sqs:eu-west-1:123456789012"


def redrive(name: str, count: int) -> str:
    return json.dumps({"deadLetterTargetArn": f"{ARN}:{name}", "maxReceiveCount": count})


def test_one_message_from_send_to_delete() -> None:
    """The counters follow: visible, in flight, visible again after the timeout, gone."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        sent = await sqs.send(url, "hello")
        assert sent == {"MessageId": sent["MessageId"], "MD5OfMessageBody": hashlib.md5(b"hello").hexdigest()}
        assert await sqs.counts(url) == (1, 0, 0)
        (first,) = await sqs.receive(url)
        assert (first["MessageId"], first["Body"]) == (sent["MessageId"], "hello")
        assert set(first) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}
        assert await sqs.counts(url) == (0, 1, 0)
        assert await sqs("ReceiveMessage", QueueUrl=url) == {}
        await sqs.pass_s(30)
        assert await sqs.counts(url) == (1, 0, 0)
        (second,) = await sqs.receive(url)
        assert second["ReceiptHandle"] != first["ReceiptHandle"]
        await sqs.delete(url, first)  # an older receive's: nothing happens
        assert await sqs.counts(url) == (0, 1, 0)
        await sqs.delete(url, second)
        await sqs.delete(url, second)
        assert await sqs.counts(url) == (0, 0, 0)

    with_queues(scene)


def test_attributes_come_back_as_asked() -> None:
    """None, one, a prefix, all; the MD5 covers what is returned. Unknown system names are refused."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue(VisibilityTimeout="0")
        given = {
            "a.x": {"DataType": "String", "StringValue": "1"},
            "a.y": {"DataType": "Number", "StringValue": "2"},
            "b": {"DataType": "Binary", "BinaryValue": b"3"},
        }
        trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
        sent = await sqs.send(url, MessageAttributes=given, MessageSystemAttributes=trace)
        assert {"MD5OfMessageAttributes", "MD5OfMessageSystemAttributes"} < set(sent)
        (bare,) = await sqs.receive(url)
        assert "MessageAttributes" not in bare
        (prefixed,) = await sqs.receive(url, MessageAttributeNames=["a.*"])
        assert set(prefixed["MessageAttributes"]) == {"a.x", "a.y"}
        assert prefixed["MD5OfMessageAttributes"] != sent["MD5OfMessageAttributes"]
        (whole,) = await sqs.receive(url, MessageAttributeNames=["All"], AttributeNames=["All"])
        assert whole["MessageAttributes"] == given
        assert whole["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
        assert whole["Attributes"] == {
            "SenderId": "123456789012",
            "SentTimestamp": "1800000000000",
            "ApproximateReceiveCount": "3",
            "ApproximateFirstReceiveTimestamp": "1800000000000",
            "AWSTraceHeader": "Root=1",
        }
        (two,) = await sqs.receive(
            url, AttributeNames=["SenderId"], MessageSystemAttributeNames=["SentTimestamp"]
        )
        assert set(two["Attributes"]) == {"SenderId", "SentTimestamp"}
        refused = await sqs.refused("ReceiveMessage", QueueUrl=url, AttributeNames=["Nonsense"])
        assert refused == ("InvalidAttributeName", "Unknown Attribute Nonsense.")

    with_queues(scene)


def test_delays() -> None:
    """A message with 3 s and one with the queue's 5 s appear in turn; the counter shows them before."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue(DelaySeconds="5")
        await sqs.send(url, "queue's")
        await sqs.send(url, "own", DelaySeconds=3)
        assert await sqs.counts(url) == (0, 0, 2)
        await sqs.pass_s(3)
        assert await sqs.bodies(url) == ["own"]
        await sqs.pass_s(2)
        assert await sqs.bodies(url) == ["queue's"]

    with_queues(scene)


def test_receive_refuses_numbers_out_of_range() -> None:
    """With the words that AWS was seen to use."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        assert (await sqs.refused("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=11))[1] == (
            "Value 11 for parameter MaxNumberOfMessages is invalid. "
            "Reason: Must be between 1 and 10, if provided."
        )
        assert (await sqs.refused("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=21))[1] == (
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
        )
        for name, value in (
            ("MaxNumberOfMessages", 0),
            ("VisibilityTimeout", 43_201),
            ("ReceiveRequestAttemptId", "a"),
        ):
            refused = await sqs.refused("ReceiveMessage", QueueUrl=url, **{name: value})
            assert refused[0] == "InvalidParameterValue"

    with_queues(scene)


def test_changing_visibility() -> None:
    """Longer, zero, past 12 h, on a deleted message, with a bad handle."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        await sqs.send(url)
        (message,) = await sqs.receive(url)
        change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
        await sqs("ChangeMessageVisibility", VisibilityTimeout=100, **change)
        await sqs.pass_s(99)
        assert await sqs.counts(url) == (0, 1, 0)
        refused = await sqs.refused("ChangeMessageVisibility", VisibilityTimeout=43_200, **change)
        assert refused[1].endswith("is beyond the limit [43200 seconds].")
        assert (await sqs.refused("ChangeMessageVisibility", VisibilityTimeout=43_201, **change))[0] == (
            "InvalidParameterValue"
        )
        await sqs("ChangeMessageVisibility", VisibilityTimeout=0, **change)
        assert await sqs.counts(url) == (1, 0, 0)
        await sqs.delete(url, message)
        refused = await sqs.refused("ChangeMessageVisibility", VisibilityTimeout=1, **change)
        assert "not available for visibility timeout change" in refused[1]
        for operation in ("DeleteMessage", "ChangeMessageVisibility"):
            refused = await sqs.refused(operation, QueueUrl=url, ReceiptHandle="x", VisibilityTimeout=1)
            assert refused[0] == "ReceiptHandleIsInvalid"

    with_queues(scene)


def test_batches_fail_entry_by_entry() -> None:
    """A bad entry is in Failed, the good ones are done; the size of all entries is limited as a whole."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        entries = [
            {"Id": "good", "MessageBody": "x"},
            {"Id": "late", "MessageBody": "x", "DelaySeconds": 901},
        ]
        result = await sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
        assert [one["Id"] for one in result["Successful"]] == ["good"]
        assert [(one["Id"], one["SenderFault"], one["Code"]) for one in result["Failed"]] == [
            ("late", True, "InvalidParameterValue")
        ]
        half = "x" * 524_288
        big = [{"Id": "1", "MessageBody": half}, {"Id": "2", "MessageBody": half + "x"}]
        assert await sqs.refused("SendMessageBatch", QueueUrl=url, Entries=big) == (
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        )
        (message,) = await sqs.receive(url)
        handles = [
            {"Id": "good", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0},
            {"Id": "bad", "ReceiptHandle": "x", "VisibilityTimeout": 0},
        ]
        for operation in ("ChangeMessageVisibilityBatch", "DeleteMessageBatch"):
            result = await sqs(operation, QueueUrl=url, Entries=handles)
            assert [one["Id"] for one in result["Successful"]] == ["good"]
            assert [(one["Id"], one["Code"]) for one in result["Failed"]] == [
                ("bad", "ReceiptHandleIsInvalid")
            ]
        assert await sqs.counts(url) == (0, 0, 0)

    with_queues(scene)


def test_fifo_groups_keep_their_order() -> None:
    """A group with messages in flight gives no more; others do; ids and numbers are shown."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo", ContentBasedDeduplication="true")
        numbers = [
            (await sqs.send(url, body, MessageGroupId=body[0]))["SequenceNumber"]
            for body in ("a1", "a2", "b1", "a3")
        ]
        assert numbers == sorted(numbers)
        assert {len(number) for number in numbers} == {20}
        (first,) = await sqs.receive(url, 1, AttributeNames=["All"])
        assert first["Body"] == "a1"
        assert first["Attributes"]["MessageGroupId"] == "a"
        assert first["Attributes"]["SequenceNumber"] == numbers[0]
        assert first["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"a1").hexdigest()
        assert await sqs.bodies(url) == ["b1"]
        assert await sqs.bodies(url) == []
        await sqs.delete(url, first)
        assert await sqs.bodies(url) == ["a2", "a3"]

    with_queues(scene)


def test_fifo_partial_visibility() -> None:
    """Three of a group in flight: showing the second yields none, showing the first yields both."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo", ContentBasedDeduplication="true")
        for body in ("1", "2", "3", "4"):
            await sqs.send(url, body, MessageGroupId="g")
        handles = [message["ReceiptHandle"] for message in await sqs.receive(url, 3)]
        show = {"QueueUrl": url, "VisibilityTimeout": 0}
        await sqs("ChangeMessageVisibility", ReceiptHandle=handles[1], **show)
        assert await sqs.bodies(url) == []
        await sqs("ChangeMessageVisibility", ReceiptHandle=handles[0], **show)
        assert await sqs.bodies(url) == ["1", "2"]

    with_queues(scene)


def test_fifo_receipts_expire() -> None:
    """After the visibility timeout a delete is refused and the message stays."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo", ContentBasedDeduplication="true")
        await sqs.send(url, MessageGroupId="g")
        (message,) = await sqs.receive(url)
        await sqs.pass_s(30)
        handle = message["ReceiptHandle"]
        assert await sqs.refused("DeleteMessage", QueueUrl=url, ReceiptHandle=handle) == (
            "InvalidParameterValue",
            f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
        )
        change = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5}
        refused = await sqs.refused("ChangeMessageVisibility", **change)
        assert refused[0] == "AWS.SimpleQueueService.MessageNotInflight"
        assert len(await sqs.receive(url)) == 1

    with_queues(scene)


def test_deduplication() -> None:
    """Within 5 minutes the first's id and number come back, also after it was deleted; then it is new."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo")
        ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
        first = await sqs.send(url, "1", **ids)
        (message,) = await sqs.receive(url)
        await sqs.delete(url, message)
        await sqs.pass_s(299)
        again = await sqs.send(url, "2", **ids | {"MessageGroupId": "other"})
        assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
        assert again["MD5OfMessageBody"] == hashlib.md5(b"2").hexdigest()
        assert await sqs.bodies(url) == []
        await sqs.pass_s(1)
        await sqs.send(url, "3", **ids)
        assert await sqs.bodies(url) == ["3"]

    with_queues(scene)


def test_deduplication_per_group() -> None:
    """With scope messageGroup the same id arrives in another group, and not twice in one."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo", DeduplicationScope="messageGroup")
        for group in ("a", "b", "a"):
            await sqs.send(url, group, MessageGroupId=group, MessageDeduplicationId="d")
        assert await sqs.bodies(url) == ["a", "b"]

    with_queues(scene)


def test_a_repeated_receive_attempt_gets_the_same_messages() -> None:
    """Same handles, hidden anew; once one was deleted the id is an ordinary receive."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo", ContentBasedDeduplication="true", VisibilityTimeout="10")
        for body in ("1", "2", "3"):
            await sqs.send(url, body, MessageGroupId=body)
        first = await sqs.receive(url, 2, ReceiveRequestAttemptId="a")
        await sqs.pass_s(8)
        assert await sqs.receive(url, 2, ReceiveRequestAttemptId="a") == first
        await sqs.pass_s(8)
        assert await sqs.counts(url) == (1, 2, 0)
        await sqs.delete(url, first[0])
        assert [m["Body"] for m in await sqs.receive(url, 2, ReceiveRequestAttemptId="a")] == ["3"]

    with_queues(scene)


def test_dead_letters() -> None:
    """maxReceiveCount 1: the second receive gets nothing, the message is in the other queue and counts on."""

    async def scene(sqs: Desk) -> None:
        dead = await sqs.queue("dead")
        url = await sqs.queue(RedrivePolicy=redrive("dead", 1), VisibilityTimeout="0")
        sent = await sqs.send(url, "poison")
        assert await sqs.bodies(url) == ["poison"]
        assert await sqs.bodies(url) == []
        assert (await sqs.counts(url), await sqs.counts(dead)) == ((0, 0, 0), (1, 0, 0))
        (message,) = await sqs.receive(dead, AttributeNames=["All"])
        assert message["MessageId"] == sent["MessageId"]
        assert message["Attributes"]["ApproximateReceiveCount"] == "2"
        assert message["Attributes"]["DeadLetterQueueSourceArn"] == f"{ARN}:jobs"

    with_queues(scene)


def test_fifo_dead_letters_free_their_group() -> None:
    """The next of the group comes in the same receive; the dead one's deduplication id is its message id."""

    async def scene(sqs: Desk) -> None:
        dead = await sqs.queue("dead.fifo")
        policy = redrive("dead.fifo", 1)
        url = await sqs.queue("jobs.fifo", RedrivePolicy=policy, ContentBasedDeduplication="true")
        sent = await sqs.send(url, "1", MessageGroupId="g")
        await sqs.send(url, "2", MessageGroupId="g")
        assert await sqs.bodies(url, count=1, VisibilityTimeout=0) == ["1"]
        assert await sqs.bodies(url) == ["2"]
        (message,) = await sqs.receive(dead, AttributeNames=["All"])
        assert message["Attributes"]["MessageDeduplicationId"] == sent["MessageId"]

    with_queues(scene)


def test_messages_stay_when_the_dead_letter_queue_is_gone() -> None:
    """Deleted after it was configured: the message is handed out as before."""

    async def scene(sqs: Desk) -> None:
        dead = await sqs.queue("dead")
        url = await sqs.queue(RedrivePolicy=redrive("dead", 1), VisibilityTimeout="0")
        await sqs.send(url)
        await sqs("DeleteQueue", QueueUrl=dead)
        for _ in range(3):
            assert len(await sqs.receive(url)) == 1

    with_queues(scene)


def test_fair_queues_store_the_group() -> None:
    """A standard queue takes MessageGroupId, shows it, and orders nothing by it."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        for _ in range(2):
            await sqs.send(url, MessageGroupId="tenant")
        messages = [(await sqs.receive(url, 1, AttributeNames=["MessageGroupId"]))[0] for _ in range(2)]
        assert [m["Attributes"] for m in messages] == [{"MessageGroupId": "tenant"}] * 2

    with_queues(scene)


def test_the_in_flight_limit() -> None:
    """Three at most, says the profile: short polls are OverLimit, long polls and FIFO queues give nothing."""

    async def scene(sqs: Desk) -> None:
        url, fifo = await sqs.queue(), await sqs.queue("jobs.fifo", ContentBasedDeduplication="true")
        for body in "12345":
            await sqs.send(url, body)
            await sqs.send(fifo, body, MessageGroupId=body)
        for one in (url, fifo):
            assert len(await sqs.receive(one)) == 3
            assert await sqs.receive(one, WaitTimeSeconds=1) == []
        assert await sqs.receive(fifo) == []
        assert (await sqs.refused("ReceiveMessage", QueueUrl=url))[0] == "OverLimit"
        await sqs.pass_s(30)
        assert len(await sqs.receive(url)) == 3

    with_queues(scene, profile=Profile("small", quotas={"sqs.in_flight_messages": 3.0}))
